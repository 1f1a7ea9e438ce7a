"""What was sent and acknowledged, held against what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

Key = tuple[str | float, ...]
"""What a row is known by: device, device time in microseconds, lane, value."""


@dataclass
class Ledger:
    """The messages of one class of devices, as the rows that they ask for."""

    name: str
    sent: set[Key] = field(default_factory=set)
    acknowledged: set[Key] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)
    """Who writes here: of a table that several classes share, the rows of others are none of its business."""


@dataclass(frozen=True)
class Count:
    """How a class of messages came out, in rows; the last three have to be 0."""

    name: str
    sent: int
    acknowledged: int
    stored: int
    missing: int
    """Acknowledged and not stored."""
    doubled: int
    """Stored more than once."""
    invented: int
    """Stored and never sent, or with another value than was sent."""

    @property
    def is_right(self) -> bool:
        """Whether nothing was lost, doubled or invented."""
        return not (self.missing or self.doubled or self.invented)


def reconcile(ledger: Ledger, rows: Iterable[Key]) -> Count:
    """Hold every acknowledged message against every row."""
    stored = Counter(rows)
    return Count(
        name=ledger.name,
        sent=len(ledger.sent),
        acknowledged=len(ledger.acknowledged),
        stored=len(stored),
        missing=len(ledger.acknowledged - stored.keys()),
        doubled=sum(count - 1 for count in stored.values()),
        invented=len(stored.keys() - ledger.sent),
    )


def table(counts: Iterable[Count]) -> str:
    """Return the counts as text."""
    names = ("class", "sent", "acknowledged", "stored", "missing", "doubled", "invented")
    lines = ["".join(f"{name:>14}" for name in names)]
    for one in counts:
        values = (one.name, one.sent, one.acknowledged, one.stored, one.missing, one.doubled, one.invented)
        lines.append("".join(f"{value:>14}" for value in values))
    return "\n".join(lines)
