"""A small invented region on an east coast, in the form of ``GET /api/v1/region``."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

WEST, SOUTH, EAST, NORTH = 128.70, 37.45, 129.20, 37.80
TIMEZONE = "Asia/Seoul"
ROWS, COLUMNS = 106, 151

Json = dict[str, Any]


def text(ko: str, en: str) -> Json:
    return {"ko": ko, "en": en}


def coast_lon(lat: float) -> float:
    """Longitude of the coast: the sea is east of it."""
    return 129.03 - 0.32 * (lat - 37.62) + 0.012 * math.sin(40 * lat)


def terrain() -> Json:
    """Ridges that fall to the sea."""
    lat = np.linspace(SOUTH, NORTH, ROWS)[:, None]
    lon = np.linspace(WEST, EAST, COLUMNS)[None, :]
    coast = 129.03 - 0.32 * (lat - 37.62) + 0.012 * np.sin(40 * lat)
    inland = coast - lon
    ridges = 0.55 + 0.3 * np.sin(52 * lat + 31 * lon) + 0.22 * np.sin(90 * lon - 47 * lat) + 0.1 * np.sin(150 * lat)
    height = np.where(inland > 0, 8 + 3600 * np.clip(inland - 0.015, 0, 0.3) * np.clip(ridges, 0.05, None), -30)
    packed = np.asarray(np.clip(height, -100, 1600), dtype="<i2").tobytes()
    return {
        "west_deg": WEST,
        "south_deg": SOUTH,
        "step_lon_deg": (EAST - WEST) / (COLUMNS - 1),
        "step_lat_deg": (NORTH - SOUTH) / (ROWS - 1),
        "rows": ROWS,
        "columns": COLUMNS,
        "elevation_m": base64.b64encode(packed).decode(),
    }


def _districts() -> list[Json]:
    cut = [37.57, 37.69]
    bands = [(SOUTH, cut[0]), (cut[0], cut[1]), (cut[1], NORTH)]
    names = [text("남해군포", "Namhaegunpo"), text("솔내시", "Solnae"), text("북령군", "Bungnyeong")]
    rows = []
    for index, ((south, north), name) in enumerate(zip(bands, names, strict=True)):
        shore = [[coast_lon(lat), lat] for lat in np.linspace(south, north, 12).tolist()]
        ring = [[WEST, south], *shore, [WEST, north], [WEST, south]]
        rows.append({"id": f"3210{index + 1}", "name": name, "population": 52_000 + 90_000 * index, "boundary": ring})
    return rows


def _district_at(lat: float) -> str:
    return "32101" if lat < 37.57 else "32102" if lat < 37.69 else "32103"


def _roads() -> tuple[list[Json], dict[str, list[list[float]]]]:
    lats = np.linspace(SOUTH + 0.01, NORTH - 0.01, 29).tolist()
    lons = np.linspace(WEST + 0.01, coast_lon(37.62) - 0.03, 21).tolist()
    lines = {
        "R65": [[coast_lon(lat) - 0.03, lat] for lat in lats],
        "R7": [[coast_lon(lat) - 0.012, lat] for lat in lats],
        "R50": [[lon, 37.62 + 0.022 * math.sin(22 * lon)] for lon in lons],
        "R35": [[128.84 + 0.02 * math.sin(25 * lat), lat] for lat in lats],
        "R456": [[lon, 37.72 + 0.012 * math.sin(35 * lon)] for lon in np.linspace(128.84, 128.96, 9).tolist()],
    }
    roads = [
        {"id": "R65", "number": "65", "name": text("동해선", "Donghae line"), "rank": "expressway"},
        {"id": "R50", "number": "50", "name": text("영동선", "Yeongdong line"), "rank": "expressway"},
        {"id": "R7", "number": "7", "name": text("국도 7호선", "National road 7"), "rank": "national"},
        {"id": "R35", "number": "35", "name": text("국도 35호선", "National road 35"), "rank": "national"},
        {"id": "R456", "number": "456", "name": text("지방도 456호", "Local road 456"), "rank": "local"},
    ]
    return roads, lines


def _links(lines: dict[str, list[list[float]]]) -> list[Json]:
    links = []
    for road, line in lines.items():
        for direction in ("up", "down"):
            path = line if direction == "up" else line[::-1]
            for index in range(0, len(path) - 1, 2):
                piece = path[index : index + 3]
                number = len(links) + 1
                links.append(
                    {
                        "id": f"{_district_at(piece[0][1])}{number:05d}",
                        "district": _district_at(piece[0][1]),
                        "road": road,
                        "direction": direction,
                        "lanes": 2,
                        "speed_limit_kmh": 100.0 if road in {"R65", "R50"} else 70.0,
                        "length_m": 2800.0,
                        "tunnel": road == "R50" and index in {6, 12},
                        "line": piece,
                    }
                )
    return links


def _devices(links: list[Json]) -> list[Json]:
    devices: list[Json] = []

    def add(kind: str, number: int, lon: float, lat: float, name: Json | None = None, link: str | None = None) -> None:
        identifier = f"{kind.upper()}-{number:03d}"
        row = {"id": identifier, "kind": kind, "district": _district_at(lat), "lon": lon, "lat": lat}
        devices.append({**row, "name": name, "link": link})

    for number, link in enumerate(links, start=1):
        lon, lat = link["line"][1]
        side = 0.0012 if link["direction"] == "up" else -0.0012
        if link["road"] != "R456":
            add("vds", number, lon + side, lat, None, link["id"])
        if number % 6 == 0:
            add("cctv", number, lon + 0.004, lat + 0.002, text(f"{number}번 카메라", f"Camera {number}"), link["id"])
        if number % 9 == 0:
            add("sign", number, lon - 0.004, lat + 0.003, text(f"전광판 {number}", f"Sign {number}"), link["id"])
    for number in range(1, 15):
        lon, lat = 128.75 + 0.013 * number, 37.66 + 0.05 * math.sin(1.7 * number)
        add("slope", number, lon, lat, text(f"절개지 {number}", f"Cut slope {number}"), links[number]["id"])
    for number, (lon, lat) in enumerate([(128.78, 37.53), (128.9, 37.55), (128.76, 37.74), (128.93, 37.76)], start=1):
        add("tower", number, lon, lat, text(f"산불 감시탑 {number}", f"Watchtower {number}"))
    for number, (lon, lat) in enumerate([(128.81, 37.58), (128.97, 37.66), (128.88, 37.74)], start=1):
        add("weather", number, lon, lat, text(f"기상 {number}", f"Weather {number}"))
    return devices


def region() -> Json:
    roads, lines = _roads()
    links = _links(lines)
    villages = [
        ("솔마루", "Solmaru", 128.87, 37.535),
        ("참나무골", "Chamnamugol", 128.93, 37.56),
        ("갯머리", "Gaenmeori", 129.01, 37.58),
    ]
    return {
        "id": "sample",
        "name": text("해솔 지역", "Haesol region"),
        "synthetic": True,
        "timezone": TIMEZONE,
        "clock_speed": 1.0,
        "bbox": [WEST, SOUTH, EAST, NORTH],
        "districts": _districts(),
        "roads": roads,
        "links": links,
        "devices": _devices(links),
        "villages": [
            {
                "id": f"V{n}",
                "district": _district_at(lat),
                "name": text(ko, en),
                "lon": lon,
                "lat": lat,
                "population": 300,
            }
            for n, (ko, en, lon, lat) in enumerate(villages)
        ],
        "shelters": [
            {
                "id": "S1",
                "district": "32101",
                "name": text("솔내체육관", "Solnae gym"),
                "lon": 128.95,
                "lat": 37.54,
                "capacity": 900,
            }
        ],
    }
