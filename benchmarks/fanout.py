"""An approved alert to thousands of citizens through the real server, beside a bare broadcast of the same frame."""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from pyproj import Geod
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, broadcast, serve

from benchmarks.audience import audience
from benchmarks.rig import DISTRICT, SYSTEM_CORE, Rig, free_port, machine_facts, region
from config.catalogue.model import Catalogue
from gwanje.open_files import allow_connections
from ingest.mqtt.session import MqttSession

COUNTS = (1_000, 5_000)
_MARKER = b'"type":"alert"'
_WITHIN_S = 30.0
_GO = "go"
_WGS84 = Geod(ellps="WGS84")


def run(counts: tuple[int, ...] = COUNTS) -> dict[str, Any]:
    """Measure.

    Returns
    -------
    dict
        By number of clients: ``connected``, ``reached``; ``approved_to_first_ms`` and ``approved_to_last_ms`` from the
        request that approves the alert; ``spread_ms`` from the first to the last client, and ``frames_s`` in it. In
        ``bare`` the same for `websockets.broadcast` of the same frame in a process that does nothing else, from the
        word to it. ``spread_ratio``: ours over bare.
    """
    figures: dict[str, Any] = {"machine": machine_facts()}
    for count in counts:
        catalogue = region(20, n_slope=2, n_tower=2)
        with (
            Rig(catalogue) as rig,
            audience(rig.port, f"/ws/alerts?district={DISTRICT}&lang=ko", count, _MARKER) as crowd,
        ):
            draft = asyncio.run(_draft(rig, catalogue))
            crowd.arm()
            began_s = time.monotonic()
            _approve(rig, draft)
            ours = _told("approved", began_s, crowd.times_s(_WITHIN_S), crowd.connected)
        with _bare_server(_like(draft)) as (port, pipe), audience(port, "/", count, _MARKER) as crowd:
            crowd.arm()
            began_s = time.monotonic()
            pipe.send(_GO)
            bare = _told("told", began_s, crowd.times_s(_WITHIN_S), crowd.connected)
        figures[str(count)] = ours | {"bare": bare, "spread_ratio": _ratio(ours["spread_ms"], bare["spread_ms"])}
    return figures


def _told(name: str, began_s: float, times_s: list[float], connected: int) -> dict[str, float]:
    if not times_s:
        return {"connected": connected, "reached": 0, f"{name}_to_last_ms": -1.0, "spread_ms": -1.0}
    spread_s = times_s[-1] - times_s[0]
    return {
        "connected": connected,
        "reached": len(times_s),
        f"{name}_to_first_ms": (times_s[0] - began_s) * 1e3,
        f"{name}_to_last_ms": (times_s[-1] - began_s) * 1e3,
        "spread_ms": spread_s * 1e3,
        "frames_s": _ratio(len(times_s), spread_s),
    }


def _ratio(one: float, other: float) -> float:
    return one / other if other > 0 else -1.0


async def _draft(rig: Rig, catalogue: Catalogue) -> dict[str, Any]:
    """Let two towers see a fire, and return the draft that comes of it."""
    devices = MqttSession(f"mqtt://127.0.0.1:{rig.mqtt_port}", client_id="towers", on_messages=lambda _: None)
    async with asyncio.timeout(_WITHIN_S), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(devices.run())
        while not devices.state.connected:  # noqa: ASYNC110 - a state of the session
            await asyncio.sleep(0.02)
        for seq in (1, 2):
            for topic, body in _bearings(catalogue, seq):
                await devices.publish(topic, msgspec.json.encode(body), qos=1)
        url = f"ws://127.0.0.1:{rig.port}/ws/operations"
        async with connect(url, compression=None, max_size=None) as page:
            async for text in page:
                alerts = json.loads(text).get("alerts", ())
                draft = next((alert for alert in alerts if alert["state"] == "draft"), None)
                if draft is not None:
                    running.cancel()
                    return dict(draft)
    raise RuntimeError("no draft came of the fire")


def _bearings(catalogue: Catalogue, seq: int) -> Iterator[tuple[str, dict[str, Any]]]:
    west, east = (one.position for one in catalogue.tower[:2])
    fire = ((west[0] + east[0]) / 2.0, west[1] + 0.02)
    for tower in catalogue.tower[:2]:
        azimuth_deg = float(_WGS84.inv(*tower.position, *fire)[0]) % 360.0
        yield (
            f"gwanje/v1/{DISTRICT}/tower/{tower.id}/event",
            {
                "device": tower.id,
                "time": datetime.now(UTC),
                "seq": seq,
                "detection": "smoke",
                "azimuth_deg": azimuth_deg,
                "azimuth_sigma_deg": 0.5,
                "confidence": 0.95,
                "source": "camera",
            },
        )


def _approve(rig: Rig, draft: dict[str, Any]) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{rig.port}/api/v1/alerts/{draft['id']}/approve",
        data=json.dumps({"operator": "Bench", "version": draft["version"]}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_WITHIN_S) as reply:
        reply.read()


def _like(draft: dict[str, Any]) -> str:
    """Return a frame as citizens get it of this alert."""
    body = {"type": "alert", "epoch": "0" * 16, "offset": 1, "id": draft["id"], "mode": draft["mode"]}
    body |= {"district": DISTRICT, "level": draft["level"], "language": "ko", "text": draft["text"]["ko"]}
    return msgspec.json.encode(body | {"time": datetime.now(UTC)}).decode()


@contextlib.contextmanager
def _bare_server(frame: str) -> Iterator[tuple[int, Any]]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    port = free_port()
    process = context.Process(target=_serve, args=(port, frame, theirs), daemon=True)
    process.start()
    try:
        ours.recv()
        yield port, ours
    finally:
        process.terminate()
        process.join(10.0)


def _serve(port: int, frame: str, pipe: Any) -> None:
    os.sched_setaffinity(0, SYSTEM_CORE)
    allow_connections(max(COUNTS))
    asyncio.run(_serving(port, frame, pipe))


async def _serving(port: int, frame: str, pipe: Any) -> None:
    async def stay(client: ServerConnection) -> None:
        await client.wait_closed()

    async with serve(stay, "127.0.0.1", port, compression=None) as server:
        pipe.send("ready")
        while await asyncio.to_thread(pipe.recv) == _GO:
            broadcast(server.connections, frame)


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
