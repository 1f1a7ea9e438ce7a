"""Messages that are right, of every kind and in both encodings, fresh each time: what a mutator begins with."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from config.catalogue.model import Cell
from sensors.codec import MESSAGE_TYPES
from sensors.registry import Registry
from sensors.topics import Topic, centre_of, format_topic
from tests.alerts.making import two_districts
from tests.sensors.messages import example

_BARE = two_districts()
REGION = two_districts(
    cells=tuple(
        Cell(
            id=f"cell-{one.id}-1",
            district=one.id,
            position=one.boundary[0],
            azimuth_deg=0.0,
            beamwidth_deg=65.0,
            range_m=1_000.0,
        )
        for one in _BARE.districts
    )
)
"""The small region of tests, with a cell broadcast centre in each district."""
REGISTRY = Registry.from_catalogue(REGION)

MOST_MEMBERS = 12


class Sample(NamedTuple):
    """A message on its way."""

    topic: bytes
    payload: bytes
    retain: bool = False

    @property
    def is_batch(self) -> bool:
        """Whether it came on a topic that may be a gateway's."""
        return b"/_gateway/" in self.topic


class Corpus:
    """Makes right messages of the small region of tests.

    Parameters
    ----------
    random
        Chooses.
    """

    def __init__(self, random: random.Random) -> None:
        self._random = random
        self._seq = 0
        self._devices: dict[str, list[tuple[str, str]]] = {}
        kinds = [name for name in dict.fromkeys(kind for kind, _ in MESSAGE_TYPES) if name != "cell"]
        for kind in kinds:
            start, stop = REGISTRY.start[kind], REGISTRY.start[kind] + REGISTRY.count[kind]
            self._devices[kind] = [(REGISTRY.district[at], REGISTRY.ids[at]) for at in range(start, stop)]
        self._devices["cell"] = [(one.id, centre_of(one.id)) for one in REGION.districts]
        self._keys = list(MESSAGE_TYPES)
        self._batch_keys = [key for key in self._keys if key[1] == "obs"]

    def body(self, key: tuple[Any, Any], device: str, now: datetime) -> dict[str, Any]:
        """Return a message as plain values."""
        self._seq += 1
        body = example(key) | {"device": device, "seq": self._seq, "time": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        if key[0] == "sign" and key[1] == "ack":
            body["pixel_errors"] = self._seq % 7
        return body

    def plain(self, now: datetime) -> tuple[bytes, Any, bool]:
        """Return a topic, a message or a gateway's batch as plain values, and whether it is retained."""
        choose = self._random.choice
        if self._random.random() < 0.15:
            key = choose(self._batch_keys)
            district, _ = choose(self._devices[key[0]])
            near = [device for where, device in self._devices[key[0]] if where == district]
            members = [self.body(key, choose(near), now) for _ in range(self._random.randint(1, MOST_MEMBERS))]
            gateway = f"gw-{self._random.randint(1, 40)}"
            return format_topic(Topic(district, key[0], gateway, key[1], True)).encode(), members, False
        key = choose(self._keys)
        district, device = choose(self._devices[key[0]])
        topic = format_topic(Topic(district, key[0], device, key[1])).encode()
        return topic, self.body(key, device, now), key[1] == "status"

    def right(self, topic: bytes, now: datetime) -> Sample | None:
        """Return a right observation on a topic of a device or gateway; None when there is none."""
        levels = topic.decode("utf-8", "replace").split("/")
        kind, stream = (levels[3], levels[-1]) if len(levels) > 4 else ("", "")
        devices = [device for where, device in self._devices.get(kind, ()) if where == levels[2]]
        key: Any = (kind, stream)
        if key not in self._batch_keys or not devices:
            return None
        gateway = levels[4] == "_gateway"
        # A number of its own: what comes afterwards must not be its duplicate.
        body = self.body(key, devices[0] if gateway else levels[4], now) | {"seq": 2**40}
        return Sample(topic, msgspec.json.encode([body] if gateway else body))

    def encode(self, value: Any) -> bytes:
        """Write plain values in one of the two encodings."""
        return msgspec.json.encode(value) if self._random.random() < 0.55 else msgspec.msgpack.encode(value)
