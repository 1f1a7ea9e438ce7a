"""A region of two districts, and findings about it, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from alerts.correlate import Correlator
from alerts.gazetteer import WGS84, Gazetteer
from config.catalogue.model import Camera, Catalogue, District, Name, Sign, SlopeNode, Village, WeatherStation
from config.numbers import load_numbers
from config.words import Words
from engine.findings import Finding, HazardLevel, Observation, ReceiptLine, Rule
from sensors.columns import to_ns
from tests.simulators.region import DISTRICTS, SOUTH, WEST, small_region, spot

NOW = datetime(2026, 7, 1, 3, 0, tzinfo=UTC)
WESTERN, EASTERN = DISTRICTS
_MIDDLE = spot(12_000.0, 0.0)[0]


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def two_districts(**changes: Any) -> Catalogue:
    """Cameras stand on E1 upwards, but for CAM-11; slope SLP-2 would block a link; signs on E1 up and down."""
    bare = small_region()
    districts = tuple(
        District(
            id=key,
            name=Name(ko, en),
            population=1_000,
            boundary=((west, 36.8), (east, 36.8), (east, 37.3), (west, 37.3), (west, 36.8)),
        )
        for key, ko, en, west, east in (
            (WESTERN, "서군", "West County", 127.9, _MIDDLE),
            (EASTERN, "동군", "East County", _MIDDLE, 128.5),
        )
    )
    up = [link for link in bare.links if link.road == "E1" and link.direction == "up"]
    down = [link for link in bare.links if link.road == "E1" and link.direction == "down"]
    cameras = tuple(
        Camera(
            id=f"CAM-{place}",
            district=up[place].district,
            position=up[place].line[0],
            name=Name(f"카메라 {place}", f"Camera {place}"),
            link=None if place == 11 else up[place].id,
            offset_m=None if place == 11 else 0.0,
            ground_elevation_m=0.0,
            mast_m=15.0,
            range_m=1_200.0,
        )
        for place in range(12)
    )
    signs = tuple(
        Sign(
            id=f"VMS-{name}",
            district=link.district,
            position=link.line[0],
            name=Name(f"표지 {name}", f"Sign {name}"),
            link=link.id,
            offset_m=100.0,
            width_px=192,
            height_px=32,
            colour="limited",
        )
        for name, link in (("up0", up[0]), ("up4", up[4]), ("down0", down[0]))
    )
    slopes = tuple(
        SlopeNode(
            id=f"SLP-{place}",
            district=WESTERN if place < 4 else EASTERN,
            position=spot(3_000.0 * place, 500.0),
            name=Name(f"{place}번 사면", f"Slope {place}"),
            slope_deg=34.0,
            aspect_deg=180.0,
            height_m=20.0,
            link=up[3].id if place == 2 else None,
        )
        for place in range(6)
    )
    weather = tuple(
        WeatherStation(
            id=f"WX-{place}",
            district=WESTERN,
            position=spot(2_000.0 * place, away_m),
            name=Name(f"관측소 {place}", f"Station {place}"),
            ground_elevation_m=0.0,
        )
        for place, away_m in (
            (0, 100.0),
            (1, 9_000.0),
            (2, 9_000.0),
            (3, 9_000.0),
            (4, 100.0),
            (5, 9_000.0),
            (11, 100.0),
        )
    )
    villages = (
        Village(id="V1", district=WESTERN, name=Name("솔마을", "Pine"), position=spot(8_000, 2_200), population=120),
        Village(id="V2", district=EASTERN, name=Name("달마을", "Moon"), position=spot(20_000, 1_000), population=60),
    )
    parts = {
        "districts": districts,
        "cctv": cameras,
        "sign": signs,
        "slope": slopes,
        "villages": villages,
        "weather": weather,
    }
    return _numbered(small_region(**(parts | changes)))


def _numbered(catalogue: Catalogue) -> Catalogue:
    """Give nodes and links the ten digits that a region on disk has to have, and stations their place on the link."""
    replace = msgspec.structs.replace
    nodes = {node.id: f"{WESTERN}{9_0000 + place}" for place, node in enumerate(catalogue.nodes)}
    links = {link.id: f"{link.district}{place + 1:05d}" for place, link in enumerate(catalogue.links)}

    def moved(rows: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(replace(row, link=links[row.link]) if row.link else row for row in rows)

    return replace(
        catalogue,
        nodes=tuple(replace(node, id=nodes[node.id]) for node in catalogue.nodes),
        links=tuple(
            replace(link, id=links[link.id], from_node=nodes[link.from_node], to_node=nodes[link.to_node])
            for link in catalogue.links
        ),
        vds=tuple(
            replace(station, offset_m=0.0 if index % 2 else 100.0) for index, station in enumerate(moved(catalogue.vds))
        ),
        cctv=moved(catalogue.cctv),
        sign=moved(catalogue.sign),
        slope=moved(catalogue.slope),
    )


def correlator(catalogue: Catalogue | None = None) -> Correlator:
    return Correlator(Gazetteer(catalogue or two_districts()), Words.load("texts"), load_numbers("alert"))


def finding(rule: Rule, name: str, at_s: float = 0.0, **changes: Any) -> Finding:
    """Build a finding that began at NOW and was said ``at_s`` later."""
    parts: dict[str, Any] = {
        "id": name,
        "rule": rule,
        "level": HazardLevel.CAUTION,
        "active": True,
        "onset_ns": to_ns(NOW),
        "updated_ns": to_ns(later(at_s)),
        "confidence": 0.7,
        "subject": name,
        "receipt": (ReceiptLine(quantity="confidence", value=0.7, unit=""),),
    }
    return Finding(**(parts | changes))


def seen(*devices: str, seq: int = 1) -> tuple[Observation, ...]:
    return tuple(Observation(device, seq) for device in devices)


def fire(
    name: str, east_m: float, north_m: float, towers: tuple[str, ...] = ("TWR-0", "TWR-1"), **changes: Any
) -> Finding:
    lon, lat = spot(east_m, north_m)
    parts = {"lon_deg": lon, "lat_deg": lat, "devices": towers, "observations": seen(*towers)}
    return finding(Rule.FIRE_POSITION, name, **(parts | changes))


def bearing(name: str, tower: str, **changes: Any) -> Finding:
    parts: dict[str, Any] = {
        "lon_deg": WEST,
        "lat_deg": SOUTH,
        "devices": (tower,),
        "observations": seen(tower),
        "level": HazardLevel.ATTENTION,
        "line": ((WEST, SOUTH), (WEST + 0.1, SOUTH)),
    }
    return finding(Rule.FIRE_BEARING, name, **(parts | changes))


def queue(name: str, *stations: str, **changes: Any) -> Finding:
    lon, lat = spot(8_000, 0)
    parts = {"lon_deg": lon, "lat_deg": lat, "devices": stations, "observations": seen(*stations)}
    return finding(Rule.CONGESTION, name, **(parts | changes))


def camera_event(name: str, camera: str, event: str = "stopped_vehicle", **changes: Any) -> Finding:
    lon, lat = spot(2_000.0 * int(camera.split("-")[1]), 0)
    parts = {"lon_deg": lon, "lat_deg": lat, "devices": (camera,), "observations": seen(camera), "detail": event}
    return finding(Rule.CAMERA_EVENT, name, **(parts | changes))


def road_weather(name: str, station: str, hazard: str = "fog", **changes: Any) -> Finding:
    lon, lat = spot(2_000.0 * int(station.split("-")[1]), 100)
    parts = {"lon_deg": lon, "lat_deg": lat, "devices": (station,), "observations": seen(station), "detail": hazard}
    return finding(Rule.ROAD_WEATHER, name, **(parts | changes))


def slope(name: str, node: str, **changes: Any) -> Finding:
    lon, lat = spot(3_000.0 * int(node.split("-")[1]), 500)
    parts = {"lon_deg": lon, "lat_deg": lat, "devices": (node,), "observations": seen(node), "subject": node}
    return finding(Rule.SLOPE_LEVEL, name, **(parts | changes))


def azimuth_to(tower_position: tuple[float, float], place: tuple[float, float]) -> float:
    """Bearing from a tower to a place. [deg]"""
    return float(WGS84.inv(*tower_position, *place)[0]) % 360.0
