"""Fixtures of the whole control system: a small region on disk, the system in this process or as a child."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import pytest
from websockets.asyncio.client import connect

from config.catalogue.load import load_region
from config.catalogue.model import Catalogue
from config.catalogue.save import save_region
from config.settings import Settings
from gwanje.listener import bind
from gwanje.system import System
from tests.alerts.making import two_districts
from tests.gwanje.polling import eventually


@pytest.fixture(scope="session")
def region_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A region of two districts on disk, checked."""
    folder = tmp_path_factory.mktemp("regions") / "two"
    save_region(two_districts(), folder)
    return folder


@pytest.fixture(scope="session")
def region(region_folder: Path) -> Catalogue:
    return load_region(region_folder)


@dataclass
class Running:
    """A system that answers, in this process or in another."""

    port: int
    mqtt_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=20.0)

    def devices(self, name: str = "test-devices", **options: Any) -> aiomqtt.Client:
        return aiomqtt.Client("127.0.0.1", self.mqtt_port, identifier=name, timeout=30.0, **options)

    def page(self) -> AbstractAsyncContextManager[Page]:
        return _page(f"ws://127.0.0.1:{self.port}/ws/operations")

    def citizen(self, query: str) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/ws/alerts?{query}", compression=None)

    async def approve(self, alert: dict[str, Any], operator: str = "Lee") -> httpx.Response:
        async with self.http() as client:
            body = {"operator": operator, "version": alert["version"]}
            return await client.post(f"/api/v1/alerts/{alert['id']}/approve", json=body)


class Page:
    """A control-room page that follows the protocol: rows by table and id, always the newest."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.counters: dict[str, float] = {}
        self.seq = -1

    def take(self, text: str | bytes) -> None:
        frame = json.loads(text)
        if frame["type"] == "heartbeat":
            return
        if frame["type"] == "snapshot":
            self.rows = {table: {} for table in ("devices", "situations", "alerts", "parts")}
        else:
            assert frame["seq_from"] == self.seq
        self.seq = frame["seq"]
        for table, rows in self.rows.items():
            rows |= {row["id"]: row for row in frame[table]}
        self.counters |= frame["counters"]

    def draft(self) -> dict[str, Any] | None:
        """Return a draft that waits for a decision."""
        alerts = self.rows.get("alerts", {}).values()
        return next((one for one in alerts if one["state"] == "draft"), None)


@contextlib.asynccontextmanager
async def _page(url: str) -> AsyncIterator[Page]:
    page = Page()

    async def read() -> None:
        async with connect(url, compression=None, max_size=None) as client:
            async for text in client:
                page.take(text)

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read())
        await eventually(lambda: page.rows, "a snapshot")
        yield page
        reading.cancel()


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def system_here(database_url: str, region: Catalogue, tmp_path: Path) -> Start:
    """Return what runs a system in this process; settings may be given."""

    @contextlib.asynccontextmanager
    async def run(**changes: Any) -> AsyncIterator[Running]:
        own = {"database_url": database_url, "tick_ms": 50, "data_dir": str(tmp_path)}
        settings = Settings(**own | changes)
        addresses: list[str] = []
        with bind("127.0.0.1", 0) as listener:
            system = System(settings, region, listener)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(system.run(addresses.append))
                await eventually(lambda: addresses or running.done(), "the system", 30.0)
                if running.done():
                    await asyncio.Event().wait()  # the group cancels this and raises what ended the system
                made = Running(listener.getsockname()[1], int(addresses[0].rpartition(":")[2]))
                await eventually(lambda: _ready(made), "readiness", 30.0)
                yield made
                system.stop()
                await asyncio.wait([running], timeout=20)

    return run


async def _ready(running: Running) -> bool:
    async with running.http() as client:
        return (await client.get("/readyz")).status_code == 200


class Serve:
    """``gwanje serve`` as a child process, which may be killed and started again on the same ports."""

    def __init__(self, folder: Path, region_folder: Path, database_url: str, mqtt_url: str = "") -> None:
        self.running = Running(free_port(), free_port())
        self._log = folder / "serve.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GWANJE_")},
            "GWANJE_REGION": str(region_folder),
            "GWANJE_DATABASE_URL": database_url,
            "GWANJE_MQTT_URL": mqtt_url,
            "GWANJE_PORT": str(self.running.port),
            "GWANJE_MQTT_PORT": str(self.running.mqtt_port),
            "GWANJE_TICK_MS": "50",
            "GWANJE_DATA_DIR": str(folder),
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> Running:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gwanje", "serve", env=self._environment, stdout=log, stderr=log
            )
        await eventually(self._answers, f"{self._log.read_text(errors='replace')[-2_000:]}", 40.0)
        return self.running

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self._log.read_text(errors="replace")[-2_000:]
        try:
            return await _ready(self.running)
        except httpx.TransportError:
            return False

    async def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal and return the exit status."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        return await self._process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def serve_child(tmp_path: Path, region_folder: Path, database_url: str) -> AsyncIterator[Callable[..., Serve]]:
    """Return what makes a `Serve`; those that still run are killed in the end."""
    made: list[Serve] = []

    def make(mqtt_url: str = "") -> Serve:
        made.append(Serve(tmp_path, region_folder, database_url, mqtt_url))
        return made[-1]

    yield make
    for one in made:
        if one._process is not None and one._process.returncode is None:
            await one.end()
