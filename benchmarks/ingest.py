"""Socket to engine state, over a broker on the other core; each rate beside a bare parser on the same stream."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from typing import Any

import msgspec

from benchmarks.publisher import Matrix, Plan
from benchmarks.rig import LANES, SYSTEM_CORE, Rig, machine_facts, rate_of, region
from ingest.mqtt.codec import Parser
from ingest.mqtt.packets import Publish
from ingest.mqtt.session import Incoming, MqttSession
from sensors.observations import VdsObservation

N_STATION = 10_000
OFFERED = {"json": 240_000.0, "packed": 270_000.0}
"""Observations a second in gateways' batches, about what is taken in: far more than that only measures giving way."""
STORED = ("qos0", "qos1")
"""Cases in which the database takes every row meanwhile; in the others it is away, and they go to the journal alone."""
_WARM_S = 4.0
_WATCH_S = 8.0
_DECODE_S = 1.0


def run(watch_s: float = _WATCH_S, warm_s: float = _WARM_S, n_station: int = N_STATION) -> dict[str, Any]:
    """Measure.

    Returns
    -------
    dict
        ``qos0``, ``qos0_alone``, ``qos1``: single observations of about 200 bytes, 1 lane. ``json_100``,
        ``json_1000``, ``packed_100``, ``packed_1000``: gateways' batches of so many observations × 4 lanes. For each
        ``messages_s`` (and ``lane_readings_s``) that came into the engine's state, ``core_frac`` of the system's one
        core, ``messages_s_of_a_core``: what a whole core would take at that, and ``bare_messages_s`` with ``ratio``: a
        session that only counts, and acknowledges at once, on the same broker and senders. At QoS 1
        ``acknowledged_s``: acknowledged by the system after its journal was synced.
    """
    figures: dict[str, Any] = {"machine": machine_facts()}
    cases: list[tuple[str, int, dict[str, Any]]] = [
        ("qos0", 1, {"qos": 0}),
        ("qos0_alone", 1, {"qos": 0}),
        ("qos1", 1, {"qos": 1}),
        *((f"{name}_{size}", LANES, {"batch": size, "packed": name == "packed", "rate": OFFERED[name] / size})
          for name in ("json", "packed") for size in (100, 1_000)),
    ]  # fmt: skip
    for name, lanes, plan in cases:
        with Rig(region(n_station, lanes=lanes)) as rig:
            if name not in STORED:
                rig.stop_database()
            ours = _ours(rig, plan, watch_s, warm_s)
            rig.stop_system()
            bare = _bare(rig, plan, watch_s, warm_s)
            decoded = _decoded_messages_s(rig.plan(**plan)) if "batch" in plan else 0.0
        size = plan.get("batch", 1)
        one = ours | {"bare_messages_s": bare, "ratio": ours["messages_s"] / bare if bare else 0.0}
        one["messages_s_of_a_core"] = ours["messages_s"] / ours["core_frac"]
        if "batch" in plan:
            one["lane_readings_s"] = ours["messages_s"] * size * lanes
            one["decoded_lane_readings_s"] = decoded * size * lanes
            one["ratio_to_decoding"] = one["messages_s_of_a_core"] / decoded
        figures[name] = one
    return figures


def _ours(rig: Rig, plan: dict[str, Any], watch_s: float, warm_s: float) -> dict[str, float]:
    size = plan.get("batch", 1)
    with rig.sending(**plan) as sender:
        time.sleep(warm_s)
        before, cpu_s, began_s = rig.figures(), rig.cpu_s(), time.monotonic()
        time.sleep(watch_s)
        after, spent_s = rig.figures(), time.monotonic() - began_s
        cpu_s = rig.cpu_s() - cpu_s
        sent = sender.end()
    figures = {
        "messages_s": rate_of(before, after, "observations", spent_s) / size,
        "sent_s": sent["sent"] / sent["seconds"],
        "let_go_times": after["session_telemetry_let_go"] - before["session_telemetry_let_go"],
        "dropped_s": rate_of(before, after, "telemetry_dropped", spent_s),
        "core_frac": cpu_s / spent_s,
        "memory_mib": rig.memory_mib,
        "rows_stored_s": rate_of(before, after, "rows_written", spent_s),
        "longest_sync_s": after["journal_longest_sync_seconds"],
    }
    if plan.get("qos"):
        figures["acknowledged_s"] = rate_of(before, after, "session_telemetry_acknowledged", spent_s)
        figures["unanswered"] = sent["sent"] - sent["acknowledged"]
    return figures


def _decoded_messages_s(plan: Plan) -> float:
    """Return how many messages a second msgspec alone decodes into the published types, by the thread's own time."""
    matrix = Matrix(plan, plan.stations)
    parser = Parser(1 << 21)
    payloads = [
        packet.payload
        for row in matrix.bytes[: max(20_000 // plan.batch, 1)]
        for packet in parser.feed(row.tobytes())
        if isinstance(packet, Publish)
    ]
    kind = tuple[VdsObservation, ...]
    decode: Any = (msgspec.msgpack.Decoder if plan.packed else msgspec.json.Decoder)(kind).decode
    count, began_s = 0, time.thread_time()
    while (spent_s := time.thread_time() - began_s) < _DECODE_S:
        for payload in payloads:
            decode(payload)
        count += len(payloads)
    return count / spent_s


def _bare(rig: Rig, plan: dict[str, Any], watch_s: float, warm_s: float) -> float:
    """Count how many messages a second a session takes that does nothing else."""
    context = multiprocessing.get_context("spawn")
    parent, child = context.Pipe()
    counting = context.Process(target=_count, args=(rig.mqtt_port, child, warm_s, watch_s), daemon=True)
    counting.start()
    parent.recv()
    try:
        with rig.sending(**plan):
            parent.send("begin")
            return float(parent.recv())
    finally:
        counting.join(20.0)


def _count(port: int, pipe: Any, warm_s: float, watch_s: float) -> None:
    os.sched_setaffinity(0, SYSTEM_CORE)
    asyncio.run(_counting(port, pipe, warm_s, watch_s))


async def _counting(port: int, pipe: Any, warm_s: float, watch_s: float) -> None:
    count = 0
    ready = asyncio.Event()

    def take(messages: list[Incoming]) -> None:
        nonlocal count
        count += len(messages)
        session.acknowledge(messages)

    session = MqttSession(
        f"mqtt://127.0.0.1:{port}",
        client_id="bare",
        filters=[("gwanje/v1/#", 1)],
        on_messages=take,
        on_state=lambda state: ready.set() if state.connected else None,
        max_packet_bytes=1 << 20,
    )
    running = asyncio.create_task(session.run())
    await ready.wait()
    pipe.send("ready")
    pipe.recv()
    await asyncio.sleep(warm_s)
    before, began_s = count, time.monotonic()
    await asyncio.sleep(watch_s)
    pipe.send((count - before) / (time.monotonic() - began_s))
    running.cancel()


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=1))
