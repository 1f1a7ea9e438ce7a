"""The parent's side of the process that holds SUMO."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

import msgspec

from simulators.sumo.errors import SumoError
from simulators.sumo.wire import (
    ANSWERS,
    Advance,
    Advanced,
    Begin,
    Failed,
    Look,
    Ready,
    Request,
    Seen,
    put,
    take,
)

CLOSE_S = 10.0
"""Time that SUMO gets to write its outputs at the end before it is killed [s]."""
_TAIL_BYTES = 2_000
A = TypeVar("A", Ready, Advanced, Seen)


class SumoChild:
    """A running child; use it as a context manager, or call `close`.

    Parameters
    ----------
    begin
        What it loads.
    log
        File for what SUMO prints; a temporary one when None.

    Raises
    ------
    SumoError
        If SUMO cannot load the simulation; the text ends in what it printed.
    """

    def __init__(self, begin: Begin, log: Path | None = None) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile() if log is None else log.open("w+b")  # noqa: SIM115 - closed by close
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simulators.sumo.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        try:
            self._ask(begin, Ready)
        except SumoError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def advance(self, until_s: float) -> Advanced:
        """Go on; see `simulators.sumo.wire.Advance`.

        Raises
        ------
        SumoError
            If SUMO fails or its process is gone.
        """
        return self._ask(Advance(until_s=until_s), Advanced)

    def look(self) -> Seen:
        """Return where the vehicles are; raises as `advance` does."""
        return self._ask(Look(), Seen)

    def close(self) -> None:
        """End the process and wait for its end; a second call does nothing."""
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        try:
            process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: Request, kind: type[A]) -> A:
        process = self._process
        if process.stdin is None or process.stdout is None or process.stdin.closed:
            raise SumoError("SUMO: expected a running simulation, was closed")
        try:
            put(process.stdin, request)
            answer = take(process.stdout, ANSWERS)
        except (BrokenPipeError, msgspec.MsgspecError):
            answer = None
        if isinstance(answer, kind):
            return answer
        reason = answer.reason if isinstance(answer, Failed) else "its process ended"
        raise SumoError(f"SUMO: {self._with_tail(reason)}")

    def _with_tail(self, reason: str) -> str:
        """Join the reason with the errors that SUMO printed last."""
        self._log.seek(0, 2)
        self._log.seek(max(self._log.tell() - _TAIL_BYTES, 0))
        lines = self._log.read().decode(errors="replace").splitlines()
        errors = [line.removeprefix("Error:").strip() for line in lines if line.startswith("Error:")]
        return "; ".join(dict.fromkeys([reason, *errors[-3:]]))
