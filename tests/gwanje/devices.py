"""Devices for integration tests: what they say, and a sign that answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiomqtt
import msgspec

from config.catalogue.model import Catalogue
from tests.alerts.making import WESTERN, azimuth_to
from tests.fix_system import Running
from tests.simulators.region import spot

FIRE = spot(8_000, 1_500)


def now() -> datetime:
    return datetime.now(UTC)


def topic(kind: str, device: str, stream: str, district: str = WESTERN) -> str:
    return f"gwanje/v1/{district}/{kind}/{device}/{stream}"


def body(device: str, seq: int, time: datetime | None = None, **fields: Any) -> dict[str, Any]:
    return {"device": device, "time": time or now(), "seq": seq} | fields


def vds(device: str, seq: int, time: datetime | None = None, speed_kmh: float = 90.0) -> dict[str, Any]:
    lanes = [{"lane": lane, "volume": 5, "speed_kmh": speed_kmh, "occupancy_pct": 8.0} for lane in (1, 2, 3)]
    return body(device, seq, time, period_s=30.0, lanes=lanes)


def bearing(region: Catalogue, name: str, seq: int, time: datetime | None = None) -> tuple[str, dict[str, Any]]:
    """What a tower says of smoke over FIRE."""
    tower = next(one for one in region.tower if one.id == name)
    fields = {
        "detection": f"{name}-smoke",
        "azimuth_deg": azimuth_to(tower.position, FIRE),
        "azimuth_sigma_deg": 0.5,
        "confidence": 0.95,
        "source": "camera",
    }
    return topic("tower", name, "event", tower.district), body(name, seq, time, **fields)


async def say(client: aiomqtt.Client, where: str, what: Any, qos: int = 1, **options: Any) -> None:
    payload = what if isinstance(what, bytes) else msgspec.json.encode(what)
    await client.publish(where, payload, qos=qos, **options)


async def report_fire(client: aiomqtt.Client, region: Catalogue, seq: int = 1) -> None:
    """Two towers see smoke, twice each: one report alone is not believed in full."""
    async with asyncio.TaskGroup() as tasks:
        for turn in range(2):
            for name in ("TWR-0", "TWR-1"):
                where, what = bearing(region, name, seq + turn)
                tasks.create_task(say(client, where, what))


class SignDevice:
    """A sign that shows what it is told, and remembers every command."""

    def __init__(self, name: str, client: aiomqtt.Client) -> None:
        self.name = name
        self.commands: list[dict[str, Any]] = []
        self._client = client
        self._seq = int(now().timestamp() * 1000)

    async def run(self) -> None:
        async for message in self._client.messages:
            command = msgspec.json.decode(message.payload)
            self.commands.append(command)
            await self.answer(command["message"])

    async def answer(self, message: str, *, shown: bool = True, reason: str | None = None) -> None:
        self._seq += 1
        fields = {"message": message, "shown": shown, "multi": "x", "reason": reason}
        await say(self._client, topic("sign", self.name, "ack"), body(self.name, self._seq, **fields))


@contextlib.asynccontextmanager
async def sign(running: Running, name: str = "VMS-up4") -> AsyncIterator[SignDevice]:
    """A sign on the broker of a system."""
    async with running.devices(name) as client:
        await client.subscribe(topic("sign", name, "command"), qos=1)
        yield SignDevice(name, client)
