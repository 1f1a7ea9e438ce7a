"""A TCP proxy between two parts, which can be cut, slowed or made deaf."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable
from typing import Literal

Mood = Literal["open", "deaf", "refusing"]
Way = Literal["up", "down"]
"""``up``: from whoever connects to the target. ``down``: back."""
WAYS: tuple[Way, Way] = ("up", "down")
_READ = 65_536


class _Link:
    """One connection and its other half."""

    def __init__(self, near: asyncio.StreamWriter) -> None:
        self.halves = [near]
        self.is_torn = False
        """Whether bytes were swallowed: what comes after them makes no sense to anybody."""

    def reset(self) -> None:
        """End both halves at once, whatever was under way (RST)."""
        for writer in self.halves:
            raw = writer.get_extra_info("socket")
            if raw is not None:
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def hang_up(self) -> None:
        """End both halves when what was under way is passed on (FIN)."""
        for writer in self.halves:
            writer.close()


class Proxy:
    """Passes bytes on between whoever connects and a target on this machine.

    Attributes
    ----------
    mood
        ``open``: passes everything on. ``deaf``: connections stand, and nothing is read or passed on, one way or both.
        ``refusing``: new connections are reset at once.
    delay_s
        How long each piece waits before it is passed on. [s]
    rate
        How much is passed on each way, at most; 0 = any. [bytes/s]
    """

    def __init__(self, target: int) -> None:
        self.mood: Mood = "open"
        self.delay_s = 0.0
        self.rate = 0.0
        self.cuts = 0
        self._target = target
        self._hearing: dict[Way, asyncio.Event] = {way: asyncio.Event() for way in WAYS}
        self._swallowing: set[Way] = set()
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.heal()

    async def start(self) -> int:
        """Listen on a free port and return it."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End, with all connections."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> int:
        """Reset every connection, in the middle of whatever it is doing; return how many there were."""
        return self._end([*self._links], in_order=False)

    def hang_up(self) -> int:
        """Close every connection in good order; return how many there were."""
        return self._end([*self._links], in_order=True)

    def _end(self, links: Iterable[_Link], *, in_order: bool) -> int:
        number = 0
        for link in links:
            number += 1
            self._links.discard(link)
            if in_order:
                link.hang_up()
            else:
                link.reset()
        self.cuts += number
        return number

    def deafen(self, *ways: Way) -> None:
        """Let connections stand and read nothing of them, both ways unless one is named: who sends is held back."""
        self.mood = "deaf"
        for way in ways or WAYS:
            self._hearing[way].clear()

    def swallow(self, *ways: Way) -> None:
        """Read what comes and pass nothing on, both ways unless one is named: who sends believes that it arrives."""
        self.mood = "deaf"
        self._swallowing.update(ways or WAYS)

    def refuse(self) -> None:
        """Reset what is there and what comes."""
        self.mood = "refusing"
        self.cut()

    def heal(self) -> None:
        """Pass everything on again. What waited goes on; connections of which bytes were swallowed are reset."""
        self.mood, self.delay_s, self.rate = "open", 0.0, 0.0
        self._swallowing.clear()
        self._end([link for link in self._links if link.is_torn], in_order=False)
        for hearing in self._hearing.values():
            hearing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = _Link(writer)
        self._links.add(link)
        try:
            if self.mood == "refusing":
                return
            with contextlib.suppress(OSError, asyncio.CancelledError):
                other_reader, other = await asyncio.open_connection("127.0.0.1", self._target)
                link.halves.append(other)
                await self._pass_on(link, (reader, other), (other_reader, writer))
                # Whoever closed first had said all; what it said is still on its way to the other.
                if link in self._links:
                    link.hang_up()
                    async with asyncio.timeout(1.0):
                        await asyncio.gather(*(half.wait_closed() for half in link.halves), return_exceptions=True)
        finally:
            self._links.discard(link)
            link.reset()
            self._tasks.discard(task)

    async def _pass_on(self, link: _Link, *streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """Pass on both ways until one of them ends."""
        pumps = [
            asyncio.ensure_future(self._pump(link, way, *stream)) for way, stream in zip(WAYS, streams, strict=True)
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, link: _Link, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_READ):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if self.rate:
                    await asyncio.sleep(len(data) / self.rate)
                await self._hearing[way].wait()
                if way in self._swallowing:
                    link.is_torn = True
                    continue
                writer.write(data)
                await writer.drain()
