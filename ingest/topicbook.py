"""How to read what comes on a topic, looked up once and then remembered: the hot path's way around parsing topics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from config.catalogue.model import DEVICE_KINDS, DeviceKind
from sensors.errors import DecodeError
from sensors.observations import Message, SlopeObservation, VdsObservation, WeatherObservation
from sensors.registry import Registry
from sensors.topics import Topic, parse_topic

FAST_KINDS: tuple[DeviceKind, ...] = ("vds", "slope", "weather")
"""Kinds whose observations are read without a step for each rule; everything else is rare."""


class _HotVds(VdsObservation, frozen=True, kw_only=True, gc=False):
    """As the station's own type, but its name is looked up in the region instead of being matched with a pattern."""

    device: str


class _HotSlope(SlopeObservation, frozen=True, kw_only=True, gc=False):
    """As the node's own type, in the same way."""

    device: str


class _HotWeather(WeatherObservation, frozen=True, kw_only=True, gc=False):
    """As the station's own type, in the same way."""

    device: str


_HOT: dict[DeviceKind, type[Message]] = {"vds": _HotVds, "slope": _HotSlope, "weather": _HotWeather}


class Single(NamedTuple):
    """The topic of one device's observations."""

    kind: DeviceKind
    device: str
    position: int
    """Dense index."""
    read: Callable[[bytes], Any]
    """Decodes JSON that begins with ``{``."""
    read_packed: Callable[[bytes], Any]
    """Decodes MessagePack."""


class Gateway(NamedTuple):
    """The topic of a concentrator's batches."""

    kind: DeviceKind
    members: Mapping[str, int]
    """Index by identifier of the devices that may be in a batch."""
    read: Callable[[bytes], Any]
    read_packed: Callable[[bytes], Any]


class TopicBook:
    """Topics of known devices, and of gateways within limits.

    Parameters
    ----------
    registry
        Devices of the region.
    most_gateways
        Topics of gateways that are remembered; their names are not known beforehand, so that anyone can make them up.
        With more, all are forgotten and learnt anew.
    """

    def __init__(self, registry: Registry, most_gateways: int = 10_000) -> None:
        self.singles: dict[str, Single] = {}
        self.gateways: dict[str, Gateway] = {}
        self._registry = registry
        self._most_gateways = most_gateways
        self._members: dict[tuple[DeviceKind, str], dict[str, int]] = {}
        for position, device in enumerate(registry.ids):
            place = (DEVICE_KINDS[registry.kind[position]], registry.district[position])
            self._members.setdefault(place, {})[device] = position
        self._single = {kind: _readers(hot) for kind, hot in _HOT.items()}
        self._batch = {kind: _readers(_tuple_of(hot)) for kind, hot in _HOT.items()}

    def learn(self, name: str) -> None:
        """Remember a topic if it is one of those that are read fast; any other is left to `sensors.codec`."""
        try:
            topic = parse_topic(name)
            if topic.stream != "obs" or topic.kind not in FAST_KINDS:
                return
            if topic.gateway:
                self._learn_gateway(name, topic)
            else:
                position = self._registry.resolve(topic, topic.device)
                self.singles[name] = Single(topic.kind, topic.device, position, *self._single[topic.kind])
        except DecodeError:
            return

    def _learn_gateway(self, name: str, topic: Topic) -> None:
        members = self._members.get((topic.kind, topic.district))  # type: ignore[arg-type]
        if len(self.gateways) >= self._most_gateways:
            self.gateways.clear()
        if members is not None:
            kind: DeviceKind = topic.kind  # type: ignore[assignment]
            self.gateways[name] = Gateway(kind, members, *self._batch[kind])


def _readers(kind: Any) -> tuple[Callable[[bytes], Any], Callable[[bytes], Any]]:
    return msgspec.json.Decoder(kind).decode, msgspec.msgpack.Decoder(kind).decode


def _tuple_of(kind: type[Message]) -> Any:
    return tuple[kind, ...]  # type: ignore[valid-type]
