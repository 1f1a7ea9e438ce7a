"""Fields of many lane samples to columns, by way of MessagePack: one pass in compiled code instead of one a field.

msgspec writes a struct as a map of its fields in a fixed order. As long as every number of every sample takes the same
room, the bytes of many samples are records of equal length, and numpy reads their fields where they stand. Where a
number takes more or less room (no speed, more than 127 vehicles), fields are taken one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
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
_INTEGERS = ("lane", "volume", "heavy")
_FLOATS = ("speed_kmh", "occupancy_pct")
_FLOAT_TAG, _NONE_TAG, _MOST_SMALL = 0xCB, 0xC0, 0x7F
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


class LaneColumns(NamedTuple):
    """Fields of lane samples, each of shape (n_sample,); NaN where there was none."""

    lane: Ints
    volume: Floats
    speed_kmh: Floats
    occupancy_pct: Floats
    heavy: Floats


def lane_columns(samples: Sequence[LaneSample]) -> LaneColumns:
    """Return the fields of some samples as columns, exactly."""
    count = len(samples)
    columns = LaneColumns(np.empty(count, dtype=np.int64), *(np.empty(count) for _ in range(4)))
    for start in range(0, count, _CHUNK):
        some = samples[start : start + _CHUNK]
        part = LaneColumns(*(column[start : start + _CHUNK] for column in columns))
        if not _by_record(some, part):
            _by_attribute(some, part)
    return columns


def _by_record(samples: Sequence[LaneSample], into: LaneColumns) -> bool:
    """Fill columns out of records of equal length; false, with nothing said about the columns, if they are not."""
    data = _encode(samples)
    head = 1 if len(samples) < 16 else 3
    if len(data) != head + len(samples) * _RECORD.itemsize:
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
