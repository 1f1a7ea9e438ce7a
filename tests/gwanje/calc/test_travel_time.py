"""``gwanje calc travel-time``: what is posted, and how it holds against what came."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from engine.traffic.travel_time import Cells, Spread, driven_s, instantaneous_s, learn_spread, routes_along, steadied
from engine.traffic.travel_time import TravelTimeThresholds as Numbers
from gwanje.calc.arrays import corridor_of, read_array
from gwanje.calc.evaluate_times import errors, realised
from gwanje.calc.travel_time import HEADER, post
from gwanje.cli import main
from ingest.thresholds import load_group
from tests.gwanje.calc.arrays import FIELD, free_traffic, needs_field_data, written


def told(path, capsys, *options):
    assert main(["calc", "travel-time", str(path), *options]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert tuple(rows[0]) == HEADER
    return np.array(rows[1:], dtype=np.float64)


def with_a_queue(n_time=100):
    """Free traffic in which a stretch is slow from the middle on."""
    arrays = free_traffic(n_time=n_time)
    speed = arrays["raw_speed_mph"]
    speed[:, 2:5, n_time // 2 :] = 15.0
    arrays["raw_vol_veh30s"][:, 2:5, n_time // 2 :] = 10.0
    arrays["raw_occ_pct"] = arrays["raw_vol_veh30s"] * 120.0 / (np.nan_to_num(speed, nan=62.0) * 1.609) * 0.65
    return arrays


def test_free_traffic_takes_length_over_speed(tmp_path, capsys):
    rows = told(written(tmp_path, free_traffic()), capsys, "--direction", "falling")
    assert len(rows) == 120
    minutes = 8.0 / (62.0 * 1.609344) * 60.0
    np.testing.assert_allclose(rows[20:, 1], minutes, rtol=0.03)
    np.testing.assert_allclose(rows[20:, 2], minutes, rtol=0.05)
    assert (rows[:, 3] <= rows[:, 2]).all()
    assert (rows[:, 4] >= rows[:, 2]).all()


def test_nothing_looks_ahead(tmp_path, capsys):
    arrays = with_a_queue()
    whole = told(written(tmp_path, arrays), capsys, "--direction", "falling")
    cut = {name: values[..., :70] for name, values in arrays.items() if name != "milemarker"}
    part = told(
        written(tmp_path, cut | {"milemarker": arrays["milemarker"]}, "cut.npz"), capsys, "--direction", "falling"
    )
    np.testing.assert_array_equal(part, whole[:70])
    assert whole[80, 1] > 1.5 * whole[30, 1]


@pytest.mark.parametrize("case", ["nothing measured", "one station", "two at one place", "absurd", "gap", "no counts"])
def test_bad_input_gives_numbers_or_nothing_but_no_failure(tmp_path, capsys, case):
    arrays = with_a_queue(60)
    if case == "nothing measured":
        arrays["raw_speed_mph"][:] = np.nan
    elif case == "one station":
        arrays = {name: values[..., :1, :] if values.ndim == 3 else values for name, values in arrays.items()}
        arrays["milemarker"] = arrays["milemarker"][:1]
    elif case == "two at one place":
        arrays["milemarker"][3] = arrays["milemarker"][4]
    elif case == "absurd":
        arrays["raw_speed_mph"][:, 1, 5:20] = -7.0
        arrays["raw_speed_mph"][:, 2, 5:20] = 1e6
        arrays["raw_vol_veh30s"][:, 3, 5:20] = -3.0
        arrays["raw_vol_veh30s"][:, 4, 5:20] = np.inf
    elif case == "gap":
        arrays["time_s"] = arrays["time_s"] + (np.arange(60) >= 40) * 1_200.0
    else:
        del arrays["raw_vol_veh30s"], arrays["raw_occ_pct"]
    path = written(tmp_path, arrays)
    rows = told(path, capsys, "--direction", "falling")
    assert len(rows) == 60
    assert (rows[:, 1:] >= 0).all()
    assert main(["calc", "travel-time", str(path), "--direction", "falling", "--evaluate", "--language", "en"]) == 0
    assert "mean absolute error" in capsys.readouterr().out


@needs_field_data
def test_on_field_hours_prediction_is_nearer_to_what_came(tmp_path):
    """The hours in which the recurrent queues of I-24 grow; nothing was fitted on them."""
    with np.load(FIELD) as file:
        arrays = {
            name: file[name] for name in ("raw_speed_mph", "raw_occ_pct", "raw_vol_veh30s", "milemarker", "time_s")
        }
    late = {name: values[..., 640:] if name != "milemarker" else values for name, values in arrays.items()}
    corridor = corridor_of(read_array(written(tmp_path, late)), "falling", 112.654)
    posted, cells = [], None
    for one, its_cells in post(corridor):
        posted.append(one)
        cells = its_cells
    found = errors(posted, realised(corridor, cells), 30.0)
    for phase, (count, at_once, predicted, within) in found.items():
        print(f"{phase}: {count} departures, {at_once:.0f} s, {predicted:.0f} s, {within:.0%} within")
    _, at_once, predicted, _ = found["growing"]
    assert predicted < 0.7 * at_once
    assert found["all"][3] > 0.6


def test_driving_through_a_field_that_changes():
    cells = Cells(
        np.zeros(2, dtype=np.int64),
        np.array([500.0, 1_500.0]),
        np.full(2, 1_100.0),
        np.zeros(2, dtype=np.int64),
        np.array([0, 2]),
    )
    fields = np.array([[60.0, 60.0], [60.0, 30.0]])
    assert instantaneous_s(fields[0], cells)[0] == pytest.approx(132.0)
    assert driven_s(fields, 60.0, cells)[0] == pytest.approx(66.0 + 132.0)
    assert driven_s(fields[:1], 60.0, cells)[0] == pytest.approx(132.0)


def test_times_along_routes_over_several_corridors():
    length = np.array([600.0, 700.0, 800.0])
    cells = Cells(np.array([0, 0, 1]), np.zeros(3), length, np.zeros(3, dtype=np.int64), np.array([0, 2, 3]))
    index, along = routes_along(cells, [np.array([0, 2]), np.array([1])])
    fields = np.array([[60.0, 30.0, 40.0]])
    times = instantaneous_s(fields[0, index], along)
    np.testing.assert_allclose(times, [36.0 + 72.0, 84.0])
    np.testing.assert_allclose(driven_s(fields[:, index], 60.0, along), times)


def test_the_percentiles_settle_where_they_belong():
    numbers, rng = load_group(Numbers, "traffic_travel_time"), np.random.default_rng(1)
    spread, doubts, inside = Spread.initial(1), np.array([0.05]), []
    for turn in range(3_000):
        predicted, came = np.array([900.0]), 900.0 * np.exp(rng.normal(0.02, 0.2, 1))
        low, high = spread.around(predicted, doubts)
        if turn > 1_000:
            inside.append(float(low[0]) <= float(came[0]) <= float(high[0]))
        spread = learn_spread(spread, predicted, doubts, came, numbers)
    assert np.mean(inside) == pytest.approx(0.8, abs=0.05)


def test_a_posted_time_does_not_jump_but_gets_there():
    numbers = load_group(Numbers, "traffic_travel_time")
    longer, told = steadied(np.full(1, np.nan), np.array([600.0]), np.array([600.0]), 0.0, numbers)
    assert told[0] == pytest.approx(600.0)
    longer, told = steadied(longer, np.array([900.0]), np.array([600.0]), 30.0, numbers)
    assert 650.0 < told[0] < 800.0
    for _ in range(30):
        longer, told = steadied(longer, np.array([900.0]), np.array([600.0]), 30.0, numbers)
    assert told[0] == pytest.approx(900.0, rel=1e-3)
    assert steadied(longer, np.zeros(1), np.zeros(1), 30.0, numbers)[1][0] == 0.0
