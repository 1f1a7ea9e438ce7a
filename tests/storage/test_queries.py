"""Reading measured values back."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from storage.database import Connection
from storage.queries import Readings, dead_letters, latest_readings, page_series, readings, readings_since
from storage.repositories.devices import DeviceRow, register_devices
from storage.writer_batches import DeadLetter, WriteBatch
from storage.writer_rows import Rows, write_rows
from tests.storage.rows import NOW, NOW_NS, series_rows

DEVICES = [
    DeviceRow("V", "vds", "1"),
    DeviceRow("S", "slope", "1"),
    DeviceRow("W", "weather", "1"),
    DeviceRow("C", "cctv", "1"),
]


@pytest.mark.integration
async def test_readings_of_a_device_in_the_order_of_time(connection: Connection) -> None:
    await register_devices(connection, DEVICES)
    rows = series_rows("slope_reading", 100, device=2)
    others = series_rows("slope_reading", 100, device=1)
    await write_rows(connection, Rows.of([WriteBatch(series=(rows, others))]))
    found = await readings(connection, "S", NOW + timedelta(seconds=90))
    assert found is not None
    assert (found.device, found.kind) == ("S", "slope")
    for name, values in rows.columns.items():
        np.testing.assert_array_equal(found.columns[name], values[90:], err_msg=name)
    newest = await readings(connection, "S", NOW, until=NOW + timedelta(seconds=50), limit=2)
    assert newest is not None
    assert (newest.columns["time"] - NOW_NS).tolist() == [48 * 10**9, 49 * 10**9]
    assert await readings(connection, "unheard-of", NOW) is None
    assert await readings(connection, "C", NOW) == Readings("C", "cctv", {})


@pytest.mark.integration
async def test_warm_up_reads_all_devices_and_the_latest_of_each(connection: Connection) -> None:
    lanes = [series_rows("vds_lane", 10, device=device, lane=[lane] * 10) for device in (1, 2) for lane in (1, 2)]
    await write_rows(connection, Rows.of([WriteBatch(series=tuple(lanes))]))
    since = await readings_since(connection, "vds_lane", NOW + timedelta(seconds=5))
    assert since["time"].size == 20
    assert (np.diff(since["time"].astype(np.int64)) >= 0).all()
    latest = await latest_readings(connection, "vds_lane", NOW)
    keys = list(zip(latest["device"].tolist(), latest["lane"].tolist(), strict=True))
    assert keys == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert (latest["time"] == NOW_NS + 9 * 10**9).all()
    nothing = await latest_readings(connection, "weather_reading", NOW)
    assert nothing["temp_c"].size == 0


@pytest.mark.integration
async def test_dead_letters_come_newest_first(connection: Connection) -> None:
    letters = tuple(
        DeadLetter(
            received=NOW + timedelta(seconds=second),
            topic="t",
            device=None,
            field="lanes[0].speed_kmh",
            problem=f"p{second}",
            size_bytes=5_000,
            payload=b"x" * 5_000,
        )
        for second in (2, 0, 1)
    )
    await write_rows(connection, Rows.of([WriteBatch(dead_letters=letters)]))
    found = await dead_letters(connection, 2)
    assert [letter.problem for letter in found] == ["p2", "p1"]
    assert (found[0].received, found[0].size_bytes) == (NOW + timedelta(seconds=2), 5_000)


def test_lanes_of_a_station_become_one_series() -> None:
    # 10 veh at 100 km/h and 30 veh at 60 km/h in 30 s: 40 · 120 veh/h, (10·100 + 30·60)/40 = 70 km/h.
    rows = series_rows(
        "vds_lane", 4,
        time=np.array([0, 0, 30, 30]) * 10**9, period_s=[30.0] * 4,
        volume=[10.0, 30.0, 0.0, 5.0], speed_kmh=[100.0, 60.0, np.nan, np.nan],
        occupancy_pct=[5.0, 15.0, np.nan, 2.0],
    )  # fmt: skip
    assert page_series(Readings("V", "vds", dict(rows.columns))) == {
        "speed_kmh": [(0.0, 70.0), (30.0, None)],
        "flow_veh_h": [(0.0, 4800.0), (30.0, 600.0)],
        "occupancy_pct": [(0.0, 10.0), (30.0, 2.0)],
    }


def test_flow_of_a_station_is_missing_with_any_of_its_volumes() -> None:
    rows = series_rows("vds_lane", 2, time=np.zeros(2, np.int64), period_s=[30.0] * 2, volume=[1.0, np.nan])
    assert page_series(Readings("V", "vds", dict(rows.columns)))["flow_veh_h"] == [(0.0, None)]


def test_slope_page_has_the_depths_that_exist_and_no_infinity() -> None:
    soil = np.full((2, 8), np.nan, dtype=np.float32)
    soil[:, 1] = [0.2, np.nan]
    rows = series_rows(
        "slope_reading", 2, start_ns=0, soil_moisture_frac=soil, battery_v=np.array([np.inf, 3.6], dtype=np.float32)
    )
    series = page_series(Readings("S", "slope", dict(rows.columns)))
    assert series["soil_moisture_frac_2"] == [(0.0, 0.2), (1.0, None)]
    assert series["battery_v"] == [(0.0, None), (1.0, 3.6)]
    assert "soil_moisture_frac_1" not in series
    assert page_series(Readings("C", "cctv", {})) == {}
