"""A progress bar for long work: on a terminal it moves, in a log it says one line at the end."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

_WIDTH = 30
_EVERY_S = 0.2


def show_part(frac: float, what: str) -> None:
    """Show on a terminal which part of something is done, 0 to 1, and what is being done; in a log say nothing."""
    if sys.stderr.isatty():
        end = "\n" if frac >= 1.0 else ""
        sys.stderr.write(f"\r{_bar(frac)} {what:<30.30}{end}")
        sys.stderr.flush()


def _bar(frac: float) -> str:
    done = round(min(max(frac, 0.0), 1.0) * _WIDTH)
    return "█" * done + "·" * (_WIDTH - done)


class Progress:
    """Shows how much is done.

    Parameters
    ----------
    verb
        What is being done, in the past: ``sent``, ``recorded``.
    total
        How much there is, or None when nobody knows.
    """

    def __init__(self, verb: str, total: int | None) -> None:
        self._verb = verb
        self._total = total
        self._done = 0
        self._started_s = time.monotonic()
        self._shown_s = 0.0
        self._moves = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stderr.write(("\r" if self._moves else "") + self._line() + "\n")
        sys.stderr.flush()

    def show(self, done: int) -> None:
        """Show that so much is done."""
        self._done = done
        now_s = time.monotonic()
        if self._moves and now_s - self._shown_s >= _EVERY_S:
            self._shown_s = now_s
            sys.stderr.write("\r" + self._line())
            sys.stderr.flush()

    def _line(self) -> str:
        rate = self._done / max(time.monotonic() - self._started_s, 1e-9)
        if self._total is None:
            return f"{self._verb} {self._done:,} messages, {rate:,.0f}/s"
        frac = self._done / max(self._total, 1)
        return f"{self._verb} {_bar(frac)} {self._done:,}/{self._total:,}  {rate:,.0f}/s"
