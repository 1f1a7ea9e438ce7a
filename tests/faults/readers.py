"""Pages that look on: one that notes how long it waits and what time it is told, and those that never read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

_SMALL = 4_096


class Watcher:
    """A page that reads everything at once.

    Attributes
    ----------
    longest_wait_s
        Between two frames. [s]
    went_back
        How often the time that frames tell was before that of an earlier one.
    most_off_s
        How far that time was from this machine's, at the most, either way. [s]
    rows
        Of every table, by id.
    """

    def __init__(self, url: str) -> None:
        self.longest_wait_s = 0.0
        self.went_back = 0
        self.most_off_s = 0.0
        self.frames = 0
        self.rows: dict[str, dict[str, Any]] = {}
        self.counters: dict[str, float] = {}
        self._where = f"{url.replace('http', 'ws')}/ws/operations"

    async def run(self) -> None:
        """Read until cancelled, or until the connection ends."""
        clock = asyncio.get_running_loop().time
        newest = datetime.min.replace(tzinfo=UTC)
        async with connect(self._where, compression=None, max_size=None) as page:
            last_s = clock()
            async for text in page:
                self.longest_wait_s = max(self.longest_wait_s, clock() - last_s)
                last_s = clock()
                frame = json.loads(text)
                self.frames += 1
                now = datetime.fromisoformat(frame["now"])
                self.went_back += now < newest
                newest = max(newest, now)
                self.most_off_s = max(self.most_off_s, abs((datetime.now(UTC) - now).total_seconds()))
                for table in ("devices", "situations", "alerts", "parts"):
                    self.rows.setdefault(table, {}).update({row["id"]: row for row in frame.get(table, ())})
                self.counters |= frame.get("counters", {})


@contextlib.asynccontextmanager
async def silent(port: int, path: str, number: int) -> AsyncIterator[list[ClientConnection]]:
    """Open so many websockets that never read and whose machines take next to nothing for them."""
    async with contextlib.AsyncExitStack() as stack:
        made = []
        for _ in range(number):
            line = socket.socket()
            stack.callback(line.close)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
            line.setblocking(False)
            await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
            link = await connect(
                f"ws://127.0.0.1:{port}{path}",
                sock=line,
                compression=None,
                max_queue=1,
                max_size=None,
                ping_interval=None,
                close_timeout=0.2,
            )
            made.append(link)
        try:
            yield made
        finally:
            for link in made:
                link.transport.abort()
