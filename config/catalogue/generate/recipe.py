"""The recipe of a synthetic region: what is decided by hand, and how much of everything there shall be."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from config.catalogue.check_geometry import is_bbox
from config.catalogue.decode import field_problems
from config.catalogue.errors import CatalogueError, Problem, shorten
from config.catalogue.model import Name, RoadRank

GENERATOR_VERSION = 2
"""Raised with every change that makes another region of the same recipe."""
RECIPE_FILE = "recipe.toml"

Progress = Callable[[float, str], None]
"""Told which part of the work is done, 0 to 1, and what is being done now."""

Fraction = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=200_000)]
Anchor = tuple[Fraction, Fraction]
"""From the west edge, or the western shore where there is one (0), to the shore (1), and from the south edge (0) to the
north edge (1)."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class TerrainRecipe(_Part, frozen=True, kw_only=True):
    """Shape of the ground."""

    step_m: Annotated[float, Meta(ge=100, le=2_000)]
    """Grid step. [m]"""
    summit_m: Annotated[float, Meta(ge=300, le=3_000)]
    """Elevation of the highest summit. [m]"""
    shore: Annotated[float, Meta(ge=0.4, le=0.95)]
    """Where the shore lies on average, from the west edge (0) to the east edge (1)."""
    west_shore: Annotated[float, Meta(ge=0.02, le=0.3)] | None = None
    """Where a second shore lies in the west, with plains behind it; None when the land goes on beyond the edge."""


class DistrictRecipe(_Part, frozen=True, kw_only=True):
    """A district and its seat, the town it is named after."""

    id: Annotated[str, Meta(pattern="^99[0-9]{3}$")]
    name: Name
    town: Name
    population: Annotated[int, Meta(ge=1, le=20_000_000)]
    seat: Anchor


class HubRecipe(_Part, frozen=True, kw_only=True):
    """A place that roads go through, named so that routes can refer to it."""

    key: str
    kind: Literal["junction", "interchange", "end"]
    name: Name
    at: Anchor | None = None
    """Roughly where; the generator moves it to low, even ground nearby. None when it is a town."""
    town: str | None = None
    """The district whose seat it is."""


class RoadRecipe(_Part, frozen=True, kw_only=True):
    """A road, from its start to its end."""

    id: str
    number: str
    name: Name
    rank: RoadRank
    lanes: Annotated[int, Meta(ge=1, le=8)]
    """Lanes of one direction outside towns."""
    speed_limit_kmh: Annotated[float, Meta(ge=20, le=130)]
    route: Annotated[tuple[str, ...], Meta(min_length=2)]
    """Keys of hubs, in the order of the kilometre posts."""


class Counts(_Part, frozen=True, kw_only=True):
    """How many of each there shall be."""

    vds: Count
    cctv: Count
    sign: Count
    slope: Count
    tower: Count
    weather: Count
    villages: Count
    shelters: Count
    cells: Count


class Recipe(_Part, frozen=True, kw_only=True):
    """What `generate_region` makes a region from."""

    id: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,48}$")]
    name: Name
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    timezone: str
    extent: tuple[float, float, float, float]
    """West, south, east, north. [deg]"""
    vds_spacing_m: Annotated[float, Meta(ge=200, le=20_000)]
    """Spacing of detection stations on expressways; national roads share what is left. [m]"""
    terrain: TerrainRecipe
    counts: Counts
    districts: Annotated[tuple[DistrictRecipe, ...], Meta(min_length=1)]
    hubs: Annotated[tuple[HubRecipe, ...], Meta(min_length=2)]
    roads: Annotated[tuple[RoadRecipe, ...], Meta(min_length=1)]


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises
    ------
    CatalogueError
        If the file does not hold a recipe; it names each field, what was expected and what was there.
    OSError
        If the file cannot be read.
    """
    try:
        content = tomllib.loads(path.read_bytes().decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(str(path), [Problem(RECIPE_FILE, "", "", f"expected TOML in UTF-8: {error}")]) from None
    wrong = field_problems(Recipe, content)
    if not wrong:
        recipe = msgspec.convert(content, Recipe)
        wrong = dict(disagreements(recipe))
    if wrong:
        raise CatalogueError(str(path), [Problem(RECIPE_FILE, "", field, text) for field, text in wrong.items()])
    return recipe


def disagreements(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield field and problem of everything in a recipe that does not fit together."""
    if not is_bbox(recipe.extent):
        yield "extent", f"expected west < east and south < north in degrees, was {recipe.extent}"
    for field in ("districts", "roads"):
        identifiers = [row.id for row in getattr(recipe, field)]
        if len(set(identifiers)) != len(identifiers):
            yield field, f"expected every id once, was {', '.join(identifiers)}"
    hubs = {hub.key: hub for hub in recipe.hubs}
    if len(hubs) != len(recipe.hubs):
        yield "hubs", "expected every key once, was one twice"
    districts = {district.id for district in recipe.districts}
    by_land = recipe.terrain.west_shore is None
    for hub in recipe.hubs:
        if (hub.at is None) == (hub.town is None):
            yield f"hubs.{hub.key}", "expected one of at and town, was both or neither"
        elif hub.town is not None and hub.town not in districts:
            yield f"hubs.{hub.key}.town", f"expected the id of a district, was {shorten(hub.town)}"
        elif hub.kind == "end" and (hub.at is None or not ((by_land and hub.at[0] == 0) or hub.at[1] in (0, 1))):
            edges = "west, south or north" if by_land else "south or north"
            yield f"hubs.{hub.key}.at", f"expected an end on the {edges} edge, was {hub.at}"
    for road in recipe.roads:
        if re.fullmatch(r"[A-Za-z0-9]{1,16}", road.number) is None:
            yield f"roads.{road.id}.number", f"expected letters and digits, was {shorten(road.number)}"
        unknown = [key for key in road.route if key not in hubs]
        if unknown:
            yield f"roads.{road.id}.route", f"expected keys of hubs, was {', '.join(unknown)}"
        elif any(road.route[index] == road.route[index + 1] for index in range(len(road.route) - 1)):
            yield f"roads.{road.id}.route", "expected different hubs one after the other, was the same twice"
