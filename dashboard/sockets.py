"""The websockets of staff and citizens. Each reader waits for itself; nobody waits for a slow one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from typing import Any, NamedTuple

import msgspec
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from alerts.desk_store import StoreUnavailableError
from alerts.gazetteer import Gazetteer
from config.words import LANGUAGES
from dashboard.citizens import Reader, TooManyReadersError
from dashboard.replies import same_origin
from dashboard.services import Services
from storage.errors import SlowClient
from storage.live import Subscription

TOO_SLOW = 4008
BAD_REQUEST = 4000
FOREIGN = 4003
TRY_LATER = 1013
MOST_PAGES = 500
"""Control-room pages at once."""
_HEARTBEAT_S = 1.0
_GOODBYE_S = 5.0


class _Wanted(NamedTuple):
    """What a citizen asks for."""

    district: str
    language: str
    since: tuple[str, int] | None
    """Epoch and offset."""


def socket_routes(services: Services, gazetteer: Gazetteer) -> APIRouter:
    """Return the websocket routes."""
    router = APIRouter()
    districts = {one.id for one in services.catalogue.districts}

    @router.websocket("/ws/operations")
    async def operations(socket: WebSocket) -> None:
        if not await _accepted(socket):
            return
        if services.live.subscriber_count >= MOST_PAGES:
            await _close(socket, TRY_LATER, f"pages: expected fewer than {MOST_PAGES}")
            return
        slow = False
        subscription = services.live.subscribe(services.clock())
        try:
            await _first_of(
                socket,
                _send_operations(socket, subscription, services),
                subscription.until_too_slow(),
                _until_gone(socket),
            )
        except SlowClient:
            slow = True
        except WebSocketDisconnect:
            return
        finally:
            subscription.close()
        if slow:
            await _close(socket, TOO_SLOW, "too slow")

    @router.websocket("/ws/alerts")
    async def alerts(socket: WebSocket) -> None:
        if not await _accepted(socket):
            return
        try:
            wanted = _wanted(socket, districts, gazetteer)
            reader = services.citizens.open(wanted.district, wanted.language)
        except ValueError as exc:
            await _close(socket, BAD_REQUEST, str(exc))
            return
        except TooManyReadersError as exc:
            await _close(socket, TRY_LATER, str(exc))
            return
        try:
            sending = _send_alerts(socket, services, reader, wanted.since)
            await _first_of(socket, sending, reader.overrun.wait(), _until_gone(socket))
        except StoreUnavailableError:
            await _close(socket, TRY_LATER, "the log is away, try again")
        except WebSocketDisconnect:
            return
        finally:
            services.citizens.close(reader)
        if reader.overrun.is_set():
            await _close(socket, TOO_SLOW, "too slow")

    return router


async def _accepted(socket: WebSocket) -> bool:
    await socket.accept()
    if same_origin(socket):
        return True
    await _close(socket, FOREIGN, "origin: expected this server's own page")
    return False


async def _first_of(socket: WebSocket, *work: Coroutine[Any, Any, object]) -> None:
    """Run until the first of them ends, end the others, and raise what it raised."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_outcome(socket, one)) for one in work]
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()
    for task in done:
        if (problem := task.result()) is not None:
            raise problem


async def _outcome(socket: WebSocket, work: Coroutine[Any, Any, object]) -> Exception | None:
    """Turn the ways in which a reader ends into values, so that the group of tasks is not torn down by one."""
    try:
        await work
    except (SlowClient, StoreUnavailableError, WebSocketDisconnect) as exc:
        return exc
    except RuntimeError:
        # Starlette's word for a write to a socket that was closed meanwhile.
        if WebSocketState.DISCONNECTED not in {socket.client_state, socket.application_state}:
            raise
        return WebSocketDisconnect()
    return None


async def _until_gone(socket: WebSocket) -> None:
    """Read what the client sends, which means nothing, until it is gone."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return


async def _send_operations(socket: WebSocket, subscription: Subscription, services: Services) -> None:
    while True:
        try:
            async with asyncio.timeout(_HEARTBEAT_S):
                frame = await subscription.next_frame()
        except TimeoutError:
            frame = services.live.heartbeat(services.clock())
        await socket.send_text(frame.decode())


async def _welcome(socket: WebSocket, services: Services, reader: Reader, since: tuple[str, int] | None) -> int:
    """Say where the reader stands and send what was missed; return the last offset sent."""
    hub = services.citizens
    found = None if since is None else await hub.recover(*since, reader.district, reader.language)
    recovered = found is None or found.recovered
    missed = found.entries if found is not None and found.recovered else []
    offset = found.offset if found is not None and found.recovered else reader.after
    welcome = {
        "type": "welcome",
        "epoch": hub.epoch,
        "offset": offset,
        "mode": services.mode,
        "recovered": recovered,
        "district": reader.district,
    }
    await socket.send_text(msgspec.json.encode(welcome).decode())
    for entry in missed:
        await socket.send_text(hub.frame(entry).decode())
    return offset


async def _send_alerts(socket: WebSocket, services: Services, reader: Reader, since: tuple[str, int] | None) -> None:
    last = await _welcome(socket, services, reader, since)
    while True:
        offset, frame = await reader.waiting.get()
        if offset > last:
            await socket.send_text(frame.decode())


def _wanted(socket: WebSocket, districts: set[str], gazetteer: Gazetteer) -> _Wanted:
    """Read what a citizen asks for.

    Raises
    ------
    ValueError
        If it cannot be understood; the text names the field.
    """
    query = socket.query_params
    language = query.get("lang", "ko")
    if language not in LANGUAGES:
        raise ValueError(f"lang: expected one of {', '.join(LANGUAGES)}")
    district = query.get("district")
    if district is None:
        lon_deg, lat_deg = (_degrees(query.get(name), name, most) for name, most in (("lon", 180.0), ("lat", 90.0)))
        district = gazetteer.district_at(lon_deg, lat_deg)
    elif district not in districts:
        raise ValueError("district: expected one of the region")
    since = query.get("since")
    if since is None:
        return _Wanted(district, language, None)
    epoch, _, offset = since.rpartition(":")
    if not epoch.isalnum() or not offset.isdecimal() or not offset.isascii() or len(offset) > 18:
        raise ValueError("since: expected EPOCH:OFFSET")
    return _Wanted(district, language, (epoch, int(offset)))


def _degrees(text: str | None, name: str, most: float) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not abs(value) <= most:
        raise ValueError(f"{name}: expected a number of degrees up to {most:.0f} (or a district)")
    return value


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    """Close, but do not wait long for a client that takes nothing more."""
    try:
        async with asyncio.timeout(_GOODBYE_S):
            await socket.close(code, reason[:120])
    except (RuntimeError, TimeoutError, WebSocketDisconnect):
        return
