"""Messages of the devices of a small region, as they come out of a session."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from config.numbers import load_numbers
from ingest.batching import Batcher
from ingest.inbox import Arrived
from ingest.intake import HAZARDS, Intake
from ingest.letters import LetterBox
from ingest.mqtt.session import Incoming, OversizePublish
from ingest.reading import Read, Reader
from sensors.columns import to_ns
from sensors.observations import Message
from sensors.registry import Registry
from tests.alerts.making import NOW, WESTERN, two_districts

REGION = two_districts()
REGISTRY = Registry.from_catalogue(REGION)
PLAUSIBILITY = load_numbers("plausibility")
STATION = "VDS-E1up03"
"""Has three lanes."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def intake(clock: Clock | None = None, **options: Any) -> Intake:
    return Intake(clock or Clock(), **options)


def reader(clock: Clock | None = None, registry: Registry = REGISTRY, **options: Any) -> Reader:
    return Reader(registry, PLAUSIBILITY, LetterBox(clock or Clock()), **options)


def batcher() -> Batcher:
    return Batcher(REGISTRY, np.arange(len(REGISTRY), dtype=np.int32), PLAUSIBILITY)


def arrived(*messages: Incoming | OversizePublish, at: datetime = NOW, lane: int = HAZARDS) -> list[Arrived]:
    """Return messages as one read of a socket brought them."""
    return [Arrived(messages, to_ns(at), lane)]


def said(found: Read) -> list[Message]:
    """Return what was accepted, observations first, kind after kind."""
    fast = [message for observed in found.fast.values() for message in observed.messages]
    return [*fast, *(item.message for item in found.rare)]


def message(topic: str, body: Any, *, qos: int = 0, packet_id: int = 0, retain: bool = False) -> Incoming:
    payload = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Incoming(topic=topic, payload=payload, qos=qos, packet_id=packet_id, retain=retain, connection=1)


def vds_body(device: str = STATION, seq: int = 1, time: datetime = NOW, **changes: Any) -> dict[str, Any]:
    lanes = [{"lane": lane, "volume": 5, "speed_kmh": 90.0, "occupancy_pct": 8.0} for lane in (1, 2, 3)]
    return {"device": device, "time": time, "seq": seq, "period_s": 30.0, "lanes": lanes} | changes


def vds(device: str = STATION, seq: int = 1, time: datetime = NOW, qos: int = 0, **changes: Any) -> Incoming:
    topic = f"gwanje/v1/{WESTERN}/vds/{device}/obs"
    return message(topic, vds_body(device, seq, time, **changes), qos=qos, packet_id=seq if qos else 0)


def slope_message(device: str = "SLP-1", seq: int = 1, time: datetime = NOW, **changes: Any) -> Incoming:
    body = {"device": device, "time": time, "seq": seq, "tilt_x_deg": 0.01, "tilt_y_deg": 0.0} | changes
    return message(f"gwanje/v1/{WESTERN}/slope/{device}/obs", body, qos=1, packet_id=seq)


def tower(device: str = "TWR-0", seq: int = 1, time: datetime = NOW, **changes: Any) -> Incoming:
    body = {
        "device": device,
        "time": time,
        "seq": seq,
        "detection": "d1",
        "azimuth_deg": 120.0,
        "azimuth_sigma_deg": 0.5,
        "confidence": 0.9,
        "source": "camera",
    }
    district = REGISTRY.district[REGISTRY.index[device]]
    return message(f"gwanje/v1/{district}/tower/{device}/event", body | changes, qos=1, packet_id=seq)


def status(kind: str, device: str, seq: int = 1, time: datetime = NOW, **changes: Any) -> Incoming:
    body = {"device": device, "time": time, "seq": seq, "online": True} | changes
    retain = bool(changes.pop("retained", False))
    body.pop("retained", None)
    return message(f"gwanje/v1/{WESTERN}/{kind}/{device}/status", body, qos=1, packet_id=seq, retain=retain)
