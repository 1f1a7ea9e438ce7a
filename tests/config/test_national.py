"""A plan makes a country, or a part of it, that holds what the plan promises."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
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
from config.catalogue.errors import CatalogueError
from config.catalogue.generate import centrelines
from config.catalogue.generate.ground import Ground
from config.catalogue.generate.hubs import settle
from config.catalogue.generate.lattice import Lattice
from config.catalogue.generate.plan import Plan, Scale, load_plan, scaled_recipe
from config.catalogue.generate.recipe import Recipe, disagreements
from config.catalogue.generate.region import shortfalls
from config.catalogue.geometry import GEOD
from config.catalogue.model import Catalogue
from config.catalogue.prepare import REGIONS_FOLDER

SHARES = st.floats(0.02, 1, exclude_max=True)


def _tree(recipe: Recipe) -> int:
    """Return how many pieces the road net of a recipe has."""
    keys = {hub.key: index for index, hub in enumerate(recipe.hubs)}
    legs = [(keys[a], keys[b]) for road in recipe.roads for a, b in zip(road.route, road.route[1:], strict=False)]
    start, end = np.array(legs).T
    return int(connected_components(coo_array((np.ones(len(legs)), (start, end)), shape=(len(keys),) * 2))[0])


def test_the_plan_is_national(plan: Plan) -> None:
    recipe = scaled_recipe("national", plan)
    counts = recipe.counts
    assert (counts.slope, counts.cctv, counts.sign, counts.cells) == (4_600, 1_400, 2_090, 100_000)
    assert 9_000 <= counts.vds <= 11_000
    assert len(recipe.districts) == 226
    assert sum(district.population for district in recipe.districts) == pytest.approx(plan.people, rel=0.02)
    assert msgspec.convert(msgspec.to_builtins(recipe), Recipe) == recipe


@settings(max_examples=20, deadline=None)
@given(share=SHARES)
def test_any_part_is_a_sound_recipe_in_proportion(plan: Plan, share: float) -> None:
    recipe = scaled_recipe(share, plan)
    assert recipe == scaled_recipe(share, plan)
    assert list(disagreements(recipe)) == []
    # What a recipe file is held to, this one is too.
    assert msgspec.convert(msgspec.to_builtins(recipe), Recipe) == recipe
    for field, number in msgspec.structs.asdict(plan.counts).items():
        assert getattr(recipe.counts, field) == round(share * number)
    towns = round(share * plan.districts)
    assert towns - 1 <= len(recipe.districts) <= max(6, 1.3 * towns + 1)
    (west, south, east, north), whole = recipe.extent, plan.extent
    area = (east - west) * (north - south) / ((whole[2] - whole[0]) * (whole[3] - whole[1]))
    assert area == pytest.approx(share, rel=0.01)
    assert _tree(recipe) == 1


@given(rows=st.integers(3, 30), columns=st.integers(2, 20))
def test_interchanges_join_two_roads_and_expressways_cross_at_junctions(rows: int, columns: int) -> None:
    lattice = Lattice(rows, columns)
    assert lattice.expressway_columns
    assert lattice.expressway_rows
    served = dict(lattice.connectors())
    assert set(served.values()) <= set(lattice.between())
    for row in range(-1, lattice.north + 1):
        for spot in lattice.row(row):
            kind = lattice.kind(spot)
            roads = sum(
                (
                    spot.row % 2 == 0, spot.column % 2 == 0,
                    spot.row in lattice.expressway_rows, spot.column in lattice.expressway_columns,
                )
            )  # fmt: skip
            if row in (-1, lattice.north):
                assert kind in ("end", None)
            elif kind == "interchange":
                assert roads == 2 or spot in served
            elif kind == "junction":
                assert spot.row % 2 == spot.column % 2 == 0


@pytest.mark.parametrize(("rows", "columns"), [(2, 5), (5, 1)])
def test_a_lattice_needs_some_roads(rows: int, columns: int) -> None:
    with pytest.raises(ValueError, match=rf"expected at least 3 and 2, was {rows} and {columns}"):
        Lattice(rows, columns)


def test_roads_are_numbered_as_in_korea(plan: Plan) -> None:
    recipe = scaled_recipe("national", plan)
    hubs = {hub.key: hub for hub in recipe.hubs}
    numbers = [road.number for road in recipe.roads]
    assert len(set(numbers)) == len(numbers)
    for rank in ("expressway", "national"):
        lines = []
        for road in (road for road in recipe.roads if road.rank == rank):
            northwards = hubs[road.route[0]].kind == "end"
            assert int(road.number) % 2 == northwards
            seats = {district.id: district.seat for district in recipe.districts}
            at = np.mean([hub.at or seats[hub.town or ""] for hub in map(hubs.__getitem__, road.route)], axis=0)
            lines.append((northwards, int(road.number), at[0] if northwards else at[1]))
        for northwards in (True, False):
            ordered = sorted(line[1:] for line in lines if line[0] == northwards)
            assert [place for _, place in ordered] == sorted(place for _, place in ordered)


@pytest.mark.parametrize("scale", [0.0, 0.0199, 1.0, 1, 2.5, -0.5, float("nan"), "all"])
def test_wrong_scale(plan: Plan, scale: Scale) -> None:
    with pytest.raises(ValueError, match=r"scale: expected national, or a share of it from 0\.02 to below 1, was"):
        scaled_recipe(scale, plan)


def test_part_of_a_country_holds_what_it_shall(part_recipe: Recipe, part_region: Catalogue) -> None:
    assert find_problems(part_region) == []
    assert shortfalls(part_recipe, part_region) == []
    assert len(part_region.districts) == len(part_recipe.districts)
    index = {node.id: number for number, node in enumerate(part_region.nodes)}
    start = [index[link.from_node] for link in part_region.links]
    end = [index[link.to_node] for link in part_region.links]
    graph = coo_array((np.ones(len(start)), (start, end)), shape=(len(index),) * 2)
    assert connected_components(graph, directed=True, connection="strong")[0] == 1


def test_shortfalls_name_what_is_missing(part_recipe: Recipe, part_region: Catalogue) -> None:
    fewer = msgspec.structs.replace(part_region, slope=part_region.slope[:100])
    assert shortfalls(part_recipe, fewer) == ["slope: expected 184, found places for 100 only"]


def test_lanes_and_roads_are_in_proportion(part_region: Catalogue) -> None:
    lanes = sum(station.lanes for station in part_region.vds)
    assert pytest.approx(lanes, rel=0.25) == 0.04 * 30_000
    ranks = {road.id: road.rank for road in part_region.roads}
    length_km: Counter[str] = Counter()
    for link in part_region.links:
        length_km[ranks[link.road]] += link.length_m / 2_000
    assert 100 < length_km["expressway"] < 300
    assert 1.5 < length_km["national"] / length_km["expressway"] < 5


def test_there_are_two_shores_and_plains_in_the_west(part_region: Catalogue) -> None:
    terrain = part_region.terrain
    assert terrain is not None
    elevation = terrain.elevation_m
    columns = elevation.shape[1]
    assert (elevation[:, [0, -1]] <= 0).all()
    land = elevation > 0
    assert 0.65 < land.mean() < 0.85
    # Every row is one piece of land between two seas.
    assert (np.diff(land.astype(int), axis=1) == 1).sum() <= 1.2 * len(land)
    west, east = elevation[:, columns // 8 : columns // 3], elevation[:, columns // 2 : columns * 3 // 4]
    assert np.median(west[west > 0]) < 0.4 * np.median(east[east > 0])


def test_districts_cover_the_land_once(part_region: Catalogue) -> None:
    polygons = [shapely.Polygon(district.boundary) for district in part_region.districts]
    together = shapely.union_all(polygons)
    assert together.area == pytest.approx(sum(polygon.area for polygon in polygons), rel=1e-4)
    for village in part_region.villages[: len(polygons)]:
        assert shapely.contains_xy(together, *village.position)


def test_nodes_stand_on_steep_ground_apart_and_in_most_of_the_country(part_region: Catalogue) -> None:
    by_district = Counter(slope.district for slope in part_region.slope)
    assert max(by_district.values()) < 0.5 * len(part_region.slope)
    links = {link.id: link for link in part_region.links}
    cut = [slope for slope in part_region.slope if slope.link is not None]
    assert 0.5 < len(cut) / len(part_region.slope) < 0.75
    assert not any(links[slope.link or ""].tunnel for slope in cut)
    angles = np.array([slope.slope_deg for slope in part_region.slope])
    assert (angles >= 24.9).all()
    assert (angles <= 50).all()


def test_towns_are_on_roads_and_names_do_not_repeat(part_region: Catalogue) -> None:
    ends = defaultdict(set)
    for link in part_region.links:
        ends[link.from_node].add(link.road)
    nodes = [node for node in part_region.nodes if len(ends[node.id]) >= 2]
    for town in part_region.villages[: len(part_region.districts)]:
        apart = min(GEOD.inv(*town.position, *node.position)[2] for node in nodes)
        assert apart < 8_000, town.id
    for rows in (part_region.villages, part_region.tower, part_region.districts):
        assert len({row.name.ko for row in rows}) == len({row.name.en for row in rows}) == len(rows)


def test_a_way_found_in_a_window_is_the_way_found_on_the_whole_grid(
    part_recipe: Recipe, part_region: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(part_region.terrain)
    _, hubs = settle(part_recipe, ground)
    some = msgspec.structs.replace(part_recipe, roads=part_recipe.roads[:2])
    monkeypatch.setattr(centrelines, "_WHOLE_GRID", 0)
    windowed, _ = centrelines.lay_roads(some, ground, hubs)
    monkeypatch.setattr(centrelines, "_WHOLE_GRID", 10**9)
    whole, _ = centrelines.lay_roads(some, ground, hubs)
    for left, right in zip(windowed, whole, strict=True):
        # Never more than a little longer; nearly always the very same.
        assert left.along_m[-1] == pytest.approx(right.along_m[-1], rel=0.02)


def test_expressways_have_interchanges_about_every_fifteen_kilometres(part_region: Catalogue) -> None:
    kinds = {node.id: node.kind for node in part_region.nodes}
    ranks = {road.id: road.rank for road in part_region.roads}
    at_m = defaultdict(list)
    for link in part_region.links:
        if ranks[link.road] == "expressway" and link.direction == "down" and kinds[link.from_node] == "interchange":
            at_m[link.road].append(link.chainage_m)
    gaps_km = np.concatenate([np.diff(sorted(chainages)) for chainages in at_m.values()]) / 1_000
    assert 10 < np.median(gaps_km) < 22


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("seed = 82", "seed = -1", "seed"),
        ("districts = 226", "districts = 2", "districts"),
        ("districts = 226", "districts = 600", "districts"),
        ("road_spacing_km = 29.0", "road_spacing_km = 1.0", "road_spacing_km"),
        ("extent = [126.0,", "extent = [130.0,", "extent"),
        ("people = 51_700_000\n", "", "people"),
        ("[counts]", "[counts", ""),
    ],
)
def test_wrong_plan_names_the_field(tmp_path: Path, old: str, new: str, field: str) -> None:
    text = (REGIONS_FOLDER / "national" / "plan.toml").read_text()
    assert old in text
    path = tmp_path / "plan.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CatalogueError, match=re.escape("plan.toml")) as caught:
        load_plan(path)
    assert field in {problem.field for problem in caught.value.problems}
