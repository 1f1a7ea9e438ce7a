"""Roll-ups against sums made by hand, whatever arrives late."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.database import Connection, connect
from storage.profiles import update_profiles
from storage.repositories.devices import DeviceRow, register_devices
from storage.rollup_queries import Rollup, Step, profile, rollup
from storage.rollups import update_rollups
from storage.series import SeriesName, SeriesRows
from storage.writer_batches import WriteBatch
from storage.writer_rows import Rows, write_rows
from tests.storage.rows import NOW, NOW_NS, series_rows

pytestmark = pytest.mark.integration

S = 10**9
LATER = NOW + timedelta(days=2)
NAN = float("nan")


async def write(connection: Connection, *rows: SeriesRows) -> None:
    async with connection.transaction():
        await write_rows(connection, Rows.of([WriteBatch(late=rows)]))


def readings(name: SeriesName, offsets_s: list[float], **given: Any) -> SeriesRows:
    time = NOW_NS + (np.asarray(offsets_s) * S).astype(np.int64)
    device = ("vds_lane", "slope_reading", "weather_reading").index(name) + 1
    rows = series_rows(name, len(offsets_s), device=device, time=time, quality=np.zeros(len(offsets_s), np.int16))
    columns = {key: np.broadcast_to(np.asarray(value), len(offsets_s)) for key, value in given.items()}
    return SeriesRows(name, {**rows.columns, **columns})


async def of(connection: Connection, device: str, step: Step) -> Rollup:
    found = await rollup(connection, device, NOW - timedelta(days=1), LATER, step)
    assert found is not None
    return found


@pytest.fixture(autouse=True)
async def devices(connection: Connection) -> None:
    kinds = ("vds", "slope", "weather")
    await register_devices(connection, [DeviceRow(kind, kind, "d") for kind in kinds])


async def test_sums_means_and_shares_of_a_lane(connection: Connection) -> None:
    await write(
        connection,
        readings(
            "vds_lane",
            [30, 60, 90, 120, 150],
            period_s=30.0,
            volume=[10.0, 30.0, 0.0, 99.0, NAN],
            heavy=[2.0, NAN, 0.0, 99.0, 0.0],
            speed_kmh=[100.0, 60.0, NAN, 250.0, 80.0],
            occupancy_pct=[10.0, 20.0, 0.0, 90.0, NAN],
            quality=[0, 0, 0, 1, 0],
        ),
    )
    await update_rollups(connection, LATER)
    for step, bucket_s in (("5min", 300.0), ("hour", 3600.0)):
        found = await of(connection, "vds", step)
        one = {name: values[0].item() for name, values in found.columns.items()}
        assert one == pytest.approx(
            {
                "bucket": NOW_NS, "lane": 1, "n_reading": 5, "doubtful_frac": 0.2, "volume": 40.0, "heavy": 2.0,
                "heavy_frac": 0.2, "flow_veh_h": 40.0 * 3600 / 90, "speed_kmh": 70.0, "occupancy_pct": 10.0,
                "coverage_frac": 90.0 / bucket_s,
            },
            rel=1e-6,
        )  # fmt: skip


async def test_reading_belongs_where_the_middle_of_its_period_is(connection: Connection) -> None:
    await write(
        connection,
        readings("vds_lane", [300, 300 + 14, 300 + 16, 600 + 149], period_s=[300.0, 30.0, 30.0, 900.0]),
    )
    await update_rollups(connection, LATER)
    found = (await of(connection, "vds", "5min")).columns
    assert found["bucket"].tolist() == [NOW_NS, NOW_NS + 300 * S]
    assert found["n_reading"].tolist() == [2, 2]
    assert found["coverage_frac"].tolist() == [1.0, 1.0]


async def test_lane_without_a_believable_reading_has_no_values(connection: Connection) -> None:
    await write(connection, readings("vds_lane", [30], period_s=30.0, volume=5.0, quality=4))
    await update_rollups(connection, LATER)
    found = (await of(connection, "vds", "hour")).columns
    assert (found["doubtful_frac"].item(), found["coverage_frac"].item()) == (1.0, 0.0)
    assert np.isnan([found[name].item() for name in ("flow_veh_h", "speed_kmh", "occupancy_pct", "heavy")]).all()


async def test_present_buckets_wait_until_they_are_over(connection: Connection) -> None:
    await write(connection, readings("vds_lane", [30], period_s=30.0))
    early = await update_rollups(connection, NOW + timedelta(seconds=299))
    assert (await of(connection, "vds", "5min")).columns["bucket"].size == 0
    assert early.n_waiting
    await update_rollups(connection, NOW + timedelta(seconds=300))
    assert (await of(connection, "vds", "5min")).columns["bucket"].size == 1
    assert (await of(connection, "vds", "hour")).columns["bucket"].size == 0
    over = await update_rollups(connection, NOW + timedelta(hours=1))
    assert (await of(connection, "vds", "hour")).columns["bucket"].size == 1
    assert over.n_waiting == 0


async def test_buckets_whose_readings_may_be_gone_stay(connection: Connection) -> None:
    await write(connection, readings("vds_lane", [30, 60], period_s=30.0))
    await update_rollups(connection, LATER)
    await connection.execute(b"DELETE FROM gwanje.vds_lane")
    await write(connection, readings("vds_lane", [90], period_s=30.0))
    run = await update_rollups(connection, LATER, oldest=NOW + timedelta(hours=1))
    assert run == (0, 0)
    assert (await of(connection, "vds", "5min")).columns["n_reading"].tolist() == [2]


LANE_READING = st.tuples(
    st.integers(-400, 4_000),
    st.integers(1, 2),
    st.sampled_from([30.0, 60.0, 300.0]),
    st.sampled_from([0.0, 1.0, 7.0, NAN]),
    st.sampled_from([50.0, 90.5, NAN]),
    st.sampled_from([0, 0, 0, 1]),
)


@given(batches=st.lists(st.lists(LANE_READING, min_size=1, max_size=10), min_size=1, max_size=4))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_late_readings_lead_to_the_same_values(database_url: str, batches: list[list[Any]]) -> None:
    distinct: dict[tuple[int, int], Any] = {}

    async def play() -> dict[Step, Rollup]:
        async with await connect(database_url) as connection:
            await connection.execute(b"TRUNCATE gwanje.vds_lane, gwanje.vds_5min, gwanje.vds_hour, gwanje.rollup_mark")
            for batch in batches:
                second, lane, period_s, volume, speed_kmh, quality = (
                    list(column) for column in zip(*batch, strict=True)
                )
                await write(
                    connection,
                    readings(
                        "vds_lane", second, lane=np.array(lane, np.int16), period_s=period_s, volume=volume,
                        speed_kmh=speed_kmh, quality=np.array(quality, np.int16),
                    ),
                )  # fmt: skip
                for one in batch:
                    distinct.setdefault((one[0], one[1]), one)
                await update_rollups(connection, LATER)
            return {"5min": await of(connection, "vds", "5min"), "hour": await of(connection, "vds", "hour")}

    found = asyncio.run(play())
    for step, length_s in (("5min", 300), ("hour", 3600)):
        groups: dict[tuple[int, int], list[Any]] = defaultdict(list)
        for second, lane, period_s, *rest in distinct.values():
            bucket = int((second - min(period_s / 2, 150)) // length_s) * length_s
            groups[bucket, lane].append((period_s, *rest))
        columns = found[step].columns
        keys = list(zip(((columns["bucket"] - NOW_NS) // S).tolist(), columns["lane"].tolist(), strict=True))
        assert keys == sorted(groups)
        for place, key in enumerate(keys):
            good = [one for one in groups[key] if one[3] == 0 and one[1] == one[1]]
            moving = [one for one in good if one[1] > 0 and one[2] == one[2]]
            volume = sum(one[1] for one in moving)
            speed = sum(one[1] * one[2] for one in moving) / volume if volume else NAN
            assert columns["n_reading"][place] == len(groups[key])
            assert columns["volume"][place] == sum(one[1] for one in good)
            assert columns["speed_kmh"][place] == pytest.approx(speed, rel=1e-6, nan_ok=True)


async def test_rain_is_the_sum_of_rises(connection: Connection) -> None:
    minutes = [-10, 0, 20, 40, 59, 61, 300]
    total = [5.0, 6.0, 6.5, 0.5, 2.0, 3.0, 99.0]
    rows = readings(
        "weather_reading", [60.0 * one for one in minutes], rain_mm_total=total, wind_deg=[350.0, 10.0] * 3 + [90.0]
    )
    await write(connection, rows)
    await update_rollups(connection, LATER)
    found = (await of(connection, "weather", "hour")).columns
    assert found["bucket"].tolist() == [NOW_NS + hour * 3600 * S for hour in (-1, 0, 1, 5)]
    # The counter was set back before 40: what it shows then fell since. Nobody knows of the rain before 300.
    assert found["rain_mm"].tolist() == pytest.approx([NAN, 1.0 + 0.5 + 0.5 + 1.5, 1.0, NAN], nan_ok=True)
    assert found["coverage_frac"].tolist() == pytest.approx([0.0, 1.0, 2 / 60, 0.0])
    assert found["wind_deg"].tolist()[1] == pytest.approx(0.0, abs=1e-3)


async def test_late_counter_value_moves_rain_between_hours(connection: Connection) -> None:
    await write(connection, readings("slope_reading", [3000.0, 4000.0], rain_mm_total=[1.0, 9.0]))
    await update_rollups(connection, LATER)
    assert (await of(connection, "slope", "hour")).columns["rain_mm"].tolist()[1] == 8.0
    await write(connection, readings("slope_reading", [3500.0], rain_mm_total=[7.0]))
    await update_rollups(connection, LATER)
    assert (await of(connection, "slope", "hour")).columns["rain_mm"].tolist() == [6.0, 2.0]
    assert (await of(connection, "slope", "5min")).columns == {}


async def test_profile_tells_days_apart_in_local_time(connection: Connection) -> None:
    # 08:00 in Seoul is 23:00 UTC of the day before: Monday's value of 29 June 2026 stands in Sunday, UTC.
    monday = datetime(2026, 6, 28, 23, 0, tzinfo=UTC)
    flows = {0: 100, 1: 200, 2: 300, 3: 400, 4: 1_000, 5: 50, 6: 10}
    for day, flow in flows.items():
        offset_s = (monday + timedelta(days=day) - NOW).total_seconds()
        seconds = [offset_s + 60.0 * one for one in range(1, 61)]
        await write(connection, readings("vds_lane", seconds, period_s=60.0, volume=flow / 60.0, speed_kmh=60.0))
    after = monday + timedelta(days=7)
    await update_rollups(connection, after)
    assert await update_profiles(connection, after, holidays=[date(2026, 7, 3)])
    for day_type, n_day, p50 in (("weekday", 4, 250.0), ("saturday", 1, 50.0), ("holiday", 2, 505.0)):
        for step in ("5min", "hour"):
            found = await profile(connection, "vds", day_type, step)
            assert found is not None
            assert found.computed == after
            assert found.columns["slot_min"].tolist() == [480] if step == "hour" else [*range(480, 540, 5)]
            assert set(found.columns["n_day"].tolist()) == {n_day}
            assert found.columns["flow_p50_veh_h"].tolist() == pytest.approx([p50] * (1 if step == "hour" else 12))
    weekday = await profile(connection, "vds", "weekday", "hour")
    assert weekday is not None
    assert weekday.columns["flow_p15_veh_h"].item() == pytest.approx(145.0)
    assert weekday.columns["flow_p85_veh_h"].item() == pytest.approx(355.0)
    assert await update_profiles(connection, after + timedelta(weeks=9)) == 0


async def test_unknown_device_has_neither(connection: Connection) -> None:
    assert await rollup(connection, "nobody", NOW, LATER, "hour") is None
    assert await profile(connection, "nobody", "weekday", "hour") is None


async def test_naive_times_are_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="now: expected an aware time"):
        await update_rollups(connection, NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="weeks: expected a number above 0, was 0"):
        await update_profiles(connection, NOW, weeks=0)
