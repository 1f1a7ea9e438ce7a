"""Replays: what was recorded, and field data, give the same findings each time, byte for byte."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from config.catalogue.model import Catalogue
from engine.findings import Finding, Rule
from ingest.mqtt.broker import Broker
from tests.fix_system import Running, free_port
from tests.gwanje.devices import body, report_fire, say, topic
from tests.gwanje.polling import eventually

pytestmark = pytest.mark.integration
FEW = 15
"""Messages of simulated devices in the recording."""


async def gwanje(*arguments: object, data_dir: Path) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GWANJE_")}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gwanje", *map(str, arguments)),
        env=environment | {"GWANJE_DATA_DIR": str(data_dir)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def ended(process: asyncio.subprocess.Process) -> str:
    """Wait until it ends well; return what it said."""
    async with asyncio.timeout(90):
        output, _ = await process.communicate()
    text = output.decode(errors="replace")
    assert process.returncode == 0, text
    return text


async def replayed(file: Path, folder: Path, *options: object) -> bytes:
    """Replay through a whole system of its own; return the findings."""
    findings = folder / "findings.jsonl"
    given = ("--findings", findings, "--exit", "--port", free_port(), *options)
    await ended(await gwanje("replay", file, *given, data_dir=folder))
    return findings.read_bytes()


def decoded(findings: bytes) -> list[Finding]:
    return [msgspec.json.decode(line, type=Finding) for line in findings.splitlines()]


async def test_a_recording_of_simulated_devices_gives_the_same_findings_each_time(
    tmp_path: Path, region_folder: Path, region: Catalogue
) -> None:
    broker = Broker("127.0.0.1", 0)
    await broker.start()
    try:
        address = ("--mqtt-url", f"mqtt://127.0.0.1:{broker.port}", "--region", region_folder)
        file = tmp_path / "small.jsonl.gz"
        recording = await gwanje("record", file, *address, data_dir=tmp_path)
        simulating = await gwanje("simulate", "calm", *address, data_dir=tmp_path)
        async with Running(0, broker.port).devices() as client:
            await say(client, topic("sign", "VMS-up0", "status"), body("VMS-up0", 1, online=True), retain=True)
            await eventually(lambda: broker.counters.delivered > 0, "the recorder")
            await report_fire(client, region)
        await eventually(lambda: broker.counters.received > FEW, "messages", 30.0)
        simulating.send_signal(signal.SIGINT)
        await ended(simulating)
        recording.send_signal(signal.SIGINT)
        said = await ended(recording)
    finally:
        await broker.stop()
    assert int(said.split(" messages in ")[0].split()[-1]) > FEW
    once, again = await asyncio.gather(
        *(replayed(file, tmp_path / name, "--region", region_folder) for name in ("one", "two"))
    )
    assert once == again
    assert Rule.FIRE_POSITION in {one.rule for one in decoded(once)}


async def test_field_data_gives_the_same_findings_each_time(tmp_path: Path) -> None:
    """Eight stations, a mile apart; a jam stands on three of them for ten minutes."""
    lanes, stations, periods = 3, 8, 60
    speed_mph = np.full((lanes, stations, periods), 65.0)
    occupancy_pct = np.full((lanes, stations, periods), 7.0)
    speed_mph[:, 3:6, 20:40], occupancy_pct[:, 3:6, 20:40] = 9.0, 48.0
    speed_mph[1, 2, 10] = np.nan
    file = tmp_path / "road.npz"
    np.savez(
        file,
        raw_speed_mph=speed_mph,
        raw_occ_pct=occupancy_pct,
        raw_vol_veh30s=np.full((lanes, stations, periods), 11.0),
        milemarker=70.0 - np.arange(stations),
        time_s=30.0 * np.arange(periods),
        unix_time_col=1_669_000_000.0 + 30.0 * np.arange(periods),
    )
    once, again = await asyncio.gather(*(replayed(file, tmp_path / name) for name in ("one", "two")))
    assert once == again
    said = decoded(once)
    # A jam that stands from one period to the next may well be taken for a blocked road.
    assert {one.rule for one in said} - {Rule.INCIDENT} == {Rule.CONGESTION}
    said = [one for one in said if one.rule is Rule.CONGESTION]
    assert said[0].active
    assert not said[-1].active
