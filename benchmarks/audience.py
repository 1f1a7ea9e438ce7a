"""Many websocket clients that only note when a frame came; a process of its own on the other core.

They speak just enough of RFC 6455 to be clients: a handshake, frames of text, an answer to pings.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.rig import OTHER_CORE
from gwanje.open_files import allow_connections

_PATIENCE_S = 120.0
_AT_ONCE = 50
_TEXT, _PING = 1, 9


class Audience:
    """Clients that are connected."""

    def __init__(self, pipe: Any, connected: int) -> None:
        self.connected = connected
        self._pipe = pipe

    def arm(self) -> None:
        """Begin to wait for the next frame of each."""
        self._pipe.send("arm")
        self._pipe.recv()

    def times_s(self, within_s: float) -> list[float]:
        """Return when each client had its frame, sorted, as `time.monotonic`; those that had none are left out."""
        self._pipe.send(within_s)
        if not self._pipe.poll(within_s + _PATIENCE_S):
            raise RuntimeError("the audience did not answer")
        times: list[float] = self._pipe.recv()
        return times


@contextlib.contextmanager
def audience(port: int, path: str, count: int, marker: bytes) -> Iterator[Audience]:
    """Connect clients until the end of the ``with``.

    Parameters
    ----------
    marker
        What is in the frames that count; others are passed over.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(port, path, count, marker, theirs), daemon=True)
    process.start()
    try:
        if not ours.poll(_PATIENCE_S):
            raise RuntimeError(f"{count} clients did not connect within {_PATIENCE_S:.0f} s")
        yield Audience(ours, ours.recv())
    finally:
        process.terminate()
        process.join(10.0)


class _Client(asyncio.Protocol):
    def __init__(self, path: str, marker: bytes, open_: Callable[[], None], heard: Callable[[], None]) -> None:
        self._path = path
        self._marker = marker
        self._open = open_
        self._heard = heard
        self._buffer = b""
        self._is_open = False
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            head, end, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if b" 101 " not in head[:20]:
                self._transport.close()
                return
            self._is_open = True
            self._open()
        while (frame := _frame(self._buffer)) is not None:
            kind, body, size = frame
            self._buffer = self._buffer[size:]
            if kind == _PING:
                self._transport.write(bytes((0x8A, 0x80 | len(body))) + bytes(4) + body)
            elif kind == _TEXT and self._marker in body:
                self._heard()


def _frame(data: bytes) -> tuple[int, bytes, int] | None:
    """Return kind, body and size of the first frame of a server, or None when it is not whole yet."""
    if len(data) < 2:
        return None
    length, start = data[1] & 127, 2
    if length > 125:
        start = 4 if length == 126 else 10
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        return None
    return data[0] & 15, data[start : start + length], start + length


def _run(port: int, path: str, count: int, marker: bytes, pipe: Any) -> None:
    os.sched_setaffinity(0, OTHER_CORE)
    allow_connections(count)
    asyncio.run(_sit(port, path, count, marker, pipe))


async def _sit(port: int, path: str, count: int, marker: bytes, pipe: Any) -> None:
    loop = asyncio.get_running_loop()
    times_s: list[float] = []
    n_open = 0

    def opened() -> None:
        nonlocal n_open
        n_open += 1

    def heard() -> None:
        times_s.append(time.monotonic())

    end_s = time.monotonic() + _PATIENCE_S - 5.0
    for number in range(count):
        with contextlib.suppress(OSError):
            await loop.create_connection(lambda: _Client(path, marker, opened, heard), "127.0.0.1", port)
        # Servers take so many at a time and no more: a queue of them would time out.
        while n_open < number + 1 - _AT_ONCE and time.monotonic() < end_s:  # noqa: ASYNC110 - with a deadline
            await asyncio.sleep(0.002)
    while n_open < count and time.monotonic() < end_s:  # noqa: ASYNC110 - with a deadline
        await asyncio.sleep(0.05)
    pipe.send(n_open)
    while True:
        wanted = await asyncio.to_thread(pipe.recv)
        if wanted == "arm":
            times_s.clear()
            pipe.send("armed")
            continue
        until_s = time.monotonic() + wanted
        while len(times_s) < n_open and time.monotonic() < until_s:  # noqa: ASYNC110 - with a deadline
            await asyncio.sleep(0.01)
        pipe.send(sorted(times_s))
