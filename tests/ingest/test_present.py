"""Devices as the pages see them: the newest word of each, whatever the order of arrival."""

from __future__ import annotations

from dataclasses import replace

from alerts.gazetteer import Gazetteer
from engine.freshness import Freshness
from engine.step import EngineState, step
from ingest.mqtt.session import Incoming
from ingest.present import Presenter
from ingest.region import engine_region
from ingest.thresholds import load_thresholds
from sensors.columns import to_ns
from storage.views import DeviceView
from tests.alerts.making import NOW, WESTERN, later
from tests.ingest.making import (
    REGION,
    REGISTRY,
    STATION,
    Clock,
    arrived,
    batcher,
    message,
    reader,
    slope_message,
    status,
    vds,
)

TABLES = engine_region(REGION, Gazetteer(REGION))
THRESHOLDS = load_thresholds()


class Room:
    """An engine with its presenter, tick by tick."""

    def __init__(self) -> None:
        self.presenter = Presenter(REGISTRY)
        self.state = EngineState.initial(TABLES)
        self._clock = Clock()
        self._batcher = batcher()

    def tick(self, at_s: float, *messages: Incoming) -> dict[str, DeviceView]:
        self._clock.now = later(at_s)
        tick = self._batcher.build(reader(self._clock).read(arrived(*messages, at=self._clock.now)))
        before = self.state
        self.state, _ = step(before, tick.batch, to_ns(later(at_s)), TABLES, THRESHOLDS)
        self.presenter.note(before, self.state, tick)
        return self.presenter.changes(self.state, 1_000)


def weather(seq: int, time_s: float, temp_c: float) -> Incoming:
    body = {"device": "WX-0", "time": later(time_s), "seq": seq, "temp_c": temp_c}
    return message(f"gwanje/v1/{WESTERN}/weather/WX-0/obs", body)


def test_at_first_everything_is_unknown() -> None:
    room = Room()
    rows = room.presenter.everything(room.state)
    assert set(rows) == set(REGISTRY.ids)
    one = rows[STATION]
    assert (one.freshness, one.online, one.level, one.time, one.fault) == ("unknown", None, None, None, None)
    assert set(one.values) == {"speed_kmh", "flow_veh_h", "density_veh_km", "occupancy_pct"}
    assert room.presenter.counts(room.state) == {
        "devices_fresh": 0.0,
        "devices_stale": 0.0,
        "devices_unknown": float(len(REGISTRY)),
    }


def test_who_speaks_is_shown_with_its_values_and_nobody_else() -> None:
    rows = Room().tick(1, vds())
    assert set(rows) == {STATION}
    shown = rows[STATION]
    assert (shown.freshness, shown.time, shown.received) == ("fresh", NOW, later(1))
    assert shown.values["speed_kmh"] == 90.0
    assert shown.values["flow_veh_h"] == 1_800.0


def test_silence_makes_stale_then_unknown_and_the_value_keeps_its_age() -> None:
    room = Room()
    room.tick(1, vds())
    assert room.tick(60) == {}
    stale = room.tick(100)
    assert {name: row.freshness for name, row in stale.items()} == {STATION: "stale"}
    assert stale[STATION].time == NOW
    unknown = room.tick(400)
    assert unknown[STATION].freshness == "unknown"
    assert unknown[STATION].values["speed_kmh"] is not None
    assert room.state.freshness.state[REGISTRY.index[STATION]] == Freshness.UNKNOWN


def test_a_fault_is_shown_in_the_stations_own_words_until_it_is_gone() -> None:
    room = Room()
    assert room.tick(1, vds(fault="radar cold"))[STATION].fault == "radar cold"
    assert room.tick(31, vds(seq=2, time=later(30)))[STATION].fault is None


def test_what_arrives_late_does_not_replace_what_is_newer() -> None:
    room = Room()
    assert room.tick(61, weather(2, 60, 9.0))["WX-0"].values["temp_c"] == 9.0
    assert room.tick(62, weather(1, 0, -5.0))["WX-0"].values["temp_c"] == 9.0
    late = status("vds", STATION, seq=3, time=NOW, fault="old trouble")
    room.tick(63, vds(seq=4, time=later(30)))
    assert room.tick(64, late)[STATION].fault is None
    assert room.tick(65, slope_message(seq=2, time=later(50), battery_v=3.5))["SLP-1"].values["battery_v"] == 3.5
    assert room.tick(66, slope_message(seq=1, time=later(10), battery_v=3.9))["SLP-1"].values["battery_v"] == 3.5


def test_a_camera_shows_where_it_looks_and_a_last_will_that_it_is_gone() -> None:
    room = Room()
    first = room.tick(1, status("tower", "TWR-0", pan_deg=12.5, frame_time=NOW))
    assert first["TWR-0"].values["pan_deg"] == 12.5
    assert first["TWR-0"].online is True
    gone = room.tick(2, status("tower", "TWR-0", seq=2, time=later(1), online=False, fault="connection lost"))
    assert (gone["TWR-0"].online, gone["TWR-0"].fault) == (False, "connection lost")
    assert gone["TWR-0"].values["pan_deg"] == 12.5


def test_a_slope_that_changes_its_level_is_shown_even_when_it_is_silent() -> None:
    room = Room()
    before = room.state
    levels = before.slopes.level.copy()
    levels[2] = 3
    after = replace(before, slopes=replace(before.slopes, level=levels))
    room.presenter.note(before, after, batcher().build(reader().read(())))
    rows = room.presenter.changes(after, 1_000)
    assert {name: row.level for name, row in rows.items()} == {"SLP-2": "alert"}


def test_under_a_flood_only_so_many_rows_are_made_and_the_others_in_turn() -> None:
    room = Room()
    stations = [f"VDS-E1up0{place}" for place in range(6)]
    room.tick(1, *(vds(device, seq=1) for device in stations))
    shown: list[str] = []
    for seq in range(2, 5):
        stream = [vds(device, seq=seq, time=later(seq)) for device in stations]
        made = batcher().build(reader().read(arrived(*stream, at=later(seq))))
        room.presenter.note(room.state, room.state, made)
        shown += room.presenter.changes(room.state, 2)
    assert sorted(shown) == stations
    assert room.presenter.waiting == 4
    # What became stale goes before what only spoke.
    before = room.state
    worse = before.freshness.state.copy()
    worse[REGISTRY.index["VDS-E1up05"]] = Freshness.STALE
    after = replace(before, freshness=replace(before.freshness, state=worse))
    room.presenter.note(before, after, batcher().build(reader().read(())))
    assert set(room.presenter.changes(after, 1)) == {"VDS-E1up05"}
