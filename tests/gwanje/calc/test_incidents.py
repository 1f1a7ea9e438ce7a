from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.traffic.incidents.thresholds import IncidentThresholds
from gwanje.calc.arrays import ArrayFile, corridor_of
from gwanje.calc.incidents import follow
from gwanje.cli import main
from ingest.thresholds import load_group
from tests.gwanje.calc.arrays import FIELD, free_traffic, needs_field_data, written

NUMBERS = load_group(IncidentThresholds, "traffic_incidents")


def alarms(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    assert main(["calc", "incidents", str(path), *options]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def blocked(onset: int = 60, between: int = 4, share: float = 0.35) -> dict[str, Any]:
    """Free traffic until a blockage downstream of a station lets only a share through."""
    arrays = free_traffic()
    # Traffic goes towards falling milemarkers: what is downstream has the lower index.
    volume, speed = arrays["raw_vol_veh30s"], arrays["raw_speed_mph"]
    rng = np.random.default_rng(7)
    for hop, station in enumerate(range(between - 1, -1, -1)):
        late = onset + 1 + hop
        thinned = rng.binomial(volume[:, station, late:].astype(int), share)
        volume[:, station, late:] = thinned
        speed[:, station, late:] = np.where(thinned > 0, 64.0, np.nan)
    arrays["raw_occ_pct"] = volume * 120.0 / 100.0 * 0.65
    speed[:, between, onset + 6 :] = 8.0
    volume[:, between, onset + 6 :] = rng.poisson(12.5 * share, volume[:, between, onset + 6 :].shape)
    return arrays


@needs_field_data
def test_recurrent_queues_of_the_field_hours_are_no_incidents(capsys: pytest.CaptureFixture[str]) -> None:
    assert alarms(FIELD, capsys) == []


def test_a_blocked_lane_is_found_where_and_when_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = alarms(written(tmp_path, blocked()), capsys, "--direction", "falling")
    assert len(found) == 1
    alarm = found[0]
    onset_s = 60 * 30.0
    assert onset_s < alarm["detected_time_s"] <= onset_s + 120.0
    assert alarm["onset_time_s"] == pytest.approx(onset_s, abs=60.0)
    miles = 50.0 + np.array([3, 4]) / 1.609344
    assert alarm["between_milemarkers"] == pytest.approx(miles.tolist())
    assert alarm["kind"] == "incident"
    assert 0.5 <= alarm["confidence"] <= 1.0
    assert alarm["receipt"]["evidence"] >= alarm["receipt"]["alarm_evidence"]
    assert alarm["receipt"]["discharge_drop"] > 0.3


def test_nothing_looks_ahead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = blocked()
    cut = {name: value if name == "milemarker" else value[..., :64] for name, value in whole.items()}
    everything = alarms(written(tmp_path, whole, "a.npz"), capsys, "--direction", "falling")
    begin = alarms(written(tmp_path, cut, "b.npz"), capsys, "--direction", "falling")
    assert begin == [alarm for alarm in everything if alarm["detected_time_s"] <= 64 * 30.0]


def test_free_traffic_raises_no_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert alarms(written(tmp_path, free_traffic(n_time=900)), capsys, "--direction", "falling") == []


def test_an_incident_is_closed_when_its_signs_are_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = blocked()
    calm = free_traffic(seed=9)
    for name in ("raw_speed_mph", "raw_occ_pct", "raw_vol_veh30s"):
        arrays[name] = np.concatenate((arrays[name][..., :90], calm[name]), axis=2)
    arrays["time_s"] = 30.0 * np.arange(1, 211)
    told = alarms(written(tmp_path, arrays), capsys, "--direction", "falling", "--all")
    assert [one["change"] for one in told if one["change"] != "updated"] == ["opened", "closed"]


def test_a_silent_lane_is_no_incident(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = free_traffic()
    for name in ("raw_speed_mph", "raw_occ_pct", "raw_vol_veh30s"):
        arrays[name][1, 3, 60:] = np.nan
    assert alarms(written(tmp_path, arrays), capsys, "--direction", "falling") == []


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(2, 40)),
    direction=st.sampled_from(["auto", "rising"]),
)
def test_whatever_is_in_the_file_there_is_no_exception(seed: int, shape: tuple[int, int, int], direction: str) -> None:
    rng = np.random.default_rng(seed)
    odd = np.array([np.nan, 0.0, -50.0, 1e6, np.inf])
    lanes = []
    for usual in (60.0, 10.0, 12.0):
        values = rng.normal(usual, usual / 4, shape)
        which = rng.random(shape) < 0.2
        values[which] = rng.choice(odd, int(which.sum()))
        lanes.append(values)
    _, n_station, n_time = shape
    miles = rng.choice([1.0, 1.0, 2.0, 2.6, 9.0], n_station)
    time_s = np.cumsum(rng.choice([30.0, 30.0, 600.0], n_time))
    array = ArrayFile(Path("x"), lanes[0], lanes[2], lanes[1], miles, time_s, 30.0, shape)
    corridor = corridor_of(array, direction, 100.0)
    told = list(follow(corridor, NUMBERS))
    times = [time_s for time_s, _ in told]
    assert times == sorted(times)
    assert all(0 <= news.incident.first <= news.incident.last < n_station for _, news in told)
