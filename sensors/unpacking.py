"""Fields of many messages to columns, by way of MessagePack: one pass in compiled code instead of one a field.

msgspec writes a struct as a map of its fields in a fixed order. As long as every number of every sample takes the same
room, the bytes of many samples are records of equal length, and numpy reads their fields where they stand; a speed that
is missing is made a NaN beforehand. Where a number takes more room (over 127 vehicles), fields are taken one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from sensors.observations import LaneSample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK = 2_048
"""Samples at a time: their bytes stay in the processor's cache, and one that does not fit costs only so many."""
_FLOATS = ("speed_kmh", "occupancy_pct")
_FLOAT_TAG, _NONE_TAG, _MOST_SMALL = 0xCB, 0xC0, 0x7F
_TIME = np.dtype([("tag", ">u2"), ("value", ">u8")])
_WHOLE_TIME = np.dtype([("tag", ">u2"), ("value", ">u4")])
_TIME_TAG, _WHOLE_TIME_TAG = 0xD7FF, 0xD6FF
_SECOND_BITS = 34
_LAST_S = 9_223_372_035
"""Nanoseconds since 1970 of later seconds do not fit into 64 bits."""
_encode = msgspec.msgpack.Encoder().encode


def _record() -> np.dtype[np.void]:
    """Return where each number stands in the bytes of one sample in which each takes the usual room."""
    names: list[str] = []
    formats: list[str] = []
    offsets: list[int] = []
    at = 1  # behind the head of the map
    for name in LaneSample.__struct_fields__:
        at += 1 + len(name)  # a short text's head says its length
        if name in _FLOATS:
            names += [f"{name}_tag", name]
            formats += ["u1", ">f8"]
            offsets += [at, at + 1]
            at += 9
        else:
            names.append(name)
            formats.append("u1")
            offsets.append(at)
            at += 1
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": at})


_RECORD = _record()
# Eleven bytes of which nine are a name: between names there are at most nine, so they stand nowhere else.
_NO_SPEED, _NAN_SPEED = b"\xa9speed_kmh\xc0", b"\xa9speed_kmh" + msgspec.msgpack.encode(float("nan"))


class LaneColumns(NamedTuple):
    """Fields of lane samples, each of shape (n_sample,); NaN where there was none."""

    lane: Ints
    volume: Floats
    speed_kmh: Floats
    occupancy_pct: Floats
    heavy: Floats

    def part(self, which: slice) -> LaneColumns:
        """Return a view of some samples."""
        return LaneColumns(
            self.lane[which],
            self.volume[which],
            self.speed_kmh[which],
            self.occupancy_pct[which],
            self.heavy[which],
        )


def lane_columns(samples: Sequence[LaneSample]) -> LaneColumns:
    """Return the fields of some samples as columns, exactly."""
    count = len(samples)
    columns = LaneColumns(np.empty(count, dtype=np.int64), *(np.empty(count) for _ in range(4)))
    for start in range(0, count, _CHUNK):
        some = samples[start : start + _CHUNK]
        part = columns.part(slice(start, start + _CHUNK))
        if not _by_record(some, part):
            _by_attribute(some, part)
    return columns


def _by_record(samples: Sequence[LaneSample], into: LaneColumns) -> bool:
    """Fill columns out of records of equal length; false, with nothing said about the columns, if they are not."""
    data, head = _encoded(samples)
    length = head + len(samples) * _RECORD.itemsize
    if len(data) < length:
        data = data.replace(_NO_SPEED, _NAN_SPEED)
    if len(data) != length:
        return False
    record: Any = np.frombuffer(data, dtype=_RECORD, offset=head)
    # If these bytes are right in every record, each has the length of one, and so the next begins where we look for it.
    usual = (
        (record["lane"] | record["volume"] <= _MOST_SMALL)
        & (record["speed_kmh_tag"] == _FLOAT_TAG)
        & (record["occupancy_pct_tag"] == _FLOAT_TAG)
    )
    heavy = record["heavy"]
    no_heavy = heavy == _NONE_TAG
    if not (usual & (no_heavy | (heavy <= _MOST_SMALL))).all():
        return False
    into.lane[:] = record["lane"]
    into.volume[:] = record["volume"]
    into.speed_kmh[:] = record["speed_kmh"]
    into.occupancy_pct[:] = record["occupancy_pct"]
    into.heavy[:] = heavy
    into.heavy[no_heavy] = np.nan
    return True


def _by_attribute(samples: Sequence[LaneSample], into: LaneColumns) -> None:
    count = len(samples)
    into.lane[:] = np.fromiter(map(attrgetter("lane"), samples), dtype=np.int64, count=count)
    into.volume[:] = np.fromiter(map(attrgetter("volume"), samples), dtype=np.float64, count=count)
    into.occupancy_pct[:] = np.fromiter(map(attrgetter("occupancy_pct"), samples), dtype=np.float64, count=count)
    # numpy reads None as NaN out of a list, but not out of an iterator.
    into.speed_kmh[:] = np.array(list(map(attrgetter("speed_kmh"), samples)), dtype=np.float64)
    into.heavy[:] = np.array(list(map(attrgetter("heavy"), samples)), dtype=np.float64)


def whole_times_ns(times: Sequence[datetime]) -> Ints | None:
    """Return aware times [ns since 1970 UTC], shape (n,), exactly; None if they are not all of one common length.

    Notes
    -----
    A time from 1970 on takes 10 bytes, with nanoseconds in the upper 30 bits of 64, or 6 when it is a whole second.
    """
    try:
        data, head = _encoded(times)
    except OverflowError:  # year 1 or 9999, and with its offset beyond
        return None
    if len(data) == head + len(times) * _TIME.itemsize:
        record = np.frombuffer(data, dtype=_TIME, offset=head)
        value = record["value"].astype(np.uint64)
        seconds = (value & np.uint64((1 << _SECOND_BITS) - 1)).astype(np.int64)
        if not (record["tag"] == _TIME_TAG).all() or seconds.max(initial=0) > _LAST_S:
            return None
        return seconds * 1_000_000_000 + (value >> np.uint64(_SECOND_BITS)).astype(np.int64)
    if len(data) == head + len(times) * _WHOLE_TIME.itemsize:
        record = np.frombuffer(data, dtype=_WHOLE_TIME, offset=head)
        if (record["tag"] == _WHOLE_TIME_TAG).all():
            return record["value"].astype(np.int64) * 1_000_000_000
    return None


def _encoded(values: Sequence[Any]) -> tuple[bytes, int]:
    """Return an array as bytes, and the length of its head."""
    count = len(values)
    return _encode(values), 1 if count < 16 else 3 if count < 65_536 else 5
