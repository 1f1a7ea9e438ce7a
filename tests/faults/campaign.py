"""A random course of kills and cuts under traffic, and the reckonings on its way and at its end."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tests.faults import reckoning
from tests.faults.breaking import Breaker
from tests.faults.ledger import Count, table
from tests.faults.scene import BrokerKind, Scene, scene

RECKON_EVERY = 25
"""Faults between two reckonings."""


class Report(msgspec.Struct, kw_only=True):
    """What a campaign did and what came of it."""

    seed: int
    broker: str
    seconds: float
    kills: dict[str, int]
    cuts: dict[str, int]
    """By link and way."""
    counts: list[dict[str, Any]]
    """Of the end, by class; in rows."""
    alerts: dict[str, int]
    reckonings: int
    """On the way; each had everything that was acknowledged before it."""
    start_s: dict[str, float]
    """Of the system after a kill, from the process to ready: shortest, median, longest. [s]"""
    caught_up_s: float
    """From the last fault until everything acknowledged was stored. [s]"""
    is_right: bool


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
    broker
        The system's own, or mosquitto.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        rate: float = 20.0,
        pause_s: tuple[float, float] = (0.2, 1.5),
        broker: BrokerKind = "embedded",
    ) -> None:
        self._folder = folder
        self._seed = seed
        self._rate = rate
        self._pause_s = pause_s
        self._broker: BrokerKind = broker
        self._random = random.Random(seed)
        self._wrong_on_the_way: list[Count] = []
        self._reckonings = 0

    async def run(
        self, kills: int, cuts: int, progress: Callable[[int, int], None] = lambda _done, _of: None
    ) -> Report:
        """Do so many kills and cuts in a random order, then count."""
        began_s = time.monotonic()
        order = ["kill"] * kills + ["cut"] * cuts
        self._random.shuffle(order)
        async with scene(self._folder, self._broker) as field, asyncio.TaskGroup() as tasks:
            field.add_devices(self._rate)
            breaker = Breaker(field, self._random)
            speaking = [tasks.create_task(one.run()) for one in (*field.senders,)]
            speaking.append(tasks.create_task(field.accidents()))
            told = [tasks.create_task(one.run()) for one in (field.operator, *field.citizens, field.board)]
            for number, fault in enumerate(order, 1):
                await asyncio.sleep(self._random.uniform(*self._pause_s))
                await (breaker.kill() if fault == "kill" else breaker.cut())
                progress(number, len(order))
                if number % RECKON_EVERY == 0:
                    await self._reckon(field)
            for task in speaking:
                task.cancel()
            field.heal()
            end_s = time.monotonic()
            unacknowledged = await reckoning.acknowledged(field)
            counts = await reckoning.rows(field)
            caught_up_s = time.monotonic() - end_s
            alerts = await reckoning.alerts(field) | {"unacknowledged": unacknowledged}
            for task in told:
                task.cancel()
            starts = field.system.started_s[1:] or field.system.started_s
        return Report(
            seed=self._seed,
            broker=self._broker,
            seconds=round(time.monotonic() - began_s, 1),
            kills=dict(breaker.kills),
            cuts=dict(breaker.cuts),
            counts=[msgspec.to_builtins(one) for one in counts],
            alerts=alerts,
            reckonings=self._reckonings,
            start_s={
                "shortest": round(min(starts), 2),
                "median": round(statistics.median(starts), 2),
                "longest": round(max(starts), 2),
            },
            caught_up_s=round(caught_up_s, 1),
            is_right=reckoning.is_right([*self._wrong_on_the_way, *counts], alerts),
        )

    async def _reckon(self, field: Scene) -> None:
        """Count while everything goes on: all that is acknowledged by now has to be stored soon."""
        self._reckonings += 1
        least = {name: set(ledger.acknowledged) for name, ledger in field.ledgers.items()}
        counts = await reckoning.rows(field, least=least)
        self._wrong_on_the_way += [one for one in counts if not one.is_right]


def show(report: Report) -> str:
    """Return a report as text."""
    counts = [Count(**one) for one in report.counts]
    by_link: Counter[str] = Counter()
    for name, number in report.cuts.items():
        by_link[name.partition(":")[0]] += number
    starts = report.start_s
    lines = [
        f"seed {report.seed}, broker {report.broker}, {report.seconds:.0f} s",
        f"kills: {report.kills}",
        f"cuts: {dict(by_link)}",
        table(counts),
        f"alerts: {report.alerts}",
        f"from a kill to serving: {starts['shortest']} to {starts['longest']} s, median {starts['median']} s",
        f"everything stored {report.caught_up_s} s after the last fault; {report.reckonings} reckonings on the way",
        "nothing lost, doubled or invented" if report.is_right else "NOT RIGHT",
    ]
    return "\n".join(lines)
