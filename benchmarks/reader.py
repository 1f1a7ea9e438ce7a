"""A control-room page that only notes how old the readings on it are; a process of its own on the other core."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from websockets.asyncio.client import connect

from benchmarks.bare import quantiles_ms
from benchmarks.rig import OTHER_CORE

_PATIENCE_S = 60.0


class _Device(msgspec.Struct):
    id: str
    time: datetime | None


class _Frame(msgspec.Struct):
    type: str
    devices: list[_Device] = []


class PageReader:
    """An open page."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def watch(self, warm_s: float, watch_s: float) -> dict[str, float]:
        """Watch for some seconds after a warm-up; ``rows_s``, ``p50_ms``, ``p99_ms`` and ``devices`` that were seen."""
        self._pipe.send((warm_s, watch_s))
        if not self._pipe.poll(warm_s + watch_s + _PATIENCE_S):
            raise RuntimeError("the page did not answer")
        figures: dict[str, float] = self._pipe.recv()
        return figures


@contextlib.contextmanager
def page(port: int) -> Iterator[PageReader]:
    """Open ``/ws/operations`` until the end of the ``with``."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(port, theirs), daemon=True)
    process.start()
    try:
        if not ours.poll(_PATIENCE_S):
            raise RuntimeError("the page did not open")
        ours.recv()
        yield PageReader(ours)
    finally:
        process.terminate()
        process.join(10.0)


def _run(port: int, pipe: Any) -> None:
    os.sched_setaffinity(0, OTHER_CORE)
    asyncio.run(_read(port, pipe))


async def _read(port: int, pipe: Any) -> None:
    ages_s: list[float] = []
    seen: set[str] = set()
    decoder = msgspec.json.Decoder(_Frame)

    async def read() -> None:
        async with connect(f"ws://127.0.0.1:{port}/ws/operations", compression=None, max_size=None) as client:
            async for text in client:
                frame = decoder.decode(text)
                now = datetime.now(UTC)
                if frame.type == "snapshot":
                    pipe.send("ready")
                elif frame.type == "delta":
                    ages_s.extend((now - one.time).total_seconds() for one in frame.devices if one.time is not None)
                    seen.update(one.id for one in frame.devices)

    reading = asyncio.create_task(read())
    warm_s, watch_s = await asyncio.to_thread(pipe.recv)
    await asyncio.sleep(warm_s)
    ages_s.clear()
    seen.clear()
    began_s = time.monotonic()
    await asyncio.sleep(watch_s)
    figures = {"rows_s": len(ages_s) / (time.monotonic() - began_s), "devices": float(len(seen))}
    pipe.send(figures | quantiles_ms(ages_s))
    reading.cancel()
