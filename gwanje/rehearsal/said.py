"""Writing and reading what the control room said, beside the truth of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from alerts.model import Alert, Situation
from engine.findings import Finding
from gwanje.rehearsal.said_records import (
    SaidAlert,
    SaidAny,
    SaidFindingLine,
    SaidLine,
    SaidSituation,
    said_alert,
    said_situation,
    without_time,
)
from sensors.columns import from_ns
from simulators.truth.folder import SAID_FILE
from simulators.truth.lines import read_lines

MAX_KNOWN = 10_000
"""Situations and alerts whose last wording is remembered; the oldest give way and may be written once too often."""


class SaidLog:
    """Appends to ``said.jsonl`` of a run what changed.

    A wording that differs from the last of its situation by the time alone is not written. Each line is handed to the
    operating system before the call returns. The file is opened and closed each time: a long-running system needs no
    orderly end for it. Situations come from the loop and findings from the engine's thread; a line is one write to a
    file that is opened for appending, so that they do not mix.

    Parameters
    ----------
    folder
        Of the run.
    findings
        Whether `note_findings` writes anything.
    on_error
        Called when lines could not be written and are lost, for a system that has more important things to do than to
        keep its log; None = the error is raised.
    """

    def __init__(
        self, folder: Path, *, findings: bool = False, on_error: Callable[[OSError], None] | None = None
    ) -> None:
        self.count = 0
        self._on_error = on_error
        self._path = folder / SAID_FILE
        self._findings = findings
        self._known: dict[tuple[type, str], SaidSituation | SaidAlert] = {}
        self._encoder = msgspec.json.Encoder()

    def note(self, situations: Iterable[Situation], alerts: Iterable[Alert], now: datetime) -> None:
        """Write situations and alerts whose wording changed.

        Raises
        ------
        OSError
            If the file cannot be written and nobody else is told.
        """
        lines: list[SaidSituation | SaidAlert] = [said_situation(one, now) for one in situations]
        lines += [said_alert(one, now) for one in alerts]
        self._write([line for line in lines if self._is_new(line)])

    def note_findings(self, findings: Sequence[Finding]) -> None:
        """Write findings, if they are wanted.

        Raises
        ------
        OSError
            As `note`.
        """
        if self._findings:
            self._write([SaidFindingLine(time=from_ns(one.updated_ns), finding=one) for one in findings])

    def _is_new(self, line: SaidSituation | SaidAlert) -> bool:
        key, bare = (type(line), line.id), without_time(line)
        if self._known.pop(key, None) == bare:
            self._known[key] = bare
            return False
        self._known[key] = bare
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        return True

    def _write(self, lines: Sequence[SaidAny]) -> None:
        if not lines:
            return
        try:
            with self._path.open("ab") as file:
                file.write(b"".join(self._encoder.encode(line) + b"\n" for line in lines))
        except OSError as exc:
            if self._on_error is None:
                raise
            self._on_error(exc)
            return
        self.count += len(lines)


def read_said(folder: Path) -> list[SaidLine]:
    """Read what was said in a run, in order; empty when nothing was.

    Raises
    ------
    RunError
        If a line is broken; the message names file, line and field. A last line without its end is left out.
    """
    return list(read_lines(folder / SAID_FILE, SaidAny, SaidLine))
