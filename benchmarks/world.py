"""The simulators: processor time of the default region at 100 times the speed and of the national one at its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

from config.catalogue.model import Catalogue
from config.catalogue.prepare import prepare_region
from ingest.mqtt.broker import Broker
from ingest.mqtt.session import Incoming, MqttSession
from sensors.codec import decode
from sensors.errors import DecodeError
from simulators.causes.files import load_scenario
from simulators.simulation import Simulation

_START = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
_SETTLE_S = 60.0
_WATCH_S = 60.0
_HASHED_S = 600.0


def run(watch_s: float = _WATCH_S) -> dict[str, float]:
    """Measure.

    Returns
    -------
    dict
        For ``default_100x`` and ``national_1x``: ``*_cpu_pct`` of one core of the simulating process, against a broker
        in another one; ``*_messages_s`` in the wall's time; ``*_lag_s``: how far, in device time, the newest message
        was behind the clock at the end; ``*_memory_mib``. ``same_seed`` and ``other_seed``: 1 when ten simulated
        minutes of ``everything`` gave the same messages, byte for byte.
    """
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="gwanje-bench-") as folder:
        for name, region, speed in (("default_100x", "default", 100.0), ("national_1x", "national", 1.0)):
            measured = asyncio.run(_measure(Path(folder), region, speed, watch_s))
            figures |= {f"{name}_{key}": value for key, value in measured.items()}
        catalogue = prepare_region("default", Path(folder) / "regions")
    first, again, other = (_digest(catalogue, seed) for seed in (1, 1, 2))
    return figures | {"same_seed": float(first == again), "other_seed": float(first == other)}


def _digest(catalogue: Catalogue, seed: int) -> str:
    simulation = Simulation(catalogue, load_scenario("everything"), _START, seed)
    digest = hashlib.sha256()
    for index, message in simulation.advance(_HASHED_S):
        digest.update(f"{index} {message.topic} {message.qos} {message.retain} ".encode() + message.payload)
    return digest.hexdigest()


async def _measure(folder: Path, region: str, speed: float, watch_s: float) -> dict[str, float]:
    prepare_region(region, folder / "regions")
    broker = Broker(port=0)
    await broker.start()
    command = [sys.executable, "-m", "gwanje", "simulate", "calm", "--region", region, "--data-dir", str(folder)]
    command += ["--mqtt-url", f"mqtt://127.0.0.1:{broker.port}", "--speed", str(speed)]
    began = datetime.now(UTC)
    environment = os.environ | {"GWANJE_CLOCK_START": began.isoformat()}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
    watcher = psutil.Process(process.pid)
    newest, taken = began, 0

    def take(messages: list[Incoming]) -> None:
        nonlocal newest, taken
        taken += len(messages)
        try:
            heard = decode(messages[-1].topic, messages[-1].payload).messages
        except DecodeError:
            return
        newest = max(newest, *(message.time for message in heard))

    session = MqttSession(
        f"mqtt://127.0.0.1:{broker.port}", client_id="bench", filters=[("gwanje/v1/#", 0)], on_messages=take
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(session.run())
            await asyncio.sleep(_SETTLE_S)
            before_s, before, started = _cpu_s(watcher), taken, time.monotonic()
            await asyncio.sleep(watch_s)
            spent_s = time.monotonic() - started
            figures = {
                "cpu_pct": 100.0 * (_cpu_s(watcher) - before_s) / spent_s,
                "messages_s": (taken - before) / spent_s,
                "lag_s": (datetime.now(UTC) - began).total_seconds() * speed - (newest - began).total_seconds(),
                "memory_mib": watcher.memory_info().rss / 2**20,
            }
            listening.cancel()
            return figures
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30.0)
        await broker.stop()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
