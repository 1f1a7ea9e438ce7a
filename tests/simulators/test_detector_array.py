"""Detector arrays become the messages that their stations would have sent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensors.codec import decode
from simulators.detector_array import DetectorArrayError, load_detector_array

FIELD_DATA = Path(__file__).parents[3] / "shared" / "data" / "traffic" / "i24" / "i24_rds_first_1001.npz"


def arrays() -> dict[str, Any]:
    """Two lanes, three stations from low to high milemarker, four periods; value = 100·lane + 10·station + time."""
    lane, station, time = np.indices((2, 3, 4))
    value = (100 * lane + 10 * station + time).astype(np.float32)
    return {
        "raw_speed_mph": value / 10.0,
        "raw_occ_pct": value / 10.0,
        "raw_vol_veh30s": value / 10.0,
        "milemarker": np.array([1.0, 2.5, 4.0]),
        "time_s": np.arange(4) * 30.0,
    }


def saved(path: Path, **changes: Any) -> Path:
    content = {name: value for name, value in {**arrays(), **changes}.items() if value is not None}
    np.savez(path, **content)
    return path


def test_stations_are_in_the_order_of_travel_and_units_are_metric(tmp_path: Path) -> None:
    array = load_detector_array(saved(tmp_path / "a.npz"))
    assert array.milemarker.tolist() == [4.0, 2.5, 1.0]
    assert array.period_s == 30.0
    # Lane 2 (index 1) of the last station in the file (index 2) at time 3: 100 + 20 + 3, over 10.
    assert array.volume[3, 0, 1] == pytest.approx(12.3)
    assert array.speed_kmh[3, 0, 1] == pytest.approx(12.3 * 1.609344, rel=1e-6)
    assert array.times[0] == datetime(2000, 1, 1, tzinfo=UTC)


def test_messages_carry_every_lane_that_measured(tmp_path: Path) -> None:
    changes = arrays()
    changes["raw_vol_veh30s"][0, 1, 2] = np.nan
    changes["raw_speed_mph"][1, 1, 2] = np.nan
    changes["raw_vol_veh30s"][:, 0, 2] = np.nan
    array = load_detector_array(saved(tmp_path / "a.npz", **changes))
    region = array.catalogue(100.0)
    messages = list(array.messages(region))
    assert len(messages) == 4
    decoded = decode(messages[2].topic, messages[2].payload)
    assert decoded.topic.gateway
    # The station at milemarker 1 measured nothing; that at 2.5 only on lane 2, without a speed.
    assert [len(one.lanes) for one in decoded.messages] == [2, 1]  # type: ignore[attr-defined]
    (lane,) = decoded.messages[1].lanes  # type: ignore[attr-defined]
    assert (lane.lane, lane.speed_kmh) == (2, None)
    assert {one.device for one in decoded.messages} <= {station.id for station in region.vds}
    assert {one.seq for one in decoded.messages} == {2}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"milemarker": None}, "milemarker: expected an array, was missing"),
        ({"raw_occ_pct": np.zeros((2, 3))}, "raw_occ_pct: expected"),
        ({"time_s": np.zeros(4)}, "time_s: expected two or more rising times"),
    ],
)
def test_a_wrong_array_is_named(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(DetectorArrayError, match=field):
        load_detector_array(saved(tmp_path / "a.npz", **changes))


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"hello")
    with pytest.raises(DetectorArrayError, match="expected an NPZ file"):
        load_detector_array(path)


@pytest.mark.field_data
def test_field_data_becomes_valid_messages() -> None:
    if not FIELD_DATA.is_file():
        pytest.skip("the I-24 field data are not beside the repository")
    array = load_detector_array(FIELD_DATA)
    region = array.catalogue(112.65)
    messages = list(array.messages(region))
    assert len(messages) == 1001
    assert array.times[0] == datetime(2023, 12, 8, 11, 0, 1, tzinfo=UTC)
    first = decode(messages[0].topic, messages[0].payload)
    # Milemarker 70.1 comes first in travel; the file has 49 stations of 4 lanes.
    assert first.messages[0].device == "i24-mm-70-10"
    counted = sum(len(one.lanes) for message in messages for one in decode(message.topic, message.payload).messages)  # type: ignore[attr-defined]
    with np.load(FIELD_DATA) as file:
        known = ~(np.isnan(file["raw_vol_veh30s"]) | np.isnan(file["raw_occ_pct"]))
    assert counted == int(known.sum())
