"""Messages for tests: one full example of each stream, and strategies that follow the types' own bounds."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from sensors.codec import EARLIEST, LATEST, MESSAGE_TYPES
from sensors.topics import Kind, Stream, Topic, format_topic

KEYS: list[tuple[Kind, Stream]] = list(MESSAGE_TYPES)
OBS_KEYS = [key for key in KEYS if key[1] == "obs"]
HEAD = {"device": "d-1", "time": "2026-03-01T09:00:00Z", "seq": 7}

EXAMPLES: dict[tuple[str, str], dict[str, Any]] = {
    ("vds", "obs"): {
        "period_s": 30.0,
        "lanes": [{"lane": 1, "volume": 9, "speed_kmh": 88.5, "occupancy_pct": 7.0, "heavy": 2}],
        "fault": "loop 2 open",
    },
    ("slope", "obs"): {
        "rain_mm_total": 812.5,
        "tilt_x_deg": 0.1,
        "tilt_y_deg": -0.2,
        "soil_moisture_frac": [0.2, 0.3],
        "pore_pressure_kpa": -4.0,
        "extension_mm": 1.5,
        "battery_v": 3.9,
        "rssi_dbm": -97.0,
    },
    ("weather", "obs"): {
        "temp_c": -3.5,
        "rh_pct": 80.0,
        "wind_kmh": 12.0,
        "wind_deg": 270.0,
        "rain_mm_total": 3.0,
        "visibility_m": 900.0,
        "road_surface_c": -1.0,
        "road_state": "ice",
    },
    ("tower", "event"): {
        "detection": "t-1",
        "azimuth_deg": 359.9,
        "azimuth_sigma_deg": 0.5,
        "elevation_deg": 1.0,
        "confidence": 0.8,
        "bbox": [0.4, 0.4, 0.6, 0.6],
        "hfov_deg": 54.2,
        "source": "camera",
    },
    ("cctv", "event"): {"event": "stopped_vehicle", "confidence": 0.9, "lane": 2},
    ("cctv", "status"): {
        "online": True,
        "fault": "lens dirty",
        "pan_deg": 10.0,
        "tilt_deg": -8.0,
        "zoom": 1.0,
        "frame_time": "2026-03-01T08:59:59Z",
        "stream_url": "rtsp://192.0.2.1/1",
    },
    ("sign", "command"): {"message": "m-1", "multi": "[jl3]SLOW", "priority": 128, "expires": "2026-03-01T09:30:00Z"},
    ("sign", "ack"): {"message": "m-1", "shown": False, "multi": "", "pixel_errors": 3, "reason": "too wide"},
    ("cell", "command"): {
        "message": "m-1",
        "message_id": 4371,
        "serial": 16400,
        "language": "ko",
        "text": "대피",
        "pages": ["4010117311" + "00" * 83],
        "cells": ["cell-00001-1"],
        "repetition_s": 30.0,
        "broadcasts": 20,
        "expires": "2026-03-01T09:30:00Z",
        "cancel": False,
    },
    ("cell", "ack"): {"message": "m-1", "cells_ok": 8, "cells_failed": ["cell-00001-2"], "reason": "out of service"},
}
for _kind, _stream in KEYS:
    if _stream == "status":
        _camera = MESSAGE_TYPES[_kind, _stream].__name__ == "CameraStatus"
        EXAMPLES.setdefault((_kind, _stream), EXAMPLES["cctv", "status"] if _camera else {"online": True, "fault": "x"})


def example(key: tuple[str, str]) -> dict[str, Any]:
    """Return a full message as plain values, fresh each time."""
    copied: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(HEAD | EXAMPLES[key]))
    return copied


def topic_of(key: tuple[Kind, Stream], device: str = "d-1", *, gateway: bool = False) -> str:
    return format_topic(Topic("51750", key[0], device, key[1], gateway))


def values_of(info: inspect.Type) -> st.SearchStrategy[Any]:
    """Return a strategy of all values that a type takes."""
    match info:
        case inspect.Metadata():
            return values_of(info.type)
        case inspect.UnionType():
            return st.one_of(*[values_of(option) for option in info.types])
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.LiteralType():
            return st.sampled_from(info.values)
        case inspect.IntType():
            return st.integers(info.ge, info.le)
        case inspect.FloatType():
            low = info.ge if info.ge is not None else info.gt
            return st.floats(low, info.le, exclude_min=info.gt is not None)
        case inspect.StrType(pattern=str() as pattern):
            return st.from_regex(re.compile(pattern.replace("$(?!\\n)", r"\Z"), re.ASCII))
        case inspect.StrType():
            return st.text(min_size=info.min_length or 0, max_size=min(info.max_length or 50, 50))
        case inspect.DateTimeType():
            first, last = EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None) - timedelta(microseconds=1)
            return st.datetimes(first, last, timezones=st.just(UTC))
        case inspect.VarTupleType():
            most = min(info.max_length or 4, 4)
            return st.lists(values_of(info.item_type), min_size=info.min_length or 0, max_size=most).map(tuple)
        case inspect.TupleType():
            return st.tuples(*[values_of(item) for item in info.item_types])
        case inspect.StructType():
            return st.builds(info.cls, **{field.name: values_of(field.type) for field in info.fields})
    raise AssertionError(info)


MESSAGES = {key: values_of(inspect.type_info(kind)) for key, kind in MESSAGE_TYPES.items()}


def keyed_messages(keys: list[tuple[Kind, Stream]] = KEYS) -> st.SearchStrategy[tuple[Any, Any]]:
    """Return (key, message) pairs of all streams."""
    return st.sampled_from(keys).flatmap(lambda key: st.tuples(st.just(key), MESSAGES[key]))


def float_paths(info: inspect.Type, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return where a type holds floats; the first member stands for all members of a tuple of any length."""
    match info:
        case inspect.Metadata():
            return float_paths(info.type, path)
        case inspect.FloatType():
            return [path]
        case inspect.UnionType():
            return [found for option in info.types for found in float_paths(option, path)]
        case inspect.VarTupleType():
            return float_paths(info.item_type, (*path, 0))
        case inspect.TupleType():
            return [one for place, item in enumerate(info.item_types) for one in float_paths(item, (*path, place))]
        case inspect.StructType():
            return [one for field in info.fields for one in float_paths(field.type, (*path, field.name))]
    return []


def path_text(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
