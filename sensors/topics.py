"""Topics of wire protocol 1: ``gwanje/v1/{district}/{kind}/{device}/{stream}`` and the gateway form."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from config.catalogue.model import DEVICE_KINDS, DeviceKind
from sensors.errors import DecodeError

Kind = DeviceKind | Literal["cell"]
KINDS: tuple[Kind, ...] = (*DEVICE_KINDS, "cell")
"""Kinds on the wire: those of devices, and ``cell`` for the cell broadcast centre of each district, which the region
does not list."""
Stream = Literal["obs", "event", "status", "command", "ack"]
STREAMS: tuple[Stream, ...] = ("obs", "event", "status", "command", "ack")
PREFIX = "gwanje/v1"
GATEWAY_LEVEL = "_gateway"

UPSTREAM_FILTERS: tuple[str, ...] = (
    *(f"{PREFIX}/+/+/+/{stream}" for stream in ("event", "status", "ack", "obs")),
    f"{PREFIX}/+/+/{GATEWAY_LEVEL}/+/obs",
)
"""What the control room subscribes to."""

_CENTRE = "cbc-"
_LEVEL = re.compile(r"[A-Za-z0-9_-]{1,48}")


class Topic(NamedTuple):
    """The levels of a topic that carry meaning; ``device`` is the gateway's identifier when ``gateway`` is true."""

    district: str
    kind: Kind
    device: str
    stream: Stream
    gateway: bool = False


def centre_of(district: str) -> str:
    """Return the identifier of a district's cell broadcast centre."""
    return _CENTRE + district


def format_topic(topic: Topic) -> str:
    """Return the topic as it stands on the wire."""
    gateway = f"{GATEWAY_LEVEL}/" if topic.gateway else ""
    return f"{PREFIX}/{topic.district}/{topic.kind}/{gateway}{topic.device}/{topic.stream}"


def parse_topic(topic: str) -> Topic:
    """Take a topic apart.

    Raises
    ------
    DecodeError
        If the topic is not one of protocol 1; the message names the level that is wrong.
    """
    levels = topic.split("/")
    if levels[:2] != ["gwanje", "v1"]:
        raise DecodeError("topic", f"expected it to begin with {PREFIX}/, was {topic[:100]!r}")
    gateway = len(levels) == 7 and levels[4] == GATEWAY_LEVEL
    if gateway:
        del levels[4]
    if len(levels) != 6:
        raise DecodeError("topic", f"expected {PREFIX}/district/kind/device/stream, was {topic[:100]!r}")
    district, kind, device, stream = levels[2:]
    if kind not in KINDS:
        raise DecodeError("topic", f"expected a kind out of {', '.join(KINDS)}, was {kind[:50]!r}")
    if stream not in STREAMS or (gateway and stream != "obs"):
        raise DecodeError("topic", f"expected a stream out of {', '.join(STREAMS)}, was {stream[:50]!r}")
    if device == GATEWAY_LEVEL:
        raise DecodeError("topic", f"expected a gateway after {GATEWAY_LEVEL}/, was {topic[:100]!r}")
    for name, level in (("district", district), ("device", device)):
        if _LEVEL.fullmatch(level) is None:
            raise DecodeError("topic", f"expected letters, digits, - and _ as {name}, was {level[:60]!r}")
    return Topic(district, kind, device, stream, gateway)
