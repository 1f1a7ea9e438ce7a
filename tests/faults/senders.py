"""Devices that send numbered messages at QoS 1 and note which were acknowledged; after a loss they send again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ingest.mqtt.errors import MqttUnavailable, PublishTimeoutError
from ingest.mqtt.session import Backoff, MqttSession
from tests.faults.ledger import Ledger
from tests.gwanje.devices import topic

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Body = Callable[[int], dict[str, Any]]
"""Fields of the message with a number."""


class Sender:
    """One device on a connection of its own: what was not acknowledged is sent again, marked as such, until it is.

    Parameters
    ----------
    port
        Of the broker, or of a proxy before it.
    rate
        Messages a second; they go out as the acknowledgements come. [1/s]
    """

    def __init__(
        self, port: int, kind: str, stream: str, device: str, district: str, fields: Body, ledger: Ledger, rate: float
    ) -> None:
        self._topic = topic(kind, device, stream, district)
        self._device = device
        self._fields = fields
        self._ledger = ledger
        self._rate = rate
        self._number = 0
        self._last = _EPOCH
        self._sending: set[asyncio.Task[None]] = set()
        self._connected: asyncio.Future[None] | None = None
        self._session = MqttSession(
            f"mqtt://127.0.0.1:{port}",
            client_id=f"{kind}-{device}-{stream}",
            on_messages=lambda _messages: None,
            backoff=Backoff(0.05, 0.3),
            connect_timeout_s=2.0,
            keep_alive_s=4,
        )

    async def run(self) -> None:
        """Send until cancelled; the connection stays until `stop`, for what is under way has to be answered."""
        self._connected = asyncio.ensure_future(self._session.run())
        while True:
            self.say()
            await asyncio.sleep(1.0 / self._rate)

    def say(self) -> None:
        """Send the next message, unless too many wait already."""
        if len(self._sending) >= 2_000:
            return
        task = asyncio.ensure_future(self._say())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def all_acknowledged(self) -> None:
        """Wait until nothing is under way."""
        while self._sending:
            await asyncio.wait(set(self._sending))

    async def stop(self) -> None:
        """Leave what is under way."""
        running = [*self._sending, *([] if self._connected is None else [self._connected])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _say(self) -> None:
        self._number += 1
        # Each of its own time, by which its row is found again.
        self._last = max(datetime.now(UTC), self._last + _MICROSECOND)
        key = (self._device, (self._last - _EPOCH) // _MICROSECOND)
        body = {"device": self._device, "time": self._last, "seq": self._number} | self._fields(self._number)
        self._ledger.sent.add(key)
        payload = msgspec.json.encode(body)
        while True:
            with contextlib.suppress(MqttUnavailable, PublishTimeoutError):
                await self._session.publish(self._topic, payload, qos=1, timeout_s=600.0)
                self._ledger.acknowledged.add(key)
                return
            await asyncio.sleep(0.1)


def slope_fields(number: int) -> dict[str, Any]:
    """A slope that stands still."""
    return {"tilt_x_deg": 0.0, "tilt_y_deg": 0.0, "pore_pressure_kpa": float(number % 100_000)}


def vds_fields(number: int) -> dict[str, Any]:
    """A free road, one lane."""
    return {
        "period_s": 30.0,
        "lanes": [{"lane": 1, "volume": number % 20, "speed_kmh": 90.0, "occupancy_pct": 8.0}],
    }


def weather_fields(number: int) -> dict[str, Any]:
    """A mild day."""
    return {"temp_c": 10.0 + number % 10, "rh_pct": 50.0}


def camera_fields(_number: int) -> dict[str, Any]:
    """A car against the traffic, seen clearly."""
    return {"event": "wrong_way", "confidence": 0.95}


def tower_fields(detection: str, azimuth_deg: float) -> dict[str, Any]:
    """Smoke, seen clearly."""
    return {
        "detection": detection,
        "azimuth_deg": azimuth_deg,
        "azimuth_sigma_deg": 0.5,
        "confidence": 0.95,
        "source": "camera",
    }
