"""The region: what stands where. It does not change while the server runs, so it has an ETag."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec
import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response

from config.catalogue.model import DEVICE_KINDS, Catalogue, Device, Shelter, Village


def region_routes(catalogue: Catalogue, clock_speed: float = 1.0) -> APIRouter:
    """Return the routes of the region's description, and of how fast its time runs."""
    router = APIRouter(prefix="/api/v1/region", tags=["region"])
    region = _Document(msgspec.json.encode(_region(catalogue, clock_speed)))
    terrain = None if catalogue.terrain is None else _Document(msgspec.json.encode(_terrain(catalogue)))

    @router.get("")
    async def read_region(request: Request) -> Response:
        """Districts, roads, links, devices, villages and shelters."""
        return region.reply(request)

    @router.get("/terrain")
    async def read_terrain(request: Request) -> Response:
        """Give the height grid, base64 of little-endian int16, row 0 the southernmost."""
        if terrain is None:
            raise HTTPException(404, "this region has no terrain")
        return terrain.reply(request)

    return router


class _Document:
    """Bytes that do not change, and their tag."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    def reply(self, request: Request) -> Response:
        headers = {"ETag": self._tag}
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if self._tag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(self._body, media_type="application/json", headers=headers)


def _region(catalogue: Catalogue, clock_speed: float) -> dict[str, Any]:
    return {
        "id": catalogue.id,
        "name": catalogue.name,
        "synthetic": catalogue.synthetic,
        "timezone": catalogue.timezone,
        "clock_speed": clock_speed,
        "bbox": catalogue.bbox,
        "districts": catalogue.districts,
        "roads": catalogue.roads,
        "links": [
            {
                "id": link.id,
                "district": link.district,
                "road": link.road,
                "direction": link.direction,
                "lanes": link.lanes,
                "speed_limit_kmh": link.speed_limit_kmh,
                "length_m": link.length_m,
                "tunnel": link.tunnel,
                "line": link.line,
            }
            for link in catalogue.links
        ],
        "devices": [_device(kind, device) for kind in DEVICE_KINDS for device in catalogue.devices(kind)],
        "villages": [
            {**_place(village), "population": village.population, "name": village.name}
            for village in catalogue.villages
        ],
        "shelters": [
            {**_place(shelter), "capacity": shelter.capacity, "name": shelter.name} for shelter in catalogue.shelters
        ],
    }


def _place(row: Device | Village | Shelter) -> dict[str, Any]:
    return {"id": row.id, "district": row.district, "lon": row.position[0], "lat": row.position[1]}


def _device(kind: str, device: Device) -> dict[str, Any]:
    return {
        **_place(device),
        "kind": kind,
        "name": getattr(device, "name", None),
        "link": getattr(device, "link", None),
    }


def _terrain(catalogue: Catalogue) -> dict[str, Any]:
    terrain = catalogue.terrain
    assert terrain is not None
    rows, columns = terrain.elevation_m.shape
    return {
        "west_deg": terrain.west_deg,
        "south_deg": terrain.south_deg,
        "step_lon_deg": terrain.step_lon_deg,
        "step_lat_deg": terrain.step_lat_deg,
        "rows": rows,
        "columns": columns,
        "elevation_m": base64.b64encode(np.rint(terrain.elevation_m).astype("<i2").tobytes()).decode("ascii"),
    }
