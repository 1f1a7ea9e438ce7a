"""Readings of devices and the dead letters, from the database."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response

from alerts.desk_store import StoreUnavailableError
from dashboard.replies import json_reply
from dashboard.services import Services
from storage.desk_store import available
from storage.queries import dead_letters, page_series, readings

_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,48}")


def device_routes(services: Services) -> APIRouter:
    """Return the routes of readings and dead letters."""
    router = APIRouter(prefix="/api/v1", tags=["devices"])

    @router.get("/devices/{device}/readings")
    async def device_readings(device: str, minutes: Annotated[int, Query(ge=1, le=1440)] = 60) -> Response:
        """Return the series of a device over the last minutes."""
        if _DEVICE.fullmatch(device) is None:
            raise HTTPException(404, f"device: expected one of the region, was {device[:60]!r}")
        since = services.clock() - timedelta(minutes=minutes)
        try:
            async with available(services.database) as connection:
                found = await readings(connection, device, since, limit=20_000)
        except StoreUnavailableError as exc:
            raise HTTPException(503, f"the database is away ({exc})") from exc
        if found is None:
            raise HTTPException(404, f"device: expected one of the region, was {device!r}")
        return json_reply({"id": device, "kind": found.kind, "series": page_series(found)})

    @router.get("/dead-letters")
    async def newest_dead_letters(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """Return the newest messages that did not fit, with the reason."""
        try:
            async with available(services.database) as connection:
                letters = await dead_letters(connection, limit)
        except StoreUnavailableError as exc:
            raise HTTPException(503, f"the database is away ({exc})") from exc
        return json_reply([letter._asdict() for letter in letters])

    return router
