"""A store that forgets its answers on demand, and what a desk needs to run on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Literal

from alerts.courier import Waiting
from alerts.desk import Desk
from alerts.desk_store import Deed, DeskChange, Posting, StoreConflictError, StoreUnavailableError
from alerts.model import Alert, ChannelName, DeliveryState, Situation
from config.settings import Mode
from engine.findings import Finding
from tests.alerts.making import correlator

Failure = Literal["refuses", "loses the answer", "conflicts"]


class FakeStore:
    """Keeps what is saved.

    ``failures`` says how the next saves fail; ``gate`` holds saves back until it is set.
    """

    def __init__(self) -> None:
        self.situations: dict[str, Situation] = {}
        self.alerts: dict[str, Alert] = {}
        self.findings: list[Finding] = []
        self.postings: list[Posting] = []
        self.deeds: list[Deed] = []
        self.failures: list[Failure] = []
        self.away = False
        self.saves = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self) -> tuple[list[Situation], list[Alert]]:
        return list(self.situations.values()), list(self.alerts.values())

    async def alert(self, alert: str) -> Alert | None:
        if self.away:
            raise StoreUnavailableError("away")
        return self.alerts.get(alert)

    async def save(self, change: DeskChange) -> None:
        await self.gate.wait()
        failure = self.failures.pop(0) if self.failures else None
        if self.away or failure == "refuses":
            raise StoreUnavailableError("away")
        if failure == "conflicts":
            raise StoreConflictError("alert: expected version 1, was version 9")
        for alert in change.alerts:
            stored = self.alerts.get(alert.id)
            if stored is not None and stored.version > alert.version:
                raise StoreConflictError(f"alert {alert.id}: was version {stored.version}")
        self.saves += 1
        self.situations |= {one.id: one for one in change.situations}
        self.alerts |= {one.id: one for one in change.alerts}
        self.findings += change.findings
        self.postings += change.postings
        self.deeds += change.deeds
        if failure == "loses the answer":
            raise StoreUnavailableError("the connection was lost")


class Seen:
    """What was published and retired."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.situations: list[Situation] = []
        self.retired: set[str] = set()

    def publish(self, situations: Iterable[Situation], alerts: Iterable[Alert]) -> None:
        self.situations += situations
        self.alerts += alerts

    def retire(self, situations: Iterable[str], alerts: Iterable[str]) -> None:
        self.retired |= {*situations, *alerts}


CORRELATOR = correlator()


def desk_on(store: FakeStore, mode: Mode = "exercise", seen: Seen | None = None, **options: int) -> Desk:
    watching = seen or Seen()
    return Desk(CORRELATOR, mode, store, watching.publish, watching.retire, **options)


class FakeOutbox:
    """Postings in memory, given out again until they are settled; ``away`` makes it fail."""

    def __init__(self) -> None:
        self.states: dict[int, DeliveryState] = {}
        self.details: dict[int, str | None] = {}
        self.postings: dict[int, Waiting] = {}
        self.away = False
        self.settle_fails = 0

    def add(self, alert: Alert) -> list[int]:
        numbers = []
        for one in alert.deliveries:
            number = len(self.postings) + 1
            self.postings[number] = Waiting(
                number=number, alert=alert.id, channel=one.channel, target=one.target, attempts=0
            )
            self.states[number] = "waiting"
            numbers.append(number)
        return numbers

    async def claim(self, channel: ChannelName, limit: int) -> Sequence[Waiting]:
        if self.away:
            raise StoreUnavailableError("away")
        due = [one for one in self.postings.values() if one.channel == channel and self.states[one.number] == "waiting"]
        return due[:limit]

    async def settle(self, number: int, state: DeliveryState, detail: str | None = None) -> None:
        if self.away or self.settle_fails > 0:
            self.settle_fails -= 1
            raise StoreUnavailableError("away")
        if state != "sent" or self.states[number] == "waiting":
            self.states[number], self.details[number] = state, detail
