"""Damaged streams of MQTT packets, cut in random places, through the parser."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from ingest.mqtt.codec import Parser
from ingest.mqtt.encode import encode
from ingest.mqtt.errors import ProtocolError
from ingest.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
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
    Will,
)
from tests.ingest.fuzz.mutator import Mutator

MAX_PACKET_BYTES = 1_500
"""Small, so that skipping what is larger is tested as well."""


def right(chooser: random.Random) -> list[Packet]:
    """Return a few packets that are right."""
    number = chooser.randint(1, 65_535)
    payload = chooser.randbytes(chooser.choice((0, 1, 20, 120, 200, 1_480, 3_000)))
    every: list[Packet] = [
        Publish("gwanje/v1/99110/vds/VDS-1/obs", payload, 0, False),
        Publish("gwanje/v1/99110/slope/SLP-1/obs", payload, 1, False, chooser.random() < 0.2, number),
        Publish("관제/v1", payload, 2, True, False, number),
        Publish("x" * chooser.choice((1, 300)), b"", 0, True),
        Puback(number),
        Pubrec(number),
        Pubrel(number),
        Pubcomp(number),
        Connect("d-1", True, 30, Will("gwanje/v1/1/vds/d-1/status", b"{}", 1, True), "user", b"pass"),
        Connect("", True, 0),
        Connack(False, chooser.randint(0, 5)),
        Subscribe(number, (("gwanje/v1/#", 1), ("+/+/x", 0))),
        Suback(number, (0, 1, 2, 128)),
        Unsubscribe(number, ("gwanje/v1/#",)),
        Unsuback(number),
        Pingreq(),
        Pingresp(),
        Disconnect(),
    ]
    return chooser.choices(every, k=chooser.randint(1, 8))


def stream(chooser: random.Random, mutator: Mutator) -> bytes:
    """Return packets as bytes, four in five damaged."""
    data = b"".join(map(encode, right(chooser)))
    return data if chooser.random() < 0.2 else mutator.payload(data)[:40_000]


def cuts(chooser: random.Random, size: int) -> list[int]:
    """Return where to cut so many bytes: nowhere, in a few places, or after each of the first hundred bytes."""
    way = chooser.random()
    if way < 0.2:
        return list(range(1, min(size, 100)))
    return sorted(chooser.randrange(size + 1) for _ in range(chooser.randint(0, 12)))


def parse(data: bytes, places: Sequence[int] = ()) -> tuple[list[Any], str | None]:
    """Feed a parser with bytes in pieces; return the packets and what was wrong with the stream, if anything.

    Raises
    ------
    AssertionError
        If the parser goes on after an error.
    """
    parser = Parser(MAX_PACKET_BYTES)
    packets: list[Any] = []
    for start, stop in zip([0, *places], [*places, len(data)], strict=True):
        try:
            packets += parser.feed(data[start:stop])
        except ProtocolError as exc:
            packets += exc.packets
            _must_have_ended(parser)
            return packets, str(exc)
    return packets, None


def problem_with(data: bytes, places: Sequence[int]) -> str | None:
    """Return what is wrong: an error of another kind, or a result that depends on where the stream was cut."""
    try:
        whole, pieces = parse(data), parse(data, places)
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"
    if whole[0] != pieces[0]:
        return f"{len(whole[0])} packets in one piece, {len(pieces[0])} in pieces, or others"
    if (whole[1] is None) != (pieces[1] is None):
        return f"in one piece {whole[1]!r}, in pieces {pieces[1]!r}"
    return None


def _must_have_ended(parser: Parser) -> None:
    try:
        parser.feed(b"\xc0\x00")
    except ProtocolError:
        return
    raise AssertionError("the parser goes on after an error")
