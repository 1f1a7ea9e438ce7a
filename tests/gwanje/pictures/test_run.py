"""The pictures of a run: drawn from what was recorded, named, and refused with a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from config.catalogue.load import load_region
from config.catalogue.model import Catalogue
from config.catalogue.save import save_region
from gwanje.cli import main
from gwanje.pictures.slopes import inverse_rate_h_deg, read_nodes
from sensors.codec import encode
from sensors.observations import SlopeObservation
from simulators.recording import Recorded

START = datetime(2026, 4, 8, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"
SCENARIO = """
time_of_day = "08:00"
seed = 3
duration_s = 1000
title = { ko = "그림", en = "Pictures" }
about = { ko = "그림", en = "Pictures" }
[weather]
rh_pct = 25.0
wind_kmh = 30.0
[[event]]
kind = "crash"
place = "longest_expressway"
at_s = 60
lanes_blocked = 1
duration_s = 900
[[event]]
kind = "slope_creep"
at_s = 60
node = "{node}"
rate_deg_h = 4.0
duration_s = 900
[[event]]
kind = "fire"
at_s = 30
lon_deg = {lon}
lat_deg = {lat}
"""


@pytest.fixture(scope="module")
def recorded(region_folder: Path, region: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A region's folder and a recorded run in it."""
    folder = tmp_path_factory.mktemp("pictures")
    west, south, east, north = region.bbox
    lon, lat = west + 0.6 * (east - west), south + 0.75 * (north - south)
    text = SCENARIO.replace("{node}", region.slope[0].id).replace("{lon}", str(lon)).replace("{lat}", str(lat))
    (folder / "pictures.toml").write_text(text)
    given = ["rehearse", str(folder / "pictures.toml"), "--region", str(region_folder), "--record"]
    assert main([*given, "--run", str(folder / "run")]) == 0
    return region_folder, folder / "run"


def test_everything_that_happened_is_drawn(recorded: tuple[Path, Path], tmp_path: Path) -> None:
    region, run = recorded
    assert main(["picture", str(run), "--region", str(region), "--out", str(tmp_path)]) == 0
    drawn = {path.name: path.read_bytes() for path in tmp_path.glob("*.png")}
    kinds = {name.split("-")[0] for name in drawn}
    assert kinds == {"fundamental", "time", "slope", "fire"}
    assert all(content.startswith(PNG) and len(content) > 5_000 for content in drawn.values())


def test_another_region_is_refused(
    recorded: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_region(msgspec.structs.replace(load_region(recorded[0]), sign=()), tmp_path / "other")
    assert main(["picture", str(recorded[1]), "--region", str(tmp_path / "other")]) == 1
    assert "it was run in another version of region" in capsys.readouterr().err


def test_a_run_without_a_recording_is_refused(
    recorded: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("run.json", "truth.jsonl"):
        (tmp_path / name).write_bytes((recorded[1] / name).read_bytes())
    assert main(["picture", str(tmp_path), "--region", str(recorded[0])]) == 1
    assert "expected a recording, was none: rehearse with --record" in capsys.readouterr().err


def sample(seq: int, at_s: float, rain_mm: float, tilt_deg: float) -> Recorded:
    time = START + timedelta(seconds=at_s)
    body = SlopeObservation(device="N1", time=time, seq=seq, rain_mm_total=rain_mm, tilt_x_deg=tilt_deg, tilt_y_deg=0.0)
    return Recorded(at=time, topic="gwanje/v1/99110/slope/N1/obs", payload=encode(body, "msgpack"))


def test_late_and_double_samples_are_put_in_order_and_the_counter_may_go_back() -> None:
    messages = [
        sample(1, 0, 6_550.0, 0.0),
        sample(3, 1200, 3.0, 0.2),
        sample(2, 600, 6_553.0, 0.1),
        sample(3, 1200, 3.0, 0.2),
    ]
    series = read_nodes(messages, ["N1"], START)["N1"]
    assert series.time_s.tolist() == [0.0, 600.0, 1200.0]
    assert series.rain_mm.tolist() == [0.0, 3.0, 3.0]
    assert series.tilt_deg.tolist() == pytest.approx([0.0, 0.1, 0.2])


def test_the_inverse_rate_is_that_of_the_tilt() -> None:
    hours = np.arange(0.0, 6.0, 1 / 6)
    messages = [sample(place, hour * 3600, 0.0, 0.5 * hour) for place, hour in enumerate(hours.tolist())]
    at_s, inverse = inverse_rate_h_deg(read_nodes(messages, ["N1"], START)["N1"])
    assert len(at_s) > 30
    assert inverse == pytest.approx(2.0)
