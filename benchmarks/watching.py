"""Watching from a process of its own on a core of its own: what it sees is not slowed by the one who asks."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import numpy as np

_PATIENCE_S = 60.0


class Watcher:
    """The asking end of a watching process."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def watch(self, warm_s: float, watch_s: float) -> dict[str, float]:
        """Watch for some seconds after a warm-up; the figures of the watching process.

        Raises
        ------
        RuntimeError
            If it does not answer.
        """
        self._pipe.send((warm_s, watch_s))
        if not self._pipe.poll(warm_s + watch_s + _PATIENCE_S):
            raise RuntimeError("the watching process did not answer")
        figures: dict[str, float] = self._pipe.recv()
        return figures


@contextlib.contextmanager
def watcher(look: Callable[[int, Any], Coroutine[Any, Any, None]], port: int, core: set[int]) -> Iterator[Watcher]:
    """Run ``look(port, pipe)`` on a core until the end of the ``with``; it sends one word first, when it is ready.

    Raises
    ------
    RuntimeError
        If it does not start.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(look, port, theirs, core), daemon=True)
    process.start()
    try:
        if not ours.poll(_PATIENCE_S):
            raise RuntimeError("the watching process did not start")
        ours.recv()
        yield Watcher(ours)
    finally:
        process.terminate()
        process.join(10.0)


def _run(look: Callable[[int, Any], Coroutine[Any, Any, None]], port: int, pipe: Any, core: set[int]) -> None:
    os.sched_setaffinity(0, core)
    asyncio.run(look(port, pipe))


async def watched_s(pipe: Any, clear: Callable[[], None]) -> float:
    """Wait for the question, warm up, clear what was seen and watch; the seconds really watched."""
    warm_s, watch_s = await asyncio.to_thread(pipe.recv)
    await asyncio.sleep(warm_s)
    clear()
    began_s = time.monotonic()
    await asyncio.sleep(watch_s)
    return time.monotonic() - began_s


def quantiles_ms(ages_s: list[float]) -> dict[str, float]:
    """Return median and 99th percentile [ms]; -1 when there is nothing."""
    if not ages_s:
        return {"p50_ms": -1.0, "p99_ms": -1.0}
    p50, p99 = np.quantile(ages_s, (0.5, 0.99))
    return {"p50_ms": float(p50) * 1e3, "p99_ms": float(p99) * 1e3}
