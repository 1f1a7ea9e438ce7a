"""A corridor drawn at random: geometry, demand over the day, and the world's road model on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.catalogue.geometry import GEOD
from config.catalogue.model import Catalogue, District, Link, Name, Node, Road, VdsStation
from simulators.world.roads.demand import Demand
from simulators.world.roads.grid import build_grid
from simulators.world.roads.loading import Loading
from simulators.world.roads.network import build_movements, build_network
from simulators.world.roads.plan import Plan
from simulators.world.roads.routes import chain_times, find_routes

Floats = NDArray[np.float64]

CELL_M = 105.0
"""A step of 3 s at 120 km/h times 1.05."""
STEP_S = 3.0
HEADWAY_S = 1.0
"""Closest that vehicles of a lane come one after the other [s]."""
BUNCH_SIGMA, BUNCH_S = 0.3, 20.0
"""Vehicles come in bunches: the rate differs by this much for so long. Own construction. [-, s]"""
_DISTRICT = "99901"
_LANE_VEH_H = 1_850.0
"""About what a lane carries with lorries among the cars; the measure of demand."""


@dataclass(frozen=True)
class Course:
    """What does not change in a run. Chainages in the direction of travel [m]."""

    length_m: float
    lanes: int
    limit_kmh: float
    interchange_m: tuple[float, ...]
    ramp_share: tuple[float, ...]
    """Flow of each on-ramp at the peak over that of the main road."""
    exit_share: tuple[float, ...]
    drop_m: float | None
    """From here on a lane less."""
    station_m: Floats
    spacing_m: float
    rising: bool
    first_mile: float

    def mile(self, chainage_m: float) -> float:
        """Return the milemarker of a place."""
        sign = 1.0 if self.rising else -1.0
        return round(self.first_mile + sign * chainage_m / 1_609.344, 4)

    def lanes_at(self, chainage_m: float) -> int:
        """Return the number of lanes at a place."""
        return self.lanes - int(self.drop_m is not None and chainage_m >= self.drop_m)

    @property
    def bottlenecks_m(self) -> list[float]:
        """Places where queues form by themselves."""
        return [*self.interchange_m, *([] if self.drop_m is None else [self.drop_m])]


def draw_course(rng: np.random.Generator, test: bool) -> Course:
    """Draw a corridor; those of the test have other lengths, ramps and limits than those of the training."""
    cells = int(rng.integers(96, 372)) if test else int(rng.integers(110, 300))
    length_m = cells * CELL_M
    lanes = int(rng.choice([2, 3, 3, 4]))
    limit = float(rng.choice([80.0, 100.0, 110.0, 120.0] if test else [100.0, 110.0]))
    gap_cells = rng.integers(35, 85, 30) if test else rng.integers(45, 75, 30)
    places = np.cumsum(gap_cells)
    places = places[places < cells - 20]
    drop = None
    if lanes > 2 and rng.random() < 0.4:
        options = [at for at in range(40, cells - 25) if np.abs(places - at).min(initial=99) > 12]
        drop = float(rng.choice(options)) * CELL_M if options else None
    spacing = 500.0
    n_station = int(length_m // spacing)
    station_m = (np.arange(n_station) + 0.5) * spacing + rng.uniform(-80.0, 80.0, n_station)
    return Course(
        length_m=length_m,
        lanes=lanes,
        limit_kmh=limit,
        interchange_m=tuple((places * CELL_M).tolist()),
        ramp_share=tuple(rng.uniform(0.05, 0.18, len(places)).tolist()),
        exit_share=tuple(rng.uniform(0.05, 0.16, len(places)).tolist()),
        drop_m=drop,
        station_m=station_m,
        spacing_m=spacing,
        rising=bool(rng.random() < 0.5),
        first_mile=round(float(rng.uniform(40.0, 160.0)), 1),
    )


def draw_profile(rng: np.random.Generator, hours: float, low: float, high: float) -> tuple[Floats, Floats]:
    """Draw demand over a run as a share of capacity: one or two peaks and short surges, points every five minutes."""
    time_s = np.arange(-3_600.0, hours * 3_600.0 + 3_601.0, 300.0)
    share = np.full(len(time_s), low)
    for _ in range(int(rng.integers(1, 3))):
        centre, width = rng.uniform(0.1, 0.9) * hours * 3_600.0, rng.uniform(1_500.0, 4_500.0)
        share += (high - low) * rng.uniform(0.7, 1.0) * np.exp(-(((time_s - centre) / width) ** 4))
    for _ in range(int(rng.poisson(0.6 * hours))):
        start, length = rng.uniform(0.0, hours * 3_600.0), rng.uniform(600.0, 1_500.0)
        share[(time_s >= start) & (time_s < start + length)] *= rng.uniform(1.05, 1.25)
    return time_s, np.clip(share, 0.05, max(high, low) * 1.05)


class CorridorDemand(Demand):
    """Trips along one road: from its start and the on-ramps to the off-ramps and its end."""

    _profile: tuple[Floats, Floats]
    _rng: np.random.Generator | None
    _slots: NDArray[np.int64]
    _bunch: Floats

    @classmethod
    def build(
        cls, course: Course, profile: tuple[Floats, Floats], rng: np.random.Generator | None = None
    ) -> CorridorDemand:
        """Return the demand of a corridor; zones are its nodes in the order of travel.

        With a source of noise every call of `at` draws how many really come in a step: binomial, as many as fit at the
        least headway, so nearly Poisson in thin traffic and steadier in dense.
        """
        n_zone = len(course.interchange_m) + 2
        trips = np.zeros((n_zone, n_zone))
        for origin in range(n_zone - 1):
            ahead = 1.0 if origin == 0 else course.ramp_share[origin - 1]
            for place in range(origin + 1, n_zone - 1):
                trips[origin, place] = ahead * course.exit_share[place - 1]
                ahead -= trips[origin, place]
            trips[origin, n_zone - 1] = ahead
        self = cls(trips * course.lanes * _LANE_VEH_H / 3_600.0, np.zeros((n_zone, n_zone)))
        slots = np.append(
            np.round(course.lanes * STEP_S / HEADWAY_S), np.full(n_zone - 1, np.round(STEP_S / HEADWAY_S))
        )
        for name, value in (("_profile", profile), ("_rng", rng), ("_slots", slots.astype(np.int64))):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_bunch", np.zeros(n_zone))
        return self

    def at(self, time_of_day_s: float, working_day: bool = True) -> Floats:  # noqa: ARG002 - the same every day
        """Return trips at a time of the run, shape (zone, commodity) [veh/s]."""
        time_s, share = self._profile
        trips = self.peak_veh_s * np.interp(time_of_day_s, time_s, share)
        if self._rng is not None:
            keep = np.exp(-STEP_S / BUNCH_S)
            draw = self._rng.standard_normal(len(trips))
            self._bunch[:] = keep * self._bunch + BUNCH_SIGMA * np.sqrt(1.0 - keep**2) * draw
            part = trips.sum(axis=1) * (1.0 + self._bunch) * STEP_S / self._slots
            came = self._rng.binomial(self._slots, np.clip(part, 0.0, 1.0)) / STEP_S
            trips *= (came / np.maximum(trips.sum(axis=1), 1e-12))[:, np.newaxis]
        return np.asarray(trips)


def catalogue(course: Course) -> Catalogue:
    """Return the region of a corridor: links between interchanges and at the lane drop, one station a place."""
    cuts = {0.0: "end", course.length_m: "end"}
    cuts |= dict.fromkeys(course.interchange_m, "interchange")
    if course.drop_m is not None:
        cuts.setdefault(course.drop_m, "shape")
    places = sorted(cuts)
    lon, lat, _ = GEOD.fwd([127.0] * len(places), [37.0] * len(places), [90.0] * len(places), places)
    position = list(zip(lon, lat, strict=True))
    nodes = tuple(
        Node(id=f"{_DISTRICT}{number:05d}", position=position[number], kind=cuts[place])  # type: ignore[arg-type]
        for number, place in enumerate(places)
    )
    links = tuple(
        Link(
            id=f"{_DISTRICT}{number + 500:05d}",
            district=_DISTRICT,
            road="R1",
            direction="down",
            from_node=nodes[number].id,
            to_node=nodes[number + 1].id,
            lanes=course.lanes_at(places[number]),
            speed_limit_kmh=course.limit_kmh,
            length_m=places[number + 1] - places[number],
            chainage_m=places[number],
            line=(position[number], position[number + 1]),
        )
        for number in range(len(places) - 1)
    )
    stations = []
    for number, at in enumerate(course.station_m.tolist()):
        link = links[int(np.searchsorted(places, at, side="right")) - 1]
        stations.append(
            VdsStation(
                id=f"s{number}",
                district=_DISTRICT,
                position=position[0],
                link=link.id,
                offset_m=at - link.chainage_m,
                lanes=link.lanes,
            )
        )
    name = Name("구간", "corridor")
    ring = ((127.0, 36.9), (128.0, 36.9), (128.0, 37.1), (127.0, 36.9))
    return Catalogue(
        id="corridor",
        name=name,
        timezone="Asia/Seoul",
        synthetic=True,
        bbox=(127.0, 36.9, 128.0, 37.1),
        districts=(District(id=_DISTRICT, name=name, population=0, boundary=ring),),
        roads=(Road(id="R1", number="1", name=name, rank="expressway"),),
        nodes=nodes,
        links=links,
        vds=tuple(stations),
    )


def build_plan(region: Catalogue, demand: CorridorDemand) -> Plan:
    """Return the plan of the traffic model with a given demand instead of a balanced one."""
    grid = build_grid(region, CELL_M)
    network = build_network(region, grid)
    ways = build_movements(network)
    time_s = chain_times(grid, network)
    pool = np.arange(len(network.zone_nodes))
    routes = find_routes(network, ways, time_s, pool)
    return Plan(grid, network, ways, time_s, pool, routes, Loading(network, ways, routes), demand)
