from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.codec import MAX_BATCH, MESSAGE_TYPES, Encoding, decode, decode_members, encode, encoding_of
from sensors.errors import DecodeError
from sensors.observations import CctvEvent, VdsObservation
from tests.sensors.messages import EXAMPLES, KEYS, MESSAGES, OBS_KEYS, example, keyed_messages, topic_of

ENCODINGS: list[Encoding] = ["json", "msgpack"]
encodings = st.sampled_from(ENCODINGS)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("key", KEYS)
def test_every_stream_takes_its_full_example(key, encoding):
    plain = example(key)
    payload = msgspec.json.encode(plain) if encoding == "json" else msgspec.msgpack.encode(plain)
    (message,) = decode(topic_of(key), payload).messages
    assert type(message) is MESSAGE_TYPES[key]
    assert msgspec.json.decode(msgspec.json.encode(message)) == plain


def test_examples_are_full():
    for key, kind in MESSAGE_TYPES.items():
        assert set(example(key)) == set(kind.__struct_fields__), key
    assert set(EXAMPLES) == set(KEYS)


@settings(max_examples=60)
@given(keyed_messages(), encodings)
def test_what_is_written_reads_back(pair, encoding):
    key, message = pair
    decoded = decode(topic_of(key, message.device), encode(message, encoding))
    assert decoded.messages == (message,)
    assert decoded.topic.device == message.device


@settings(max_examples=25)
@given(st.data(), st.sampled_from(OBS_KEYS), encodings)
def test_a_gateways_batch_reads_back_in_its_order(data, key, encoding):
    messages = tuple(data.draw(st.lists(MESSAGES[key], min_size=1, max_size=4)))
    topic, payload = topic_of(key, "gw-1", gateway=True), encode(messages, encoding)
    assert decode(topic, payload).messages == messages
    assert decode_members(topic, payload) == ((decode(topic, payload).topic, messages), [])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_wrong_member_does_not_cost_its_neighbours(encoding):
    members: list[dict[str, Any]] = [example(("weather", "obs")) for _ in range(4)]
    members[1]["temp_c"] = 500.0
    members[3]["time"] = "0001-01-01T00:00:00Z"
    payload = msgspec.json.encode(members) if encoding == "json" else msgspec.msgpack.encode(members)
    topic = topic_of(("weather", "obs"), "gw-1", gateway=True)
    with pytest.raises(DecodeError, match=r"^\[1\]\.temp_c: expected a number <= 100\.0, was 500\.0$"):
        decode(topic, payload)
    decoded, bad = decode_members(topic, payload)
    assert len(decoded.messages) == 2
    assert [(place, error.field) for place, error in bad] == [(1, "[1].temp_c"), (3, "[3].time")]


@pytest.mark.parametrize("count", [0, MAX_BATCH + 1])
def test_a_batch_has_one_to_a_thousand_members(count):
    payload = msgspec.json.encode([example(("vds", "obs"))] * count)
    topic = topic_of(("vds", "obs"), "gw-1", gateway=True)
    for read in (decode, decode_members):
        with pytest.raises(
            DecodeError, match=f"payload: expected an array of 1 to 1000 observations, was {count} long"
        ):
            read(topic, payload)


def test_a_thousand_fit():
    payload = msgspec.msgpack.encode([example(("vds", "obs"))] * MAX_BATCH)
    assert len(payload) < 2**20
    assert len(decode(topic_of(("vds", "obs"), "gw-1", gateway=True), payload).messages) == MAX_BATCH


def test_unknown_fields_are_passed_over():
    payload = msgspec.json.encode(example(("cctv", "event")) | {"vendor": {"a": [1, 2]}})
    (message,) = decode(topic_of(("cctv", "event")), payload).messages
    assert isinstance(message, CctvEvent)


def test_an_offset_is_the_same_instant():
    payload = msgspec.json.encode(example(("vds", "obs")) | {"time": "2026-03-01T18:00:00+09:00"})
    (message,) = decode(topic_of(("vds", "obs")), payload).messages
    assert message.time == datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_a_message_pack_timestamp_is_a_time_too():
    plain = example(("cctv", "event")) | {"time": datetime(2026, 3, 1, 9, tzinfo=UTC)}
    (message,) = decode(topic_of(("cctv", "event")), msgspec.msgpack.encode(plain)).messages
    assert message.time == datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("payload", "encoding"),
    [(b"{", "json"), (b" \n\t[", "json"), (b"\x80", "msgpack"), (b"\x9f", "msgpack"), (b"\xdc\x00", "msgpack")],
)
def test_the_first_byte_tells_the_encoding(payload, encoding):
    assert encoding_of(payload) == encoding


def test_members_are_for_gateways_only():
    with pytest.raises(DecodeError, match="topic: expected the obs topic of a gateway"):
        decode_members(topic_of(("vds", "obs")), b"[]")


def _mutated(payload: bytes) -> st.SearchStrategy[bytes]:
    return st.tuples(st.integers(0, len(payload) - 1), st.integers(0, 255)).map(
        lambda change: payload[: change[0]] + bytes([change[1]]) + payload[change[0] + 1 :]
    )


_ORDINARY = VdsObservation(device="d-1", time=datetime(2026, 3, 1, tzinfo=UTC), seq=1, period_s=30.0, lanes=())
_TOPICS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(KEYS).map(topic_of),
    st.sampled_from(OBS_KEYS).map(lambda key: topic_of(key, "gw-1", gateway=True)),
)
_PAYLOADS = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=60).map(lambda tail: b"{" + tail),
    st.binary(max_size=60).map(lambda tail: b"\x93" + tail),
    *(_mutated(encode(_ORDINARY, encoding)) for encoding in ENCODINGS),
    *(_mutated(encode([_ORDINARY, _ORDINARY], encoding)) for encoding in ENCODINGS),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ).map(msgspec.msgpack.encode),
)


@settings(max_examples=150)
@given(_TOPICS, _PAYLOADS)
def test_whatever_comes_raises_decode_errors_only(topic, payload):
    errors = []
    for read in (decode, decode_members):
        try:
            read(topic, payload)
        except DecodeError as exc:
            errors.append(exc)
    assert all(error.field and error.problem for error in errors)
