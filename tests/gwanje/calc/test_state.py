"""``gwanje calc state`` on files: CSV per period and station."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from gwanje.calc.state import HEAD
from gwanje.cli import main
from tests.engine.traffic.roads import traffic
from tests.gwanje.calc.test_health import write


def _rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_for_every_period_and_station(tmp_path, capsys):
    series = traffic(60, 4)
    series.speed_kmh[30:, 2] = 20.0
    series.occupancy_pct[30:, 2] = 45.0
    for values in (series.volume, series.occupancy_pct, series.speed_kmh):
        values[40:, 1] = np.nan
    path = write(tmp_path / "array.npz", series)
    assert main(["calc", "state", path, "--direction", "falling", "--speed-limit", "100"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == ",".join(HEAD)
    rows = _rows(out)
    assert len(rows) == 60 * 4
    assert [row["milemarker"] for row in rows[:4]] == ["60", "59.4", "58.8", "58.2"]
    last = {row["milemarker"]: row for row in rows[-4:]}
    assert last["58.8"]["status"] == "jammed"
    assert last["58.8"]["tti"] == "5.00"
    assert float(last["58.8"]["delay_veh_h"]) > 0
    assert last["60"]["status"] == "smooth"
    assert last["60"]["substituted"] == ""
    assert last["59.4"]["substituted"] == "neighbours"
    flow = np.sum(series.volume[-1, 3]) * 120.0
    assert float(last["58.2"]["flow_veh_h"]) == pytest.approx(flow, abs=1.0)


def test_what_is_unknown_is_empty(tmp_path, capsys):
    series = traffic(5, 1)
    for values in (series.volume, series.occupancy_pct, series.speed_kmh):
        values[:] = np.nan
    assert main(["calc", "state", write(tmp_path / "nothing.npz", series)]) == 0
    row = _rows(capsys.readouterr().out)[-1]
    assert row["flow_veh_h"] == row["speed_kmh"] == row["level_of_service"] == row["delay_veh_h"] == ""
    assert (row["status"], row["substituted"]) == ("unknown", "unknown")


def test_heavy_vehicles_lower_the_level(tmp_path, capsys):
    path = write(tmp_path / "array.npz", traffic(30, 3))
    levels = []
    for share in ("0", "1"):
        main(["calc", "state", path, "--heavy-share", share])
        levels.append([row["level_of_service"] for row in _rows(capsys.readouterr().out)])
    assert all(heavy >= light for light, heavy in zip(*levels, strict=True))
    assert levels[0] != levels[1]


def test_a_share_is_a_share(tmp_path, capsys):
    path = write(tmp_path / "array.npz", traffic(5, 2))
    assert main(["calc", "state", path, "--heavy-share", "2"]) == 1
    assert "--heavy-share: expected 0 to 1, was 2.0" in capsys.readouterr().err


def test_totals_add_up_and_name_their_sources(tmp_path, capsys):
    series = traffic(60, 4)
    series.speed_kmh[:, 2] = 20.0
    path = write(tmp_path / "array.npz", series)
    options = ["calc", "state", path, "--direction", "falling", "--speed-limit", "100"]
    main(options)
    rows = _rows(capsys.readouterr().out)
    main([*options, "--totals"])
    told = json.loads(capsys.readouterr().out)
    assert told["delay_veh_h"] == pytest.approx(sum(float(row["delay_veh_h"]) for row in rows), abs=0.2)
    assert told["known_share"] == 1.0
    assert told["speed_kmh"] == pytest.approx(told["distance_veh_km"] / told["time_veh_h"], rel=1e-2)
    assert told["travel_time_index"] > 1
    assert 0 < told["co2_excess_kg"] < told["co2_kg"]
    assert told["delay_cost_krw"] == pytest.approx(told["delay_veh_h"] * 13_277, rel=0.02)
    assert told["sources"]
