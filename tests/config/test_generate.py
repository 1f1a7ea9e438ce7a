"""A generated region is the same every time, holds what was asked for, and looks like a region."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from config.catalogue.check import find_problems
from config.catalogue.generate.ground import Ground
from config.catalogue.generate.heights import forest, visible_samples
from config.catalogue.generate.recipe import Recipe
from config.catalogue.generate.region import generate_region
from config.catalogue.geometry import GEOD, positions_along
from config.catalogue.model import DEVICE_KINDS, Catalogue, Link
from config.catalogue.save import save_region
from tests.config.comparing import assert_same


def _strong_components(region: Catalogue) -> int:
    index = {node.id: number for number, node in enumerate(region.nodes)}
    start = [index[link.from_node] for link in region.links]
    end = [index[link.to_node] for link in region.links]
    graph = coo_array((np.ones(len(start)), (start, end)), shape=(len(index), len(index)))
    return int(connected_components(graph, directed=True, connection="strong")[0])


def _runs(region: Catalogue) -> dict[tuple[str, str], list[Link]]:
    runs = defaultdict(list)
    for link in region.links:
        runs[link.road, link.direction].append(link)
    return {key: sorted(run, key=lambda link: link.chainage_m) for key, run in runs.items()}


def test_same_seed_gives_the_same_files(
    small_recipe: Recipe, small_region: Catalogue, saved: Path, tmp_path: Path
) -> None:
    again = generate_region(small_recipe)
    assert_same(again, small_region)
    save_region(again, tmp_path)
    for path in saved.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32), vds=st.integers(0, 80), cells=st.integers(0, 40), villages=st.integers(0, 20))
def test_any_seed_and_counts_give_a_sound_region(
    small_recipe: Recipe, seed: int, vds: int, cells: int, villages: int
) -> None:
    counts = msgspec.structs.replace(small_recipe.counts, vds=vds, cells=cells, villages=villages)
    region = generate_region(msgspec.structs.replace(small_recipe, seed=seed, counts=counts))
    assert find_problems(region) == []
    assert _strong_components(region) == 1
    assert (len(region.vds), len(region.cells), len(region.villages)) == (vds, cells, villages)


def test_default_region_is_sound(default_region: Catalogue) -> None:
    assert find_problems(default_region) == []
    assert default_region.synthetic
    assert _strong_components(default_region) == 1


def test_default_region_holds_what_its_recipe_asks_for(default_recipe: Recipe, default_region: Catalogue) -> None:
    for field in (*DEVICE_KINDS, "villages", "shelters", "cells"):
        assert len(getattr(default_region, field)) == getattr(default_recipe.counts, field), field
    assert len(default_region.districts) == 7
    assert all(district.id.startswith("99") for district in default_region.districts)


def test_ground_has_a_coast_on_the_east_and_mountains_on_the_west(default_region: Catalogue) -> None:
    assert default_region.terrain is not None
    elevation = default_region.terrain.elevation_m
    assert elevation.max() == 1_400
    assert max(elevation.shape) <= 400
    columns = elevation.shape[1]
    assert (elevation[:, -1] <= 0).all()
    assert (elevation[:, : columns // 2] > 0).all()
    assert elevation[:, : columns // 2].mean() > 3 * elevation[:, columns * 5 // 8 : columns * 3 // 4].clip(0).mean()
    # Mountains, not noise: neighbouring grid points rarely differ by more than a steep hillside.
    assert np.percentile(np.abs(np.diff(elevation, axis=1)), 99) < 150


def test_links_are_of_the_lengths_of_links(default_region: Catalogue) -> None:
    lengths_m = np.array([link.length_m for link in default_region.links])
    assert lengths_m.min() > 950
    assert lengths_m.max() < 5_000
    for run in _runs(default_region).values():
        for before, link in pairwise(run):
            assert before.to_node == link.from_node
            assert link.chainage_m == pytest.approx(before.chainage_m + before.length_m, abs=0.2)
            assert GEOD.inv(*before.line[-1], *link.line[0])[2] < 2.0


def test_roads_have_no_sharp_turns(default_region: Catalogue) -> None:
    ground = Ground(default_region.terrain)
    ranks = {road.id: road.rank for road in default_region.roads}
    for link in default_region.links:
        points = ground.to_plane(positions_along(link.line, np.arange(0, link.length_m, 100)))
        heading = np.unwrap(np.arctan2(*np.diff(points, axis=0).T))
        turns_deg = np.abs(np.degrees(np.diff(heading)))
        # 100 m along a curve of 250 m radius turn by 23 degrees, along one of 60 m by 95.
        assert turns_deg.max() < (35 if ranks[link.road] == "expressway" else 95), link.id


def test_traffic_keeps_right(default_region: Catalogue) -> None:
    ground = Ground(default_region.terrain)
    nodes = {node.id: node.position for node in default_region.nodes}
    opposite = {(link.from_node, link.to_node): link for link in default_region.links}
    for link in default_region.links:
        back = opposite[link.to_node, link.from_node]
        assert (back.road, back.direction) != (link.road, link.direction)
        start, node = ground.to_plane([link.line[0], nodes[link.from_node]])
        ahead = ground.to_plane(positions_along(link.line, [20.0]))[0] - start
        # The node, on the middle of the road, is on the left of the first metres of the link.
        assert ahead[0] * (node - start)[1] - ahead[1] * (node - start)[0] > 0, link.id


def test_interchanges_join_expressways_to_each_other_and_to_detours(default_region: Catalogue) -> None:
    ranks = {road.id: road.rank for road in default_region.roads}
    assert list(ranks.values()).count("expressway") == 2
    roads_at = defaultdict(set)
    for link in default_region.links:
        roads_at[link.from_node].add(link.road)
    shared = [roads_at[node.id] for node in default_region.nodes if node.kind == "interchange"]
    assert all(len(roads) >= 2 for roads in shared)
    assert any({ranks[road] for road in roads} == {"expressway"} for roads in shared)
    assert sum({ranks[road] for road in roads} == {"expressway", "national"} for roads in shared) >= 4


def test_mountain_expressway_has_tunnels_under_high_ground(default_region: Catalogue) -> None:
    ground = Ground(default_region.terrain)
    tunnels = [link for link in default_region.links if link.road == "E991" and link.tunnel]
    assert tunnels
    for link in tunnels:
        along = ground.to_plane(positions_along(link.line, np.linspace(0, link.length_m, 30)))
        surface_m = ground.sample(ground.elevation_m, along)
        assert surface_m.max() > max(surface_m[0], surface_m[-1]) + 20, link.id


def test_stations_stand_on_their_links_about_a_kilometre_apart_on_expressways(default_region: Catalogue) -> None:
    links = {link.id: link for link in default_region.links}
    chainages_m = defaultdict(list)
    for station in default_region.vds:
        link = links[station.link]
        assert station.lanes == link.lanes
        on_road = positions_along(link.line, [station.offset_m])[0]
        assert GEOD.inv(*station.position, *on_road)[2] < 1.0
        chainages_m[link.road, link.direction].append(link.chainage_m + station.offset_m)
    assert set(chainages_m) == set(_runs(default_region))
    for (road, _), at_m in chainages_m.items():
        gaps_m = np.diff(sorted(at_m))
        assert gaps_m.min() > 0
        if road.startswith("E"):
            assert np.median(gaps_m) <= 1_000
            assert gaps_m.max() < 1_300


def test_every_interchange_of_an_expressway_has_a_sign_before_it(default_region: Catalogue) -> None:
    kinds = {node.id: node.kind for node in default_region.nodes}
    links = {link.id: link for link in default_region.links}
    signs_m = defaultdict(list)
    for sign in default_region.sign:
        link = links[sign.link]
        assert not link.tunnel
        signs_m[link.road, link.direction].append(link.chainage_m + sign.offset_m)
    for key, run in _runs(default_region).items():
        if not key[0].startswith("E"):
            continue
        for link in run:
            end_m = link.chainage_m + link.length_m
            if kinds[link.to_node] == "interchange" and end_m > 2_000:
                assert any(400 < end_m - at_m < 5_000 for at_m in signs_m[key]), link.id


def test_slopes_are_steep_and_above_what_they_threaten(default_region: Catalogue) -> None:
    ground = Ground(default_region.terrain)
    lines = {link.id: shapely.LineString(ground.to_plane(link.line)) for link in default_region.links}
    tunnels = {link.id for link in default_region.links if link.tunnel}
    places = ground.to_plane([slope.position for slope in default_region.slope])
    for slope, place in zip(default_region.slope, places, strict=True):
        assert slope.slope_deg >= ground.sample(ground.slope_deg, [place])[0] - 0.1
        assert (33.6 if slope.link is not None else 24.9) <= slope.slope_deg
        assert slope.height_m >= 5
        downhill = np.array([np.sin(np.radians(slope.aspect_deg)), np.cos(np.radians(slope.aspect_deg))])
        above_m, below_m = ground.sample(ground.elevation_m, [place - 150 * downhill, place + 150 * downhill])
        assert above_m > below_m
        if slope.link is not None:
            assert slope.link not in tunnels
            assert lines[slope.link].distance(shapely.Point(place)) < 400
    by_kind = [[s.slope_deg for s in default_region.slope if (s.link is None) == natural] for natural in (True, False)]
    assert 28 < np.median(by_kind[0]) < 35
    assert 36 < np.median(by_kind[1]) < 42
    linked = sum(slope.link is not None for slope in default_region.slope)
    assert 60 <= linked < 150


def test_towers_stand_on_summits_and_see_forest(default_region: Catalogue) -> None:
    ground = Ground(default_region.terrain)
    places = ground.to_plane([tower.position for tower in default_region.tower])
    for tower, place in zip(default_region.tower, places, strict=True):
        assert 15 <= tower.mast_m <= 25
        around = place + 700 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
        assert (ground.sample(ground.elevation_m, around) < tower.ground_elevation_m).all(), tower.id
    eyes_m = np.array([tower.ground_elevation_m + tower.mast_m for tower in default_region.tower])
    points, visible = visible_samples(ground, places, eyes_m)
    wooded = ground.sample_nearest(forest(ground), points.reshape(-1, 2)).reshape(visible.shape)
    assert (visible & wooded).sum(axis=(1, 2)).mean() > 0.15 * visible[0].size


def test_places_are_on_land_and_in_their_districts(default_region: Catalogue) -> None:
    ground = Ground(default_region.terrain)
    polygons = {district.id: shapely.Polygon(district.boundary) for district in default_region.districts}
    for field in ("slope", "tower", "weather", "villages", "shelters", "cells", "cctv"):
        rows = getattr(default_region, field)
        height_m = ground.sample(ground.elevation_m, ground.to_plane([row.position for row in rows]))
        assert (height_m > -5).all(), field
        for row in rows:
            assert polygons[row.district].distance(shapely.Point(row.position)) < 1e-9, row.id


def test_districts_cover_the_land_once(default_region: Catalogue) -> None:
    polygons = [shapely.Polygon(district.boundary) for district in default_region.districts]
    together = shapely.union_all(polygons)
    assert together.area == pytest.approx(sum(polygon.area for polygon in polygons), rel=1e-4)
    terrain = default_region.terrain
    rows, columns = np.nonzero(terrain.elevation_m > 0)
    lon = terrain.west_deg + columns * terrain.step_lon_deg
    lat = terrain.south_deg + rows * terrain.step_lat_deg
    inside = shapely.contains_xy(together.buffer(1e-6), lon, lat)
    assert inside.mean() > 0.999


def test_names_are_given_in_both_languages_and_differ(default_region: Catalogue) -> None:
    for field in ("cctv", "sign", "slope", "tower", "weather", "villages", "shelters"):
        names = [row.name for row in getattr(default_region, field)]
        assert all(any("가" <= letter <= "힣" for letter in name.ko) and name.en.isascii() for name in names)
        assert len({name.ko for name in names}) > 0.9 * len(names), field
