"""Slopes and towers that speak at QoS 1, each message with its number, so that every one can be accounted for."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from benchmarks.rig import DISTRICT
from config.catalogue.model import Catalogue
from ingest.mqtt.session import MqttSession

_PATIENCE_S = 60.0


class HazardDevices:
    """Sends at a rate from a thread of its own until the end of the ``with``: slopes and towers in turn.

    Attributes
    ----------
    slope_sent, tower_sent
        Messages handed to the broker; each has its own number.
    acknowledged
        Messages that the broker acknowledged.
    """

    def __init__(self, port: int, catalogue: Catalogue, rate: float) -> None:
        self.slope_sent = self.tower_sent = self.acknowledged = 0
        self._port = port
        self._catalogue = catalogue
        self._rate = rate
        self._stopping = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="hazards", daemon=True)

    def __enter__(self) -> HazardDevices:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop sending, and wait for the acknowledgements that are missing.

        Raises
        ------
        RuntimeError
            If sending had failed.
        """
        self._stopping.set()
        self._thread.join(_PATIENCE_S)
        if self._problem is not None:
            raise RuntimeError("hazard messages could not be sent") from self._problem

    def _run(self) -> None:
        try:
            asyncio.run(self._send())
        except BaseException as exc:
            self._problem = exc

    async def _send(self) -> None:
        session = MqttSession(f"mqtt://127.0.0.1:{self._port}", client_id="hazards", on_messages=lambda _: None)
        waiting: set[asyncio.Task[None]] = set()
        running = asyncio.create_task(session.run())
        while not session.state.connected:  # noqa: ASYNC110 - a state of the session
            await asyncio.sleep(0.02)
        began_s = time.monotonic()
        while not self._stopping.is_set():
            due = int((time.monotonic() - began_s) * self._rate)
            for number in range(self.slope_sent + self.tower_sent, due):
                task = asyncio.create_task(self._publish(session, *self._message(number)))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
            await asyncio.sleep(0.01)
        await asyncio.gather(*waiting)
        running.cancel()

    async def _publish(self, session: MqttSession, topic: str, payload: bytes) -> None:
        await session.publish(topic, payload, qos=1, timeout_s=_PATIENCE_S)
        self.acknowledged += 1

    def _message(self, number: int) -> tuple[str, bytes]:
        now = datetime.now(UTC)
        body: dict[str, Any]
        if number % 2 == 0:
            slopes = self._catalogue.slope
            device = slopes[self.slope_sent % len(slopes)].id
            body = {"tilt_x_deg": 0.01, "tilt_y_deg": 0.0, "rain_mm_total": 10.0}
            topic, seq = f"gwanje/v1/{DISTRICT}/slope/{device}/obs", self.slope_sent
            self.slope_sent += 1
        else:
            towers = self._catalogue.tower
            device = towers[self.tower_sent % len(towers)].id
            body = {"detection": f"d{number}", "azimuth_deg": 30.0, "azimuth_sigma_deg": 0.5, "confidence": 0.3}
            body["source"] = "camera"
            topic, seq = f"gwanje/v1/{DISTRICT}/tower/{device}/event", self.tower_sent
            self.tower_sent += 1
        return topic, msgspec.json.encode({"device": device, "time": now, "seq": seq} | body)
