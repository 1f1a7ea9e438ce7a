"""Where a scenario's forest fires start."""

from __future__ import annotations

from dataclasses import replace

from config.catalogue.geometry import GEOD
from simulators.causes.land import Fire
from simulators.errors import ScenarioError
from simulators.placement.ignition import IgnitionRule, place_ignition
from simulators.placement.setting import NowhereError, Setting
from simulators.world.happenings import Ignition

APART_M = 1_000.0
"""Two fires at one time that begin nearer to each other than this are one fire; own construction [m]."""


def place_fire_cause(
    event: Fire,
    name: str,
    span_s: tuple[float, float],
    wind_deg: float,
    earlier: tuple[Ignition, ...],
    setting: Setting,
) -> Ignition:
    """Place a forest fire.

    Parameters
    ----------
    event
        Its position, or what the rule asks for.
    name
        What the event is called.
    span_s
        When it begins and is out at the latest. [s]
    wind_deg
        Where the wind comes from when it drives the fire. [deg]
    earlier
        Fires placed so far.
    setting
        Region and day.

    Raises
    ------
    NowhereError
        If the region has no such place, or another fire burns there at the time.
    """
    from_s, until_s = span_s
    attack_s = until_s if event.attack_s is None else event.attack_s
    if event.lon_deg is not None and event.lat_deg is not None:
        placed = Ignition(name, (event.lon_deg, event.lat_deg), from_s, attack_s, until_s)
    else:
        rule = IgnitionRule(
            towers=event.towers,
            road_within_m=event.road_within_m,
            village_within_m=event.village_within_m,
            toward=event.toward,
            wind_deg=wind_deg,
        )
        try:
            placed = place_ignition(
                rule, setting.catalogue, setting.seed, name=name, from_s=from_s, attack_s=attack_s, until_s=until_s
            )
        except ScenarioError as exc:
            text = str(exc).removeprefix("fire: ")
            raise NowhereError("toward" if event.toward else "kind", text) from None
    placed = replace(placed, position=(round(placed.position[0], 6), round(placed.position[1], 6)))
    for other in earlier:
        near = GEOD.inv(*placed.position, *other.position)[2] < APART_M
        if near and from_s < other.until_s and other.from_s < until_s:
            raise NowhereError(
                "kind", f"expected a fire {APART_M:.0f} m from others that burn then, was beside {other.id}"
            )
    return placed
