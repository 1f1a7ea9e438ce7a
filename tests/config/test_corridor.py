"""The catalogue of a detector array: distances are the milemarkers', everything else fits together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.catalogue.check import find_problems
from config.catalogue.corridor import MILE_M, corridor_region
from config.catalogue.load import load_region
from config.catalogue.model import Catalogue, Name
from config.catalogue.save import save_region
from tests.config.comparing import assert_same

RECORDING = Path(__file__).parents[3] / "shared/data/traffic/i24/i24_rds_first_1001.npz"


def _corridor(milemarkers: object, region: str = "i24") -> Catalogue:
    return corridor_region(
        id=region, name=Name("아이24", "I-24"), milemarkers=milemarkers, lanes=4, speed_limit_kmh=112.7
    )


def test_three_stations_by_hand() -> None:
    region = _corridor([63.0, 62.5, 62.1])
    assert [station.id for station in region.vds] == ["i24-mm-63-00", "i24-mm-62-50", "i24-mm-62-10"]
    # 0.5 mi = 804.672 m, 0.4 mi = 643.7376 m.
    assert [link.length_m for link in region.links] == pytest.approx([804.672, 643.7376])
    assert [link.chainage_m for link in region.links] == pytest.approx([0.0, 804.672])
    assert [station.link for station in region.vds] == ["9990100001", "9990100002", "9990100002"]
    assert [station.offset_m for station in region.vds] == pytest.approx([0.0, 0.0, 643.7376])
    assert {station.lanes for station in region.vds} == {4}
    lon, lat = np.array([station.position for station in region.vds]).T
    assert (np.diff(lon) > 0).all()
    assert (np.diff(lat) < 0).all()
    assert region.synthetic
    assert region.terrain is None
    assert region.villages == region.weather == ()


def test_saves_and_loads(tmp_path: Path) -> None:
    region = _corridor(np.arange(70, 53, -0.35))
    assert len(region.sign) == 5  # 16.8 mi = 27.0 km: at 2.5, 7.5, … 22.5 km
    save_region(region, tmp_path)
    assert_same(load_region(tmp_path), region)


@settings(max_examples=25, deadline=None)
@given(
    gaps=st.lists(st.floats(0.01, 3.0), min_size=1, max_size=30),
    first=st.floats(100, 200),
    falling=st.booleans(),
)
def test_any_array_gives_a_catalogue_without_problems(gaps: list[float], first: float, falling: bool) -> None:
    miles = first + np.cumsum([0.0, *gaps]) * (-1 if falling else 1)
    region = _corridor(miles)
    assert find_problems(region) == []
    total_m = region.links[-1].chainage_m + region.links[-1].length_m
    assert total_m == pytest.approx(sum(gaps) * MILE_M)


@pytest.mark.parametrize(
    ("miles", "text"),
    [
        ([63.0], "at least 2 stations"),
        ([[63.0, 62.0]], r"shape \(station,\)"),
        ([63.0, float("nan")], r"milemarkers\[1\]: expected a finite"),
        ([63.0, 62.0, 62.5], r"milemarkers\[2\]: expected at least 10 m after 62"),
        ([63.0, 63.0], r"milemarkers\[1\]"),
    ],
)
def test_wrong_milemarkers_are_named(miles: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        _corridor(miles)


@pytest.mark.field_data
@pytest.mark.skipif(not RECORDING.exists(), reason="the I-24 recording is not on this machine")
def test_i24_recording() -> None:
    with np.load(RECORDING) as recording:
        miles = np.sort(recording["milemarker"])[::-1]
    region = _corridor(miles)
    assert find_problems(region) == []
    assert len(region.vds) == 49
    assert region.vds[0].id == "i24-mm-70-10"
    assert region.links[-1].chainage_m + region.links[-1].length_m == pytest.approx((70.1 - 53.3) * MILE_M)
