"""The simulators: processor time of the default region at 100 times the speed and of the national one at its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from config.catalogue.model import Catalogue
from config.catalogue.prepare import prepare_region
from ingest.mqtt.broker import Broker
from ingest.mqtt.session import Incoming, MqttSession
from sensors.codec import decode
from sensors.errors import DecodeError
from sensors.observations import VdsObservation, WeatherObservation
from simulators.causes.files import load_scenario
from simulators.devices.fleet import count_connections
from simulators.simulation import Simulation

_START = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
_CONNECT_WITHIN_S = 300.0
_SETTLE_S = 75.0
"""Longer than the period of every status in the wall's time, so that what connecting brings is over [s]."""
_WATCH_S = 60.0
_HASHED_S = 600.0


def run(watch_s: float = _WATCH_S, settle_s: float = _SETTLE_S) -> dict[str, float]:
    """Measure.

    Returns
    -------
    dict
        For ``default_100x`` and ``national_1x``: ``*_cpu_pct`` of one core of the simulating process, against a broker
        in another one; ``*_connections`` and ``*_connected_s``: how many there are and how long after the start of the
        process the last one stood; ``*_messages_s`` and ``*_observations_s`` in the wall's time; ``*_lag_s``: how far,
        in the wall's time, the newest message was behind the clock, the mean over the seconds watched; ``*_missing``:
        samples of detection and weather stations of which a later number came but not they; ``*_memory_mib``.
        ``same_seed`` and ``other_seed``: 1 when ten simulated minutes of ``everything`` gave the same messages, byte
        for byte.
    """
    figures: dict[str, float] = {}
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory(prefix="gwanje-bench-") as folder:
        for name, region, speed in (("default_100x", "default", 100.0), ("national_1x", "national", 1.0)):
            measured = asyncio.run(measure(Path(folder), region, speed, watch_s, settle_s))
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


@dataclass
class _Ear:
    """What a control room hears."""

    newest: datetime
    messages: int = 0
    observations: int = 0
    missing: int = 0
    numbers: dict[str, int] = field(default_factory=dict)

    def take(self, messages: list[Incoming]) -> None:
        self.messages += len(messages)
        for message in messages:
            try:
                heard = decode(message.topic, message.payload).messages
            except DecodeError:
                continue
            self.observations += len(heard)
            for one in heard:
                self.newest = max(self.newest, one.time)
                if isinstance(one, VdsObservation | WeatherObservation):
                    self.missing += one.seq - self.numbers.get(one.device, one.seq - 1) - 1
                    self.numbers[one.device] = one.seq


async def measure(folder: Path, region: str, speed: float, watch_s: float, settle_s: float) -> dict[str, float]:
    """Watch ``gwanje simulate calm`` in a region at a speed against a broker in this process, see `run`."""
    wanted = count_connections(prepare_region(region, folder / "regions"))
    broker = Broker(port=0)
    await broker.start()
    command = [sys.executable, "-m", "gwanje", "simulate", "calm", "--region", region, "--data-dir", str(folder)]
    command += ["--mqtt-url", f"mqtt://127.0.0.1:{broker.port}", "--speed", str(speed)]
    began, began_s = datetime.now(UTC), time.monotonic()
    environment = os.environ | {"GWANJE_CLOCK_START": began.isoformat()}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
    watcher = psutil.Process(process.pid)
    ear = _Ear(began)
    session = MqttSession(
        f"mqtt://127.0.0.1:{broker.port}", client_id="bench", filters=[("gwanje/v1/#", 0)], on_messages=ear.take
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(session.run())
            async with asyncio.timeout(_CONNECT_WITHIN_S):
                while broker.counters.connections < wanted + 1:  # noqa: ASYNC110 - a counter of the broker
                    await asyncio.sleep(0.1)
            connected_s = time.monotonic() - began_s
            await asyncio.sleep(settle_s)
            cpu_s, before, observed, started_s = _cpu_s(watcher), ear.messages, ear.observations, time.monotonic()
            ear.missing = 0
            lags_s = []
            while (spent_s := time.monotonic() - started_s) < watch_s:
                await asyncio.sleep(min(1.0, watch_s - spent_s))
                lags_s.append(
                    (datetime.now(UTC) - began).total_seconds() - (ear.newest - began).total_seconds() / speed
                )
            figures = {
                "cpu_pct": 100.0 * (_cpu_s(watcher) - cpu_s) / spent_s,
                "connections": float(broker.counters.connections - 1),
                "connected_s": connected_s,
                "messages_s": (ear.messages - before) / spent_s,
                "observations_s": (ear.observations - observed) / spent_s,
                "lag_s": sum(lags_s) / len(lags_s),
                "missing": float(ear.missing),
                "memory_mib": watcher.memory_info().rss / 2**20,
            }
            listening.cancel()
            return figures
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 60.0)
        await broker.stop()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
