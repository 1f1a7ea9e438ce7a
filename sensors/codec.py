"""Bytes on a topic to typed messages and back. JSON and MessagePack, single and gateway batch; no input or output."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from sensors.errors import DecodeError
from sensors.explain import PAYLOAD_ERRORS, Encoding, explain
from sensors.observations import (
    CameraStatus,
    CctvEvent,
    CellAck,
    CellBroadcast,
    DeviceStatus,
    Message,
    SignAck,
    SignCommand,
    SlopeObservation,
    TowerEvent,
    VdsObservation,
    WeatherObservation,
)
from sensors.topics import Kind, Stream, Topic, parse_topic

__all__ = [
    "EARLIEST",
    "LATEST",
    "MAX_BATCH",
    "MAX_PAYLOAD_BYTES",
    "MESSAGE_TYPES",
    "Decoded",
    "Encoding",
    "decode",
    "decode_members",
    "encode",
    "encoding_of",
]

MAX_BATCH = 1_000
MAX_PAYLOAD_BYTES = 2**20
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LATEST = datetime(2259, 12, 31, tzinfo=UTC)
"""Times before and from here on do not fit: nanoseconds since 1970 hold no year after 2262 in 64 bits."""

MESSAGE_TYPES: dict[tuple[Kind, Stream], type[Message]] = {
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
    ("cell", "status"): DeviceStatus,
    ("cell", "command"): CellBroadcast,
    ("cell", "ack"): CellAck,
}
"""What may be written on each stream of each kind of device."""

_JSON_SPACE = b" \t\r\n"


def _may_be_time(info: msgspec.inspect.Type) -> bool:
    options = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    return any(isinstance(option, msgspec.inspect.DateTimeType) for option in map(_bare, options))


def _bare(info: msgspec.inspect.Type) -> msgspec.inspect.Type:
    return _bare(info.type) if isinstance(info, msgspec.inspect.Metadata) else info


_TIME_FIELDS: dict[type[Message], tuple[str, ...]] = {
    kind: tuple(
        field.name for field in msgspec.structs.fields(kind) if _may_be_time(msgspec.inspect.type_info(field.type))
    )
    for kind in MESSAGE_TYPES.values()
}


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
        JSON (UTF-8) or MessagePack, up to 1 MiB. Fields that the protocol does not know are passed over.

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
    kind = MESSAGE_TYPES.get((parsed.kind, parsed.stream))
    decoders = (_BATCH if parsed.gateway else _SINGLE).get((parsed.kind, parsed.stream))
    if kind is None or decoders is None:
        raise DecodeError("topic", f"expected a stream that a {parsed.kind} device has, was {parsed.stream!r}")
    encoding = _encoding_within_limit(payload)
    decoder = decoders.json if encoding == "json" else decoders.msgpack
    try:
        value = decoder.decode(payload)
    except PAYLOAD_ERRORS as exc:
        raise explain(exc, payload, encoding, kind) from None
    if not parsed.gateway:
        if value.device != parsed.device:
            raise DecodeError("device", f"expected the device of the topic, {parsed.device!r}, was {value.device!r}")
        _check_times(value)
        return Decoded(parsed, (value,))
    _check_count(len(value))
    for place, member in enumerate(value):
        _check_times(member, f"[{place}].")
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
    encoding = _encoding_within_limit(payload)
    library: Any = msgspec.json if encoding == "json" else msgspec.msgpack
    try:
        members = library.decode(payload, type=list[msgspec.Raw])
    except PAYLOAD_ERRORS as exc:
        raise explain(exc, payload, encoding, kind) from None
    _check_count(len(members))
    decoders = _SINGLE[parsed.kind, parsed.stream]
    decoder = decoders.json if encoding == "json" else decoders.msgpack
    good: list[Message] = []
    bad: list[tuple[int, DecodeError]] = []
    for place, member in enumerate(members):
        try:
            message = decoder.decode(member)
            _check_times(message, f"[{place}].")
            good.append(message)
        except DecodeError as exc:
            bad.append((place, exc))
        except PAYLOAD_ERRORS as exc:
            bad.append((place, explain(exc, member, encoding, kind, prefix=f"[{place}]")))
    return Decoded(parsed, tuple(good)), bad


def encode(message: Message | Sequence[Message], encoding: Encoding = "json") -> bytes:
    """Write a message, or a gateway's batch of them.

    Times are RFC 3339 text in both encodings, as the protocol says. What is written is not checked: a number out of
    its bounds or NaN (which JSON writes as null) fails where it is decoded.
    """
    if encoding == "json":
        return msgspec.json.encode(message)
    return msgspec.msgpack.encode(msgspec.to_builtins(message))


def _encoding_within_limit(payload: bytes) -> Encoding:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise DecodeError("payload", f"expected at most {MAX_PAYLOAD_BYTES} bytes (1 MiB), was {len(payload)}")
    return encoding_of(payload)


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_BATCH:
        raise DecodeError("payload", f"expected an array of 1 to {MAX_BATCH} observations, was {count} long")


def _check_times(message: Message, prefix: str = "") -> None:
    for name in _TIME_FIELDS[type(message)]:
        time: datetime | None = getattr(message, name)
        if time is not None and not EARLIEST <= time < LATEST:
            raise DecodeError(
                prefix + name, f"expected a time from {EARLIEST:%Y} to {LATEST:%Y}, was {time.isoformat()}"
            )
