from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gwanje.cli import main
from tests.gwanje.calc.arrays import FIELD, free_traffic, needs_field_data, written


@needs_field_data
def test_the_published_field_comes_out(tmp_path: Path) -> None:
    assert main(["calc", "asm", str(FIELD), str(tmp_path / "out.npz"), "--preset", "i24"]) == 0
    with np.load(FIELD) as published, np.load(tmp_path / "out.npz") as ours:
        wanted, got = published["ref_asm_speed_mph"], ours["speed_mph"]
    assert got.shape == wanted.shape
    # The published output of the last four bins leans on data that is not in the file.
    assert np.abs(got - wanted)[..., :-4].max() < 1e-9


@needs_field_data
def test_a_file_with_its_stations_the_other_way_round_gives_the_same_field(tmp_path: Path) -> None:
    with np.load(FIELD) as file:
        arrays = {name: file[name] for name in ("raw_speed_mph", "milemarker", "time_s")}
    arrays["raw_speed_mph"] = arrays["raw_speed_mph"][:, :, :200]
    arrays["time_s"] = arrays["time_s"][:200]
    turned = dict(arrays, raw_speed_mph=arrays["raw_speed_mph"][:, ::-1], milemarker=arrays["milemarker"][::-1])
    fields = []
    for name, given in (("a", arrays), ("b", turned)):
        path = written(tmp_path, given, f"{name}.npz")
        assert main(["calc", "asm", str(path), str(tmp_path / f"{name}-out.npz")]) == 0
        with np.load(tmp_path / f"{name}-out.npz") as out:
            fields.append(out["speed_mph"])
    assert np.abs(fields[0] - fields[1][:, ::-1]).max() < 1e-9


def test_speeds_without_lanes_keep_their_shape(tmp_path: Path) -> None:
    arrays = free_traffic(n_time=20)
    arrays = {name: arrays[name] for name in ("milemarker", "time_s")} | {"raw_speed_mph": arrays["raw_speed_mph"][0]}
    path = written(tmp_path, arrays)
    assert main(["calc", "asm", str(path), str(tmp_path / "out.npz"), "--preset", "treiber"]) == 0
    with np.load(tmp_path / "out.npz") as out:
        assert out["speed_mph"].shape == (9, 20)
        assert np.isfinite(out["speed_mph"]).all()


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"raw_speed_mph": None}, "raw_speed_mph: expected an array, was missing"),
        ({"milemarker": np.zeros((2, 2))}, "milemarker: expected one row of numbers"),
        ({"time_s": np.zeros(20)}, "time_s: expected two or more rising times"),
        ({"milemarker": np.full(9, np.nan)}, "milemarker: expected finite numbers"),
        ({"raw_speed_mph": np.zeros((3, 4, 20))}, "raw_speed_mph: expected numbers of shape (lane, 9, 20)"),
        ({"raw_vol_veh30s": np.zeros((2, 9, 20))}, "raw_vol_veh30s: expected (3, 9, 20) as the speeds"),
    ],
)
def test_a_wrong_file_is_told_by_its_array(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], wanted: str
) -> None:
    arrays = free_traffic(n_time=20) | change
    path = written(tmp_path, {name: value for name, value in arrays.items() if value is not None})
    assert main(["calc", "asm", str(path), str(tmp_path / "out.npz")]) == 1
    assert wanted in capsys.readouterr().err


def test_what_is_no_array_file_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in.npz"
    path.write_text("no")
    assert main(["calc", "asm", str(path), str(tmp_path / "out.npz")]) == 1
    assert "expected an NPZ file" in capsys.readouterr().err
    assert main(["calc", "asm", str(tmp_path / "none.npz"), str(tmp_path / "out.npz")]) == 1
    assert "was missing" in capsys.readouterr().err
