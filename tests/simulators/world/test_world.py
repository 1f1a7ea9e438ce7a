"""What each part of the world does to the others."""

from __future__ import annotations

from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from msgspec.structs import replace

from config.catalogue.geometry import GEOD
from config.catalogue.model import Catalogue, Sign
from sensors.codec import decode, encode
from sensors.observations import SignAck, SignCommand
from simulators.devices.message_sign import MessageSign
from simulators.simulation import Simulation
from simulators.world.dynamic import CRASH_M, OPEN_ABOVE_M, SHUT_BELOW_M
from simulators.world.happenings import (
    DemandSurge,
    Happenings,
    Ignition,
    SecondaryCrash,
    Storm,
    WeakSlope,
    WindChange,
)
from simulators.world.region import SLOW_STEP_S, World
from simulators.world.sky.climate import Climate
from tests.simulators.causes.text import parse
from tests.simulators.region import name, spot
from tests.simulators.roads.networks import bypass
from tests.simulators.valley import valley
from tests.simulators.world.building import closed, names, until, world

START = datetime(2026, 4, 11, 1, 30, tzinfo=UTC)
STORM = Storm("rain", spot(9_000, 500), 0.0, 1e9, 120.0, 8_000.0, 0.0, 0.0)


def passed(made: World, link: str) -> float:
    """Vehicles that have come past the end of a link [veh]."""
    last = np.flatnonzero(made.grid.link == [one.id for one in made.grid.links].index(link))[-1]
    return float(made.roads.state.passed_out[last])


def test_time_goes_in_even_steps_that_meet_the_slow_ones() -> None:
    made = world(Happenings())
    times = []
    for _ in range(40):
        made.step()
        times.append(made.time_s)
    assert np.allclose(np.diff(times), made.step_s, atol=1e-9)
    assert SLOW_STEP_S / made.step_s == pytest.approx(round(SLOW_STEP_S / made.step_s))
    assert made.step_s <= made.roads.largest_step_s
    assert made.ground.time_s == pytest.approx(made.time_s // SLOW_STEP_S * SLOW_STEP_S)
    assert made.time_of_day_s(0.0) == 8 * 3_600.0
    assert made.time_of_day_s(17 * 3_600.0) == 3_600.0


@pytest.fixture(scope="module")
def chain() -> tuple[World, float, tuple[str, float]]:
    """A world in which somebody drives into the tail of a queue: it, the tail's length and its place just before."""
    happenings = Happenings(
        closures=(closed("E1up08", 500.0, {1, 2}),),
        secondary=(SecondaryCrash("second", "first", 1, 1_200.0, 2_400.0),),
    )
    made = world(happenings, factor=1.2)
    until(made, lambda: made.time_s + made.step_s >= 1_200.0, 1_200.0)
    (queue,) = [queue for queue in made.queues() if queue.cause == "first"]
    made.step()
    return made, queue.length_m, queue.tail


def test_a_secondary_crash_happens_at_the_tail_of_the_queue(chain: tuple[World, float, tuple[str, float]]) -> None:
    made, length_m, (link, offset_m) = chain
    assert length_m > 1_000.0
    assert link < "E1up08"
    assert names(made.active_closures()) == {"first", "second"}
    (second,) = [one for one in made.active_closures() if one.id == "second"]
    assert (second.cause, second.lanes, second.length_m) == ("secondary_crash", {1}, CRASH_M)
    assert (second.from_s, second.until_s) == (1_200.0, 2_400.0)
    # The queue is measured every few seconds, and its tail moves at most 20 km/h.
    place = GEOD.inv(*made.closure_position(second), *_position(made, link, offset_m))[2]
    assert place <= 20 / 3.6 * 15.0 + 1.0
    until(made, lambda: made.time_s >= 2_400.0, 2_500.0)
    assert names(made.active_closures()) == {"first"}


def _position(made: World, link: str, offset_m: float) -> tuple[float, float]:
    return made.closure_position(closed(link, offset_m, {1}))


def test_without_a_queue_nobody_drives_into_its_tail() -> None:
    happenings = Happenings(
        closures=(closed("E1up08", 500.0, {1}, until_s=120.0),),
        secondary=(SecondaryCrash("second", "first", 1, 180.0, 600.0),),
    )
    made = world(happenings, factor=0.3)
    until(made, lambda: made.time_s >= 300.0, 310.0)
    assert made.active_closures() == ()
    assert made.queues() == ()


def test_scripted_closures_are_in_force_in_their_time_only() -> None:
    made = world(Happenings(closures=(closed("E1up08", 500.0, {1, 2}, from_s=60.0, until_s=150.0),)))
    seen = {}
    while made.time_s < 200.0:
        made.step()
        seen[made.time_s] = names(made.active_closures())
    assert {time_s for time_s, found in seen.items() if found} == {time_s for time_s in seen if 60.0 <= time_s < 150.0}


def test_a_failed_slope_closes_its_link_and_traffic_stands() -> None:
    made = world(Happenings(weak_slopes=(WeakSlope(2, 0.9),), storms=(STORM,)), factor=1.2)
    node = valley().slope[2]
    assert node.link == "E1up03"
    failed = until(made, lambda: bool(made.active_closures()), 6_000.0)
    (slide,) = made.active_closures()
    assert (slide.id, slide.cause, slide.link, slide.lanes) == (
        f"slide-{node.id}",
        "slope_failure",
        "E1up03",
        {1, 2, 3},
    )
    assert failed - SLOW_STEP_S <= slide.from_s <= failed
    assert slide.from_s == made.ground.failed_at_s[2]
    assert GEOD.inv(*made.closure_position(slide), *node.position)[2] == pytest.approx(500.0, abs=30.0)
    before = {link: passed(made, link) for link in ("E1up03", "E1down03")}
    until(made, lambda: made.time_s >= failed + 300.0, failed + 310.0)
    # The slide lies at the start of its link: what was past it drives on for two minutes.
    running_out = passed(made, "E1up03") - before["E1up03"]
    until(made, lambda: made.time_s >= failed + 900.0, failed + 910.0)
    assert passed(made, "E1up03") - before["E1up03"] == pytest.approx(running_out, abs=1.0)
    assert passed(made, "E1down03") - before["E1down03"] > 100.0
    assert {queue.cause for queue in made.queues()} == {slide.id}
    assert names(made.active_closures()) == {slide.id}


def test_a_slide_onto_a_narrow_road_closes_both_directions() -> None:
    region = replace(valley(), slope=tuple(replace(node, link="N7up03") for node in valley().slope))
    made = world(Happenings(weak_slopes=(WeakSlope(2, 0.9),), storms=(STORM,)), region)
    until(made, lambda: bool(made.active_closures()), 6_000.0)
    assert {(one.link, one.cause, len(one.lanes)) for one in made.active_closures()} == {
        ("N7up03", "slope_failure", 2),
        ("N7down03", "slope_failure", 2),
    }


def test_a_dry_day_brings_no_slope_down() -> None:
    made = world(Happenings(weak_slopes=(WeakSlope(2, 0.6),)))
    until(made, lambda: made.time_s >= 1_800.0, 1_900.0)
    assert np.isnan(made.ground.failed_at_s).all()
    assert made.active_closures() == ()


def test_smoke_closes_a_road_and_opens_it_again() -> None:
    happenings = Happenings(
        ignitions=(Ignition("fire", spot(6_000, -300), 0.0, 1e9, 2_100.0),),
        winds=(WindChange(0.0, 60.0, 30.0, 180.0, 15.0, 28.0),),
    )
    made = world(happenings)
    until(made, lambda: bool(made.active_closures()), 2_100.0)
    (sight,) = made.sights
    smoke_m = sight.smoke_over_m(made.grid.lon_deg, made.grid.lat_deg)
    smoky = {made.grid.links[link].id for link in np.unique(made.grid.link[smoke_m < SHUT_BELOW_M])}
    assert {one.link for one in made.active_closures()} == smoky
    assert {one.cause for one in made.active_closures()} == {"smoke"}
    links = {link.id: link for link in valley().links}
    for one in made.active_closures():
        link = links[one.link]
        whole = (0.0, link.length_m, set(range(1, link.lanes + 1)))
        assert (one.offset_m, one.length_m, set(one.lanes)) == whole
    shut_s = made.time_s
    opened_s = until(made, lambda: not made.active_closures(), 6_000.0)
    assert opened_s - shut_s > 600.0
    assert (sight.smoke_over_m(made.grid.lon_deg, made.grid.lat_deg) > OPEN_ABOVE_M).all()
    (fire,) = made.fires
    assert fire.out


def test_heavy_rain_slows_the_traffic() -> None:
    dry, wet = world(Happenings()), world(Happenings(storms=(changed(STORM, from_s=-7_200.0),)))
    for made in (dry, wet):
        until(made, lambda made=made: made.time_s >= 600.0, 610.0)  # type: ignore[misc]
    rained = wet.sky.at(wet.road_places).rain_mm_h
    assert rained.max() > 60.0
    ratio = wet.roads.speed_mps / dry.roads.speed_mps
    assert (ratio[rained > 40.0] < 0.9).all()
    assert ratio[rained < 0.5] == pytest.approx(1.0, abs=0.02)
    # It is slower where it rains harder.
    assert np.corrcoef(rained, ratio)[0, 1] < -0.6


def test_ice_slows_the_traffic() -> None:
    cold = Climate(temp_c=-8.0, temp_swing_c=0.0, rh_pct=98.0, rain_mm_h=3.0)
    made = world(Happenings(), climate=cold)
    until(made, lambda: made.time_s >= 1_800.0, 1_900.0)
    dry = world(Happenings(), climate=Climate(temp_c=-8.0, temp_swing_c=0.0, rh_pct=40.0))
    until(dry, lambda: dry.time_s >= 1_800.0, 1_900.0)
    assert np.median(made.roads.speed_mps / dry.roads.speed_mps) < 0.6


def test_a_surge_brings_more_vehicles_while_it_lasts() -> None:
    usual, more = world(Happenings()), world(Happenings(surges=(DemandSurge(2.0, 300.0, 900.0),)))
    entered = {}
    for made in (usual, more):
        rows = []
        for until_s in (300.0, 900.0, 1_200.0):
            before = made.roads.state.entered
            until(made, lambda made=made, until_s=until_s: made.time_s >= until_s, until_s + 10.0)  # type: ignore[misc]
            rows.append(made.roads.state.entered - before)
        entered[made] = rows
    ratio = np.array(entered[more]) / np.array(entered[usual])
    assert ratio == pytest.approx([1.0, 2.0, 1.0], abs=0.02)


def region_with_a_way_around() -> Catalogue:
    """An expressway, a national road around its middle, and a sign in front of where they part."""
    plain = bypass()
    before = next(link for link in plain.links if link.id == "E1up-XA")
    sign = Sign(
        id="VMS-1", district=before.district, position=before.line[0], name=name("sign"), link=before.id,
        offset_m=500.0, width_px=192, height_px=32, colour="limited",
    )  # fmt: skip
    return replace(plain, sign=(sign,))


CRASH = 'kind = "crash"\nlink = "E1up-MB"\noffset_m = 1000\nat_s = 60\nlanes_blocked = 1'


def gone_around(multi: str | None) -> float:
    """Vehicles that took the national road in 25 minutes, a crash and perhaps a message on the sign before it [veh]."""
    region = region_with_a_way_around()
    simulation = Simulation(region, parse(CRASH), START, 7)
    simulation.advance(59.0)
    (sign,) = (one for one in simulation.endpoints if isinstance(one, MessageSign))
    if multi is not None:
        order = SignCommand(
            device=sign.sign.id, time=START, seq=1, message="m1", multi=multi, priority=90,
            expires=START + timedelta(hours=2),
        )  # fmt: skip
        (answer,) = sign.receive(sign.filters[0], encode(order), START + timedelta(seconds=59))
        (ack,) = decode(answer.topic, answer.payload).messages
        assert isinstance(ack, SignAck)
        assert ack.shown
    before = passed(simulation.world, "N7up-AN")
    for time_s in range(120, 1_561, 60):
        simulation.advance(float(time_s))
    return passed(simulation.world, "N7up-AN") - before


def test_what_a_sign_is_told_reaches_the_traffic() -> None:
    alone, advised = gone_around(None), gone_around("[jp3]1번 고속도로 사고[nl]국도 7호선 우회")
    assert advised > alone + 20.0
    assert gone_around("[jp3]안전띠 착용") == alone


def test_the_same_seed_is_the_same_world_and_another_is_not(chain: tuple[World, float, tuple[str, float]]) -> None:
    one, two = (world(Happenings(closures=(closed("E1up08", 500.0, {1, 2}),)), factor=1.2) for _ in range(2))
    for made in (one, two):
        until(made, lambda made=made: made.time_s >= 600.0, 610.0)  # type: ignore[misc]
    assert np.array_equal(one.roads.state.vehicles, two.roads.state.vehicles)
    assert np.array_equal(one.station_air().temp_c, two.station_air().temp_c)
    other = World(valley(), parse(), Happenings(), one.roads, 8)
    assert not np.array_equal(other.station_air().temp_c, world(Happenings()).station_air().temp_c)


def test_cameras_find_queued_places_on_the_road(chain: tuple[World, float, tuple[str, float]]) -> None:
    made = chain[0]
    lon, lat = made.queued_places()
    assert len(lon) == made.roads.queued.sum() > 3
    assert np.isin(lon, made.grid.lon_deg).all()
    assert np.isin(lat, made.grid.lat_deg).all()
    assert made.camera_events(made.time_s) == ()
