"""A random course of kills and cuts under traffic, and the reckoning at its end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from config.catalogue.save import save_region
from tests.alerts.making import EASTERN, WESTERN, azimuth_to, two_districts
from tests.faults.ledger import Count, Key, Ledger, reconcile, table
from tests.faults.parts import Store, System
from tests.faults.people import Board, Citizen, Operator
from tests.faults.proxy import Proxy
from tests.faults.senders import Sender, camera_fields, slope_fields, tower_fields, vds_fields, weather_fields
from tests.simulators.region import spot

_QUIET_WITHIN_S = 120.0
_ACCIDENT_EVERY_S = 8.0
_PLACES = tuple(spot(3_000.0 + 4_000.0 * east, 800.0 + 3_000.0 * north) for north in range(3) for east in range(6))
_SLOPES = tuple(f"SLP-{place}" for place in range(4))
_STATIONS = tuple(f"VDS-E1up0{place}" for place in range(6))
_SIGN = "VMS-up4"


class Report(msgspec.Struct, kw_only=True):
    """What a campaign did and what came of it."""

    seed: int
    seconds: float
    kills: dict[str, int]
    cuts: dict[str, int]
    counts: list[dict[str, Any]]
    alerts: dict[str, int]
    start_s: dict[str, float]
    """Of the system after a kill, from the process to ready: median and longest. [s]"""
    caught_up_s: float
    """From the last fault until everything acknowledged was stored. [s]"""
    is_right: bool


@dataclass
class Field:
    """Everything that takes part."""

    store: Store
    system: System
    devices: Proxy
    database: Proxy
    mqtt_port: int
    senders: list[Sender]
    ledgers: list[Ledger]
    events: Ledger
    smokes: Ledger
    operator: Operator
    citizens: list[Citizen]
    board: Board


class Campaign:
    """Kills and cuts at random moments, from a seed.

    Parameters
    ----------
    folder
        For data and logs.
    rate
        Messages a second of each device. [1/s]
    pause_s
        Between two faults, at the shortest and the longest. [s]
    """

    def __init__(self, folder: Path, seed: int, rate: float = 20.0, pause_s: tuple[float, float] = (0.2, 1.5)) -> None:
        self._folder = folder
        self._seed = seed
        self._rate = rate
        self._pause_s = pause_s
        self._random = random.Random(seed)

    async def run(
        self, kills: int, cuts: int, progress: Callable[[int, int], None] = lambda _done, _of: None
    ) -> Report:
        """Do so many kills and cuts in a random order, then count."""
        began_s = time.monotonic()
        field = await self._set_up()
        try:
            async with asyncio.TaskGroup() as tasks:
                parts = [*field.senders, field.operator, *field.citizens, field.board]
                running = [tasks.create_task(part.run()) for part in parts]
                n_sender = len(field.senders)
                accidents = tasks.create_task(self._accidents(field))
                order = ["kill"] * kills + ["cut"] * cuts
                self._random.shuffle(order)
                for number, fault in enumerate(order):
                    await asyncio.sleep(self._random.uniform(*self._pause_s))
                    await (self._kill(field) if fault == "kill" else self._cut(field))
                    progress(number + 1, len(order))
                for task in (*running[:n_sender], accidents):
                    task.cancel()
                return_s = time.monotonic()
                counts = await self._reckon(field)
                caught_up_s = time.monotonic() - return_s
                alerts = await self._alerts(field)
                for task in running:
                    task.cancel()
        finally:
            for sender in field.senders:
                await sender.stop()
            await field.system.kill()
            await field.devices.stop()
            await field.database.stop()
            await field.store.server.stop()
        starts = field.system.started_s[1:] or field.system.started_s
        right = all(one.is_right for one in counts) and not (alerts["lost"] or alerts["twice"] or alerts["unsettled"])
        return Report(
            seed=self._seed,
            seconds=round(time.monotonic() - began_s, 1),
            kills={"system": field.system.kills - 1, "database": field.store.kills},
            cuts={"devices": self._cut_devices, "database": self._cut_database},
            counts=[msgspec.to_builtins(one) for one in counts],
            alerts=alerts,
            start_s={"median": round(statistics.median(starts), 2), "longest": round(max(starts), 2)},
            caught_up_s=round(caught_up_s, 1),
            is_right=right,
        )

    async def _set_up(self) -> Field:
        self._cut_devices = self._cut_database = 0
        save_region(two_districts(), self._folder / "region")
        store = Store(self._folder)
        url = await store.start()
        database = Proxy(int(url.rpartition(":")[2].partition("/")[0]))
        port = await database.start()
        system = System(self._folder, self._folder / "region", _with_port(url, port))
        await system.start()
        devices = Proxy(system.mqtt_port)
        mqtt = await devices.start()
        ledgers = [Ledger("slope"), Ledger("station"), Ledger("weather"), Ledger("events"), Ledger("smokes")]
        slopes, stations, weather, events, smokes = ledgers
        senders = [
            *(Sender(mqtt, "slope", "obs", one, WESTERN, slope_fields, slopes, self._rate) for one in _SLOPES),
            *(Sender(mqtt, "vds", "obs", one, WESTERN, vds_fields, stations, self._rate) for one in _STATIONS),
            Sender(mqtt, "weather", "obs", "WX-0", WESTERN, weather_fields, weather, self._rate),
        ]
        return Field(
            store=store,
            system=system,
            devices=devices,
            database=database,
            mqtt_port=mqtt,
            senders=senders,
            ledgers=ledgers,
            events=events,
            smokes=smokes,
            operator=Operator(system.url),
            citizens=[Citizen(system.url, *one) for one in itertools.product((WESTERN, EASTERN), ("ko", "en"))],
            board=Board(mqtt, _SIGN),
        )

    async def _kill(self, field: Field) -> None:
        if self._random.random() < 0.75:
            await field.system.kill()
            await field.system.start()
        else:
            await field.store.kill()
            await asyncio.sleep(self._random.uniform(0.0, 0.5))
            await field.store.start()

    async def _cut(self, field: Field) -> None:
        proxy = field.devices if self._random.random() < 0.5 else field.database
        self._cut_devices += proxy is field.devices
        self._cut_database += proxy is field.database
        way = self._random.choice(("cut", "deaf", "refuse", "slow"))
        if way == "cut":
            proxy.cut()
            return
        if way == "deaf":
            proxy.deafen()
        elif way == "refuse":
            proxy.refuse()
        else:
            proxy.delay_s = 0.2
        await asyncio.sleep(self._random.uniform(0.2, 2.0))
        proxy.heal()
        if way == "deaf":
            proxy.cut()

    async def _accidents(self, field: Field) -> None:
        """Let smoke rise at one place after the other, seen by every tower; and one car drive against the traffic."""
        region = two_districts()
        camera = region.cctv[0]
        reporter = Sender(
            field.mqtt_port, "cctv", "event", camera.id, camera.district, camera_fields, field.events, 0.5
        )
        smokes: dict[str, tuple[float, float]] = {tower.id: tower.position for tower in region.tower}
        place = _PLACES[0]

        def seen_from(tower: str) -> Callable[[int], dict[str, Any]]:
            return lambda number: tower_fields(f"{tower}-{number}", azimuth_to(smokes[tower], place))

        towers = [
            Sender(field.mqtt_port, "tower", "event", one.id, one.district, seen_from(one.id), field.smokes, 2.0)
            for one in region.tower
        ]
        field.senders += [reporter, *towers]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(reporter.run())
            for sender in towers:
                tasks.create_task(sender.run())
            for number in itertools.count():
                place = _PLACES[number % len(_PLACES)]
                await asyncio.sleep(_ACCIDENT_EVERY_S)

    async def _reckon(self, field: Field) -> list[Count]:
        """Wait until everything that was sent is acknowledged and stored, and count."""
        field.devices.heal()
        field.database.heal()
        async with asyncio.timeout(_QUIET_WITHIN_S):
            for sender in field.senders:
                await sender.all_acknowledged()
        end_s = time.monotonic() + _QUIET_WITHIN_S
        while True:
            counts = [reconcile(ledger, rows) for ledger, rows in await self._rows(field)]
            if not any(one.missing for one in counts) or time.monotonic() > end_s:
                return counts
            await asyncio.sleep(0.5)

    async def _rows(self, field: Field) -> list[tuple[Ledger, list[Key]]]:
        queries = {
            "slope": "SELECT d.id, r.time FROM gwanje.slope_reading r JOIN gwanje.device d ON d.key = r.device",
            "station": "SELECT d.id, r.time FROM gwanje.vds_lane r JOIN gwanje.device d ON d.key = r.device",
            "weather": "SELECT d.id, r.time FROM gwanje.weather_reading r JOIN gwanje.device d ON d.key = r.device",
            "events": "SELECT d.id, e.time FROM gwanje.device_event e JOIN gwanje.device d ON d.key = e.device"
            " WHERE e.kind = 'cctv'",
            "smokes": "SELECT d.id, e.time FROM gwanje.device_event e JOIN gwanje.device d ON d.key = e.device"
            " WHERE e.kind = 'tower'",
        }
        found = []
        async with await psycopg.AsyncConnection.connect(field.store.server.dsn) as connection:
            for ledger in field.ledgers:
                cursor = await connection.execute(queries[ledger.name])  # type: ignore[call-overload]
                rows = [(name, round(at.timestamp() * 1e6)) for name, at in await cursor.fetchall()]
                found.append((ledger, rows))
        return found

    async def _alerts(self, field: Field) -> dict[str, int]:
        """Count what became of approved alerts: each citizen has each once, and no posting is left."""
        end_s = time.monotonic() + 150.0
        while True:
            async with await psycopg.AsyncConnection.connect(field.store.server.dsn) as connection:
                cursor = await connection.execute(
                    "SELECT id, body->'districts' FROM gwanje.alert WHERE state = 'approved'"
                )
                approved = {row[0]: set(row[1]) for row in await cursor.fetchall()}
                cursor = await connection.execute(
                    "SELECT count(*) FROM gwanje.outbox WHERE state = 'waiting' OR (state = 'sent' AND channel = 'sign'"
                    " AND target = %s)",
                    [_SIGN],
                )
                row = await cursor.fetchone()
            unsettled = 0 if row is None else int(row[0])
            lost = sum(
                one.district in districts and alert not in one.got
                for one in field.citizens
                for alert, districts in approved.items()
            )
            if (not lost and not unsettled) or time.monotonic() > end_s:
                break
            await asyncio.sleep(0.5)
        return {
            "approved": len(approved),
            "lost": lost + len(field.operator.approved - approved.keys()),
            "read": sum(len(one.got) for one in field.citizens),
            "twice": sum(count - 1 for one in field.citizens for count in one.got.values()),
            "unsettled": unsettled,
            "sign_messages": len(field.board.commands),
            "readers_not_recovered": sum(one.unrecovered for one in field.citizens),
        }


def _with_port(url: str, port: int) -> str:
    head, _, tail = url.rpartition(":")
    return f"{head}:{port}/{tail.partition('/')[2]}"


def show(report: Report) -> str:
    """Return a report as text."""
    counts = [Count(**one) for one in report.counts]
    lines = [
        f"seed {report.seed}, {report.seconds:.0f} s: kills {report.kills}, cuts {report.cuts}",
        table(counts),
        f"alerts: {report.alerts}",
        f"from a kill to serving: {report.start_s['median']} s (median), {report.start_s['longest']} s (longest)",
        f"everything stored {report.caught_up_s} s after the last fault",
        "nothing lost, doubled or invented" if report.is_right else "NOT RIGHT",
    ]
    return "\n".join(lines)


@contextlib.contextmanager
def bar(total: int) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a line now and then in a log."""

    def show_progress(done: int, of: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{'█' * (30 * done // of):·<30} {done}/{of}")
        elif done % max(of // 10, 1) == 0:
            sys.stderr.write(f"{done}/{of}\n")
        sys.stderr.flush()

    del total
    yield show_progress
    sys.stderr.write("\n")
