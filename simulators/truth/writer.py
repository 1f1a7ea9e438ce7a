"""Appending lines to ``truth.jsonl``, so that a kill at any moment costs the last line at most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from simulators.truth.folder import TRUTH_FILE
from simulators.truth.records import TruthLine


class TruthWriter:
    """Writes the truth of one run; use it as a context manager.

    Parameters
    ----------
    folder
        Of the run, made by `begin_run`.

    Raises
    ------
    OSError
        If the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self._encoder = msgspec.json.Encoder()
        self._file = (folder / TRUTH_FILE).open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, lines: Sequence[TruthLine]) -> None:
        """Append lines and hand them to the operating system before returning."""
        if not lines:
            return
        self._file.write(b"".join(self._encoder.encode(line) + b"\n" for line in lines))
        self._file.flush()
        self.count += len(lines)
