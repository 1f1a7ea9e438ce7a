"""Columns by records are those by attributes, whatever the samples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors import unpacking
from sensors.columns import times_ns, to_ns
from sensors.observations import LaneSample, WeatherObservation
from sensors.unpacking import LaneColumns, lane_columns, whole_times_ns

SAMPLES = st.builds(
    LaneSample,
    lane=st.integers(1, 16),
    volume=st.integers(0, 130) | st.integers(0, 10_000),
    speed_kmh=st.none() | st.floats(0, 1e9),
    occupancy_pct=st.floats(0, 100),
    heavy=st.none() | st.integers(0, 130) | st.integers(0, 10_000),
)
USUAL = LaneSample(lane=2, volume=12, speed_kmh=88.5, occupancy_pct=7.25)
EMPTY = LaneSample(lane=3, volume=0, speed_kmh=None, occupancy_pct=0.0, heavy=0)
DENSE = LaneSample(lane=1, volume=200, speed_kmh=30.0, occupancy_pct=60.0, heavy=129)
NEXT_TO_THE_SAME_LENGTH = [EMPTY, *[LaneSample(lane=1, volume=200, speed_kmh=1.0, occupancy_pct=1.0)] * 8]
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2259, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


def plainly(samples: list[LaneSample]) -> LaneColumns:
    def column(name: str) -> np.ndarray:
        values = (getattr(sample, name) for sample in samples)
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    return LaneColumns(column("lane").astype(np.int64), *map(column, LaneColumns._fields[1:]))


def same(samples: list[LaneSample]) -> None:
    for found, wanted in zip(lane_columns(samples), plainly(samples), strict=True):
        assert found.dtype == wanted.dtype
        assert found.tobytes() == wanted.tobytes() or np.array_equal(found, wanted, equal_nan=True)


@given(st.lists(SAMPLES, max_size=40))
def test_whatever_the_samples(samples):
    same(samples)


@given(st.lists(SAMPLES, min_size=1, max_size=3), st.sampled_from([0, 15, 16, 2_047, 2_048, 5_000]))
def test_odd_ones_among_many(odd, place):
    same([*[USUAL] * place, *odd, *[USUAL] * 20])


def test_lengths_that_are_right_by_accident_mislead_nobody():
    for turn in range(len(NEXT_TO_THE_SAME_LENGTH)):
        same([*NEXT_TO_THE_SAME_LENGTH[turn:], *NEXT_TO_THE_SAME_LENGTH[:turn], USUAL])


@pytest.mark.parametrize("samples", [[USUAL] * 5_000, [USUAL, EMPTY] * 1_500, [EMPTY], [USUAL] * 15, [USUAL] * 16])
def test_the_usual_goes_by_records_alone(samples, monkeypatch):
    monkeypatch.setattr(unpacking, "_by_attribute", lambda *_: pytest.fail("a sample was taken apart by attributes"))
    same(samples)


def test_the_dense_costs_its_own_chunk_alone(monkeypatch):
    taken = []
    plain = unpacking._by_attribute
    monkeypatch.setattr(unpacking, "_by_attribute", lambda some, into: (taken.append(len(some)), plain(some, into)))
    same([*[USUAL] * 5_000, DENSE])
    assert taken == [5_001 - 2 * 2_048]


@given(st.lists(MOMENTS | MOMENTS.map(lambda one: one.replace(microsecond=0)), max_size=30), st.integers(-14, 14))
def test_times_are_exact_with_and_without_fractions(moments, zone_h):
    moments = [one.astimezone(timezone(timedelta(hours=zone_h))) for one in moments]
    messages = [WeatherObservation(device="WX-0", time=one, seq=1) for one in moments]
    assert times_ns(messages).tolist() == [to_ns(one) for one in moments]


def test_times_of_one_kind_go_in_one_go():
    fractions = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=one) for one in range(1, 70_000, 7)]
    whole = [one.replace(microsecond=0) for one in fractions]
    for moments in (whole, [one for one in fractions if one.microsecond]):
        assert whole_times_ns(moments).tolist() == list(map(to_ns, moments))
    assert whole_times_ns([fractions[0], whole[0]]) is None
    assert whole_times_ns([datetime(1969, 12, 31, tzinfo=UTC)]) is None
    assert whole_times_ns([datetime(2300, 1, 1, 0, 0, 0, 5, tzinfo=UTC)]) is None
    assert whole_times_ns([datetime.max.replace(tzinfo=timezone(-timedelta(hours=9)))]) is None
