"""MQTT 3.1.1 packets to bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ingest.mqtt.packets import (
    MAX_REMAINING_LENGTH,
    Connack,
    Connect,
    Disconnect,
    OversizePublish,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
)
from ingest.mqtt.topics import MAX_STRING_BYTES, check_filter, check_topic

PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"
DISCONNECT = b"\xe0\x00"
CONNACK_V5_UNSUPPORTED = b"\x20\x03\x00\x84\x00"
"""MQTT 5.0 CONNACK "unsupported protocol version", with no properties."""

_ANSWERS: dict[type, int] = {
    Puback: 0x4002_0000,
    Pubrec: 0x5002_0000,
    Pubrel: 0x6202_0000,
    Pubcomp: 0x7002_0000,
    Unsuback: 0xB002_0000,
}
_SHORT_LENGTHS = tuple(bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7)) for n in range(4096))


def encode_length(length: int) -> bytes:
    """Return a remaining length as one to four bytes, seven bits each, the least significant first.

    Raises
    ------
    ValueError
        If ``length`` is above 268,435,455.
    """
    if length < len(_SHORT_LENGTHS):
        return _SHORT_LENGTHS[length]
    if length > MAX_REMAINING_LENGTH:
        raise ValueError(f"remaining length: expected at most {MAX_REMAINING_LENGTH} bytes, was {length}")
    encoded = bytearray()
    while length > 127:
        encoded.append(length & 127 | 128)
        length >>= 7
    encoded.append(length)
    return bytes(encoded)


def encode_publish(
    name: bytes, payload: bytes, qos: int = 0, retain: bool = False, dup: bool = False, packet_id: int = 0
) -> bytes:
    """Return a PUBLISH. ``name`` is the topic in UTF-8; it is the caller who has checked it, and the rest.

    Raises
    ------
    ValueError
        If the packet cannot be written at all because it is too long.
    """
    size = len(name)
    first = 0x30 | dup << 3 | qos << 1 | retain
    if qos:
        length = encode_length(size + 4 + len(payload))
        return b"%c%b%c%c%b%c%c%b" % (
            first, length, size >> 8, size & 255, name, packet_id >> 8, packet_id & 255, payload,
        )  # fmt: skip
    length = encode_length(size + 2 + len(payload))
    return b"%c%b%c%c%b%b" % (first, length, size >> 8, size & 255, name, payload)


def encode_pubacks(packet_ids: Sequence[int]) -> bytes:
    """Return one PUBACK for each identifier, in order, as one block of bytes."""
    return struct.pack(f">{len(packet_ids)}I", *[0x4002_0000 | packet_id for packet_id in packet_ids])


def encode(packet: Packet) -> bytes:
    """Return any packet as it stands on the wire, checked.

    Raises
    ------
    ValueError
        If a field cannot be written; the text names it.
    """
    match packet:
        case Publish():
            return _publish(packet)
        case Puback() | Pubrec() | Pubrel() | Pubcomp() | Unsuback():
            return (_ANSWERS[type(packet)] | _identifier(packet.packet_id)).to_bytes(4, "big")
        case Connect():
            return _connect(packet)
        case Connack():
            _check_range("connack code", packet.code, 0, 5)
            return bytes((0x20, 2, packet.session_present, packet.code))
        case Subscribe():
            body = b"".join(_filter(name) + bytes((_qos(qos),)) for name, qos in packet.filters)
            return _with_identifier(0x82, packet.packet_id, body, "filters")
        case Suback():
            return _with_identifier(0x90, packet.packet_id, bytes(packet.codes), "codes")
        case Unsubscribe():
            return _with_identifier(0xA2, packet.packet_id, b"".join(map(_filter, packet.filters)), "filters")
        case Pingreq():
            return PINGREQ
        case Pingresp():
            return PINGRESP
        case Disconnect():
            return DISCONNECT
        case OversizePublish():
            raise ValueError("packet: expected one of MQTT 3.1.1, was a report of an oversize PUBLISH")


def _publish(packet: Publish) -> bytes:
    check_topic(packet.topic)
    _qos(packet.qos)
    if packet.qos:
        _identifier(packet.packet_id)
    elif packet.packet_id or packet.dup:
        raise ValueError("publish: expected neither packet identifier nor DUP at QoS 0")
    return encode_publish(
        packet.topic.encode(), packet.payload, packet.qos, packet.retain, packet.dup, packet.packet_id
    )


def _connect(packet: Connect) -> bytes:
    flags = packet.clean_session << 1
    fields = [_text("client_id", packet.client_id)]
    if packet.will is not None:
        check_topic(packet.will.topic)
        flags |= 0x04 | _qos(packet.will.qos) << 3 | packet.will.retain << 5
        fields += [_text("will topic", packet.will.topic), _binary("will payload", packet.will.payload)]
    if packet.username is not None:
        flags |= 0x80
        fields.append(_text("username", packet.username))
    if packet.password is not None:
        if packet.username is None:
            raise ValueError("password: expected a username with it, was none")
        flags |= 0x40
        fields.append(_binary("password", packet.password))
    _check_range("keep_alive_s", packet.keep_alive_s, 0, 65_535)
    body = b"\x00\x04MQTT\x04" + bytes((flags,)) + packet.keep_alive_s.to_bytes(2, "big") + b"".join(fields)
    return b"\x10" + encode_length(len(body)) + body


def _with_identifier(first: int, packet_id: int, body: bytes, what: str) -> bytes:
    if not body:
        raise ValueError(f"{what}: expected at least one, was none")
    return bytes((first,)) + encode_length(len(body) + 2) + _identifier(packet_id).to_bytes(2, "big") + body


def _filter(name: str) -> bytes:
    check_filter(name)
    return _text("filter", name)


def _text(what: str, text: str) -> bytes:
    if "\0" in text:
        raise ValueError(f"{what}: expected no U+0000, was {text[:100]!r}")
    return _binary(what, text.encode())


def _binary(what: str, data: bytes) -> bytes:
    if len(data) > MAX_STRING_BYTES:
        raise ValueError(f"{what}: expected at most {MAX_STRING_BYTES} bytes, was {len(data)}")
    return len(data).to_bytes(2, "big") + data


def _qos(qos: int) -> int:
    return _check_range("qos", qos, 0, 2)


def _identifier(packet_id: int) -> int:
    return _check_range("packet_id", packet_id, 1, 65_535)


def _check_range(what: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise ValueError(f"{what}: expected {low} to {high}, was {value}")
    return value
