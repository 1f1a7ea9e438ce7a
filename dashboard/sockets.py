"""The websockets of staff and citizens. Each reader waits for itself; nobody waits for a slow one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from alerts.desk import StoreUnavailableError
from alerts.gazetteer import Gazetteer
from dashboard.citizens import LANGUAGES, Reader
from dashboard.replies import same_origin
from dashboard.services import Services
from storage.errors import SlowClient
from storage.live import Subscription

TOO_SLOW = 4008
BAD_REQUEST = 4000
FOREIGN = 4003
TRY_LATER = 1013
_HEARTBEAT_S = 1.0


def socket_routes(services: Services, gazetteer: Gazetteer) -> APIRouter:
    """Return the websocket routes."""
    router = APIRouter()

    @router.websocket("/ws/operations")
    async def operations(socket: WebSocket) -> None:
        if not await _accepted(socket):
            return
        subscription = services.live.subscribe(services.clock())
        try:
            await _first_of(
                _send_operations(socket, subscription, services),
                subscription.until_too_slow(),
                _until_gone(socket),
            )
        except SlowClient:
            await _close(socket, TOO_SLOW, "too slow")
        except WebSocketDisconnect:
            pass
        finally:
            subscription.close()

    @router.websocket("/ws/alerts")
    async def alerts(socket: WebSocket) -> None:
        if not await _accepted(socket):
            return
        try:
            district, language, since = _wanted(socket, services, gazetteer)
        except ValueError as exc:
            await _close(socket, BAD_REQUEST, str(exc))
            return
        reader = services.citizens.open(district, language)
        try:
            last = await _welcome(socket, services, reader, since)
            await _first_of(_send_alerts(socket, reader, last), reader.overrun.wait(), _until_gone(socket))
            if reader.overrun.is_set():
                await _close(socket, TOO_SLOW, "too slow")
        except StoreUnavailableError:
            await _close(socket, TRY_LATER, "the log is away, try again")
        except WebSocketDisconnect:
            pass
        finally:
            services.citizens.close(reader)

    return router


async def _accepted(socket: WebSocket) -> bool:
    await socket.accept()
    if same_origin(socket):
        return True
    await _close(socket, FOREIGN, "origin: expected this server's own page")
    return False


async def _first_of(*work: Coroutine[Any, Any, object]) -> None:
    """Run until the first of them ends, end the others, and raise what it raised."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_outcome(one)) for one in work]
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()
    for task in done:
        if (problem := task.result()) is not None:
            raise problem


async def _outcome(work: Coroutine[Any, Any, object]) -> Exception | None:
    """Turn the ways in which a reader ends into values, so that the group of tasks is not torn down by one."""
    try:
        await work
    except SlowClient as exc:
        return exc
    except (WebSocketDisconnect, RuntimeError):
        # Starlette raises RuntimeError for a write to a socket that was closed meanwhile.
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
    if since is None:
        offset, recovered, missed = await hub.newest_offset(), True, []
    else:
        found = await hub.recover(*since, reader.district, reader.language)
        recovered, missed = found.recovered, found.entries if found.recovered else []
        offset = found.offset if found.recovered else await hub.newest_offset()
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


async def _send_alerts(socket: WebSocket, reader: Reader, last: int) -> None:
    while True:
        offset, frame = await reader.waiting.get()
        if offset > last:
            await socket.send_text(frame.decode())


def _wanted(socket: WebSocket, services: Services, gazetteer: Gazetteer) -> tuple[str, str, tuple[str, int] | None]:
    query = socket.query_params
    language = query.get("lang", "ko")
    if language not in LANGUAGES:
        raise ValueError(f"lang: expected one of {', '.join(LANGUAGES)}")
    district = query.get("district")
    if district is None:
        try:
            district = gazetteer.district_at(float(query["lon"]), float(query["lat"]))
        except (KeyError, ValueError):
            raise ValueError("expected district, or lat and lon in degrees") from None
    elif district not in {one.id for one in services.catalogue.districts}:
        raise ValueError("district: expected one of the region")
    since = query.get("since")
    if since is None:
        return district, language, None
    epoch, _, offset = since.rpartition(":")
    if not epoch or not offset.isdecimal() or len(offset) > 18:
        raise ValueError("since: expected EPOCH:OFFSET")
    return district, language, (epoch, int(offset))


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    try:
        await socket.close(code, reason[:120])
    except RuntimeError:
        return
