"""What the rules that place events need to know about a region and a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Proj
from scipy.spatial import KDTree

from config.catalogue.geometry import positions_along
from config.catalogue.model import Catalogue, Coordinate, Link, RoadRank
from simulators.placement.routes import Route, routes_of

Floats = NDArray[np.float64]

DAY_S = 86_400.0
CAPACITY_VEH_H_LANE: dict[RoadRank, float] = {"expressway": 2_100.0, "national": 1_900.0, "local": 1_700.0}
"""Maximum flow per lane: Highway Capacity Manual, 6th edition, chapter 12, less heavy vehicles; other roads are an own
construction. Only to compare places with each other [veh/h/lane]."""
BUSY_SHARE, QUIET_SHARE = 0.75, 0.6
"""Share of capacity that a direction is taken to carry when nobody says; own construction [-]."""
CAMERAS_LOOKED_AT = 16
"""How many of the nearest cameras are asked whether they have a place in range."""

FlowAt = Callable[[str, float], float]
"""Expected flow on a link at a local time of day in seconds [veh/s]."""


class NowhereError(Exception):
    """The region has no place for what an event asks.

    Parameters
    ----------
    field
        Field of the event that says what is asked.
    text
        What was expected and what was there.
    """

    def __init__(self, field: str, text: str) -> None:
        self.field = field
        self.text = text
        super().__init__(f"{field}: {text}")


@dataclass(frozen=True)
class Setting:
    """A region, the local time of day at the start, and what its roads are expected to carry.

    Attributes
    ----------
    catalogue
        Region.
    seed
        Seed of the run.
    time_of_day_s
        At the start of the run. [s]
    day_of_year
        From 1.
    flow_at
        Expected flows; None for a guess by time of day.
    """

    catalogue: Catalogue
    seed: int
    time_of_day_s: float
    day_of_year: int
    flow_at: FlowAt | None
    taken: list[Taken] = field(default_factory=list)

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """Every road and direction."""
        return routes_of(self.catalogue)

    @cached_property
    def plane(self) -> Proj:
        """Metres east and north of the middle of the region, true to a thousandth within 150 km of its meridian."""
        west, south, east, north = self.catalogue.bbox
        return Proj(proj="tmerc", lon_0=(west + east) / 2, lat_0=(south + north) / 2, ellps="WGS84")

    def xy(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
        """Return places in the plane, shape (place, 2) [m]."""
        lon, lat = np.asarray(lon_deg, dtype=np.float64), np.asarray(lat_deg, dtype=np.float64)
        x, y = self.plane(lon, lat)
        return np.stack([np.atleast_1d(x), np.atleast_1d(y)], axis=-1)

    def lonlat(self, x_m: float, y_m: float) -> Coordinate:
        """Return the position of a place in the plane [deg]."""
        lon, lat = self.plane(x_m, y_m, inverse=True)
        return (round(float(lon), 6), round(float(lat), 6))

    @cached_property
    def nodes_xy(self) -> Floats:
        """Slope nodes in the plane, shape (node, 2) [m]."""
        if not self.catalogue.slope:
            return np.empty((0, 2))
        return self.xy(*np.array([node.position for node in self.catalogue.slope]).T)

    @cached_property
    def cameras(self) -> tuple[KDTree, Floats] | None:
        """Cameras in the plane and their ranges, None without cameras [m]."""
        if not self.catalogue.cctv:
            return None
        places = self.xy(*np.array([camera.position for camera in self.catalogue.cctv]).T)
        return KDTree(places), np.array([camera.range_m for camera in self.catalogue.cctv])

    def watched(self, lon_deg: Floats, lat_deg: Floats) -> NDArray[np.bool_]:
        """Return whether a camera has each place in range, shape (place,)."""
        if self.cameras is None or len(lon_deg) == 0:
            return np.zeros(len(lon_deg), dtype=np.bool_)
        tree, range_m = self.cameras
        count = min(CAMERAS_LOOKED_AT, len(range_m))
        distance_m, which = tree.query(self.xy(lon_deg, lat_deg), k=list(range(1, count + 1)))
        seen: NDArray[np.bool_] = np.any(distance_m <= range_m[which], axis=1)
        return seen

    @cached_property
    def links(self) -> dict[str, Link]:
        """Links by identifier."""
        return {link.id: link for link in self.catalogue.links}

    @cached_property
    def link_starts(self) -> dict[str, tuple[int, float]]:
        """Link to its route and its start along it [m]."""
        return {
            link.id: (index, float(start))
            for index, route in enumerate(self.routes)
            for link, start in zip(route.links, route.start_m, strict=True)
        }

    def position(self, link: str, offset_m: float) -> Coordinate:
        """Return the position of a place on a link [deg]."""
        lon, lat = positions_along(self.links[link].line, [offset_m])[0].tolist()
        return (lon, lat)

    @cached_property
    def stations_m(self) -> dict[int, Floats]:
        """Places of the detection stations along each route, sorted [m]."""
        found: dict[int, list[float]] = {}
        for station in self.catalogue.vds:
            index, start_m = self.link_starts[station.link]
            found.setdefault(index, []).append(start_m + station.offset_m)
        return {index: np.sort(np.array(places)) for index, places in found.items()}

    def flow_veh_s(self, route: Route, at_s: float) -> float:
        """Return what the middle of a route is expected to carry at an instant of the run [veh/s]."""
        time_of_day_s = (self.time_of_day_s + at_s) % DAY_S
        middle = int(np.searchsorted(route.start_m, route.length_m / 2, side="right")) - 1
        link = route.links[middle]
        if self.flow_at is not None:
            return self.flow_at(link.id, time_of_day_s)
        # Up runs towards town: busier before noon.
        busy = (route.direction == "up") == (time_of_day_s < DAY_S / 2)
        share = BUSY_SHARE if busy else QUIET_SHARE
        return share * CAPACITY_VEH_H_LANE[route.road.rank] / 3600.0 * link.lanes

    def by_length(self, rank: RoadRank) -> list[str]:
        """Return the roads of a rank, the longest first."""
        lengths: dict[str, float] = {}
        for route in self.routes:
            if route.road.rank == rank:
                lengths[route.road.id] = lengths.get(route.road.id, 0.0) + route.length_m
        return sorted(lengths, key=lambda road: (-lengths[road], road))

    def busiest_first(self, road: str, at_s: float) -> list[int]:
        """Return the routes of a road, the one that is expected to carry most first."""
        routes = [index for index, route in enumerate(self.routes) if route.road.id == road]
        return sorted(routes, key=lambda index: (-self.flow_veh_s(self.routes[index], at_s), index))


@dataclass(frozen=True)
class Taken:
    """A stretch of a route that an event has for a time."""

    route: int
    from_m: float
    until_m: float
    from_s: float
    until_s: float
