"""The tools of the generator, each against a plain way to do the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.catalogue.generate.ground import Ground
from config.catalogue.generate.heights import _cover, _seen_blocks
from config.catalogue.generate.roads import places_beside, positions_beside
from config.catalogue.generate.slopes import local_slope_deg
from config.catalogue.generate.syllables import invent
from config.catalogue.model import Catalogue, Terrain


def _plain(west: float, south: float, width_deg: float, height_deg: float) -> Ground:
    rows, columns = 41, 31
    return Ground(
        Terrain(
            west_deg=west, south_deg=south, step_lon_deg=width_deg / (columns - 1),
            step_lat_deg=height_deg / (rows - 1), elevation_m=np.full((rows, columns), 10.0, dtype=np.float32),
        )
    )  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(
    south=st.floats(-60, 60),
    width_deg=st.floats(0.2, 6),
    height_deg=st.floats(0.2, 6),
    along=st.floats(0, 1),
    margin_m=st.floats(100, 2_000),
)
def test_bounds_lie_inside_the_grid(
    south: float, width_deg: float, height_deg: float, along: float, margin_m: float
) -> None:
    ground = _plain(126.0, south, width_deg, height_deg)
    west_m, south_m, east_m, north_m = ground.bounds(margin_m)
    x_m, y_m = west_m + along * (east_m - west_m), south_m + along * (north_m - south_m)
    edge = ground.cells([[x_m, south_m], [x_m, north_m], [west_m, y_m], [east_m, y_m]])
    rows, columns = ground.elevation_m.shape
    # The west and east edges bow too, by metres.
    assert (edge >= -0.01).all()
    assert (edge <= np.array([rows, columns]) - 0.99).all()


@given(cut=st.lists(st.booleans(), min_size=1, max_size=50), grid_deg=st.floats(0, 60), seed=st.integers(0, 2**32))
def test_local_slopes_are_steep_and_never_gentler_than_the_grid(cut: list[bool], grid_deg: float, seed: int) -> None:
    kinds = np.array(cut)
    slope_deg = local_slope_deg(np.full(len(cut), grid_deg), kinds, np.random.default_rng(seed))
    assert (slope_deg >= grid_deg).all()
    least, most = np.where(kinds, 33.69, 25.0), np.where(kinds, 45.0, 40.0)
    assert (slope_deg >= least - 1e-9).all()
    assert (slope_deg <= np.maximum(most, grid_deg) + 1e-9).all()


def test_places_on_many_links_at_once_are_those_one_by_one(small_region: Catalogue) -> None:
    ground = Ground(small_region.terrain)
    places = [(link, frac * link.length_m) for link in small_region.links[:40] for frac in (0.0, 0.4, 1.0)]
    together = places_beside(places, ground, 12.0)
    for (link, offset_m), place in zip(places, together, strict=True):
        np.testing.assert_array_equal(place, positions_beside(link, np.array([offset_m]), ground, 12.0)[0][0])
    assert places_beside([], ground, 12.0).shape == (0, 2)


def test_towers_are_chosen_as_by_counting_everything_anew_each_time(small_region: Catalogue) -> None:
    ground = Ground(small_region.terrain)
    rng = np.random.default_rng(1)
    cells = np.argwhere(ground.elevation_m > 300)
    cells = cells[rng.choice(len(cells), 60, replace=False)]
    summits, eye_m = ground.cells_to_plane(cells), ground.elevation_m[cells[:, 0], cells[:, 1]] + 20
    covers = _seen_blocks(ground, summits, eye_m).toarray()
    covered, left, expected = np.zeros(covers.shape[1]), np.ones(len(summits), dtype=bool), []
    for _ in range(25):
        best = int(np.argmax(np.where(left, covers @ (0.5**covered * (covered < 3)), -1.0)))
        expected.append(best)
        left[best] = False
        covered += covers[best]
    assert _cover(ground, summits, eye_m, 25) == expected
    assert sorted(_cover(ground, summits, eye_m, 500)) == list(range(60))


@pytest.mark.parametrize("count", [0, 1, 280, 281, 5_000])
def test_invented_stems_differ_in_both_languages(count: int) -> None:
    stems = invent(count, np.random.default_rng(3))
    assert len(stems) == count
    assert len({ko for ko, _ in stems}) == len({en for _, en in stems}) == count
    assert all(en.isascii() and en[0].isupper() and "가" <= ko[0] <= "힣" for ko, en in stems)
