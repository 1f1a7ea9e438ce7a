"""Which road a place stands beside."""

from __future__ import annotations

import pytest

from config.catalogue.beside import nearest_links
from config.catalogue.geometry import GEOD
from tests.simulators.region import small_region, spot


def test_the_nearest_place_of_the_nearest_link_is_found() -> None:
    catalogue = small_region()
    beside, between, away = nearest_links(catalogue, [spot(0.0, 100.0), spot(3_000.0, 300.0), spot(3_000.0, 5_000.0)])
    assert beside is not None
    assert between is not None
    assert away is None
    assert beside.link.road == between.link.road == "E1"
    assert between.away_m == pytest.approx(300, rel=0.01)
    assert 0 <= between.offset_m <= between.link.length_m
    along = GEOD.inv(*between.link.line[0], *between.link.line[-1])[0] % 360
    assert between.azimuth_deg == pytest.approx(along, abs=1)


def test_a_region_without_roads_has_no_place_beside_one() -> None:
    catalogue = small_region()
    assert nearest_links(catalogue, []) == []
    bare = type(catalogue)(
        id="x", name=catalogue.name, timezone="UTC", synthetic=True, bbox=catalogue.bbox, districts=()
    )
    assert nearest_links(bare, [spot(0, 0)]) == [None]
