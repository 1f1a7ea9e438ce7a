"""Waiting for something to become true, with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(check: Callable[[], T | Awaitable[T]], what: str = "it", within_s: float = 15.0) -> T:
    """Return the first true result of a check, asked again and again; fail after the deadline."""
    deadline_s = time.monotonic() + within_s
    while True:
        result = check()
        found = await result if isinstance(result, Awaitable) else result
        if found:
            return found
        if time.monotonic() > deadline_s:
            raise AssertionError(f"{what}: expected within {within_s:g} s, was {found!r}")
        await asyncio.sleep(0.02)
