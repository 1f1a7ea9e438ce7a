"""A plan of a country, or a part of it, to a recipe: towns, hubs and a net of numbered roads.

Own construction. National roads are a lattice of lines from south to north and from west to east, about
`Plan.road_spacing_km` apart; where two cross lies a town. Expressways run in every second gap between them. Where an
expressway crosses a national road is an interchange, where it crosses another expressway a junction, and between
these an interchange from which a local road leads to a town. As in Korea, roads from south to north have odd numbers,
growing eastwards, and roads from west to east even ones, growing northwards.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from config.catalogue.decode import field_problems
from config.catalogue.errors import CatalogueError, Problem
from config.catalogue.generate.lattice import Lattice, Spot
from config.catalogue.generate.recipe import (
    Anchor,
    Counts,
    DistrictRecipe,
    HubRecipe,
    Recipe,
    RoadRecipe,
    TerrainRecipe,
    disagreements,
)
from config.catalogue.generate.syllables import invent
from config.catalogue.model import Name

PLAN_FILE = "plan.toml"
SMALLEST_SHARE = 0.02
"""Smallest part of a country that can be made: a tenth of the width and the height are two towns by three."""

Scale = float | Literal["national"]
"""All of a country, or a share of it from 0.02 to below 1. (As the scale of a region, 1 is the region itself.)"""

_EARTH_DEGREE_KM = 111.195
_SIDE_FRAC = 0.04
_JITTER_FRAC = 0.12
_CITY = 150_000
"""From so many people on, a district is a city (시), else a county (군); the law's own number."""
_FEWEST_DISTRICTS = 6
# Own construction: more in the plains of the west than in the mountains, as traffic is.
_COLUMN_LANES = (4, 3, 3, 3)
_ROW_LANES = (3, 2, 3)
_NATIONAL_LANES = (2, 1, 2)


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is decided by hand about a country; counts are those of the whole."""

    id: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,40}$")]
    name: Name
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    timezone: str
    extent: tuple[float, float, float, float]
    """West, south, east, north. [deg]"""
    vds_spacing_m: Annotated[float, Meta(ge=200, le=20_000)]
    """Spacing of detection stations on expressways. [m]"""
    districts: Annotated[int, Meta(ge=6, le=900)]
    people: Annotated[int, Meta(ge=1, le=1_000_000_000)]
    road_spacing_km: Annotated[float, Meta(ge=15, le=100)]
    """Distance between neighbouring national roads. [km]"""
    terrain: TerrainRecipe
    counts: Counts


def load_plan(path: Path) -> Plan:
    """Read a plan.

    Raises
    ------
    CatalogueError
        If the file does not hold a plan; it names each field, what was expected and what was there.
    OSError
        If the file cannot be read.
    """
    try:
        content = tomllib.loads(path.read_bytes().decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(str(path), [Problem(PLAN_FILE, "", "", f"expected TOML in UTF-8: {error}")]) from None
    wrong = field_problems(Plan, content)
    if not wrong:
        plan = msgspec.convert(content, Plan)
        recipe = scaled_recipe("national", plan)
        wrong = dict(disagreements(recipe))
        if len(recipe.districts) < plan.districts:
            towns = len(recipe.districts)
            wrong["districts"] = f"expected at most {towns}, the towns that these roads have, was {plan.districts}"
    if wrong:
        raise CatalogueError(str(path), [Problem(PLAN_FILE, "", field, text) for field, text in wrong.items()])
    return plan


def scaled_recipe(scale: Scale, plan: Plan) -> Recipe:
    """Return the recipe of a country or of a part of it.

    Parameters
    ----------
    scale
        ``national`` for all of it, or the share of its area and of all its counts, from 0.02 to below 1. A part has
        the same centre, the same distances between towns and roads, and both shores. It has at least 6 districts, and
        one for every crossing of national roads.
    plan
        The country.

    Returns
    -------
    Recipe
        The same for the same scale and plan. Its id is the plan's, for a part with the share in thousandths.

    Raises
    ------
    ValueError
        If the scale is neither.
    """
    if scale == "national":
        share, identifier, name = 1.0, plan.id, plan.name
    elif isinstance(scale, int | float) and SMALLEST_SHARE <= scale < 1:
        share, identifier = float(scale), f"{plan.id}-{round(1000 * scale):03d}"
        percent = f"{100 * share:g}"
        name = Name(f"{plan.name.ko} {percent}%", f"{plan.name.en}, {percent}%")
    else:
        raise ValueError(
            f"scale: expected national, or a share of it from {SMALLEST_SHARE:g} to below 1, was {scale!r}"
        )
    extent = _shrink(plan.extent, share)
    rng = np.random.default_rng(np.random.SeedSequence([plan.seed, 1]))
    lattice = _lattice(plan, extent)
    rng = np.random.default_rng(np.random.SeedSequence([plan.seed, 1]))
    counts = {field: round(share * number) for field, number in msgspec.structs.asdict(plan.counts).items()}
    extra, anchors = _settle(lattice, max(_FEWEST_DISTRICTS, round(share * plan.districts)), rng)
    towns = [*lattice.crossings(), *extra]
    districts = _districts(towns, anchors, plan, share, rng)
    return Recipe(
        id=identifier,
        name=name,
        seed=plan.seed,
        timezone=plan.timezone,
        extent=extent,
        vds_spacing_m=plan.vds_spacing_m,
        terrain=plan.terrain,
        counts=Counts(**counts),
        districts=tuple(districts.values()),
        hubs=tuple(_hubs(lattice, anchors, districts, rng)),
        roads=tuple(_roads(lattice, anchors)),
    )


def _shrink(extent: tuple[float, float, float, float], share: float) -> tuple[float, float, float, float]:
    west, south, east, north = extent
    half_lon, half_lat = (east - west) / 2 * share**0.5, (north - south) / 2 * share**0.5
    lon, lat = (west + east) / 2, (south + north) / 2
    edges = (lon - half_lon, lat - half_lat, lon + half_lon, lat + half_lat)
    west, south, east, north = (round(edge, 4) for edge in edges)
    return west, south, east, north


def _lattice(plan: Plan, extent: tuple[float, float, float, float]) -> Lattice:
    west, south, east, north = extent
    height_km = (north - south) * _EARTH_DEGREE_KM
    width_km = (east - west) * _EARTH_DEGREE_KM * float(np.cos(np.radians((south + north) / 2)))
    across_km = (1 - 2 * _SIDE_FRAC) * (plan.terrain.shore - (plan.terrain.west_shore or 0.0)) * width_km
    rows, columns = round(height_km / plan.road_spacing_km), round(across_km / plan.road_spacing_km) + 1
    return Lattice(max(3, rows), max(2, columns))


def _settle(lattice: Lattice, towns: int, rng: np.random.Generator) -> tuple[list[Spot], dict[Spot, Anchor]]:
    """Return the places between crossings that are towns, and roughly where all hubs lie."""
    served = sorted({place for _, place in lattice.connectors()})
    others = [spot for spot in lattice.between() if spot not in set(served)]
    mixed = served + [others[index] for index in rng.permutation(len(others)).tolist()]
    extra = mixed[: max(0, towns - len(lattice.crossings()))]
    hubs = {spot for column in range(lattice.east + 1) for spot in lattice.column(column) if lattice.kind(spot)}
    anchors = {}
    for spot in sorted(hubs.union(served, extra)):
        north, east = np.array(spot) / 2 + rng.uniform(-_JITTER_FRAC, _JITTER_FRAC, 2)
        at_east = _SIDE_FRAC + (1 - 2 * _SIDE_FRAC) * float(east) / (lattice.columns - 1)
        at_north = {-1: 0.0, lattice.north: 1.0}.get(spot.row, (float(north) + 0.5) / lattice.rows)
        # Towns at the shore stay there.
        anchors[spot] = (round(min(max(at_east, _SIDE_FRAC / 2), 1 - _SIDE_FRAC / 2), 4), round(at_north, 4))
    return extra, anchors


def _districts(
    towns: list[Spot], anchors: dict[Spot, Anchor], plan: Plan, share: float, rng: np.random.Generator
) -> dict[Spot, DistrictRecipe]:
    # Sizes of districts spread over two powers of ten, as they do in Korea: log-normal, own construction.
    weights = np.exp(rng.normal(0, 1.0, len(towns)))
    people = np.maximum(np.round(share * plan.people * weights / weights.sum(), -2), 5_000).astype(int).tolist()
    stems = invent(len(towns), rng)
    # Codes go from the south-west to the north-east, as the towns do on the map.
    return {
        spot: DistrictRecipe(
            id=f"99{number:03d}",
            name=Name(f"{ko}{'시' if population >= _CITY else '군'}", f"{en}-{'si' if population >= _CITY else 'gun'}"),
            town=Name(ko, en),
            population=population,
            seat=anchors[spot],
        )
        for number, (spot, population, (ko, en)) in enumerate(zip(sorted(towns), people, stems, strict=True), start=101)
    }


def _hubs(
    lattice: Lattice, anchors: dict[Spot, Anchor], districts: dict[Spot, DistrictRecipe], rng: np.random.Generator
) -> Iterator[HubRecipe]:
    stems = invent(len(anchors), rng)
    for (spot, at), (ko, en) in zip(anchors.items(), stems, strict=True):
        kind = lattice.kind(spot) or "junction"
        if (district := districts.get(spot)) is not None:
            yield HubRecipe(
                key=spot.key, kind=kind, town=district.id,
                name=Name(f"{district.town.ko} 시내", f"{district.town.en} centre"),
            )  # fmt: skip
            continue
        ends = {"junction": ("교차로", "Junction"), "interchange": ("나들목", "IC"), "end": ("시점", "End")}
        crossing = spot.row in lattice.expressway_rows and spot.column in lattice.expressway_columns
        what_ko, what_en = ("분기점", "JCT") if crossing else ends[kind]
        yield HubRecipe(key=spot.key, kind=kind, at=at, name=Name(f"{ko}{what_ko}", f"{en} {what_en}"))


def _roads(lattice: Lattice, anchors: dict[Spot, Anchor]) -> Iterator[RoadRecipe]:
    def keys(spots: list[Spot]) -> tuple[str, ...]:
        return tuple(spot.key for spot in spots if spot in anchors)

    for index, column in enumerate(lattice.expressway_columns):
        yield _expressway(10 * index + 15, _COLUMN_LANES[index % 4], keys(lattice.column(column)))
    for index, row in enumerate(lattice.expressway_rows):
        yield _expressway(10 * index + 10, _ROW_LANES[index % 3], keys(lattice.row(row)))
    for index in range(lattice.columns):
        yield _national(2 * index + 1, index, keys(lattice.column(2 * index)))
    for index in range(lattice.rows):
        yield _national(2 * index + 2, index, keys(lattice.row(2 * index)))
    for index, ends in enumerate(lattice.connectors(), start=1):
        number = str(700 + index)
        yield RoadRecipe(
            id=f"L{number}", number=number, name=Name(f"지방도 제{number}호선", f"Local Road {number}"),
            rank="local", lanes=1, speed_limit_kmh=60.0, route=keys(list(ends)),
        )  # fmt: skip


def _expressway(number: int, lanes: int, route: tuple[str, ...]) -> RoadRecipe:
    text = str(900 + number)
    name = Name(f"고속국도 제{text}호선", f"Expressway {text}")
    limit_kmh = 100.0 if lanes == 2 else 110.0
    return RoadRecipe(
        id=f"E{text}", number=text, name=name, rank="expressway", lanes=lanes, speed_limit_kmh=limit_kmh, route=route
    )


def _national(number: int, index: int, route: tuple[str, ...]) -> RoadRecipe:
    text = str(800 + number)
    name = Name(f"국도 제{text}호선", f"National Road {text}")
    lanes = _NATIONAL_LANES[index % 3]
    return RoadRecipe(
        id=f"N{text}", number=text, name=name, rank="national", lanes=lanes, speed_limit_kmh=60.0 + 10 * lanes,
        route=route,
    )  # fmt: skip
