"""``gwanje calc predict``: what is printed, and METR-LA held against persistence."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pytest

from gwanje.calc.arrays import corridor_of, read_array
from gwanje.calc.predict import HEADER, errors, say
from gwanje.cli import main
from tests.gwanje.calc.arrays import free_traffic, written

METR_LA = Path(__file__).parents[4] / "shared" / "data" / "traffic" / "metr_la" / "los_speed.csv.gz"
THURSDAY = 3


def test_csv_of_every_station_and_horizon(tmp_path, capsys):
    path = written(tmp_path, free_traffic())
    assert main(["calc", "predict", str(path), "--direction", "falling", "--every", "600"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert tuple(rows[0]) == HEADER
    numbers = np.array(rows[1:], dtype=np.float64)
    assert len(numbers) % 27 == 0
    assert set(numbers[:, 2]) == {15.0, 30.0, 60.0}
    np.testing.assert_allclose(numbers[:, 3], 62.0 * 1.609344, rtol=0.05)
    np.testing.assert_allclose(numbers[:, 4], 1_500.0, rtol=0.35)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_errors_in_both_languages(tmp_path, capsys, language):
    path = written(tmp_path, free_traffic())
    options = ["--direction", "falling", "--evaluate", "--language", language]
    assert main(["calc", "predict", str(path), *options]) == 0
    text = capsys.readouterr().out
    assert ("지속" in text) == (language == "ko")
    assert len(text.splitlines()) == 6


def test_nothing_measured_is_nothing_said(tmp_path, capsys):
    arrays = free_traffic()
    for name in ("raw_speed_mph", "raw_vol_veh30s", "raw_occ_pct"):
        arrays[name][:] = np.nan
    assert main(["calc", "predict", str(written(tmp_path, arrays)), "--direction", "falling"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert all(row[3] == "" and row[4] == "" for row in rows[1:])


@pytest.mark.field_data
@pytest.mark.skipif(not METR_LA.exists(), reason="../shared/data is absent")
def test_metr_la_is_predicted_better_than_by_persistence(tmp_path):
    """Speeds of 207 stations; learnt along the week, numbers chosen on days 4 and 5, judged on the last two days."""
    with gzip.open(METR_LA, "rt") as file:
        file.readline()
        speed = np.loadtxt(file, delimiter=",")
    speed[speed == 0] = np.nan
    n_time, n_station = speed.shape
    # Which stations follow each other is not in the file: so far apart that none is another's neighbour.
    arrays = {
        "raw_speed_mph": speed.T,
        "milemarker": 100.0 * np.arange(n_station),
        "time_s": 300.0 * np.arange(1, n_time + 1),
    }
    corridor = corridor_of(read_array(written(tmp_path, arrays)), "rising", 110.0)
    found = errors(list(say(corridor, THURSDAY)), 5 * 86_400.0)
    for (name, horizon_s), (count, mae, rmse) in found.items():
        print(f"{name} {horizon_s / 60:.0f} min, {count}: MAE {mae.round(2)}, RMSE {rmse.round(2)}")
    for horizon_s, share in ((900.0, 0.93), (1_800.0, 0.9), (3_600.0, 0.8)):
        _, mae, rmse = found["speed", horizon_s]
        assert mae[2] < share * mae[0]
        assert rmse[2] < share * rmse[0]
        assert mae[2] < mae[1]
