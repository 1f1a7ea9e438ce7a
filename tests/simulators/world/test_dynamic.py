"""Closures that follow from slopes, smoke and queues: when they begin, where they lie, when they end."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from config.catalogue.geometry import GEOD, positions_along
from simulators.world.dynamic import (
    CRASH_M,
    DEBRIS_M,
    OPEN_ABOVE_M,
    SHUT_BELOW_M,
    THIN_FOR_S,
    DynamicClosures,
    nearest_offset_m,
)
from simulators.world.happenings import SecondaryCrash
from simulators.world.roads.grid import Grid, build_grid
from simulators.world.roads.model import RoadModel
from tests.simulators.region import spot
from tests.simulators.valley import valley
from tests.simulators.world.building import closed

STEP_S = 30.0
LINKS = {link.id: link for link in valley().links}


@cache
def grid() -> Grid:
    return build_grid(valley())


def dynamic(*secondary: SecondaryCrash) -> DynamicClosures:
    return DynamicClosures(valley(), grid(), secondary)


def smoke(*links: str, visibility_m: float = 10.0) -> np.ndarray:
    """Visibility of every cell, with smoke over the last cell of some links."""
    found = np.full(len(grid()), np.inf)
    for place, link in enumerate(grid().links):
        if link.id in links:
            found[np.flatnonzero(grid().link == place)[-1]] = visibility_m
    return found


def failed(**at_s: float) -> np.ndarray:
    return np.array([at_s.get(node.id.replace("-", ""), np.nan) for node in valley().slope])


def test_a_slide_covers_the_road_below_it_from_the_instant_of_its_failure_on() -> None:
    made = dynamic()
    made.slide(failed())
    assert made.active(1e6) == ()
    made.slide(failed(SLP3=700.0))
    made.slide(failed(SLP3=700.0))
    assert made.active(699.0) == ()
    (slide,) = made.active(700.0)
    node = valley().slope[3]
    assert (slide.id, slide.cause, slide.link, slide.from_s) == ("slide-SLP-3", "slope_failure", node.link, 700.0)
    link = LINKS[slide.link]
    assert slide.length_m == DEBRIS_M
    assert slide.lanes == set(range(1, link.lanes + 1))
    # SLP-3 stands 9 km from the western end of the road, and its link ends at 10 km.
    assert slide.offset_m == pytest.approx(1_000.0 if node.link == "E1up04" else 0.0, abs=10.0)
    made.slide(failed(SLP3=700.0, SLP5=900.0))
    assert {one.link for one in made.active(1e8)} == {slide.link, "N7up05", "N7down05"}


def test_a_slide_at_the_end_of_a_link_stays_on_it() -> None:
    region = replace(
        valley(), slope=(replace(valley().slope[0], link="E1up03", position=spot(7_995.0, 500.0)), *valley().slope[1:])
    )
    made = DynamicClosures(region, grid(), ())
    made.slide(failed(SLP0=1.0))
    (slide,) = made.active(1.0)
    assert slide.offset_m + slide.length_m <= LINKS["E1up03"].length_m + 0.1


def test_a_slope_above_no_road_closes_none() -> None:
    region = replace(valley(), slope=tuple(replace(node, link=None) for node in valley().slope))
    made = DynamicClosures(region, grid(), ())
    made.slide(np.zeros(len(region.slope)))
    assert made.active(10.0) == ()


@given(st.sampled_from(sorted(LINKS)), st.floats(0.0, 1.0), st.floats(-400.0, 400.0))
def test_the_nearest_place_of_a_link_is_abeam(name: str, along: float, aside_m: float) -> None:
    link = LINKS[name]
    (lon, lat), _ = positions_along(link.line, [along * link.length_m, 0.0])
    azimuth = GEOD.inv(*link.line[0], *link.line[-1])[0]
    east, north, _ = GEOD.fwd(lon, lat, azimuth + 90.0, aside_m)
    assert nearest_offset_m(link, (east, north)) == pytest.approx(along * link.length_m, abs=12.0)


def test_thick_smoke_closes_a_whole_link_until_it_has_stayed_thin() -> None:
    made = dynamic()
    made.close_smoky(smoke("E1up03", visibility_m=SHUT_BELOW_M), 0.0)
    assert made.active(0.0) == ()
    made.close_smoky(smoke("E1up03", visibility_m=SHUT_BELOW_M - 1.0), 30.0)
    (one,) = made.active(30.0)
    link = LINKS["E1up03"]
    assert (one.id, one.cause, one.link, one.from_s) == ("smoke-E1up03", "smoke", "E1up03", 30.0)
    assert (one.offset_m, one.length_m, len(one.lanes)) == (0.0, link.length_m, link.lanes)
    made.close_smoky(smoke("E1up03", visibility_m=OPEN_ABOVE_M), 60.0)
    made.close_smoky(smoke(), 90.0)
    assert made.active(90.0) == (one,)
    made.close_smoky(smoke(), 60.0 + THIN_FOR_S - 1.0)
    assert made.active(60.0 + THIN_FOR_S - 1.0) == (one,)
    made.close_smoky(smoke(), 60.0 + THIN_FOR_S)
    assert made.active(60.0 + THIN_FOR_S) == ()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([10.0, 100.0, 1_000.0]), min_size=1, max_size=80))
def test_a_closure_by_smoke_has_one_beginning_and_never_flickers(visibility_m: list[float]) -> None:
    made = dynamic()
    shut_s: list[float] = []
    was_shut, thick_s = False, -np.inf
    for step, metres in enumerate(visibility_m):
        now_s = step * STEP_S
        made.close_smoky(smoke("E1up03", visibility_m=metres), now_s)
        found = made.active(now_s)
        assert len(found) <= 1
        if metres < SHUT_BELOW_M:
            assert found
        if metres <= OPEN_ABOVE_M:
            thick_s = now_s
        if found and not was_shut:
            shut_s.append(now_s)
        if found:
            assert found[0].from_s == shut_s[-1]
        if was_shut and not found:
            assert now_s - thick_s >= THIN_FOR_S
        was_shut = bool(found)


def jam(seconds: float) -> RoadModel:
    """Traffic behind a crash that blocks two of three lanes for some time."""
    roads = RoadModel.build(valley(), time_of_day_s=8 * 3_600.0, seed=7, demand_factor=1.2, warm_up_s=0.0)
    while roads.state.time_s < seconds:
        roads.step(5.0, 8 * 3_600.0, closures=[closed("E1up08", 500.0, {1, 2})])
    return roads


@pytest.fixture(scope="module")
def jammed() -> RoadModel:
    return jam(900.0)


def test_a_crash_into_the_tail_waits_for_its_time_and_happens_once(jammed: RoadModel) -> None:
    made = dynamic(SecondaryCrash("second", "first", 9, 600.0, 900.0))
    made.crash_into_tails(jammed, 599.0)
    assert made.active(599.0) == ()
    made.crash_into_tails(jammed, 600.0)
    (second,) = made.active(600.0)
    tail = jammed.tail_of("first")
    assert tail is not None
    assert (second.link, second.offset_m) == (tail[0], round(tail[1], 1))
    assert (second.cause, second.length_m, second.until_s) == ("secondary_crash", CRASH_M, 900.0)
    # Asked for nine lanes, it blocks those that there are.
    assert second.lanes == set(range(1, tail[2] + 1))
    made.crash_into_tails(jammed, 700.0)
    assert made.active(700.0) == (second,)
    assert made.active(900.0) == ()


def test_crashes_come_in_the_order_of_their_times_and_need_their_queue(jammed: RoadModel) -> None:
    late = SecondaryCrash("late", "first", 1, 800.0, 2_000.0)
    early = SecondaryCrash("early", "first", 1, 600.0, 2_000.0)
    elsewhere = SecondaryCrash("elsewhere", "another", 1, 500.0, 2_000.0)
    made = dynamic(late, early, elsewhere)
    made.crash_into_tails(jammed, 700.0)
    assert [one.id for one in made.active(700.0)] == ["early"]
    made.crash_into_tails(jammed, 1_000.0)
    assert [one.id for one in made.active(1_000.0)] == ["early", "late"]
