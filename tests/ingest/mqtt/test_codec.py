"""The codec: every packet there and back, any split of the stream, limits, and what is malformed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mqtt.codec import Parser
from ingest.mqtt.encode import encode, encode_length, encode_pubacks, encode_publish
from ingest.mqtt.errors import ProtocolError, UnsupportedVersionError
from ingest.mqtt.packets import (
    MAX_REMAINING_LENGTH,
    Connack,
    Connect,
    Disconnect,
    OversizePublish,
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

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
topics = text.filter(lambda topic: topic and not set(topic) & set("+#"))
levels = st.one_of(st.just("+"), text.filter(lambda level: not set(level) & set("+#/")))
filters = st.builds(
    lambda parts, tail: "/".join([*parts, *tail]),
    st.lists(levels, min_size=1, max_size=5),
    st.sampled_from([(), ("#",)]),
).filter(bool)
identifiers = st.integers(1, 65_535)
qos = st.integers(0, 2)
payloads = st.one_of(st.binary(max_size=300), st.builds(lambda n: b"p" * n, st.integers(100, 40_000)))
packets = st.one_of(
    st.builds(
        Connect,
        text,
        st.booleans(),
        st.integers(0, 65_535),
        st.none() | st.builds(Will, topics, st.binary(max_size=50), qos, st.booleans()),
        text,
        st.none() | st.binary(max_size=20),
    ),
    st.builds(Connect, text, st.booleans()),
    st.builds(Connack, st.booleans(), st.just(0)),
    st.builds(Connack, st.just(False), st.integers(1, 5)),
    st.builds(Publish, topics, payloads, st.just(0), st.booleans()),
    st.builds(Publish, topics, payloads, st.integers(1, 2), st.booleans(), st.booleans(), identifiers),
    *(st.builds(kind, identifiers) for kind in (Puback, Pubrec, Pubrel, Pubcomp, Unsuback)),
    st.builds(Subscribe, identifiers, st.lists(st.tuples(filters, qos), min_size=1, max_size=4).map(tuple)),
    st.builds(Suback, identifiers, st.lists(st.sampled_from([0, 1, 2, 128]), min_size=1, max_size=4).map(tuple)),
    st.builds(Unsubscribe, identifiers, st.lists(filters, min_size=1, max_size=4).map(tuple)),
    st.sampled_from([Pingreq(), Pingresp(), Disconnect()]),
)


@given(st.lists(packets, max_size=6), st.data())
@settings(max_examples=150, deadline=None)
def test_any_split_of_the_stream_gives_the_packets_back(sent, data):
    stream = b"".join(map(encode, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parser = Parser()
    received = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += parser.feed(memoryview(stream)[start:stop])
    assert received == sent


@given(st.lists(packets, min_size=1, max_size=3))
@settings(max_examples=30, deadline=None)
def test_single_bytes_give_the_packets_back(sent):
    stream = b"".join(map(encode, sent))[:3000]
    whole = Parser().feed(stream)
    parser = Parser()
    assert [packet for i in range(len(stream)) for packet in parser.feed(stream[i : i + 1])] == whole


@given(st.lists(st.binary(max_size=60), max_size=5), st.integers(16, 200))
@settings(max_examples=300, deadline=None)
def test_garbage_raises_nothing_but_protocol_errors(chunks, limit):
    parser = Parser(limit)
    for chunk in chunks:
        try:
            parser.feed(chunk)
        except ProtocolError:
            with pytest.raises(ProtocolError):
                parser.feed(b"")
            return
    assert len(parser._buffer) <= 65_535 + 10


@given(packets, st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_packet_raises_nothing_but_protocol_errors(packet, data):
    damaged = bytearray(encode(packet)[:400])
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    found = []
    with suppress(ProtocolError):
        found = Parser().feed(bytes(damaged))
    # What is taken is well formed: it can be written again.
    assert all(encode(one) for one in found if not isinstance(one, OversizePublish))


@pytest.mark.parametrize(
    ("packet", "wire"),
    [
        (Pingreq(), "c000"),
        (Disconnect(), "e000"),
        (Puback(258), "40020102"),
        (Pubrel(1), "62020001"),
        (Connack(True, 0), "20020100"),
        (Publish("a/b", b"hi"), "30070003612f626869"),
        (Publish("a/b", b"hi", 1, True, True, 10), "3b090003612f62000a6869"),
        (Subscribe(1, (("a", 1), ("#", 0))), "820a00010001610100012300"),
        (Suback(1, (1, 128)), "900400010180"),
        (Connect("c", True, 60), "100d00044d5154540402003c000163"),
        (
            Connect("c", False, 1, Will("w", b"x", 1, True), "u", b"p"),
            "101900044d51545404ec0001000163000177000178000175000170",
        ),
    ],
)
def test_bytes_of_the_standard(packet, wire):
    assert encode(packet).hex() == wire
    assert Parser().feed(bytes.fromhex(wire)) == [packet]


@pytest.mark.parametrize(
    ("wire", "problem"),
    [
        ("0000", "type and flags"),
        ("f000", "type and flags"),
        ("60020001", "type and flags"),
        ("80050001000161", "type and flags"),
        ("3000", "at least 2 bytes"),
        ("30020000", "at least one character"),
        ("3003000123", "no wildcard"),
        ("3003000100", "U\\+0000"),
        ("30030001ff", "codec"),
        ("30050003eda080", "codec"),
        ("3003000261", "inside the packet"),
        ("3803000161", "no DUP at QoS 0"),
        ("32050001610000", "identifier above 0"),
        ("36050001610001", "QoS below 3"),
        ("3203000161", "inside the packet"),
        ("30ffffffff01", "at most four bytes"),
        ("40020000", "identifier above 0"),
        ("4003000101", "its end"),
        ("c00100", "its end"),
        ("82020001", "bytes of length of filter"),
        ("8206000100016103", "QoS of 0, 1 or 2"),
        ("820700010002236100", "alone"),
        ("90020001", "codes"),
        ("20020200", "flags 0 or 1"),
        ("20020006", "code of 0 to 5"),
        ("100d00044d5154540403003c000163", "reserved flag"),
        ("100d00044d5154540442003c000163", "password without"),
        ("100d00044d5154540422003c000163", "will that is not there"),
        ("100d00044d5154580402003c000163", "protocol name"),
        ("100e00044d5154540402003c00016300", "its end"),
    ],
)
def test_malformed_packets_are_refused_with_the_reason(wire, problem):
    with pytest.raises(ProtocolError, match=problem):
        Parser().feed(bytes.fromhex(wire))


@pytest.mark.parametrize(("name", "level"), [("MQTT", 5), ("MQTT", 3), ("MQIsdp", 3)])
def test_other_versions_are_told_apart(name, level):
    body = len(name).to_bytes(2, "big") + name.encode() + bytes((level, 2, 0, 60, 0, 0, 1, 99))
    with pytest.raises(UnsupportedVersionError) as caught:
        Parser().feed(b"\x10" + encode_length(len(body)) + body)
    assert caught.value.level == level


def test_packets_before_an_error_are_not_lost():
    with pytest.raises(ProtocolError) as caught:
        Parser().feed(encode(Publish("a", b"1")) + encode(Puback(7)) + b"\xff\x00")
    assert caught.value.packets == [Publish("a", b"1"), Puback(7)]


@given(st.integers(0, 2), st.integers(1, 5_000), st.lists(st.integers(1, 700), max_size=30), st.booleans())
@settings(max_examples=100, deadline=None)
def test_an_oversize_publish_is_skipped_and_its_neighbours_are_not(level, extra, cuts, retain):
    packet_id = 9 if level else 0
    big = Publish("a/big", b"b" * (300 + extra), level, retain, False, packet_id)
    stream = encode(Publish("a", b"1")) + encode(big) + encode(Publish("a", b"2"))
    parser = Parser(300)
    received = []
    rest = stream
    for cut in cuts:
        received += parser.feed(rest[:cut])
        rest = rest[cut:]
        assert len(parser._buffer) <= 300
    received += parser.feed(rest)
    report = OversizePublish("a/big", len(encode(big)), level, packet_id)
    assert received == [Publish("a", b"1"), report, Publish("a", b"2")]


def test_the_limit_counts_the_whole_packet():
    packet = encode(Publish("a", b"x" * 100))
    assert isinstance(Parser(len(packet)).feed(packet)[0], Publish)
    assert isinstance(Parser(len(packet) - 1).feed(packet)[0], OversizePublish)


def test_any_other_packet_above_the_limit_is_an_error():
    with pytest.raises(ProtocolError, match="at most 20 bytes"):
        Parser(20).feed(encode(Subscribe(1, (("a" * 40, 0),))))


def test_an_oversize_publish_is_acknowledgeable_only_after_its_last_byte():
    data = encode(Publish("a", b"x" * 1000, 1, packet_id=3))
    parser = Parser(100)
    assert parser.feed(data[:-1]) == []
    assert parser.feed(data[-1:]) == [OversizePublish("a", len(data), 1, 3)]


def test_messages_carry_the_number_of_the_connection():
    parser = Parser(60, connection=7)
    found = parser.feed(encode(Publish("a", b"")) + encode(Publish("a", b"x" * 99)))
    assert [packet.connection for packet in found] == [7, 7]


@pytest.mark.parametrize(
    ("length", "wire"),
    [(0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001"), (MAX_REMAINING_LENGTH, "ffffff7f")],
)
def test_remaining_lengths(length, wire):
    assert encode_length(length).hex() == wire


def test_what_cannot_be_written_is_refused():
    for packet in (
        Publish("a/+", b""),
        Publish("", b""),
        Publish("a", b"", 1),
        Publish("a", b"", 0, False, True),
        Publish("a", b"", 3, packet_id=1),
        Puback(65_536),
        Subscribe(1, ()),
        Connect("c", password=b"p"),
        Connect("c\0"),
        Connect("c", keep_alive_s=65_536),
        OversizePublish("a", 1),
    ):
        with pytest.raises(ValueError, match="expected"):
            encode(packet)
    with pytest.raises(ValueError, match="remaining length"):
        encode_length(MAX_REMAINING_LENGTH + 1)


def test_many_acknowledgements_are_one_block():
    assert Parser().feed(encode_pubacks([1, 256, 65_535])) == [Puback(1), Puback(256), Puback(65_535)]
    assert encode_publish(b"a", b"", 1, packet_id=0x1234) == encode(Publish("a", b"", 1, packet_id=0x1234))
