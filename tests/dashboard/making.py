"""The web application over a desk in memory, and a server for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from alerts.desk import Desk
from alerts.gazetteer import Gazetteer
from config.catalogue.model import Catalogue, Name
from config.words import Words
from dashboard.app import create_app
from dashboard.citizens import CitizenHub
from dashboard.services import Services
from gwanje.listener import bind
from gwanje.web import WebServer
from storage.database import Database
from storage.live import Changes, LiveView, SubscriptionLimits
from storage.views import PartView, alert_view, situation_view
from tests.alerts.fakes import CORRELATOR, FakeStore
from tests.alerts.making import NOW, fire, two_districts

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
NAME = "alert-f-1"
REGION = two_districts()
_QUANTITIES = Words.load("quantities")


class Room:
    """A control room without engine: one fire with its draft is there from the start."""

    def __init__(
        self, database_url: str = NOWHERE, *, catalogue: Catalogue = REGION, hosts: Sequence[str] = ("*",), **live: Any
    ) -> None:
        self.store = FakeStore()
        self.live = LiveView("epoch", "exercise", **live)
        self.databases = [Database(lambda: database_url, wait_s=1.0) for _ in range(2)]
        self.citizens = CitizenHub(*self.databases, "e1", "exercise")
        self.woken = 0
        self.states: dict[str, Any] = {"broker": "up", "database": "up"}
        self.desk = Desk(CORRELATOR, "exercise", self.store, self._publish, lambda _situations, _alerts: None)
        self.services = Services(
            catalogue=catalogue,
            mode="exercise",
            live=self.live,
            desk=self.desk,
            database=self.databases[1],
            citizens=self.citizens,
            clock=lambda: NOW,
            figures=lambda: iter([("ticks", "Engine ticks", "counter", 3.0), ("step_seconds", "Last", "gauge", 0.5)]),
            histograms=lambda: iter([("age_seconds", "Ages", (0.1, 1.0), (2, 3, 4), 9.5)]),
            parts=lambda: [PartView(id=name, state=state, reason=Name("", "")) for name, state in self.states.items()],
            approved=self._wake,
            web=Path("/nonexistent"),
            allowed_hosts=hosts,
        )
        self.app: FastAPI = create_app(self.services, Gazetteer(catalogue))

    async def begin(self) -> None:
        await self.desk.open(NOW)
        self.desk.hear([fire("f", 8_000, 2_000)], NOW)

    async def close(self) -> None:
        for database in self.databases:
            await database.close()

    def _wake(self) -> None:
        self.woken += 1

    def _publish(self, situations: Any, alerts: Any) -> None:
        self.live.apply(
            Changes(
                situations={one.id: situation_view(one, _QUANTITIES) for one in situations},
                alerts={one.id: alert_view(one) for one in alerts},
            ),
            now=NOW,
        )


@contextlib.asynccontextmanager
async def served(room: Room) -> AsyncIterator[int]:
    """Serve on a free port; give the port."""
    with bind("127.0.0.1", 0) as listener:
        server = WebServer(room.app, listener)
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.run())
            try:
                yield listener.getsockname()[1]
            finally:
                server.stop()
                await asyncio.wait([serving], timeout=10)


def limits(changes: int) -> SubscriptionLimits:
    return SubscriptionLimits(max_changes=changes, max_bytes=8_000_000)
