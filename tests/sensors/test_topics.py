from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.codec import MESSAGE_TYPES, decode
from sensors.errors import DecodeError
from sensors.topics import GATEWAY_LEVEL, KINDS, STREAMS, UPSTREAM_FILTERS, Topic, format_topic, parse_topic

levels = st.from_regex(r"[A-Za-z0-9_-]{1,48}", fullmatch=True).filter(lambda level: level != GATEWAY_LEVEL)


@given(levels, st.sampled_from(KINDS), levels, st.sampled_from(STREAMS), st.booleans())
def test_a_topic_reads_back(district, kind, device, stream, gateway):
    topic = Topic(district, kind, device, "obs" if gateway else stream, gateway)
    assert parse_topic(format_topic(topic)) == topic


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("", "expected it to begin with gwanje/v1/, was ''"),
        ("gwanje/v2/d/vds/a/obs", "expected it to begin with gwanje/v1/"),
        ("gwanje/v1/d/vds/a", "expected gwanje/v1/district/kind/device/stream"),
        ("gwanje/v1/d/vds/a/b/obs", "expected gwanje/v1/district/kind/device/stream"),
        ("gwanje/v1/d/radar/a/obs", "expected a kind out of vds, cctv, slope, tower, weather, sign, cell, was 'radar'"),
        ("gwanje/v1/d/vds/a/readings", "expected a stream out of obs, event, status, command, ack, was 'readings'"),
        ("gwanje/v1/d/vds/_gateway/g/status", "expected a stream out of"),
        ("gwanje/v1/d/vds/_gateway/obs", "expected a gateway after _gateway/"),
        ("gwanje/v1/d/vds/a b/obs", "expected letters, digits, - and _ as device, was 'a b'"),
        ("gwanje/v1//vds/a/obs", "expected letters, digits, - and _ as district, was ''"),
        ("gwanje/v1/d/vds/a\n/obs", "expected letters, digits, - and _ as device"),
        ("gwanje/v1/d/vds/" + "a" * 49 + "/obs", "expected letters, digits, - and _ as device"),
    ],
)
def test_a_wrong_topic_says_what_is_wrong(topic, problem):
    with pytest.raises(DecodeError) as caught:
        parse_topic(topic)
    assert caught.value.field == "topic"
    assert caught.value.problem.startswith(problem)


def test_a_kind_has_only_its_own_streams():
    for kind in KINDS:
        for stream in STREAMS:
            if (kind, stream) not in MESSAGE_TYPES:
                with pytest.raises(DecodeError, match=f"topic: expected a stream that a {kind} device has"):
                    decode(f"gwanje/v1/d/{kind}/a/{stream}", b"{}")


def _matches(pattern: str, topic: str) -> bool:
    wanted, levels_ = pattern.split("/"), topic.split("/")
    return len(wanted) == len(levels_) and all(a in {"+", b} for a, b in zip(wanted, levels_, strict=True))


def test_the_control_room_hears_each_upward_topic_once_and_no_command():
    for kind, stream in MESSAGE_TYPES:
        topic = format_topic(Topic("d", kind, "a", stream))
        heard = sum(_matches(pattern, topic) for pattern in UPSTREAM_FILTERS)
        assert heard == (0 if stream == "command" else 1), topic
    assert sum(_matches(one, "gwanje/v1/d/vds/_gateway/g/obs") for one in UPSTREAM_FILTERS) == 1
