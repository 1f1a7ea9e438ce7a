"""Where things are, in words: the district, the nearest village, the road, and the signs that face a place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from pyproj import Geod

from config.catalogue.beside import nearest_links
from config.catalogue.model import DEVICE_KINDS, Catalogue, Coordinate, Name, Sign

WGS84 = Geod(ellps="WGS84")
_SEPARATOR = ":"


def corridor_name(road: str, direction: str) -> str:
    """Name a road and direction, as findings do."""
    return f"{road}{_SEPARATOR}{direction}"


@dataclass(frozen=True)
class RoadPlace:
    """A place along a road and direction."""

    corridor: str
    chainage_m: float
    """From the start of the road, in the direction of travel. [m]"""


class Gazetteer:
    """Look-ups over one region; built once.

    A device that the region does not have (any more) is beside all roads and has its identifier for a name: situations
    outlive changes of the catalogue.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._districts = {district.id: district for district in catalogue.districts}
        self._boundaries = [shapely.Polygon(district.boundary) for district in catalogue.districts]
        self._villages = np.array([village.position for village in catalogue.villages], dtype=np.float64).reshape(-1, 2)
        self._roads = {road.id: road for road in catalogue.roads}
        self._links = {link.id: link for link in catalogue.links}
        self._devices = {device.id: device for kind in DEVICE_KINDS for device in catalogue.devices(kind)}
        beside = nearest_links(catalogue, [station.position for station in catalogue.weather])
        self._weather_places = {
            station.id: self.place_on(place.link.id, place.offset_m)
            for station, place in zip(catalogue.weather, beside, strict=True)
            if place is not None
        }
        self._sign_places = {sign.id: self.place_on(sign.link, sign.offset_m) for sign in catalogue.sign}

    def district_at(self, lon_deg: float, lat_deg: float) -> str:
        """Return the district of a position; outside all of them, the nearest. [deg]."""
        point = shapely.Point(lon_deg, lat_deg)
        distances = [boundary.distance(point) for boundary in self._boundaries]
        return self._catalogue.districts[int(np.argmin(distances))].id

    def district_name(self, district: str) -> Name:
        """Return the name of a district.

        Raises
        ------
        KeyError
            If the region has no such district.
        """
        return self._districts[district].name

    def village_near(self, lon_deg: float, lat_deg: float) -> Name:
        """Return the name of the nearest village; where there is none, that of the district. [deg]."""
        count = len(self._villages)
        if not count:
            return self.district_name(self.district_at(lon_deg, lat_deg))
        lon, lat = self._villages.T
        _, _, distance_m = WGS84.inv(lon, lat, np.full(count, lon_deg), np.full(count, lat_deg))
        return self._catalogue.villages[int(np.argmin(distance_m))].name

    def road_name(self, corridor: str) -> Name:
        """Return the name of the road of a corridor.

        Raises
        ------
        KeyError
            If the region has no such road.
        """
        return self._roads[self.road(corridor)].name

    def direction(self, corridor: str) -> str:
        """Return ``up`` or ``down``."""
        return corridor.split(_SEPARATOR)[1]

    def road(self, corridor: str) -> str:
        """Return the identifier of the road of a corridor."""
        return corridor.split(_SEPARATOR)[0]

    def device_name(self, device: str) -> Name:
        """Return the name of a device, or its identifier where it has none."""
        name = getattr(self._devices.get(device), "name", None)
        return name if isinstance(name, Name) else Name(device, device)

    def place_on(self, link: str, offset_m: float) -> RoadPlace:
        """Return the corridor and chainage of a place on a link, ``offset_m`` from its start. [m].

        Raises
        ------
        KeyError
            If the region has no such link.
        """
        row = self._links[link]
        return RoadPlace(corridor_name(row.road, row.direction), row.chainage_m + offset_m)

    def place_of(self, device: str) -> RoadPlace | None:
        """Return where on a road a device stands, the middle of its link if no more is known; None beside all roads.

        A weather station is at the nearest place of the nearest road.
        """
        if device in self._weather_places:
            return self._weather_places[device]
        row = self._devices.get(device)
        link = getattr(row, "link", None)
        if link is None:
            return None
        offset_m = getattr(row, "offset_m", None)
        return self.place_on(link, self._links[link].length_m / 2.0 if offset_m is None else offset_m)

    def places_near(self, lon_deg: float, lat_deg: float, road: str) -> list[RoadPlace]:
        """Return the nearest place on each direction of a road: a camera beside it sees both."""
        point = shapely.Point(lon_deg, lat_deg)
        nearest: dict[str, tuple[float, RoadPlace]] = {}
        for link in self._links.values():
            if link.road != road:
                continue
            line = shapely.LineString(link.line)
            offset_m = float(line.project(point, normalized=True)) * link.length_m
            found = float(line.distance(point)), self.place_on(link.id, offset_m)
            if link.direction not in nearest or found[0] < nearest[link.direction][0]:
                nearest[link.direction] = found
        return [place for _, (_, place) in sorted(nearest.items())]

    def position_of(self, device: str) -> Coordinate | None:
        """Return where a device stands, or None when the region does not have it."""
        row = self._devices.get(device)
        return None if row is None else row.position

    def signs_before(self, place: RoadPlace, within_m: float) -> list[tuple[Sign, float]]:
        """Return the signs that a driver passes on the way to a place, nearest first, with the distance. [m]."""
        found = [
            (sign, place.chainage_m - spot.chainage_m)
            for sign in self._catalogue.sign
            if (spot := self._sign_places[sign.id]).corridor == place.corridor
            and 0.0 < place.chainage_m - spot.chainage_m <= within_m
        ]
        return sorted(found, key=lambda pair: (pair[1], pair[0].id))

    def signs_around(self, centre: Coordinate, within_m: float) -> list[tuple[Sign, float]]:
        """Return the signs near a position, nearest first, with the distance. [m]."""
        found = []
        for sign in self._catalogue.sign:
            _, _, distance_m = WGS84.inv(*sign.position, *centre)
            if distance_m <= within_m:
                found.append((sign, float(distance_m)))
        return sorted(found, key=lambda pair: (pair[1], pair[0].id))
