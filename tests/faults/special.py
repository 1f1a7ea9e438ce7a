"""Faults that a random course does not meet: each a scene of its own, short in the tests and as long as one likes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.alerts.making import WESTERN
from tests.faults import reckoning
from tests.faults.disks import small_disk
from tests.faults.ledger import Count
from tests.faults.readers import Watcher, silent
from tests.faults.scene import BrokerKind, Scene, scene
from tests.faults.senders import slope_fields
from tests.gwanje.polling import eventually

_LOOK_S = 0.2
_DISK = 8 << 20
AHEAD_S, LATE_S = 3_600.0, -86_400.0
"""Of clocks that are wrong for good: more than is believed, and later than anything else is. [s]"""
JUMPS_S = (-7_200.0, 200.0, -40.0)
"""Of a clock that jumps, within what is believed. [s]"""

MOST_OFF_S = 5.0
"""By how much the time that pages are told may be off on a busy machine; any wrong clock here is off by more. [s]"""
LONGEST_WAIT_S = 10.0
"""Between two frames of a page that reads, beside others that do not; without a bound it would be for ever. [s]"""
MOST_MEMORY_MIB = 64.0
"""For readers that never read, and a few alerts. [MiB]"""


class Outcome(msgspec.Struct, kw_only=True):
    """What came of one fault."""

    counts: list[Count]
    unacknowledged: int
    figures: dict[str, float]

    @property
    def is_right(self) -> bool:
        """Whether nothing was lost, doubled or invented, and everything was acknowledged in the end."""
        return reckoning.is_right(self.counts, {"unacknowledged": self.unacknowledged})


@asynccontextmanager
async def _speaking(field: Scene) -> AsyncIterator[None]:
    """Let all devices speak meanwhile."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one.run()) for one in field.senders]
        yield
        for task in running:
            task.cancel()


async def _settled(field: Scene, figures: dict[str, float]) -> Outcome:
    """Wait until everything is acknowledged and stored, and count."""
    unacknowledged = await reckoning.acknowledged(field)
    return Outcome(counts=await reckoning.rows(field), unacknowledged=unacknowledged, figures=figures)


async def _part(field: Scene, name: str) -> str:
    """Return the state of a part as ``/readyz`` gives it, with its reason."""
    async with httpx.AsyncClient(timeout=5.0) as http:
        found = (await http.get(f"{field.system.url}/readyz")).json()
    return next(f"{one['state']}: {one['reason']['en']}" for one in found["parts"] if one["id"] == name)


async def _figure(field: Scene, name: str) -> float:
    async with httpx.AsyncClient(timeout=5.0) as http:
        text = (await http.get(f"{field.system.url}/metrics")).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"gwanje_{name} "))


def _acknowledged(field: Scene) -> int:
    return sum(len(one.acknowledged) for one in field.ledgers.values())


async def database_away(folder: Path, away_s: float, rate: float) -> Outcome:
    """Take the database away while so many messages a second come from each device.

    Figures
    -------
    ``acknowledged_away``: rows acknowledged meanwhile; ``caught_up_s``: from its return until everything acknowledged
    was stored; ``memory_mib``: how much more the system took at the most.
    """
    async with scene(folder) as field:
        field.add_devices(rate)
        async with _speaking(field):
            await eventually(lambda: _acknowledged(field) > 0, "the first acknowledgement")
            memory_mib = most_mib = field.system.memory_mib
            await field.store.kill()
            before = _acknowledged(field)
            end_s = time.monotonic() + away_s
            while time.monotonic() < end_s:
                await asyncio.sleep(_LOOK_S)
                most_mib = max(most_mib, field.system.memory_mib)
            away = _acknowledged(field) - before
            await field.store.start()
        back_s = time.monotonic()
        outcome = await _settled(field, {"acknowledged_away": away, "memory_mib": most_mib - memory_mib})
        outcome.figures["caught_up_s"] = time.monotonic() - back_s
        return outcome


async def frozen(folder: Path, frozen_s: float, rate: float) -> Outcome:
    """Stop the system for a while in the middle of whatever it is doing (SIGSTOP), as a machine that swaps does.

    Figures
    -------
    ``ready_s``: from its going on until it says that it is ready.
    """
    async with scene(folder) as field:
        field.add_devices(rate)
        async with _speaking(field):
            await eventually(lambda: _acknowledged(field) > 0, "the first acknowledgement")
            await field.system.freeze(frozen_s)
            woke_s = time.monotonic()
            await eventually(lambda: _is_ready(field), "ready", 30.0)
            ready_s = time.monotonic() - woke_s
            before = _acknowledged(field)
            await eventually(lambda: _acknowledged(field) > before, "acknowledgements go on", 30.0)
        return await _settled(field, {"ready_s": ready_s})


async def _is_ready(field: Scene) -> bool:
    async with httpx.AsyncClient(timeout=5.0) as http:
        return (await http.get(f"{field.system.url}/readyz")).status_code == 200


async def broker_away(folder: Path, away_s: float, rate: float) -> Outcome:
    """Take an outside broker away for a while, in good order, so that it keeps what it has.

    Figures
    -------
    ``ready_s``: from its return until the system says that it is ready.
    """
    broker: BrokerKind = "mosquitto"
    async with scene(folder, broker) as field:
        assert field.broker is not None
        field.add_devices(rate)
        async with _speaking(field):
            await eventually(lambda: _acknowledged(field) > 0, "the first acknowledgement")
            await field.broker.stop()
            await eventually(lambda: _is_down(field, "broker"), "the system says so")
            await asyncio.sleep(away_s)
            await field.broker.start()
            back_s = time.monotonic()
            await eventually(lambda: _is_ready(field), "ready", 60.0)
            ready_s = time.monotonic() - back_s
        return await _settled(field, {"ready_s": ready_s})


async def _is_down(field: Scene, part: str) -> bool:
    return (await _part(field, part)).startswith("down")


async def disk_full(folder: Path, seconds: float, rate: float) -> Outcome:
    """Fill the journal's disk for a while, make room, fill it again, kill the system, make room and start it again.

    Figures
    -------
    ``acknowledged_full``: rows acknowledged while the system said that its disk is full; has to be 0.

    Raises
    ------
    CannotMountError
        If there can be no small file system here.
    """
    with small_disk(folder / "small", _DISK) as disk:
        return await _disk_full(folder, disk, seconds, rate)


async def _disk_full(folder: Path, disk: Path, seconds: float, rate: float) -> Outcome:
    filler = disk / "filler"
    async with scene(folder, journal_dir=str(disk / "journal"), journal_min_free_mb="0") as field:
        field.add_devices(rate)
        async with _speaking(field):
            await eventually(lambda: _acknowledged(field) > 0, "the first acknowledgement")
            _fill(filler)
            await eventually(lambda: _is_down(field, "journal"), "the system says that its disk is full", 30.0)
            before = _acknowledged(field)
            await asyncio.sleep(seconds)
            full = _acknowledged(field) - before
            filler.unlink()
            await eventually(lambda: _acknowledged(field) > before, "acknowledgements go on", 30.0)
            _fill(filler)
            await eventually(lambda: _is_down(field, "journal"), "full again", 30.0)
            await field.system.kill()
            filler.unlink()
            await field.system.start()
        return await _settled(field, {"acknowledged_full": full})


def _fill(path: Path) -> None:
    """Write until nothing goes in any more."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 512, 1):
            try:
                while file.write(bytes(size)) == size:
                    continue
            except OSError:
                continue


async def wrong_clocks(folder: Path, seconds: float, rate: float) -> Outcome:
    """Let devices tell wrong times: an hour ahead, a day late, and jumping to and fro.

    Those ahead are turned down, with a dead letter each; of them nothing may be stored. The others are stored like any.
    The system's own time, and what it believes of devices that are right, may not be moved by any of them.

    Figures
    -------
    ``went_back``, ``most_off_s``: of the time that pages are told; ``fresh``: devices with right clocks that are taken
    for fresh, of the ``right`` ones; ``dead_letters``, and ``turned_down``: messages acknowledged of those ahead.
    """
    async with scene(folder) as field:
        field.add_devices(rate)
        right = {device for ledger in field.ledgers.values() for device in ledger.devices}
        ahead = field.add("slope", "obs", "SLP-4", slope_fields, "ahead", rate, "99120", clock_s=AHEAD_S)
        field.add("slope", "obs", "SLP-5", slope_fields, "late", rate, "99120", clock_s=LATE_S)
        jumping = field.add("weather", "obs", "WX-2", _calm, "jumping", rate, WESTERN)
        watcher = Watcher(field.system.url)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watcher.run())
            async with _speaking(field):
                for clock_s in JUMPS_S:
                    await asyncio.sleep(seconds / len(JUMPS_S))
                    jumping.set_clock(clock_s)
                await asyncio.sleep(seconds / len(JUMPS_S))
                await ahead.stop()
                fresh = sum(watcher.rows["devices"][one]["freshness"] == "fresh" for one in right)
            turned_down = len(field.ledger("ahead").acknowledged)
            field.ledger("ahead").acknowledged.clear()  # answered, for it would come again for ever, but not stored
            field.ledger("ahead").sent.clear()
            outcome = await _settled(field, {"turned_down": turned_down, "fresh": fresh, "right": len(right)})
            outcome.figures["dead_letters"] = await _figure(field, "dead_letters_total")
            watching.cancel()
        outcome.figures |= {"went_back": watcher.went_back, "most_off_s": watcher.most_off_s}
        return outcome


def _calm(number: int) -> dict[str, Any]:
    return {"temp_c": 12.0, "visibility_m": 1_000.0 + number}


async def slow_readers(folder: Path, seconds: float, rate: float, number: int = 20) -> Outcome:
    """Open pages and citizens' subscriptions that never read, beside one that does, while alerts are approved.

    Figures
    -------
    ``longest_wait_s``: of the page that reads, between two frames; ``memory_mib``: how much more the system took at the
    most; ``lost``, ``twice``: of the alerts of citizens who read; ``approved``: of how many.
    """
    async with scene(folder) as field:
        field.add_devices(rate)
        watcher = Watcher(field.system.url)
        async with asyncio.TaskGroup() as tasks:
            told = [tasks.create_task(one.run()) for one in (field.operator, *field.citizens, field.board, watcher)]
            told.append(tasks.create_task(field.accidents()))
            async with (
                _speaking(field),
                silent(field.system.port, "/ws/operations", number),
                silent(field.system.port, f"/ws/alerts?district={WESTERN}&lang=ko", number),
            ):
                memory_mib = most_mib = field.system.memory_mib
                end_s = time.monotonic() + seconds
                while time.monotonic() < end_s:
                    await asyncio.sleep(_LOOK_S)
                    most_mib = max(most_mib, field.system.memory_mib)
                longest_wait_s = watcher.longest_wait_s
            told.pop().cancel()
            outcome = await _settled(field, {"longest_wait_s": longest_wait_s, "memory_mib": most_mib - memory_mib})
            outcome.figures |= await reckoning.alerts(field)
            for task in told:
                task.cancel()
        return outcome


CASES: dict[str, Callable[[Path, float, float], Awaitable[Outcome]]] = {
    "database-away": database_away,
    "frozen": frozen,
    "broker-away": broker_away,
    "disk-full": disk_full,
    "wrong-clocks": wrong_clocks,
    "slow-readers": slow_readers,
}
"""By name; each takes a folder for data, how long, and messages a second of each device."""
