"""Devices that send numbered messages and note which were acknowledged; after a loss they send again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from ingest.mqtt.errors import MqttUnavailable, PublishTimeoutError
from ingest.mqtt.session import Backoff, MqttSession
from tests.faults.ledger import Key, Ledger
from tests.faults.rows import TABLES, Body
from tests.gwanje.devices import topic

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST_UNDER_WAY = 2_000
_AGAIN_S = 0.1
Fields = Callable[[int], Body]
"""Fields of the message with a number."""


class Sender:
    """One device on a connection of its own: what was not acknowledged is sent again, marked as such, until it is.

    Parameters
    ----------
    port
        Of the broker, or of a proxy before it.
    rate
        Messages a second; they go out as the acknowledgements come. [1/s]
    qos
        At 0 nothing is acknowledged and nothing is sent again: such rows may be missing.
    members
        Makes it a gateway of these devices, which sends one message of one each of them at a time.
    clock_s
        How far its clock is ahead. [s]
    """

    def __init__(
        self,
        port: int,
        kind: str,
        stream: str,
        device: str,
        district: str,
        fields: Fields,
        ledger: Ledger,
        rate: float,
        *,
        qos: int = 1,
        members: tuple[str, ...] = (),
        clock_s: float = 0.0,
    ) -> None:
        self._clock_s = clock_s
        self._topic = topic(kind, f"_gateway/{device}" if members else device, stream, district)
        self._devices = members or (device,)
        self._is_gateway = bool(members)
        self._fields = fields
        self._ledger = ledger
        self._table = TABLES[kind, stream]
        self._rate = rate
        self._qos = qos
        self._number = 0
        self._last = _LONG_AGO
        self._sending: set[asyncio.Task[None]] = set()
        self._connected: asyncio.Future[None] | None = None
        ledger.devices.update(self._devices)
        self._session = MqttSession(
            f"mqtt://127.0.0.1:{port}",
            client_id=f"{kind}-{device}-{stream}",
            on_messages=lambda _messages: None,
            backoff=Backoff(0.05, 0.3),
            connect_timeout_s=2.0,
            keep_alive_s=4,
        )

    def set_clock(self, clock_s: float) -> None:
        """Let the device's clock jump: from now on it is so far ahead. [s]"""
        self._clock_s = clock_s
        self._last = _LONG_AGO

    @property
    def under_way(self) -> int:
        """Messages that are not acknowledged yet."""
        return len(self._sending)

    async def run(self) -> None:
        """Send until cancelled; the connection stays until `stop`, for what is under way has to be answered."""
        self._connected = asyncio.ensure_future(self._session.run())
        while True:
            self.say()
            await asyncio.sleep(1.0 / self._rate)

    def say(self) -> None:
        """Send the next message, unless too many wait already."""
        if len(self._sending) >= _MOST_UNDER_WAY:
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

    def _compose(self) -> tuple[bytes, list[Key]]:
        self._number += 1
        # Each of its own time: the database knows no other number of a reading.
        self._last = max(datetime.now(UTC) + timedelta(seconds=self._clock_s), self._last + _MICROSECOND)
        bodies = [
            {"device": device, "time": self._last, "seq": self._number} | self._fields(self._number)
            for device in self._devices
        ]
        payload = msgspec.json.encode(bodies if self._is_gateway else bodies[0])
        return payload, [key for body in bodies for key in self._table.keys(body)]

    async def _say(self) -> None:
        payload, keys = self._compose()
        self._ledger.sent.update(keys)
        while True:
            with contextlib.suppress(MqttUnavailable, PublishTimeoutError):
                await self._session.publish(self._topic, payload, qos=self._qos, timeout_s=600.0)
                if self._qos:
                    self._ledger.acknowledged.update(keys)
                return
            await asyncio.sleep(_AGAIN_S)


def slope_fields(number: int) -> Body:
    """A slope that stands still."""
    return {"tilt_x_deg": 0.0, "tilt_y_deg": 0.0, "pore_pressure_kpa": float(number)}


def vds_fields(number: int) -> Body:
    """A free road of two lanes, each with counts of its own."""
    lanes = [{"lane": lane, "volume": number % 17 + lane, "speed_kmh": 90.0, "occupancy_pct": 8.0} for lane in (1, 2)]
    return {"period_s": 30.0, "lanes": lanes}


def weather_fields(number: int) -> Body:
    """A mild day."""
    return {"temp_c": 10.0 + number % 10, "rh_pct": 50.0, "visibility_m": 1_000.0 + number}


def camera_fields(_number: int) -> Body:
    """A car against the traffic, seen clearly."""
    return {"event": "wrong_way", "confidence": 0.95}


def tower_fields(detection: str, azimuth_deg: float) -> Body:
    """Smoke, seen clearly."""
    return {
        "detection": detection,
        "azimuth_deg": azimuth_deg,
        "azimuth_sigma_deg": 0.5,
        "confidence": 0.95,
        "source": "camera",
    }
