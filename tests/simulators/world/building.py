"""Worlds made by hand for tests: what goes wrong is given, the rest follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from config.catalogue.model import Catalogue
from simulators.causes.scenario import Scenario
from simulators.world.happenings import Closure, ClosureCause, Happenings
from simulators.world.region import World
from simulators.world.roads.model import RoadModel
from simulators.world.sky.climate import Climate
from tests.simulators.causes.text import HEAD, parse
from tests.simulators.valley import valley

DAY = parse(head=HEAD)
"""A dry day that begins at eight o'clock."""
SEED = 7


def world(
    happenings: Happenings, region: Catalogue | None = None, *, climate: Climate | None = None, factor: float = 1.0
) -> World:
    region = region or valley()
    day: Scenario = DAY if climate is None else replace(DAY, weather=climate)
    roads = RoadModel.build(region, time_of_day_s=day.time_of_day_s, seed=SEED, demand_factor=factor, warm_up_s=300.0)
    return World(region, day, happenings, roads, SEED)


def closed(link: str, offset_m: float, lanes: set[int], cause: ClosureCause = "crash", **more: object) -> Closure:
    fields: dict[str, object] = {"id": "first", "length_m": 100.0, "from_s": 60.0, "until_s": 1e9}
    return Closure(cause=cause, link=link, offset_m=offset_m, lanes=frozenset(lanes), **(fields | more))  # type: ignore[arg-type]


def until(made: World, reached: Callable[[], bool], latest_s: float) -> float:
    """Move a world on until something is so; return when, or fail."""
    while not reached():
        assert made.time_s < latest_s, f"not within {latest_s:.0f} s"
        made.step()
    return made.time_s


def names(closures: Sequence[Closure]) -> set[str]:
    return {closure.id for closure in closures}
