"""Messages of one tick to columns, rows and events; duplicates out, implausible values kept from the engine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.batching import IMPLAUSIBLE_FLOW, IMPLAUSIBLE_SPEED, REPORTED_FAULT, Batcher, Tick
from ingest.mqtt.session import Incoming
from sensors.columns import to_ns
from tests.alerts.making import NOW, WESTERN, later
from tests.ingest.making import (
    PLAUSIBILITY,
    REGISTRY,
    STATION,
    arrived,
    message,
    reader,
    slope_message,
    status,
    tower,
    vds,
    vds_body,
)

KEYS = np.arange(100, 100 + len(REGISTRY), dtype=np.int32)


def batcher() -> Batcher:
    return Batcher(REGISTRY, KEYS, PLAUSIBILITY)


def tick(maker: Batcher, *messages: Incoming) -> Tick:
    return maker.build(reader().read(arrived(*messages)))


def key(device: str) -> int:
    return int(KEYS[REGISTRY.index[device]])


def test_nothing_gives_an_empty_tick() -> None:
    empty = tick(batcher())
    assert len(empty.batch) == 0
    assert (empty.series, empty.events, empty.acks) == ((), (), ())


def test_a_station_gives_a_row_a_lane_under_its_key() -> None:
    lanes = [
        {"lane": 1, "volume": 7, "speed_kmh": 91.5, "occupancy_pct": 9.0, "heavy": 2},
        {"lane": 3, "volume": 0, "speed_kmh": None, "occupancy_pct": 0.0},
    ]
    made = tick(batcher(), vds(lanes=lanes))
    (rows,) = made.series
    assert rows.name == "vds_lane"
    columns = rows.columns
    assert columns["device"].tolist() == [key(STATION)] * 2
    assert columns["lane"].tolist() == [1, 3]
    assert columns["volume"].tolist() == [7.0, 0.0]
    assert columns["heavy"][0] == 2.0
    assert np.isnan(columns["heavy"][1])
    assert np.isnan(columns["speed_kmh"][1])
    assert columns["time"].tolist() == [to_ns(NOW)] * 2
    assert columns["quality"].tolist() == [0, 0]


def test_what_no_road_can_bring_is_stored_with_its_mark_and_kept_from_the_engine() -> None:
    lanes = [
        {"lane": 1, "volume": 5, "speed_kmh": 251.0, "occupancy_pct": 9.0},
        {"lane": 2, "volume": 39, "speed_kmh": 80.0, "occupancy_pct": 9.0},
        {"lane": 3, "volume": 38, "speed_kmh": 250.0, "occupancy_pct": 9.0},
    ]
    made = tick(batcher(), vds(lanes=lanes, fault="radar"))
    (rows,) = made.series
    assert rows.columns["speed_kmh"].tolist() == [251.0, 80.0, 250.0]
    assert rows.columns["quality"].tolist() == [
        IMPLAUSIBLE_SPEED | REPORTED_FAULT,
        IMPLAUSIBLE_FLOW | REPORTED_FAULT,  # 39 in 30 s are 4,680 an hour
        REPORTED_FAULT,
    ]
    assert np.isnan(made.batch.vds.volume[0]).tolist() == [True, True, False]
    assert made.faults == {(REGISTRY.index[STATION], to_ns(NOW)): "radar"}


@pytest.mark.filterwarnings("error")
def test_a_period_next_to_nothing_overflows_nothing() -> None:
    made = tick(batcher(), vds(period_s=5e-324))
    assert (made.series[0].columns["quality"] & IMPLAUSIBLE_FLOW).all()


def test_duplicates_go_over_all_kinds_and_ticks() -> None:
    maker = batcher()
    first = tick(maker, vds(seq=1), vds(seq=1), slope_message(seq=4), tower(seq=9))
    assert len(first.batch) == 3
    again = tick(maker, slope_message(seq=4), tower(seq=9), vds(seq=1), vds(seq=2, time=later(30)))
    assert len(again.batch) == 1
    assert again.events == ()
    assert sorted(again.repeated.tolist()) == [0, 1, 2]
    assert maker.deduplicator.duplicates == 4


def test_duplicates_in_a_batch_are_named_by_place_and_member_and_left_out_again() -> None:
    maker = batcher()
    tick(maker, vds("VDS-E1up01", seq=1))
    bodies = [vds_body(f"VDS-E1up0{place}", seq=1) for place in range(3)]
    batch = message(f"gwanje/v1/{WESTERN}/vds/_gateway/g/obs", bodies)
    made = tick(maker, vds("VDS-E1up05", seq=2), batch, vds("VDS-E1up02", seq=1))
    assert made.skipped.tolist() == [[1, 1]]
    assert made.repeated.tolist() == [2]
    # Somebody who has seen nothing of it comes to the same by what is said of duplicates.
    stream = reader().read(arrived(vds("VDS-E1up05", seq=2), batch))
    again = batcher().build(stream, made.skipped)
    assert again.batch.vds.envelope.device.tolist() == made.batch.vds.envelope.device.tolist()
    for name, column in made.series[0].columns.items():
        np.testing.assert_array_equal(again.series[0].columns[name], column, err_msg=name)


def test_events_keep_their_message_and_stream() -> None:
    answer = {"device": "VMS-up0", "time": NOW, "seq": 3, "message": "m1", "shown": True, "multi": "x"}
    made = tick(
        batcher(),
        tower(seq=5),
        status("tower", "TWR-0", seq=6, pan_deg=10.0),
        message(f"gwanje/v1/{WESTERN}/sign/VMS-up0/ack", answer, qos=1, packet_id=1),
    )
    assert [(event.kind, event.stream, event.seq) for event in made.events] == [
        ("tower", "event", 5),
        ("tower", "status", 6),
        ("sign", "ack", 3),
    ]
    assert made.events[2].device == key("VMS-up0")
    assert b'"message":"m1"' in bytes(made.events[2].payload)  # type: ignore[call-overload]
    assert [ack.message.message for ack in made.acks] == ["m1"]
    assert len(made.statuses) == 1


def test_slope_and_weather_rows_fill_what_is_missing_with_nan() -> None:
    weather = {"device": "WX-0", "time": NOW, "seq": 1, "temp_c": 3.5, "road_state": "ice"}
    made = tick(
        batcher(),
        slope_message(soil_moisture_frac=[0.2, None], battery_v=3.6),
        message(f"gwanje/v1/{WESTERN}/weather/WX-0/obs", weather),
        message(f"gwanje/v1/{WESTERN}/weather/WX-0/obs", weather | {"seq": 2, "road_state": None}),
    )
    by_name = {rows.name: rows.columns for rows in made.series}
    slope = by_name["slope_reading"]
    assert slope["battery_v"][0] == pytest.approx(3.6, rel=1e-6)
    assert np.isnan(slope["pore_pressure_kpa"][0])
    assert slope["soil_moisture_frac"][0][0] == pytest.approx(0.2, rel=1e-6)
    assert np.isnan(slope["soil_moisture_frac"][0][1:]).all()
    air = by_name["weather_reading"]
    assert air["temp_c"].tolist() == [3.5, 3.5]
    assert np.isnan(air["wind_kmh"]).all()
    assert air["road_state"][0] != air["road_state"][1]


def test_a_gateway_counts_every_member() -> None:
    bodies = [vds_body(f"VDS-E1up0{place}", time=NOW - timedelta(seconds=place)) for place in range(5)]
    made = tick(batcher(), message(f"gwanje/v1/{WESTERN}/vds/_gateway/g/obs", bodies))
    assert len(made.batch.vds.envelope) == 5
    assert len(made.series[0]) == 15


LANES = st.lists(
    st.fixed_dictionaries(
        {
            "lane": st.integers(1, 3),
            "volume": st.integers(0, 60) | st.integers(0, 10_000),
            "speed_kmh": st.none() | st.floats(0, 300),
            "occupancy_pct": st.floats(0, 100),
        },
        optional={"heavy": st.none() | st.integers(0, 500)},
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda lane: lane["lane"],
)
BODIES = st.builds(
    vds_body,
    st.sampled_from([f"VDS-E1up0{place}" for place in range(4)]),
    st.integers(1, 5),
    st.sampled_from([NOW, later(0.25), later(-3), later(7_200)]),
    lanes=LANES,
    fault=st.none() | st.just("loop 2 open"),
)


@given(st.lists(BODIES | st.lists(BODIES, min_size=1, max_size=6), max_size=6), st.booleans())
def test_the_long_way_gives_the_same_tick_to_the_byte(bodies: list[Any], packed: bool) -> None:
    def sent(body: Any) -> Incoming:
        where = "_gateway/g1" if isinstance(body, list) else body["device"]
        written = msgspec.msgpack.encode(msgspec.json.decode(msgspec.json.encode(body))) if packed else body
        return message(f"gwanje/v1/{WESTERN}/vds/{where}/obs", written)

    messages = arrived(*map(sent, bodies))
    slow = reader()
    slow._book.learn = lambda name: None  # type: ignore[method-assign]
    one, other = (batcher().build(way.read(messages)) for way in (reader(), slow))
    assert _bytes_of(one.batch.vds) == _bytes_of(other.batch.vds)
    for rows, others in zip(one.series, other.series, strict=True):
        assert {name: (column.dtype, column.tobytes()) for name, column in rows.columns.items()} == {
            name: (column.dtype, column.tobytes()) for name, column in others.columns.items()
        }
    assert (one.faults, one.repeated.tolist(), one.skipped.tolist()) == (
        other.faults,
        other.repeated.tolist(),
        other.skipped.tolist(),
    )
    assert [(letter.field, letter.problem) for letter in one.letters] == [
        (letter.field, letter.problem) for letter in other.letters
    ]


def _bytes_of(columns: Any) -> dict[str, Any]:
    values = {name: getattr(columns, name) for name in columns.__dataclass_fields__}
    return {
        name: _bytes_of(value) if name == "envelope" else (value.dtype, value.shape, value.tobytes())
        for name, value in values.items()
    }
