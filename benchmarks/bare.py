"""Subscribers that do nothing else, in a process of their own on the system's core: what broker and senders allow."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.rig import SYSTEM_CORE
from ingest.mqtt.session import Incoming, MqttSession

_TIME = b'"time":"'
_TIME_LENGTH = 27
_PATIENCE_S = 60.0


class Bare:
    """Sees how old messages are when a subscriber that does nothing else has them."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def watch(self, warm_s: float, watch_s: float) -> dict[str, float]:
        """Watch for some seconds after a warm-up; ``messages_s``, ``p50_ms`` and ``p99_ms``."""
        self._pipe.send((warm_s, watch_s))
        if not self._pipe.poll(warm_s + watch_s + _PATIENCE_S):
            raise RuntimeError("the bare subscriber did not answer")
        figures: dict[str, float] = self._pipe.recv()
        return figures


@contextlib.contextmanager
def subscriber(port: int) -> Iterator[Bare]:
    """Subscribe to everything until the end of the ``with``."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(port, theirs), daemon=True)
    process.start()
    try:
        if not ours.poll(_PATIENCE_S):
            raise RuntimeError("the bare subscriber did not start")
        ours.recv()
        yield Bare(ours)
    finally:
        process.terminate()
        process.join(10.0)


def _run(port: int, pipe: Any) -> None:
    os.sched_setaffinity(0, SYSTEM_CORE)
    asyncio.run(_listen(port, pipe))


async def _listen(port: int, pipe: Any) -> None:
    ages_s: list[float] = []
    ready = asyncio.Event()

    def take(messages: list[Incoming]) -> None:
        now = datetime.now(UTC)
        for message in messages:
            at = message.payload.find(_TIME) + len(_TIME)
            when = datetime.fromisoformat(message.payload[at : at + _TIME_LENGTH].decode())
            ages_s.append((now - when).total_seconds())
        session.acknowledge(messages)

    session = MqttSession(
        f"mqtt://127.0.0.1:{port}",
        client_id="bare",
        filters=[("gwanje/v1/#", 1)],
        on_messages=take,
        on_state=lambda state: ready.set() if state.connected else None,
    )
    running = asyncio.create_task(session.run())
    await ready.wait()
    pipe.send("ready")
    warm_s, watch_s = await asyncio.to_thread(pipe.recv)
    await asyncio.sleep(warm_s)
    ages_s.clear()
    began_s = time.monotonic()
    await asyncio.sleep(watch_s)
    spent_s = time.monotonic() - began_s
    pipe.send({"messages_s": len(ages_s) / spent_s} | quantiles_ms(ages_s))
    running.cancel()


def quantiles_ms(ages_s: list[float]) -> dict[str, float]:
    """Return median and 99th percentile [ms]; -1 when there is nothing."""
    if not ages_s:
        return {"p50_ms": -1.0, "p99_ms": -1.0}
    p50, p99 = np.quantile(ages_s, (0.5, 0.99))
    return {"p50_ms": float(p50) * 1e3, "p99_ms": float(p99) * 1e3}
