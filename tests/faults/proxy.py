"""A TCP proxy between two parts, which can be cut, slowed or made deaf."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Literal

Mood = Literal["open", "deaf", "refusing"]
_READ = 65_536


class Proxy:
    """Passes bytes on between whoever connects and a target on this machine.

    Attributes
    ----------
    mood
        ``open``: passes everything on. ``deaf``: connections stand, and nothing is passed on either way.
        ``refusing``: new connections are reset at once.
    delay_s
        How long each piece waits before it is passed on. [s]
    """

    def __init__(self, target: int) -> None:
        self.mood: Mood = "open"
        self.delay_s = 0.0
        self.cuts = 0
        self._target = target
        self._hearing = asyncio.Event()
        self._hearing.set()
        self._links: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

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
        number = len(self._links) // 2
        for writer in list(self._links):
            raw = writer.get_extra_info("socket")
            if raw is not None:
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._links.clear()
        self.cuts += number
        return number

    def deafen(self) -> None:
        """Let connections stand without passing anything on."""
        self.mood = "deaf"
        self._hearing.clear()

    def refuse(self) -> None:
        """Reset what is there and what comes."""
        self.mood = "refusing"
        self.cut()

    def heal(self) -> None:
        """Pass everything on again; what waited goes on."""
        self.mood, self.delay_s = "open", 0.0
        self._hearing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._links.add(writer)
        try:
            if self.mood == "refusing":
                writer.transport.abort()
                return
            with contextlib.suppress(OSError, asyncio.CancelledError):
                other_reader, other = await asyncio.open_connection("127.0.0.1", self._target)
                self._links.add(other)
                try:
                    pumps = [
                        asyncio.ensure_future(self._pump(*way)) for way in ((reader, other), (other_reader, writer))
                    ]
                    try:
                        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        for pump in pumps:
                            pump.cancel()
                        await asyncio.gather(*pumps, return_exceptions=True)
                finally:
                    self._links.discard(other)
                    other.transport.abort()
        finally:
            self._links.discard(writer)
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_READ):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._hearing.wait()
                writer.write(data)
                await writer.drain()
