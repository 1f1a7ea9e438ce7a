"""Bytes on a topic to typed messages and back. JSON and MessagePack, single and gateway batch; no input or output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from config.catalogue.model import DeviceKind
from sensors.errors import DecodeError
from sensors.observations import (
    CameraStatus,
    CctvEvent,
    DeviceStatus,
    Message,
    SignAck,
    SignCommand,
    SlopeObservation,
    TowerEvent,
    VdsObservation,
    WeatherObservation,
)
from sensors.topics import Stream, Topic, parse_topic

MAX_BATCH = 1_000
Encoding = Literal["json", "msgpack"]

MESSAGE_TYPES: dict[tuple[DeviceKind, Stream], type[Message]] = {
    ("vds", "obs"): VdsObservation,
    ("vds", "status"): DeviceStatus,
    ("slope", "obs"): SlopeObservation,
    ("slope", "status"): DeviceStatus,
    ("weather", "obs"): WeatherObservation,
    ("weather", "status"): DeviceStatus,
    ("tower", "event"): TowerEvent,
    ("tower", "status"): CameraStatus,
    ("cctv", "event"): CctvEvent,
    ("cctv", "status"): CameraStatus,
    ("sign", "status"): DeviceStatus,
    ("sign", "command"): SignCommand,
    ("sign", "ack"): SignAck,
}
"""What may be written on each stream of each kind of device."""

_JSON_SPACE = b" \t\r\n"


class Decoded(NamedTuple):
    """A topic taken apart and the messages that came on it, in the order of the batch."""

    topic: Topic
    messages: tuple[Message, ...]


class _Decoders(NamedTuple):
    json: msgspec.json.Decoder[Any]
    msgpack: msgspec.msgpack.Decoder[Any]


def _decoders(kind: Any) -> _Decoders:
    return _Decoders(msgspec.json.Decoder(kind), msgspec.msgpack.Decoder(kind))


def _tuple_of(kind: type[Message]) -> Any:
    return tuple[kind, ...]  # type: ignore[valid-type]


_SINGLE = {key: _decoders(kind) for key, kind in MESSAGE_TYPES.items()}
_BATCH = {key: _decoders(_tuple_of(kind)) for key, kind in MESSAGE_TYPES.items() if key[1] == "obs"}


def encoding_of(payload: bytes) -> Encoding:
    """Tell JSON from MessagePack by the first byte of a map or array.

    Raises
    ------
    DecodeError
        If the payload is empty or begins with neither.
    """
    head = payload.lstrip(_JSON_SPACE)[:1]
    if head in {b"{", b"["}:
        return "json"
    first = payload[0] if payload else None
    if first is not None and (0x80 <= first <= 0x9F or 0xDC <= first <= 0xDF):
        return "msgpack"
    was = "empty" if first is None else f"0x{first:02x} as first byte"
    raise DecodeError("payload", f"expected a JSON or MessagePack object (an array on a gateway's topic), was {was}")


def decode(topic: str, payload: bytes) -> Decoded:
    """Decode what came on a topic.

    Parameters
    ----------
    topic
        Topic as it stood on the wire.
    payload
        JSON (UTF-8) or MessagePack.

    Returns
    -------
    Decoded
        One message, or up to 1,000 from a gateway.

    Raises
    ------
    DecodeError
        If anything does not fit; it names the field, what was expected and what was there. A gateway's batch with a
        wrong member raises as a whole: `decode_members` then saves the others.
    """
    parsed = parse_topic(topic)
    decoders = (_BATCH if parsed.gateway else _SINGLE).get((parsed.kind, parsed.stream))
    if decoders is None:
        raise DecodeError("topic", f"expected a stream that a {parsed.kind} device has, was {parsed.stream!r}")
    decoder = decoders.json if encoding_of(payload) == "json" else decoders.msgpack
    try:
        value = decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise _explain(exc) from None
    if not parsed.gateway:
        if value.device != parsed.device:
            raise DecodeError("device", f"expected the device of the topic, {parsed.device!r}, was {value.device!r}")
        return Decoded(parsed, (value,))
    if not 1 <= len(value) <= MAX_BATCH:
        raise DecodeError("payload", f"expected an array of 1 to {MAX_BATCH} observations, was {len(value)}")
    return Decoded(parsed, value)


def decode_members(topic: str, payload: bytes) -> tuple[Decoded, list[tuple[int, DecodeError]]]:
    """Decode a gateway's batch member by member, so that a wrong one does not cost its neighbours.

    Returns
    -------
    tuple
        What fits, and for each member that does not its place in the batch and its error.

    Raises
    ------
    DecodeError
        If the topic is not a gateway's, or the payload is not an array of 1 to 1,000.
    """
    parsed = parse_topic(topic)
    if not parsed.gateway or (parsed.kind, parsed.stream) not in _BATCH:
        raise DecodeError("topic", "expected the obs topic of a gateway")
    kind = MESSAGE_TYPES[parsed.kind, parsed.stream]
    library: Any = msgspec.json if encoding_of(payload) == "json" else msgspec.msgpack
    try:
        members = library.decode(payload, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise _explain(exc) from None
    if not 1 <= len(members) <= MAX_BATCH:
        raise DecodeError("payload", f"expected an array of 1 to {MAX_BATCH} observations, was {len(members)}")
    good: list[Message] = []
    bad: list[tuple[int, DecodeError]] = []
    for place, member in enumerate(members):
        try:
            good.append(library.decode(member, type=kind))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            bad.append((place, _explain(exc, prefix=f"[{place}]")))
    return Decoded(parsed, tuple(good)), bad


def encode(message: Message | Sequence[Message], encoding: Encoding = "json") -> bytes:
    """Write a message, or a gateway's batch of them.

    Times are RFC 3339 text in both encodings, as the protocol says.
    """
    if encoding == "json":
        return msgspec.json.encode(message)
    return msgspec.msgpack.encode(msgspec.to_builtins(message))


def _explain(exc: Exception, prefix: str = "") -> DecodeError:
    text = str(exc)
    problem, _, path = text.partition(" - at `$")
    field = prefix + path.rstrip("`")
    field = field.lstrip(".") or "payload"
    if problem.startswith("Object missing required field "):
        name = problem.split("`")[1]
        field = name if field == "payload" else f"{field}.{name}"
        problem = "expected a value, was missing"
    problem = problem.replace(", got ", ", was ")
    return DecodeError(field, problem[:1].lower() + problem[1:])
