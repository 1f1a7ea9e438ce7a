"""``gwanje calc health`` on files: one line a fault, in the order in which it was known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from config.words import Words
from engine.traffic.health.reasons import DAILY, LIVE
from engine.traffic.health.substitute import Way
from gwanje.calc import health
from gwanje.calc.health import name_of
from gwanje.cli import main
from tests.engine.traffic.roads import traffic

MILE_M = 1609.344


def write(path, series, **changes):
    """Write a series as a detector array of a road with falling milemarkers; ``changes`` replace or drop arrays."""
    n_station = series.volume.shape[1]
    arrays = {
        "raw_speed_mph": series.speed_kmh.transpose(2, 1, 0) / 1.609344,
        "raw_occ_pct": series.occupancy_pct.transpose(2, 1, 0),
        "raw_vol_veh30s": series.volume.transpose(2, 1, 0),
        "milemarker": 60.0 - np.arange(n_station) * 0.6,
        "time_s": np.arange(len(series)) * 30.0,
    }
    arrays |= changes
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})
    return str(path)


@pytest.fixture
def faulty(tmp_path):
    series = traffic(300, 5)
    for values in (series.volume, series.occupancy_pct, series.speed_kmh):
        values[100:150, 1, 2] = np.nan
    series.volume[60:, 3, 0], series.occupancy_pct[60:, 3, 0], series.speed_kmh[60:, 3, 0] = 5.0, 6.0, 99.0
    return write(tmp_path / "array.npz", series)


def test_one_json_object_a_fault_in_the_order_of_knowing(faulty, capsys):
    assert main(["calc", "health", faulty, "--direction", "falling"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["reason"], one["milemarker"], one["lane"]) for one in lines] == [
        ("stuck", 58.2, 1),
        ("no_data", 59.4, 3),
    ]
    stuck, silent = lines
    assert (stuck["time_s"], stuck["since_s"], stuck["until_s"]) == (2400.0, 1800.0, None)
    assert (stuck["reading"], stuck["threshold"], stuck["unit"]) == (600.0, 600.0, "s")
    assert stuck["source"].startswith("own construction")
    assert (silent["time_s"], silent["since_s"]) == (3300.0, 2970.0)
    assert silent["until_s"] == pytest.approx(150 * 30.0 + 600.0, abs=60.0)


def test_the_file_as_it_lies_may_have_any_order(faulty, tmp_path, capsys):
    with np.load(faulty) as file:
        arrays = {name: file[name] for name in file.files}
    mixed = np.array([3, 0, 4, 1, 2])
    for name in ("raw_speed_mph", "raw_occ_pct", "raw_vol_veh30s"):
        arrays[name] = arrays[name][:, mixed]
    arrays["milemarker"] = arrays["milemarker"][mixed]
    np.savez(tmp_path / "mixed.npz", **arrays)
    main(["calc", "health", faulty, "--direction", "falling"])
    plain = capsys.readouterr().out
    main(["calc", "health", str(tmp_path / "mixed.npz"), "--direction", "falling"])
    assert capsys.readouterr().out == plain


def test_a_table_in_korean_and_english(faulty, capsys):
    main(["calc", "health", faulty, "--direction", "falling", "--summary"])
    korean = capsys.readouterr().out
    assert "검지기 이상 2건: 지점 2곳 이상, 3곳 정상" in korean
    assert "1: 같은 값 반복" in korean
    main(["calc", "health", faulty, "--direction", "falling", "--summary", "--language", "en"])
    english = capsys.readouterr().out.splitlines()
    assert english[0] == "2 detector faults: 2 stations faulty, 3 healthy"
    assert english[2].split()[0] == "58.2", "the one that lost more comes first"


def test_every_reason_and_way_has_its_words():
    words = Words.load("health_labels", health.Path(health.__file__).parent)
    for reason in (*LIVE, *DAILY):
        assert words.say("reason", name_of(reason)).ko
    for way in Way:
        assert words.say("way", way.name.lower()).ko


def test_only_speeds_is_said(tmp_path, capsys):
    path = write(tmp_path / "speeds.npz", traffic(20, 4), raw_occ_pct=None, raw_vol_veh30s=None)
    assert main(["calc", "health", path]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "no volume, no occupancy at all" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--local-start", "25:00"], "--local-start: expected a time such as 05:00, was 25:00"),
        (["--speed-limit", "0"], "--speed-limit: expected more than 0, was 0.0"),
    ],
)
def test_wrong_options(faulty, options, said, capsys):
    assert main(["calc", "health", faulty, *options]) == 1
    assert said in capsys.readouterr().err


def test_a_wrong_file_names_the_array(tmp_path, capsys):
    path = write(tmp_path / "wrong.npz", traffic(20, 4), raw_vol_veh30s=np.zeros((2, 4, 20)))
    assert main(["calc", "health", path]) == 1
    assert "raw_vol_veh30s: expected (3, 4, 20) as the speeds, was (2, 4, 20)" in capsys.readouterr().err
