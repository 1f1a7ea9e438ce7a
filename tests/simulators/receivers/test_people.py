from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from config.catalogue.geometry import GEOD
from simulators.world.people import (
    MOST_REMEMBERED,
    ON_SHARE,
    REMEMBERED_S,
    ROAD_SHARE,
    People,
    Sectors,
)
from tests.simulators.receivers.masts import region_with_masts
from tests.simulators.region import small_region, spot

REGION = region_with_masts()
PEOPLE = People(REGION, 1, 4_000)
SECTORS = PEOPLE.sectors
NIGHT_S, DAY_S = 3 * 3600.0, 14 * 3600.0
EVERYWHERE = np.ones(len(SECTORS), dtype=np.bool_)
NETWORK, DISTRICT, CELL = 1 << 14, 2 << 14, 3 << 14
cells_sent = st.lists(st.booleans(), min_size=36, max_size=36).map(lambda flags: np.array(flags, dtype=np.bool_))


def fresh() -> People:
    return People(REGION, 1, 4_000)


def test_the_sample_stands_for_everybody() -> None:
    assert PEOPLE.persons.sum() == pytest.approx(20_000)
    assert len(PEOPLE) == pytest.approx(4_000, rel=0.01)
    (village,) = REGION.villages
    assert PEOPLE.count(PEOPLE.village == 0) == pytest.approx(village.population)
    assert np.all(PEOPLE.in_circle(village.position, 1_500.0, NIGHT_S)[PEOPLE.village == 0])
    for district in REGION.districts:
        there = PEOPLE.count(PEOPLE.in_polygon(district.boundary, NIGHT_S))
        assert there == pytest.approx(district.population, rel=0.1)


def test_some_are_on_the_roads() -> None:
    lon, lat = PEOPLE.positions(NIGHT_S)
    lines = shapely.MultiLineString([link.line for link in REGION.links])
    on_road = shapely.distance(lines, shapely.points(lon, lat)) < 1e-6
    assert PEOPLE.count(on_road) == pytest.approx(ROAD_SHARE * 20_000, rel=0.1)


def test_the_serving_cell_points_at_the_phone_and_reaches_it_and_none_such_is_nearer() -> None:
    lon, lat = PEOPLE.positions(NIGHT_S)
    serving = PEOPLE.cells_of(NIGHT_S)
    shape = (len(lon), len(SECTORS))
    azimuth, _, distance_m = GEOD.inv(
        *(np.broadcast_to(one, shape) for one in (SECTORS.lon_deg, SECTORS.lat_deg)),
        *(np.broadcast_to(one[:, None], shape) for one in (lon, lat)),
    )
    off = np.abs((azimuth - SECTORS.azimuth_deg + 180) % 360 - 180)
    covers = (off <= SECTORS.beamwidth_deg / 2) & (distance_m <= SECTORS.range_m)
    rows = np.flatnonzero(covers.any(axis=1))
    assert len(rows) > 0.95 * len(lon)
    nearest = np.where(covers, distance_m, np.inf).min(axis=1)
    chosen = distance_m[np.arange(len(lon)), serving]
    edge = np.abs(off - 60).min(axis=1) < 0.1
    sound = rows[~edge[rows]]
    assert np.all(covers[sound, serving[sound]])
    assert chosen[sound] == pytest.approx(nearest[sound], rel=1e-3)


def test_a_phone_far_from_everything_is_served_by_the_nearest_mast() -> None:
    lon, lat = spot(22_000.0, -30_000.0)
    (cell,) = SECTORS.serving(np.array([lon]), np.array([lat])).tolist()
    assert SECTORS.ids[cell].startswith("c11-")


def test_few_move_by_day_and_all_are_back_at_night() -> None:
    night, day = np.array(PEOPLE.positions(NIGHT_S)), np.array(PEOPLE.positions(DAY_S))
    moved = (night != day).any(axis=0)
    assert moved.mean() == pytest.approx(0.33, abs=0.03)
    assert np.array_equal(night, PEOPLE.positions(23.9 * 3600))
    assert np.array_equal(PEOPLE.cells_of(DAY_S), SECTORS.serving(*day))
    assert np.array_equal(PEOPLE.cells_of(DAY_S)[~moved], PEOPLE.cells_of(NIGHT_S)[~moved])


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 22_000), st.floats(-3_000, 3_000), st.floats(50, 8_000))
def test_a_circle_holds_whom_geodesics_say(east_m: float, north_m: float, radius_m: float) -> None:
    centre = spot(east_m, north_m)
    lon, lat = PEOPLE.positions(NIGHT_S)
    _, _, distance_m = GEOD.inv(np.full(len(lon), centre[0]), np.full(len(lon), centre[1]), lon, lat)
    sure = np.abs(distance_m - radius_m) > 0.05
    assert np.array_equal(PEOPLE.in_circle(centre, radius_m, NIGHT_S)[sure], (distance_m <= radius_m)[sure])


def test_counts_by_cell_add_up() -> None:
    inside = PEOPLE.in_circle(spot(8_000, 0), 3_000.0, NIGHT_S)
    by_cell = PEOPLE.count_by_cell(inside, NIGHT_S)
    assert sum(by_cell.values()) == pytest.approx(PEOPLE.count(inside))
    assert 0 < len(by_cell) < len(SECTORS)
    assert all(persons > 0 for persons in by_cell.values())


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(cells_sent, st.integers(0, 3), st.floats(0, 3_600)), min_size=1, max_size=10))
def test_a_phone_never_shows_one_serial_number_twice_and_none_outside_the_cells_hears_it(
    broadcasts: list[tuple[np.ndarray, int, float]],
) -> None:
    people, time_s = People(REGION, 1, 500), 0.0
    shown: set[tuple[int, int]] = set()
    for cells, update, wait_s in broadcasts:
        time_s += wait_s
        serial = NETWORK | (7 << 4) | update
        heard = people.hear(4371, serial, cells, time_s, 7 * 3600 + time_s)
        for phones in (heard.new, heard.repeated):
            assert np.all(cells[people.cells_of(7 * 3600 + time_s)[phones]])
        new = {(serial, phone) for phone in heard.new.tolist()}
        assert not new & shown
        assert {(serial, phone) for phone in heard.repeated.tolist()} <= shown
        shown |= new


def test_most_phones_are_on_and_the_others_hear_a_later_repetition() -> None:
    people = fresh()
    first = people.hear(4371, NETWORK | 16, EVERYWHERE, 0.0, NIGHT_S)
    assert len(first.new) / len(people) == pytest.approx(ON_SHARE, abs=0.01)
    again = people.hear(4371, NETWORK | 16, EVERYWHERE, 60.0, NIGHT_S + 60)
    assert len(again.new) == 0
    assert np.array_equal(again.repeated, first.new)
    later = people.hear(4371, NETWORK | 16, EVERYWHERE, 1_800.0, NIGHT_S + 1_800)
    assert 0.9 < len(later.new) / (len(people) - len(first.new)) < 1.0


def test_another_update_or_message_identifier_is_another_message() -> None:
    people = fresh()
    first = people.hear(4371, NETWORK | 16, EVERYWHERE, 0.0, NIGHT_S)
    for message_id, serial in ((4371, NETWORK | 17), (4370, NETWORK | 16), (4371, NETWORK | 32)):
        assert np.array_equal(people.hear(message_id, serial, EVERYWHERE, 0.0, NIGHT_S).new, first.new)


def test_who_moves_shows_it_again_only_where_the_scope_says_so() -> None:
    moved = PEOPLE.cells_of(NIGHT_S) != PEOPLE.cells_of(DAY_S)
    left = SECTORS.district_index[PEOPLE.cells_of(NIGHT_S)] != SECTORS.district_index[PEOPLE.cells_of(DAY_S)]
    assert 0 < left.sum() < moved.sum()
    for scope, again in ((NETWORK, np.zeros_like(moved)), (DISTRICT, left), (CELL, moved), (0, moved)):
        people = fresh()
        before = people.hear(4371, scope | 16, EVERYWHERE, 0.0, NIGHT_S).new
        after = people.hear(4371, scope | 16, EVERYWHERE, 60.0, DAY_S).new
        assert np.array_equal(after, before[again[before]])


def test_a_message_is_forgotten_a_day_after_it_was_last_on_air() -> None:
    people = fresh()
    people.hear(4371, NETWORK | 16, EVERYWHERE, 0.0, NIGHT_S)
    assert len(people.hear(4371, NETWORK | 16, EVERYWHERE, REMEMBERED_S, NIGHT_S).repeated) > 3_000
    assert len(people.hear(4371, NETWORK | 16, EVERYWHERE, 2 * REMEMBERED_S + 1, NIGHT_S).new) > 3_000


def test_phones_remember_a_bounded_number_of_messages() -> None:
    people = People(REGION, 1, 50)
    for number in range(MOST_REMEMBERED + 10):
        people.hear(number, NETWORK, EVERYWHERE, float(number), NIGHT_S)
    assert len(people._memory) == MOST_REMEMBERED
    assert len(people.hear(MOST_REMEMBERED + 9, NETWORK, EVERYWHERE, 300.0, NIGHT_S).new) == 0
    assert len(people.hear(0, NETWORK, EVERYWHERE, 300.0, NIGHT_S).new) > 20


def test_the_same_seed_gives_the_same_people() -> None:
    again, other = fresh(), People(REGION, 2, 4_000)
    assert np.array_equal(PEOPLE.positions(DAY_S), again.positions(DAY_S))
    assert not np.array_equal(PEOPLE.positions(DAY_S)[0][:100], other.positions(DAY_S)[0][:100])
    assert np.array_equal(PEOPLE.on(np.arange(100), 50.0), again.on(np.arange(100), 70.0))


def test_a_region_without_cells_has_people_whom_nobody_reaches() -> None:
    people = People(small_region(), 1, 500)
    assert people.persons.sum() == pytest.approx(2_000)
    assert set(people.cells_of(DAY_S).tolist()) == {-1}
    assert people.count_by_cell(np.ones(len(people), dtype=np.bool_), DAY_S) == {}
    heard = people.hear(4371, NETWORK, np.zeros(0, dtype=np.bool_), 0.0, DAY_S)
    assert len(heard.new) == len(heard.repeated) == 0
    assert len(Sectors.of(small_region())) == 0


def test_no_phones_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="phones: expected at least 1, was 0"):
        People(REGION, 1, 0)
