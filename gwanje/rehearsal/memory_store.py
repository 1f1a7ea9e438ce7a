"""The desk's store and the courier's outbox in memory: what the database does in operation, for one process."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from alerts.courier import Waiting
from alerts.desk_store import DeskChange, StoreConflictError
from alerts.model import Alert, ChannelName, DeliveryState, Situation


class _Posted(msgspec.Struct, kw_only=True):
    number: int
    alert: str
    target: str
    state: DeliveryState = "waiting"
    detail: str | None = None


class MemoryStore:
    """Alerts and postings; an `alerts.desk_store.DeskStore` and an `alerts.courier.Outbox` that is always there.

    Situations and findings are not kept: nobody takes up where a rehearsal left off.
    """

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}
        self._postings: dict[int, _Posted] = {}
        self._waiting: dict[ChannelName, deque[_Posted]] = {}

    async def load(self) -> tuple[list[Situation], list[Alert]]:
        """Return nothing: a rehearsal begins with an empty desk."""
        return [], []

    async def alert(self, alert: str) -> Alert | None:
        """Return an alert as it is saved, or None when it never was."""
        return self._alerts.get(alert)

    async def save(self, change: DeskChange) -> None:
        """Save alerts and postings.

        Raises
        ------
        StoreConflictError
            If a later version of an alert is there.
        """
        for alert in change.alerts:
            known = self._alerts.get(alert.id)
            if known is not None and known.version > alert.version:
                raise StoreConflictError(
                    f"alert {alert.id}: expected version {known.version} or later, was {alert.version}"
                )
        self._alerts |= {alert.id: alert for alert in change.alerts}
        for posting in change.postings:
            number = len(self._postings) + 1
            posted = _Posted(number=number, alert=posting.alert, target=posting.target)
            self._postings[number] = posted
            self._waiting.setdefault(posting.channel, deque()).append(posted)

    async def claim(self, channel: ChannelName, limit: int) -> Sequence[Waiting]:
        """Take the oldest postings of a channel that were never tried: here none has to be tried again."""
        waiting = self._waiting.get(channel, deque())
        due = [waiting.popleft() for _ in range(min(limit, len(waiting)))]
        return [
            Waiting(number=one.number, alert=one.alert, channel=channel, target=one.target, attempts=1) for one in due
        ]

    async def settle(self, number: int, state: DeliveryState, detail: str | None = None) -> None:
        """Note what became of a posting; what a sign showed stays shown."""
        posting = self._postings[number]
        if posting.state != "shown":
            posting.state, posting.detail = state, detail

    def posting(self, number: int) -> tuple[str, str] | None:
        """Return alert and target of a posting, or None when there is none of that number."""
        posting = self._postings.get(number)
        return None if posting is None else (posting.alert, posting.target)
