"""Where lanes are blocked: rules for crashes, debris and work zones on roads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import Coordinate, Link, RoadRank
from simulators.causes.overlap import length_m
from simulators.causes.road import Crash, Debris, RoadRule, WorkZone
from simulators.placement.routes import Route
from simulators.placement.setting import CAPACITY_VEH_H_LANE, DAY_S, NowhereError, Setting, Taken
from simulators.world.roads.closures import WORK_ZONE_PC_H
from simulators.world.roads.facts import HEAVY_OF_RANK, heavy_factor
from simulators.world.roads.profiles import heavy_fraction

Floats = NDArray[np.float64]

ROOM_UPSTREAM_M = 5_000.0
ROOM_DOWNSTREAM_M = 2_000.0
"""Road that a queue needs behind the place and ahead of it [m]."""
SPACING_M = 3_000.0
"""Distance that a rule keeps from what else blocks the same road at the time; own construction [m]."""
RANKS: dict[RoadRule, RoadRank] = {"longest_expressway": "expressway", "longest_national_road": "national"}
JAM_VEH_KM_LANE = 135.0
FREE_OVER_LIMIT = 1.05
"""Standing traffic and free speed, only to compare how soon a queue is measured; as in the traffic model."""
SHORT_STEP = 0.05
"""Ratios of flow to what is open that differ by less are alike; own construction [-]."""
WORK_ZONE_SHARE = 0.6
"""How far along its section a work zone begins, so that the queue has room behind it; own construction [-]."""

# Share of capacity left, by lanes before and lanes blocked: Highway Capacity Manual 2010, exhibit 10-17, as given in
# FHWA-HOP-13-042, appendix C, table 40.
CAPACITY_LEFT: dict[int, tuple[float, ...]] = {
    2: (0.35, 0.0),
    3: (0.49, 0.17, 0.0),
    4: (0.58, 0.25, 0.13),
    5: (0.65, 0.40, 0.20),
    6: (0.71, 0.50, 0.26),
    7: (0.75, 0.57, 0.36),
    8: (0.78, 0.63, 0.41),
}


class Spot(NamedTuple):
    """A place on a link."""

    link: Link
    offset_m: float


@dataclass(frozen=True)
class Circle:
    """A place that something must be near to."""

    centre: Coordinate
    radius_m: float


def capacity_left(lanes: int, blocked: int) -> float:
    """Return the share of capacity that is left when some of a direction's lanes are blocked [-]."""
    row = CAPACITY_LEFT.get(min(lanes, 8), (0.0,))
    return row[min(blocked, len(row)) - 1]


def find_blockage(event: Crash | Debris, setting: Setting, span_s: tuple[float, float], near: Circle | None) -> Spot:
    """Choose where a crash happens or debris lies.

    On the longest road of the rank that has such a place, in the direction that carries more at that time: outside
    tunnels, 5 km of road behind and 2 km ahead, a detection station in the 5 km behind, in a camera's range, 3 km from
    what else blocks that road then, with the lanes that the event blocks. Of those one where a lane stays open, whose
    queue reaches a station in the fewest minutes, with the most stations behind, nearest to the middle of the road.

    Parameters
    ----------
    event
        Its ``place`` is the rule, expressways when it has none.
    setting
        Region and day.
    span_s
        When it begins and ends. [s]
    near
        Where it must be, None for anywhere; then any rank will do, expressways first.

    Raises
    ------
    NowhereError
        If no road has such a place.
    """
    ranks: list[RoadRank] = ["expressway", "national"] if near else [RANKS[event.place or "longest_expressway"]]
    for rank in ranks:
        for road in setting.by_length(rank):
            for index in setting.busiest_first(road, span_s[0]):
                spot = _best(event, index, setting, span_s, near)
                if spot is not None:
                    return spot
    what = f"within {near.radius_m:.0f} m of {near.centre}" if near else f"on a road of rank {ranks[0]}"
    raise NowhereError(
        "near" if near else "place",
        f"expected a place {what} with {event.lanes_blocked} lanes, {ROOM_UPSTREAM_M:.0f} m of road and a detection "
        f"station behind it, {ROOM_DOWNSTREAM_M:.0f} m of road ahead and a camera in range, {SPACING_M:.0f} m from "
        f"other events; region {setting.catalogue.id} has none",
    )


def _best(
    event: Crash | Debris, index: int, setting: Setting, span_s: tuple[float, float], near: Circle | None
) -> Spot | None:
    route = setting.routes[index]
    places = route.samples
    lanes = route.lanes[places.link]
    link_length_m = np.array([link.length_m for link in route.links])[places.link]
    stations_m = setting.stations_m.get(index, np.empty(0))
    nearest_m, count = _stations_behind(places.at_m, stations_m)
    fit = (
        ~route.tunnel[places.link]
        & (lanes >= max(event.lanes_blocked, 2))
        & (places.at_m >= ROOM_UPSTREAM_M)
        & (places.at_m <= route.length_m - ROOM_DOWNSTREAM_M)
        & (places.offset_m + length_m(event) <= link_length_m)
        & (count > 0)
        & _free(index, places.at_m, length_m(event), setting.taken, span_s)
    )
    if near is not None:
        away = setting.xy(places.lon_deg, places.lat_deg) - setting.xy(*near.centre)
        fit &= np.hypot(away[:, 0], away[:, 1]) <= near.radius_m
    chosen = np.flatnonzero(fit)
    chosen = chosen[setting.watched(places.lon_deg[chosen], places.lat_deg[chosen])]
    if len(chosen) == 0:
        return None
    minutes = nearest_m[chosen] / _growth_mps(event, route, places.link[chosen], setting, span_s[0]) // 60.0
    order = np.lexsort(
        (
            np.abs(places.at_m[chosen] - route.length_m / 2),
            -count[chosen],
            minutes,
            lanes[chosen] <= event.lanes_blocked,
        )
    )
    best = int(chosen[order[0]])
    return Spot(route.links[int(places.link[best])], float(places.offset_m[best]))


def _stations_behind(at_m: Floats, stations_m: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Distance to the nearest station behind each place, and how many there are in the room behind."""
    until = np.searchsorted(stations_m, at_m, side="left")
    since = np.searchsorted(stations_m, at_m - ROOM_UPSTREAM_M, side="left")
    nearest_m = np.full(len(at_m), np.inf)
    some = until > since
    nearest_m[some] = at_m[some] - stations_m[until[some] - 1]
    return nearest_m, (until - since).astype(np.int64)


def _free(
    index: int, at_m: Floats, length: float, taken: list[Taken], span_s: tuple[float, float]
) -> NDArray[np.bool_]:
    free = np.ones(len(at_m), dtype=np.bool_)
    for other in taken:
        if other.route == index and other.from_s < span_s[1] and span_s[0] < other.until_s:
            apart_m = np.maximum(other.from_m - (at_m + length), at_m - other.until_m)
            free &= apart_m >= SPACING_M
    return free


def _growth_mps(event: Crash | Debris, route: Route, links: NDArray[np.int64], setting: Setting, at_s: float) -> Floats:
    """Speed at which the tail of the queue moves upstream: jump of flow over jump of density (Lighthill & Whitham).

    At least 0.01 m/s, so that places without a queue can still be compared.
    """
    flow = setting.flow_veh_s(route, at_s)
    lanes = route.lanes[links].astype(np.float64)
    limit_kmh = np.array([link.speed_limit_kmh for link in route.links])[links]
    left = np.array([capacity_left(int(count), event.lanes_blocked) for count in route.lanes])[links]
    capacity = CAPACITY_VEH_H_LANE[route.road.rank] / 3600.0 * lanes
    free_mps = FREE_OVER_LIMIT * limit_kmh / 3.6
    jam = JAM_VEH_KM_LANE / 1000.0 * lanes
    wave_mps = capacity / (jam - capacity / free_mps)
    discharge = capacity * left
    arriving = np.minimum(flow, capacity)
    growth = (arriving - discharge) / (jam - discharge / wave_mps - arriving / free_mps)
    result: Floats = np.where(arriving > discharge, np.maximum(growth, 0.01), 0.01)
    return result


def find_section(event: WorkZone, setting: Setting, span_s: tuple[float, float]) -> Spot:
    """Choose where a work zone lies.

    On a stretch of an expressway or national road without a tunnel and with two lanes or more and one that stays open:
    where the lanes left open carry what is expected when the works begin, but fall shortest of what comes before they
    end (nowhere in particular when nobody says what to expect). Of places equal in that to a twentieth on the longest
    stretch, of stretches equal to a kilometre the one that carries more; three fifths along it, or as near to that as
    a link has the room.

    Raises
    ------
    NowhereError
        If no stretch has a link with the room.
    """
    best: tuple[tuple[float, ...], Spot] | None = None
    for index, route in enumerate(setting.routes):
        if route.road.rank == "local":
            continue
        wide = (route.lanes >= max(2, event.lanes_blocked + 1)) & ~route.tunnel
        for first, last in runs(wide):
            start_m = float(route.start_m[first])
            end_m = float(route.start_m[last]) + route.links[last].length_m
            places = route.samples
            link_length_m = np.array([link.length_m for link in route.links])[places.link]
            fit = np.flatnonzero(
                (places.link >= first)
                & (places.link <= last)
                & (places.offset_m + event.length_m <= link_length_m)
                & _free(index, places.at_m, length_m(event), setting.taken, span_s)
            )
            if len(fit) == 0:
                continue
            short = _short_of(event, route, places.link[fit], setting, span_s)
            fit = fit[short == short.max()]
            target_m = start_m + WORK_ZONE_SHARE * (end_m - start_m)
            place = int(fit[np.argmin(np.abs(places.at_m[fit] - target_m))])
            longest = (start_m - end_m) // 1_000.0
            score = (-float(short.max()), longest, -setting.flow_veh_s(route, span_s[0]), float(index))
            if best is None or score < best[0]:
                best = score, Spot(route.links[int(places.link[place])], float(places.offset_m[place]))
    if best is None:
        raise NowhereError(
            "place",
            f"expected a link of two lanes or more outside tunnels with {event.length_m:g} m of room where a lane "
            f"stays open beside {event.lanes_blocked} closed; region {setting.catalogue.id} has none",
        )
    return best[1]


def _short_of(
    event: WorkZone, route: Route, links: NDArray[np.int64], setting: Setting, span_s: tuple[float, float]
) -> Floats:
    """Greatest flow during works over what they leave open, 0 where that is too little from the start, shape (place,).

    Rounded to `SHORT_STEP`.
    """
    short = np.zeros(len(links))
    if setting.flow_at is None:
        return short
    at_s = [*np.arange(span_s[0], span_s[1], 1_800.0).tolist(), span_s[1]]
    for link in np.unique(links).tolist():
        lanes = route.links[link].lanes
        ratio = []
        for instant_s in at_s:
            of_day_s = (setting.time_of_day_s + instant_s) % DAY_S
            lorries = np.array(heavy_fraction(of_day_s) * HEAVY_OF_RANK[route.road.rank])
            open_veh_s = (lanes - event.lanes_blocked) * WORK_ZONE_PC_H / 3600.0 * float(heavy_factor(lorries))
            ratio.append(setting.flow_at(route.links[link].id, of_day_s) / open_veh_s)
        if ratio[0] <= 1.0:
            short[links == link] = round(max(ratio) / SHORT_STEP) * SHORT_STEP
    return short


def runs(wanted: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each unbroken run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wanted.astype(np.int8), [0]])))
    return [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]
