"""Corridors out of the world's road model: repeatable, whole, and with incidents that can be seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.incidents import world
from benchmarks.incidents.__main__ import main
from benchmarks.incidents.counts import ConservedCounts
from benchmarks.incidents.draws import draw_incidents
from benchmarks.incidents.faulty import make_faulty
from benchmarks.incidents.labels import Arrays, Fault, Labels, read_labels
from benchmarks.incidents.road import CorridorDemand, draw_course, draw_profile
from gwanje.calc.arrays import corridor_of, read_array


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    assert main(["make", "--out", str(folder), "--seeds", "3-4", "--hours", "1", "--split", "train"]) == 0
    return folder


def test_the_same_seed_gives_the_same(made: Path) -> None:
    arrays, labels = world.make(3, "incidents", "train", 1.0)
    assert msgspec.json.encode(read_labels(made / "train_world_incidents_0003.json").trips) == msgspec.json.encode(
        labels.trips
    )
    again, same = world.make(3, "incidents", "train", 1.0)
    assert np.array_equal(arrays.volume, again.volume, equal_nan=True)
    assert labels == same
    assert world.make(4, "incidents", "train", 1.0)[1].seed != labels.seed


def test_files_are_read_as_any_array(made: Path) -> None:
    for path in sorted(made.glob("*.npz")):
        array, labels = read_array(path), read_labels(path.with_suffix(".json"))
        assert (np.diff(array.milemarker) > 0).all()
        assert array.period_s == 30.0
        assert array.volume.shape == (labels.lanes, len(array.milemarker), 120)
        corridor = corridor_of(array, "rising" if labels.rising else "falling", labels.limit_kmh)
        assert np.nanmax(corridor.series.volume) < 80
        speeds = corridor.series.speed_kmh
        assert 60.0 < np.nanmedian(speeds) < 1.2 * labels.limit_kmh
        lanes = ~np.isnan(corridor.series.volume).all(axis=(0, 1))
        assert lanes.all()


def test_labels_are_within_the_run(made: Path) -> None:
    labels: list[Labels] = [read_labels(path) for path in sorted(made.glob("*.json"))]
    assert any(one.incidents for one in labels)
    for one, path in zip(labels, sorted(made.glob("*.npz")), strict=True):
        time_s, mile = read_array(path).time_s, read_array(path).milemarker
        for incident in one.incidents:
            assert time_s[0] - 30.0 <= incident.onset_s < min(incident.end_s, time_s[-1])
            assert mile[0] - 1.0 < incident.milemarker < mile[-1] + 1.0
            assert set(incident.lanes_blocked) <= set(range(1, incident.lanes + 1))
        for queue in one.queues:
            assert (queue.tail_mile < queue.head_mile) is one.rising
            assert time_s[0] <= queue.time_s <= time_s[-1]


def test_a_closed_road_lets_nobody_past() -> None:
    for seed in range(1, 40):
        rng = np.random.default_rng([seed, 0, 1])
        course = replace(draw_course(rng, False), interchange_m=(), ramp_share=(), exit_share=())
        planned = draw_incidents(rng, course, 1.0, 1.3)
        shut = [one for one in planned if len(one.lanes) == course.lanes_at(one.at_m) and not one.seeks_queue]
        shut = [one for one in shut if not one.reopened and one.until_s - one.from_s > 600.0]
        if shut:
            break
    one = shut[0]
    quiet = np.arange(-3_600.0, 10_000.0, 300.0), np.full(46, 0.5)
    arrays, labels = world._run(np.random.default_rng(1), 1, "train", 1.0, course, quiet, [one], [])
    (label,) = labels.incidents
    assert label.all_lanes
    assert label.flow_veh_h_lane > 400.0
    total = np.nansum(arrays.volume, axis=0)
    down = int(np.searchsorted(course.station_m, one.at_m + 200.0))
    at = int((one.from_s + 120.0) // 30.0)
    before = total[down, at - 14 : at - 6].mean()
    assert before > 5.0
    assert total[down, at : at + 4].mean() < 0.15 * before
    assert any(queue.cause == label.id for queue in labels.queues)


def test_vehicles_are_conserved_between_stations() -> None:
    counts = ConservedCounts(np.random.default_rng(5), 2)
    most, part = np.array([[25], [25]]), np.full((2, 3), 0.3)
    total = sum(counts.binomial(most, part).sum(axis=1) for _ in range(2_000))
    expected = 2_000 * 25 * 0.9
    assert np.abs(total / expected - 1.0).max() < 0.04
    silent = counts.binomial(most, np.zeros((2, 3)))
    assert (silent >= 0).all()
    assert silent.sum() <= 4


def test_demand_with_noise_keeps_its_mean() -> None:
    course = draw_course(np.random.default_rng(2), False)
    profile = np.array([0.0, 1e6]), np.array([0.4, 0.4])
    plain = CorridorDemand.build(course, profile)
    noisy = CorridorDemand.build(course, profile, np.random.default_rng(3))
    mean = np.mean([noisy.at(0.0) for _ in range(3_000)], axis=0)
    assert mean.sum() == pytest.approx(plain.at(0.0).sum(), rel=0.05)
    assert plain.at(0.0).sum(axis=1)[-1] == 0.0


def test_profiles_stay_in_bounds() -> None:
    time_s, share = draw_profile(np.random.default_rng(1), 3.0, 0.3, 0.9)
    assert time_s[0] < 0.0 < 3.0 * 3_600.0 <= time_s[-1]
    assert share.min() >= 0.05
    assert share.max() <= 0.9 * 1.05


@pytest.mark.parametrize("kind", ["silent", "zero", "stuck", "always_occupied", "spikes", "slow_bias", "chatter"])
def test_faults_touch_their_lane_only(kind: str) -> None:
    shape = (2, 3, 100)
    rng = np.random.default_rng(1)
    clean = Arrays(
        rng.uniform(60, 100, shape), rng.uniform(4, 9, shape), rng.integers(3, 15, shape).astype(float),
        np.arange(3.0), np.arange(1.0, 101.0) * 30.0,
    )  # fmt: skip
    fault = Fault(lane=1, station=2, kind=kind, start_s=600.0, end_s=1_500.0)
    broken = make_faulty(np.random.default_rng(4), clean, [fault])
    changed = np.zeros(shape, dtype=bool)
    for before, after in zip(
        (clean.speed_kmh, clean.occupancy_pct, clean.volume),
        (broken.speed_kmh, broken.occupancy_pct, broken.volume),
        strict=True,
    ):
        changed |= np.abs(np.nan_to_num(after, nan=-50.0) - before) > 3.0
    assert changed[1, 2, 19:50].mean() > 0.1
    assert changed[0].mean() < 0.02
    assert not np.isnan(clean.volume).any()
