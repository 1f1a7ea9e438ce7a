"""Speaks the page's contract from made-up data, and does what a test tells it: push, drop, refuse, answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from tests.web import sample_live as live
from tests.web import sample_region

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEARTBEAT_S = 1.0
Json = dict[str, Any]
Group = dict[WebSocket, asyncio.Queue[Json | None]]


class FakeServer:
    """One server on a free loopback port, in a thread of its own."""

    def __init__(self, dist: Path) -> None:
        self.region = sample_region.region()
        self.state: Json = {}
        self.epoch, self.seq = "epoch-1", 100
        self.refusing = False
        self.refusal: tuple[int, str] | None = None
        """Status and detail that the next actions are answered with."""
        self.actions: list[Json] = []
        self.citizen_connections: list[dict[str, str]] = []
        self._started = time.monotonic()
        self._staff: Group = {}
        self._citizens: Group = {}
        self._public: list[Json] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server = uvicorn.Server(
            uvicorn.Config(self._app(dist), log_level="error", ws="websockets-sansio", timeout_graceful_shutdown=1)
        )
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self.reset()

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def reset(self) -> None:
        """Return to the sample picture."""
        self.refusing, self.refusal, self.epoch = False, None, "epoch-1"
        self.actions.clear()
        self.citizen_connections.clear()
        self._public.clear()
        self.state = {
            "mode": "exercise",
            "devices": {row["id"]: row for row in live.device_states(self.region)},
            "situations": {row["id"]: row for row in (live.jam(self.region), live.slope(), live.ended())},
            "alerts": {live.SLOPE_ALERT: live.draft(live.SLOPE_ALERT, live.SLOPE)},
            "parts": {row["id"]: row for row in live.parts()},
            "counters": {"frames": 12, "dead_letters": 0},
        }

    def start(self) -> None:
        """Return when the port answers."""
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > deadline:
                raise TimeoutError("the fixture server did not start within 10 s")
            time.sleep(0.01)

    def stop(self) -> None:
        """Close every connection and end the thread."""
        self.drop()
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    def push(self, **changes: Any) -> None:
        """Send a delta of rows (``devices``, ``situations``, ``alerts``, ``parts``), ``mode`` and ``counters``."""
        self._on_loop(lambda: self._push(changes))

    def push_gap(self) -> None:
        """Send a delta that builds on a ``seq`` nobody has."""
        self._on_loop(lambda: self._send_all(self._frame("delta", seq_from=self.seq + 7) | {"seq": self.seq + 8}))

    def publish(self, row: Json) -> None:
        """Send a public alert to the citizens of its district."""
        self._on_loop(lambda: self._publish(row))

    def drop(self, *, refuse: bool = False) -> None:
        """Close every websocket; with ``refuse`` let none come back until ``accept``."""
        self.refusing = refuse
        self._on_loop(self._drop)

    def accept(self) -> None:
        """Let clients connect again."""
        self.refusing = False

    def _on_loop(self, action: Any) -> None:
        if self._loop is None:
            return

        async def run() -> None:
            action()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=5)

    def _now(self) -> datetime:
        return live.START + timedelta(seconds=time.monotonic() - self._started)

    def _frame(self, kind: str, **more: Any) -> Json:
        return {"type": kind, "epoch": self.epoch, "seq": self.seq, "now": live.stamp(self._now()), **more}

    def _snapshot(self) -> Json:
        tables = {name: list(self.state[name].values()) for name in ("devices", "situations", "alerts", "parts")}
        return self._frame("snapshot", mode=self.state["mode"], counters=self.state["counters"], **tables)

    def _push(self, changes: Json) -> None:
        self.state["mode"] = changes.get("mode", self.state["mode"])
        self.state["counters"] |= changes.get("counters", {})
        tables: Json = {}
        for name in ("devices", "situations", "alerts", "parts"):
            tables[name] = changes.get(name, [])
            self.state[name] |= {row["id"]: row for row in tables[name]}
        before, self.seq = self.seq, self.seq + 1
        more = {"mode": self.state["mode"], "counters": changes.get("counters", {}), **tables}
        self._send_all(self._frame("delta", seq_from=before, **more))

    def _send_all(self, frame: Json) -> None:
        for queue in self._staff.values():
            queue.put_nowait(frame)

    def _publish(self, row: Json) -> None:
        self._public.append(row)
        frame = {"type": "alert", "epoch": self.epoch, "offset": len(self._public), **row}
        for queue in self._citizens.values():
            queue.put_nowait(frame)

    def _drop(self) -> None:
        for queue in (*self._staff.values(), *self._citizens.values()):
            queue.put_nowait(None)

    def _decide(self, identifier: str, kind: str, body: Json) -> JSONResponse:
        self.actions.append({"alert": identifier, "kind": kind, **body})
        alert = self.state["alerts"].get(identifier)
        if self.refusal is not None:
            return JSONResponse({"detail": self.refusal[1]}, self.refusal[0])
        if alert is None:
            return JSONResponse({"detail": f"no alert {identifier}"}, 404)
        if alert["version"] != body["version"] or alert["state"] != "draft":
            return JSONResponse({"detail": f"version is {alert['version']}, was {body['version']}"}, 409)
        moment = live.stamp(self._now())
        decided = alert | {"version": alert["version"] + 1, "updated": moment}
        if kind == "approve":
            sent = [{"channel": "subscribers", "target": "32101", "state": "sent", "time": moment, "detail": None}]
            signs = [
                {"channel": "sign", "target": row["sign"], "state": "shown", "time": moment, "detail": None}
                for row in alert["signs"]
            ]
            decided |= {"state": "approved", "approved_by": body["operator"], "deliveries": [*sent, *signs]}
        else:
            decided |= {"state": "rejected"}
        self._push({"alerts": [decided]})
        return JSONResponse(decided)

    def _app(self, dist: Path) -> FastAPI:
        @contextlib.asynccontextmanager
        async def lifespan(app: FastAPI) -> Any:
            self._loop = asyncio.get_running_loop()
            yield
            self._loop = None

        app = FastAPI(lifespan=lifespan)

        @app.middleware("http")
        async def headers(request: Request, call_next: Any) -> Response:
            response: Response = await call_next(request)
            response.headers["Content-Security-Policy"] = POLICY
            return response

        region_body = json.dumps(self.region).encode()
        terrain_body = json.dumps(sample_region.terrain()).encode()

        @app.get("/api/v1/region")
        async def region() -> Response:
            return Response(region_body, media_type="application/json")

        @app.get("/api/v1/region/terrain")
        async def terrain() -> Response:
            return Response(terrain_body, media_type="application/json")

        @app.get("/api/v1/devices/{identifier}/readings")
        async def readings(identifier: str, minutes: int) -> Json:
            return live.readings(identifier, identifier.split("-")[0].lower())

        @app.post("/api/v1/alerts/{identifier}/{kind}")
        async def decide(identifier: str, kind: str, request: Request) -> JSONResponse:
            return self._decide(identifier, kind, await request.json())

        @app.get("/api/v1/public/alerts")
        async def public(district: str) -> list[Json]:
            rows = [row for row in self._public if row["district"] == district]
            return [
                {key: row[key] for key in ("id", "mode", "level", "time")}
                | {"districts": [district], "text": {"ko": row["text"], "en": row["text"]}}
                for row in rows
            ]

        @app.websocket("/ws/operations")
        async def operations(client: WebSocket) -> None:
            await self._serve(client, self._staff, self._snapshot)

        @app.websocket("/ws/alerts")
        async def alerts(client: WebSocket) -> None:
            query = dict(client.query_params)
            self.citizen_connections.append(query)
            since = query.get("since", "")
            known = since.startswith(f"{self.epoch}:")
            missed = self._public[int(since.rsplit(":", 1)[1]) :] if known else []

            def welcome() -> Json:
                place = {"mode": self.state["mode"], "recovered": known, "district": query["district"]}
                return {"type": "welcome", "epoch": self.epoch, "offset": len(self._public), **place}

            first = len(self._public) - len(missed)
            replay = [
                {"type": "alert", "epoch": self.epoch, "offset": first + at, **row} for at, row in enumerate(missed, 1)
            ]
            await self._serve(client, self._citizens, welcome, replay)

        app.mount("/", StaticFiles(directory=dist, html=True))
        return app

    async def _serve(
        self, client: WebSocket, group: Group, first: Callable[[], Json], more: Iterable[Json] = ()
    ) -> None:
        if self.refusing:
            await client.close()
            return
        await client.accept()
        queue: asyncio.Queue[Json | None] = asyncio.Queue()
        queue.put_nowait(first())
        for frame in more:
            queue.put_nowait(frame)
        group[client] = queue
        try:
            while True:
                try:
                    frame = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    if group is self._citizens:
                        continue
                    frame = self._frame("heartbeat")
                if frame is None:
                    await client.close(1012, "restart")
                    return
                await client.send_text(json.dumps(frame, ensure_ascii=False))
        except Exception:
            # The browser went away in the middle of a send: each library has its own error for it.
            return
        finally:
            group.pop(client, None)


@contextlib.contextmanager
def running(dist: Path) -> Iterator[FakeServer]:
    """Run a server for the length of a block."""
    server = FakeServer(dist)
    server.start()
    try:
        yield server
    finally:
        server.stop()
