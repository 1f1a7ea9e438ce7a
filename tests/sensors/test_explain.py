from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from sensors.codec import MAX_PAYLOAD_BYTES, MESSAGE_TYPES, decode
from sensors.errors import DecodeError
from tests.sensors.messages import KEYS, example, float_paths, path_text, topic_of

VDS, SLOPE, WEATHER = ("vds", "obs"), ("slope", "obs"), ("weather", "obs")
TOWER, CCTV, STATUS, COMMAND = ("tower", "event"), ("cctv", "event"), ("cctv", "status"), ("sign", "command")
_LANE = {"lane": 1, "volume": 9, "speed_kmh": None, "occupancy_pct": 7.0}

WRONG_FIELDS: list[tuple[Any, dict[str, Any], str, str]] = [
    (WEATHER, {"temp_c": "cold"}, "temp_c", "expected a number or null, was 'cold'"),
    (WEATHER, {"temp_c": True}, "temp_c", "expected a number or null, was true"),
    (WEATHER, {"temp_c": [1]}, "temp_c", "expected a number or null, was an array"),
    (WEATHER, {"temp_c": 140}, "temp_c", "expected a number <= 100.0, was 140"),
    (WEATHER, {"temp_c": math.nan}, "temp_c", "expected a number >= -100.0, was NaN"),
    (WEATHER, {"wind_deg": math.inf}, "wind_deg", "expected a number <= 360.0, was infinity"),
    (WEATHER, {"wind_deg": -0.5}, "wind_deg", "expected a number >= 0.0, was -0.5"),
    (
        WEATHER,
        {"road_state": "foggy"},
        "road_state",
        "expected one of 'dry', 'ice', 'moist', 'snow', 'unknown', 'wet', was 'foggy'",
    ),
    (WEATHER, {"seq": -1}, "seq", "expected a whole number >= 0, was -1"),
    (WEATHER, {"seq": 1.5}, "seq", "expected a whole number, was 1.5"),
    (WEATHER, {"seq": 2**53}, "seq", "expected a whole number <= 9007199254740991, was 9007199254740992"),
    (WEATHER, {"time": "yesterday"}, "time", "expected an RFC 3339 time such as 2026-03-01T09:00:00Z, was 'yesterday'"),
    (
        WEATHER,
        {"time": "2026-03-01T09:00:00"},
        "time",
        "expected a time with Z or an offset, was '2026-03-01T09:00:00'",
    ),
    (WEATHER, {"time": 1772355600}, "time", "expected an RFC 3339 time with Z or an offset, was 1772355600"),
    (
        WEATHER,
        {"time": "0001-01-01T00:00:00Z"},
        "time",
        "expected a time from 1970 to 2259, was 0001-01-01T00:00:00+00:00",
    ),
    (STATUS, {"frame_time": "2500-01-01T00:00:00Z"}, "frame_time", "expected a time from 1970 to 2259, was 2500-"),
    (COMMAND, {"expires": "9999-12-31T23:59:59Z"}, "expires", "expected a time from 1970 to 2259, was 9999-"),
    (WEATHER, {"device": "other"}, "device", "expected the device of the topic, 'd-1', was 'other'"),
    (WEATHER, {"device": "d 1"}, "device", "expected a text matching regex "),
    (WEATHER, {"device": "d-1\n"}, "device", "expected a text matching regex "),
    (VDS, {"lanes": []}, "lanes", "expected an array of length >= 1, was 0 long"),
    (VDS, {"lanes": [_LANE] * 17}, "lanes", "expected an array of length <= 16, was 17 long"),
    (VDS, {"lanes": [_LANE, _LANE | {"volume": 1.5}]}, "lanes[1].volume", "expected a whole number, was 1.5"),
    (VDS, {"lanes": [{"lane": 1}]}, "lanes[0].volume", "expected a value, was missing"),
    (
        VDS,
        {"lanes": [_LANE | {"occupancy_pct": 100.5}]},
        "lanes[0].occupancy_pct",
        "expected a number <= 100.0, was 100.5",
    ),
    (VDS, {"period_s": 0}, "period_s", "expected a number > 0.0, was 0"),
    (VDS, {"fault": "x" * 501}, "fault", "expected a text of length <= 500, was 501 long"),
    (SLOPE, {"soil_moisture_frac": [0.2, 1.2]}, "soil_moisture_frac[1]", "expected a number <= 1.0, was 1.2"),
    (TOWER, {"bbox": [0, 0, 1]}, "bbox", "expected an array of length 4, was 3 long"),
    (TOWER, {"detection": ""}, "detection", "expected a text of length >= 1, was 0 long"),
    (TOWER, {"source": 1}, "source", "expected a text, was 1"),
    (CCTV, {"event": "a" * 200}, "event", "expected one of 'debris', 'flooding', "),
    (CCTV, {"confidence": None}, "confidence", "expected a number, was null"),
]


def _in_json(change: dict[str, Any]) -> bool:
    return not any(isinstance(value, float) and not math.isfinite(value) for value in change.values())


CASES = [(*case, msgspec.msgpack.encode) for case in WRONG_FIELDS] + [
    (*case, msgspec.json.encode) for case in WRONG_FIELDS if _in_json(case[1])
]


@pytest.mark.parametrize(("key", "change", "field", "problem", "pack"), CASES)
def test_an_error_names_the_field_and_what_was_there(key, change, field, problem, pack):
    with pytest.raises(DecodeError) as caught:
        decode(topic_of(key), pack(example(key) | change))
    assert caught.value.field == field
    assert caught.value.problem.startswith(problem)
    assert " got " not in str(caught.value)
    assert len(caught.value.problem) < 400


@pytest.mark.parametrize("name", ["device", "time", "seq", "event", "confidence"])
def test_what_is_missing_is_named(name):
    plain = example(CCTV)
    del plain[name]
    with pytest.raises(DecodeError, match=f"^{name}: expected a value, was missing$"):
        decode(topic_of(CCTV), msgspec.json.encode(plain))


_DEEP = b"[" * 100_000 + b"]" * 100_000
WRONG_PAYLOADS = [
    (b"", "expected a JSON or MessagePack object (an array on a gateway's topic), was empty"),
    (b"  ", "expected a JSON or MessagePack object (an array on a gateway's topic), was 0x20 as first byte"),
    (b"\xff\xfe", "expected a JSON or MessagePack object (an array on a gateway's topic), was 0xff as first byte"),
    (b"[]", "expected an object, was an array"),
    (b'{"device": "d-1"', "expected a whole JSON value, was cut short"),
    (b"{device}", "expected JSON, was malformed: object keys must be strings (byte 1)"),
    (b'{"device": "\xff"}', "expected UTF-8 text, was otherwise at byte 0"),
    (b'{"extra": ' + _DEEP + b"}", "expected JSON of a few levels, was nested too deeply"),
    (b"\x81\xa5extra" + b"\x91" * 100_000, "expected MessagePack of a few levels, was nested too deeply"),
    (b"\x81\xa6device", "expected a whole MessagePack value, was cut short"),
    (b"\x81\x01\x02", "expected texts as the keys of objects, was otherwise"),
    (b"{" + b" " * 10 * 2**20 + b"}", "expected at most 1048576 bytes (1 MiB), was 10485762"),
]


@pytest.mark.parametrize(("payload", "problem"), WRONG_PAYLOADS, ids=range(len(WRONG_PAYLOADS)))
def test_an_error_of_the_whole_payload_says_so(payload, problem):
    with pytest.raises(DecodeError) as caught:
        decode(topic_of(CCTV), payload)
    assert caught.value.field == "payload"
    assert caught.value.problem.startswith(problem)


def test_the_limit_is_a_mebibyte():
    payload = msgspec.json.encode(example(CCTV))
    padded = payload[:-1] + b" " * (MAX_PAYLOAD_BYTES - len(payload)) + b"}"
    assert decode(topic_of(CCTV), padded).messages
    with pytest.raises(DecodeError, match="was 1048577"):
        decode(topic_of(CCTV), padded + b" ")


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("key", KEYS)
def test_no_float_field_takes_nan_or_infinity(key, wrong):
    paths = float_paths(inspect.type_info(MESSAGE_TYPES[key]))
    for path in paths:
        plain = example(key)
        inner: Any = plain
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = wrong
        with pytest.raises(DecodeError) as caught:
            decode(topic_of(key), msgspec.msgpack.encode(plain))
        assert caught.value.field == path_text(path)
        assert caught.value.problem.endswith(("was NaN", "was infinity", "was -infinity"))


def test_the_types_hold_floats_at_all():
    """So that the test above cannot pass by looking at nothing."""
    assert len(float_paths(inspect.type_info(MESSAGE_TYPES["slope", "obs"]))) == 8
    assert ("lanes", 0, "speed_kmh") in float_paths(inspect.type_info(MESSAGE_TYPES["vds", "obs"]))
