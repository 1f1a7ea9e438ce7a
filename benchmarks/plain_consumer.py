"""What one would put together in an afternoon: aiomqtt, json, an INSERT a row. ``python -m benchmarks.plain_consumer``.

Takes the broker's port and the database's address as arguments, and ``relaxed`` for commits that do not wait for the
disk; prints ``ready`` once it is subscribed, and runs until it is ended. Written in good faith: one connection to each,
prepared and pipelined by psycopg's ``executemany``, one transaction a message so that a message is stored as a whole,
no checks of what is in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

import aiomqtt
import psycopg

SCHEMA = """
CREATE TABLE public.plain_reading (
    time timestamptz NOT NULL, device text NOT NULL, seq bigint NOT NULL, lane smallint NOT NULL,
    period_s real NOT NULL, volume integer NOT NULL, speed_kmh real, occupancy_pct real NOT NULL
);
CREATE INDEX ON public.plain_reading (device, time DESC);
"""
_INSERT = (
    "INSERT INTO public.plain_reading (time, device, seq, lane, period_s, volume, speed_kmh, occupancy_pct)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)


async def run(port: int, url: str, *, relaxed: bool = False) -> None:
    """Subscribe and store until cancelled."""
    async with (
        await psycopg.AsyncConnection.connect(url) as connection,
        aiomqtt.Client("127.0.0.1", port, identifier="plain", clean_session=True) as client,
    ):
        if relaxed:
            await connection.execute("SET synchronous_commit = off")
            await connection.commit()
        await client.subscribe("gwanje/v1/+/vds/+/obs", qos=1)
        await client.subscribe("gwanje/v1/+/vds/_gateway/+/obs", qos=1)
        print("ready", flush=True)
        async with connection.cursor() as cursor:
            async for message in client.messages:
                await cursor.executemany(_INSERT, _rows(message.payload))
                await connection.commit()


def _rows(payload: Any) -> list[tuple[Any, ...]]:
    value = json.loads(payload)
    return [
        (
            one["time"],
            one["device"],
            one["seq"],
            lane["lane"],
            one["period_s"],
            lane["volume"],
            lane["speed_kmh"],
            lane["occupancy_pct"],
        )
        for one in (value if isinstance(value, list) else [value])
        for lane in one["lanes"]
    ]


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(int(sys.argv[1]), sys.argv[2], relaxed="relaxed" in sys.argv[3:]))
