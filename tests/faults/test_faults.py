"""Faults of each kind in every run of the tests, each with its reckoning; the long ones are run by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import special
from tests.faults.campaign import Campaign, show
from tests.faults.disks import CannotMountError
from tests.ingest.mqtt.wire import tool

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


async def test_kills_and_cuts_under_traffic_lose_double_and_invent_nothing(tmp_path: Path) -> None:
    report = await Campaign(tmp_path, seed=5, rate=10.0, pause_s=(0.1, 0.8)).run(kills=3, cuts=4)
    assert report.is_right, show(report)
    assert sum(report.kills.values()) == 3
    assert sum(report.cuts.values()) == 4
    stored = {count["name"]: count["stored"] for count in report.counts}
    assert all(stored[name] for name in ("slope", "station", "gateway", "weather", "smokes")), show(report)


async def test_an_outside_broker_that_is_away_for_a_while(tmp_path: Path) -> None:
    tool("mosquitto")
    outcome = await special.broker_away(tmp_path, 0.5, 10.0)
    assert outcome.is_right, outcome


async def test_a_full_disk_is_a_state_and_nothing_is_acknowledged_in_it(tmp_path: Path) -> None:
    try:
        outcome = await special.disk_full(tmp_path, 0.5, 10.0)
    except CannotMountError as exc:
        pytest.skip(str(exc))
    assert outcome.is_right, outcome
    assert outcome.figures["acknowledged_full"] == 0


async def test_wrong_clocks_of_devices_move_neither_the_system_nor_others(tmp_path: Path) -> None:
    outcome = await special.wrong_clocks(tmp_path, 1.5, 10.0)
    figures = outcome.figures
    assert outcome.is_right, outcome
    assert figures["dead_letters"] == figures["turned_down"] > 0
    assert figures["fresh"] == figures["right"]
    assert (figures["went_back"], figures["most_off_s"] < special.MOST_OFF_S) == (0, True)


async def test_readers_that_never_read_keep_nobody_waiting(tmp_path: Path) -> None:
    outcome = await special.slow_readers(tmp_path, 5.0, 10.0)
    figures = outcome.figures
    assert outcome.is_right, outcome
    assert figures["approved"] > 0
    assert (figures["lost"], figures["twice"]) == (0, 0)
    assert figures["longest_wait_s"] < special.LONGEST_WAIT_S
    assert figures["memory_mib"] < special.MOST_MEMORY_MIB
