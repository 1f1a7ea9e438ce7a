"""A control-room page that only notes how old the readings on it are; a process of its own on the other core."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import msgspec
from websockets.asyncio.client import connect

from benchmarks.rig import OTHER_CORE
from benchmarks.watching import Watcher, quantiles_ms, watched_s, watcher


class _Device(msgspec.Struct):
    id: str
    time: datetime | None


class _Frame(msgspec.Struct):
    type: str
    devices: list[_Device] = []


def page(port: int) -> AbstractContextManager[Watcher]:
    """Open ``/ws/operations``; figures ``rows_s``, ``p50_ms``, ``p99_ms`` and ``devices`` that were seen."""
    return watcher(_read, port, OTHER_CORE)


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

    def clear() -> None:
        ages_s.clear()
        seen.clear()

    reading = asyncio.create_task(read())
    spent_s = await watched_s(pipe, clear)
    pipe.send({"rows_s": len(ages_s) / spent_s, "devices": float(len(seen))} | quantiles_ms(ages_s))
    reading.cancel()
