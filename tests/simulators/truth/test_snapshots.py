"""Each kind of line of the truth against the world that it is told of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from config.catalogue.geometry import GEOD
from sensors.codec import encode
from sensors.observations import CellBroadcast
from simulators.devices.broadcast import CellBroadcastCentre
from simulators.devices.endpoint import Timebase
from simulators.truth.recorder import Snapshot
from simulators.truth.snapshots import AROUND_ROAD_M, PHONES_EVERY_S, REACHED_M, WorldTruth
from simulators.world.happenings import (
    Creep,
    DeviceFault,
    FalseSource,
    Happenings,
    Ignition,
    SecondaryCrash,
    Storm,
    WeakSlope,
    WindChange,
)
from simulators.world.region import World
from tests.simulators.region import spot
from tests.simulators.valley import valley
from tests.simulators.world.building import closed, until, world

START = datetime(2026, 4, 11, 1, 30, tzinfo=UTC)
LINKS = {link.id: link for link in valley().links}


def at(time_s: float) -> datetime:
    return START + timedelta(seconds=time_s)


def looked_at(made: World, until_s: float, every_s: float = 60.0) -> dict[float, Snapshot]:
    """Snapshots of a world that is moved on, by their time."""
    truth = WorldTruth(made, START)
    seen = {0.0: truth.snapshot(0.0)}
    for time_s in np.arange(every_s, until_s + 1.0, every_s).tolist():
        until(made, lambda time_s=time_s: made.time_s >= time_s, until_s + 60.0)  # type: ignore[misc]
        seen[time_s] = truth.snapshot(time_s)
    return seen


@pytest.fixture(scope="module")
def crash() -> tuple[World, dict[float, Snapshot]]:
    happenings = Happenings(
        closures=(closed("E1up08", 500.0, {1, 2}, until_s=1_500.0),),
        secondary=(SecondaryCrash("second", "first", 1, 1_200.0, 1_500.0),),
        faults=(
            DeviceFault("VDS-E1up07", "stuck", 120.0, 600.0),
            DeviceFault("CAM-3", "offset", 0.0, 1e9, 4.0),
        ),
        false_sources=(FalseSource("dust", "TWR-1", "dust", 80.0, 0.5, 0.4, 300.0, 540.0),),
    )
    made = world(happenings, factor=1.2)
    return made, looked_at(made, 1_560.0)


Seen = tuple[World, dict[float, Snapshot]]


def test_incidents_are_there_as_long_as_their_closures(crash: Seen) -> None:
    for time_s, snapshot in crash[1].items():
        expected = {"first"} if 60.0 <= time_s < 1_500.0 else set()
        expected |= {"second"} if 1_200.0 <= time_s < 1_500.0 else set()
        assert {one.id for one in snapshot.incidents} == expected


def test_an_incident_says_where_it_is_and_what_the_road_carried(crash: Seen) -> None:
    lines = {one.id: one for snapshot in crash[1].values() for one in snapshot.incidents}
    first, second = lines["first"], lines["second"]
    assert (first.cause, first.link, first.offset_m, first.lanes, first.all_lanes) == (
        "crash", "E1up08", 500.0, (1, 2), False,
    )  # fmt: skip
    assert (first.road, first.direction, first.district) == ("E1", "up", LINKS["E1up08"].district)
    assert (first.start, first.end) == (at(60.0), None)
    assert GEOD.inv(first.lon_deg, first.lat_deg, *spot(16_500.0, 0.0))[2] < 2.0
    # The onset is one look after the start: traffic behind has not yet heard of it.
    assert first.flow_veh_h_lane is not None
    assert 300.0 < first.flow_veh_h_lane < 2_200.0
    assert second.cause == "secondary_crash"
    assert second.start == at(1_200.0)
    # An incident does not change while it lasts.
    assert {one for snapshot in crash[1].values() for one in snapshot.incidents} == {first, second}


def test_queues_are_those_of_the_world(crash: Seen) -> None:
    _, seen = crash
    assert seen[0.0].queues == ()
    lengths = [sum(queue.length_m for queue in snapshot.queues) for snapshot in seen.values()]
    assert max(lengths) > 2_000.0
    for snapshot in seen.values():
        for queue in snapshot.queues:
            assert (queue.road, queue.direction) == ("E1", "up")
            assert queue.cause in {"first", "second"}
            assert 0.0 < queue.speed_kmh < 60.0
            for spot_at in (queue.head, queue.tail):
                line = LINKS[spot_at.link]
                (lon, lat) = line.line[0]
                assert GEOD.inv(lon, lat, spot_at.lon_deg, spot_at.lat_deg)[2] == pytest.approx(
                    spot_at.offset_m, abs=5.0
                )
            apart_m = GEOD.inv(queue.head.lon_deg, queue.head.lat_deg, queue.tail.lon_deg, queue.tail.lat_deg)[2]
            assert apart_m == pytest.approx(queue.length_m, abs=20.0)
    behind = [
        next(queue for queue in seen[time_s].queues if queue.cause == "first") for time_s in (600.0, 900.0, 1_140.0)
    ]
    assert [queue.head.offset_m for queue in behind] == [500.0] * 3
    assert len({queue.id for queue in behind}) == 1
    assert all(one.length_m < other.length_m for one, other in pairwise(behind))


def test_faults_and_false_sources_are_there_in_their_time(crash: Seen) -> None:
    for time_s, snapshot in crash[1].items():
        faults = {(one.device, one.fault, one.start, one.value) for one in snapshot.faults}
        expected = {("CAM-3", "offset", START, 4.0)}
        expected |= {("VDS-E1up07", "stuck", at(120.0), 0.0)} if 120.0 <= time_s < 600.0 else set()
        assert faults == expected
        false = [(one.id, one.tower, one.cause, one.azimuth_deg, one.start) for one in snapshot.false_sources]
        assert false == ([("dust", "TWR-1", "dust", 80.0, at(300.0))] if 300.0 <= time_s < 540.0 else [])
        assert all(one.end is None for one in (*snapshot.faults, *snapshot.false_sources))


def test_phones_around_a_blocked_road_are_counted_every_few_minutes(crash: Seen) -> None:
    made, seen = crash
    told = [time_s for time_s, snapshot in seen.items() if snapshot.phones]
    assert told == [PHONES_EVERY_S * turn for turn in (1, 2, 3, 4)]
    first = next(one for one in seen[told[-1]].phones if one.area == "first")
    assert first.area_kind == "circle"
    place = made.closure_position(closed("E1up08", 500.0, {1}))
    around = made.people.in_circle(place, AROUND_ROAD_M, made.time_of_day_s(told[-1]))
    assert first.inside == round(made.people.count(around)) > 0
    assert sum(first.cells.values()) == pytest.approx(first.inside, abs=len(first.cells))
    assert set(first.cells) <= {cell.id for cell in valley().cells}


def test_a_creeping_slope_is_told_from_its_onset_to_its_end() -> None:
    made = world(Happenings(creeps=(Creep(1, 0.5, 120.0, 480.0),)))
    seen = looked_at(made, 600.0)
    node = valley().slope[1]
    assert seen[60.0].slopes == ()
    (creeping,) = seen[300.0].slopes
    assert (creeping.id, (creeping.lon_deg, creeping.lat_deg)) == (node.id, node.position)
    assert (creeping.creep_onset, creeping.creep_end, creeping.failure) == (at(120.0), None, None)
    assert creeping.links == (node.link,)
    (over,) = seen[600.0].slopes
    assert (over.creep_onset, over.creep_end, over.failure) == (at(120.0), at(480.0), None)


def test_a_failing_slope_is_told_with_its_creep_its_failure_and_its_road() -> None:
    storm = Storm("rain", spot(9_000, 500), 0.0, 1e9, 120.0, 8_000.0, 0.0, 0.0)
    made = world(Happenings(weak_slopes=(WeakSlope(2, 0.9),), storms=(storm,)))
    truth = WorldTruth(made, START)
    lines = []
    while made.time_s < 6_000.0 and np.isnan(made.ground.failed_at_s).all():
        made.step()
        lines += [slope for slope in truth.snapshot(made.time_s).slopes if slope not in lines]
    made.step()
    snapshot = truth.snapshot(made.time_s)
    assert lines
    assert lines[0].failure is None
    (slope,) = snapshot.slopes
    assert slope.id == "SLP-2"
    assert slope.creep_onset == lines[0].creep_onset < at(made.time_s)
    assert slope.failure == at(float(made.ground.failed_at_s[2]))
    assert slope.links == ("E1up03",)
    (blocked,) = snapshot.incidents
    assert (blocked.cause, blocked.link, blocked.all_lanes) == ("slope_failure", "E1up03", True)
    assert blocked.start == slope.failure


def test_a_fire_is_told_while_it_burns_with_what_it_reaches() -> None:
    happenings = Happenings(
        ignitions=(Ignition("fire", spot(6_000, -250), 60.0, 1e9, 1_800.0),),
        winds=(WindChange(0.0, 60.0, 30.0, 180.0, 15.0, 28.0),),
    )
    made = world(happenings)
    seen = looked_at(made, 1_920.0)
    (ignition,) = happenings.ignitions
    burning = {time_s: snapshot.fires[0] for time_s, snapshot in seen.items() if snapshot.fires}
    # It begins within the step that follows its instant.
    assert set(burning) == {time_s for time_s in seen if 60.0 < time_s < 1_800.0}
    for fire in burning.values():
        assert (fire.fire.id, (fire.fire.lon_deg, fire.fire.lat_deg)) == ("fire", ignition.position)
        assert (fire.fire.ignition, fire.fire.out) == (at(60.0), None)
    areas = [fire.area_ha for fire in burning.values()]
    assert areas == sorted(areas)
    assert areas[-1] > 1.0
    last = burning[1_740.0]
    assert last.perimeter[0] == last.perimeter[-1]
    assert len(last.perimeter) > 4
    reached = {(one.target_kind, one.target): one.time for one in last.reached}
    assert len(reached) == len(last.reached)
    assert {("link", "E1up02"), ("link", "E1up03")} & set(reached)
    cells = np.flatnonzero(made.fires[0].distance_m(made.grid.lon_deg, made.grid.lat_deg) <= REACHED_M)
    assert {target for kind, target in reached if kind == "link"} <= {
        made.grid.links[link].id for link in made.grid.link[cells]
    }
    assert min(reached.values()) > at(60.0)
    # What was reached once stays so.
    for one, other in pairwise(burning.values()):
        assert set(one.reached) <= set(other.reached)
    phones = {one.area: one for snapshot in seen.values() for one in snapshot.phones}
    assert phones["fire-around"].area_kind == "circle"
    assert phones["fire-around"].inside >= phones["fire"].inside >= 0


def test_a_message_on_phones_is_told_once_by_cell() -> None:
    made = world(Happenings())
    centre = CellBroadcastCentre("99110", made.people, Timebase(START), made.faults, 7, made.time_of_day_s)
    truth = WorldTruth(made, START, [centre])
    order = CellBroadcast(
        device=centre.client_id, time=START, seq=1, message="m1", message_id=4371, serial=1 << 14, language="ko",
        text="대피하십시오", repetition_s=30.0, broadcasts=2,
    )  # fmt: skip
    centre.receive(centre.filters[0], encode(order), at(10.0))
    (first,) = truth.snapshot(15.0).receptions
    assert (first.message, first.time, first.repeated) == ("m1", at(10.0), 0)
    assert sum(first.phones.values()) > 1_000
    assert set(first.phones) <= {cell.id for cell in valley().cells if cell.district == "99110"}
    assert truth.snapshot(20.0).receptions == ()
    centre.due(60.0)
    (again,) = truth.snapshot(60.0).receptions
    assert again.time == at(40.0)
    assert again.repeated == pytest.approx(sum(first.phones.values()), abs=len(first.phones))
