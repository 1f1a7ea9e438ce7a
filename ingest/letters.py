"""Dead letters: every failure is counted, and as many are kept as help to understand it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from sensors.errors import DecodeError
from storage.writer_batches import DeadLetter

PER_SENDER = 20
"""Dead letters of one sender kept in a minute; own construction."""
PER_MINUTE = 1_000
"""Dead letters of all senders kept in a minute; own construction."""
MOST_NAMES = 10_000


class LetterBox:
    """Makes dead letters, within their limits.

    Parameters
    ----------
    clock
        Aware UTC.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.count = 0
        self.by_sender: Counter[str] = Counter()
        self.clock = clock
        self._minute: datetime | None = None
        self._kept: Counter[str] = Counter()
        self._kept_in_all = 0

    def letter(
        self, topic: str, device: str | None, error: DecodeError, payload: bytes, size_bytes: int, *, sender: str
    ) -> tuple[DeadLetter, ...]:
        """Count a failure; return its letter, or nothing when the limits of this minute are reached.

        Parameters
        ----------
        topic, device, error, payload
            Of the message; ``device`` is the one that it names, if that can be told.
        size_bytes
            Of the whole message, of which ``payload`` may be a part. [bytes]
        sender
            Whose share of the limits it takes: something that a sender cannot make up anew for each message.
        """
        self.count += 1
        known = sender in self.by_sender or len(self.by_sender) < MOST_NAMES
        self.by_sender[sender if known else "others"] += 1
        now = self.clock()
        minute = now.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._kept.clear()
            self._kept_in_all = 0
            self._minute = minute
        if self._kept_in_all >= PER_MINUTE or self._kept[sender] >= PER_SENDER:
            return ()
        self._kept[sender] += 1
        self._kept_in_all += 1
        return (
            DeadLetter(
                received=now,
                topic=topic,
                device=device,
                field=error.field,
                problem=error.problem,
                size_bytes=size_bytes,
                payload=payload,
            ),
        )
