"""Bodies of the MQTT 3.1.1 packets other than PUBLISH to structs."""

from __future__ import annotations

from collections.abc import Callable

from ingest.mqtt.errors import ProtocolError, UnsupportedVersionError
from ingest.mqtt.packets import (
    SUBSCRIPTION_REFUSED,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Will,
)
from ingest.mqtt.topics import check_filter, check_topic

_GRANTED = frozenset({0, 1, 2, SUBSCRIPTION_REFUSED})


class _Reader:
    """Takes fields from the front of a body."""

    def __init__(self, name: str, body: bytes) -> None:
        self.name = name
        self.body = body
        self.position = 0

    def take(self, size: int, what: str) -> bytes:
        end = self.position + size
        if end > len(self.body):
            raise ProtocolError(f"{self.name}: expected {size} bytes of {what}, was {len(self.body) - self.position}")
        field = self.body[self.position : end]
        self.position = end
        return field

    def byte(self, what: str) -> int:
        return self.take(1, what)[0]

    def number(self, what: str) -> int:
        return int.from_bytes(self.take(2, what), "big")

    def identifier(self) -> int:
        packet_id = self.number("packet identifier")
        if not packet_id:
            raise ProtocolError(f"{self.name}: expected a packet identifier above 0, was 0")
        return packet_id

    def binary(self, what: str) -> bytes:
        return self.take(self.number(f"length of {what}"), what)

    def text(self, what: str) -> str:
        raw = self.binary(what)
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError(f"{self.name}: {what}: expected UTF-8, was {raw[:40]!r}") from error
        if "\0" in text:
            raise ProtocolError(f"{self.name}: {what}: expected no U+0000, was {text[:40]!r}")
        return text

    def checked(self, what: str, check: Callable[[str], None]) -> str:
        text = self.text(what)
        try:
            check(text)
        except ValueError as error:
            raise ProtocolError(f"{self.name}: {error}") from error
        return text

    def qos(self, value: int) -> int:
        if value > 2:
            raise ProtocolError(f"{self.name}: expected a QoS of 0, 1 or 2, was {value}")
        return value

    def more(self) -> bool:
        return self.position < len(self.body)

    def end(self) -> None:
        if self.more():
            raise ProtocolError(f"{self.name}: expected its end, was {len(self.body) - self.position} more bytes")


def _connect(body: bytes) -> Connect:
    reader = _Reader("CONNECT", body)
    name = reader.binary("protocol name")
    level = reader.byte("protocol level")
    if name == b"MQIsdp" or (name == b"MQTT" and level != 4):
        raise UnsupportedVersionError(level)
    if name != b"MQTT":
        raise ProtocolError(f"CONNECT: expected the protocol name MQTT, was {name[:40]!r}")
    flags = reader.byte("flags")
    if flags & 1:
        raise ProtocolError("CONNECT: expected the reserved flag 0, was 1")
    if flags & 0x40 and not flags & 0x80:
        raise ProtocolError("CONNECT: expected no password without a user name")
    if flags & 0x38 and not flags & 0x04:
        raise ProtocolError("CONNECT: expected neither QoS nor retain of a will that is not there")
    keep_alive_s = reader.number("keep alive")
    client_id = reader.text("client identifier")
    will = None
    if flags & 0x04:
        qos = reader.qos(flags >> 3 & 3)
        topic = reader.checked("will topic", check_topic)
        will = Will(topic, reader.binary("will payload"), qos, bool(flags & 0x20))
    username = reader.text("user name") if flags & 0x80 else None
    password = reader.binary("password") if flags & 0x40 else None
    reader.end()
    return Connect(client_id, bool(flags & 0x02), keep_alive_s, will, username, password)


def _connack(body: bytes) -> Connack:
    reader = _Reader("CONNACK", body)
    flags, code = reader.take(2, "flags and code")
    reader.end()
    if flags > 1 or code > 5 or (flags and code):
        raise ProtocolError(f"CONNACK: expected flags 0 or 1 and a code of 0 to 5, was {flags} and {code}")
    return Connack(bool(flags), code)


def _subscribe(body: bytes) -> Subscribe:
    reader = _Reader("SUBSCRIBE", body)
    packet_id = reader.identifier()
    filters: list[tuple[str, int]] = []
    while reader.more() or not filters:
        topic_filter = reader.checked("filter", check_filter)
        filters.append((topic_filter, reader.qos(reader.byte("QoS"))))
    return Subscribe(packet_id, tuple(filters))


def _suback(body: bytes) -> Suback:
    reader = _Reader("SUBACK", body)
    packet_id = reader.identifier()
    codes = tuple(body[2:])
    if not codes or not _GRANTED.issuperset(codes):
        raise ProtocolError(f"SUBACK: expected codes out of 0, 1, 2 and 128, was {codes[:10]}")
    return Suback(packet_id, codes)


def _unsubscribe(body: bytes) -> Unsubscribe:
    reader = _Reader("UNSUBSCRIBE", body)
    packet_id = reader.identifier()
    filters: list[str] = []
    while reader.more() or not filters:
        filters.append(reader.checked("filter", check_filter))
    return Unsubscribe(packet_id, tuple(filters))


def _identified(kind: type[Puback | Pubrec | Pubrel | Pubcomp | Unsuback], body: bytes) -> Packet:
    reader = _Reader(kind.__name__.upper(), body)
    packet_id = reader.identifier()
    reader.end()
    return kind(packet_id)


def _empty(kind: type[Pingreq | Pingresp | Disconnect], body: bytes) -> Packet:
    _Reader(kind.__name__.upper(), body).end()
    return kind()


# The low four bits of the first byte are fixed for all of these, so that the whole byte is the key.
_DECODERS: dict[int, Callable[[bytes], Packet]] = {
    0x10: _connect,
    0x20: _connack,
    0x40: lambda body: _identified(Puback, body),
    0x50: lambda body: _identified(Pubrec, body),
    0x62: lambda body: _identified(Pubrel, body),
    0x70: lambda body: _identified(Pubcomp, body),
    0x82: _subscribe,
    0x90: _suback,
    0xA2: _unsubscribe,
    0xB0: lambda body: _identified(Unsuback, body),
    0xC0: lambda body: _empty(Pingreq, body),
    0xD0: lambda body: _empty(Pingresp, body),
    0xE0: lambda body: _empty(Disconnect, body),
}


def check_first_byte(first: int) -> None:
    """Check type and flags of a packet whose body has not come yet, so that another protocol is noticed at once.

    Raises
    ------
    ProtocolError
        If no packet of MQTT 3.1.1 begins so.
    """
    if first not in _DECODERS and (first & 0xF0 != 0x30 or first & 0x06 == 0x06):
        raise ProtocolError(f"packet: expected a type and flags of MQTT 3.1.1, was 0x{first:02x}")


def decode_body(first: int, body: bytes) -> Packet:
    """Decode a packet (no PUBLISH) from its first byte and its body.

    Raises
    ------
    ProtocolError
        If it is not one of MQTT 3.1.1; ``UnsupportedVersionError`` for a CONNECT of another version.
    """
    check_first_byte(first)
    return _DECODERS[first](body)
