"""Subscribers that do nothing else, in a process of their own on the system's core: what broker and senders allow."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from benchmarks.rig import SYSTEM_CORE
from benchmarks.watching import Watcher, quantiles_ms, watched_s, watcher
from ingest.mqtt.session import Incoming, MqttSession

_TIME = b'"time":"'
_TIME_LENGTH = 27


def subscriber(port: int) -> AbstractContextManager[Watcher]:
    """Subscribe to everything; figures ``messages_s``, and ``p50_ms`` and ``p99_ms`` of how old messages are."""
    return watcher(_listen, port, SYSTEM_CORE)


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
    spent_s = await watched_s(pipe, ages_s.clear)
    pipe.send({"messages_s": len(ages_s) / spent_s} | quantiles_ms(ages_s))
    running.cancel()
