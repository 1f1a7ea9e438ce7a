"""The loop: what arrived goes through the engine to the desk, to the pages and to the database, tick after tick."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import structlog

from alerts.desk import Desk
from engine.findings import Finding
from engine.region import Region
from engine.step import EngineState, step
from engine.thresholds import Thresholds
from ingest.batching import Batcher, Tick
from ingest.inbox import Accepted
from ingest.mqtt.session import Incoming, OversizePublish
from ingest.present import Presenter
from ingest.timekeeping import Timekeeper
from sensors.columns import Received, SlopeColumns, from_ns
from sensors.observations import SignAck
from storage.live import Changes, LiveView
from storage.series import SeriesRows
from storage.writer_batches import DeadLetter, Priority, WriteBatch

log = structlog.get_logger(__name__)
Acknowledge = Callable[[int, Sequence[Incoming | OversizePublish]], None]
"""Lane, and the messages of it that are safe."""


@dataclass
class PipelineCounters:
    """What the loop did; all but the last two only grow."""

    ticks: int = 0
    observations: int = 0
    findings: int = 0
    ticks_not_stored: int = 0
    last_step_s: float = 0.0
    last_tick_ns: int = 0
    """Engine time of the last tick. [ns since 1970 UTC]"""


class _Computed(NamedTuple):
    tick: Tick
    state: EngineState
    findings: tuple[Finding, ...]


class _Unstored(NamedTuple):
    accepted: Sequence[Accepted]
    tick: Tick

    @property
    def cost(self) -> int:
        return sum(one.cost for one in self.accepted)

    @property
    def needs_answer(self) -> bool:
        return any(one.source.qos for one in self.accepted)


class Pipeline:
    """One region's loop. Everything it works with is handed in.

    Parameters
    ----------
    timekeeper
        Decides when a tick is due, what belongs to it and what time it is.
    put
        Hands rows to the store's writer.
    acknowledge
        Called with messages that are safe.
    on_sign_ack
        Called with what signs answer, in order.
    let_read
        Called when a tick has taken what it could, or the store has, to let sessions read again; with True when the
        store is so far behind that they must not.
    monotonic
        Seconds that only grow, to measure a step.
    on_findings
        Called with the findings of every tick that has some, in order, from the engine's thread.
    max_unstored
        Observations that may wait for the store.
    """

    def __init__(
        self,
        *,
        timekeeper: Timekeeper,
        batcher: Batcher,
        presenter: Presenter,
        region: Region,
        thresholds: Thresholds,
        desk: Desk,
        live: LiveView,
        put: Callable[[WriteBatch], Awaitable[bool]],
        acknowledge: Acknowledge,
        on_sign_ack: Callable[[SignAck, datetime], None],
        let_read: Callable[[bool], None],
        monotonic: Callable[[], float],
        on_findings: Callable[[Sequence[Finding]], None] | None = None,
        max_unstored: int = 200_000,
    ) -> None:
        self.state = EngineState.initial(region)
        self.counters = PipelineCounters()
        self._timekeeper = timekeeper
        self._batcher = batcher
        self._presenter = presenter
        self._region = region
        self._thresholds = thresholds
        self._desk = desk
        self._live = live
        self._put = put
        self._acknowledge = acknowledge
        self._on_sign_ack = on_sign_ack
        self._let_read = let_read
        self._monotonic = monotonic
        self._on_findings = on_findings
        self._max_unstored = max_unstored
        self._unstored: deque[_Unstored] = deque()
        self._unstored_cost = 0
        self._to_store = asyncio.Event()

    async def run(self) -> None:
        """Tick until cancelled. An error in a step ends the loop: the process then starts anew."""
        with ThreadPoolExecutor(1, thread_name_prefix="engine") as thread:
            self._live.apply(Changes(devices=self._presenter.everything(self.state)), now=self._timekeeper.now())
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._store_ticks())
                while True:
                    due = await self._timekeeper.next_tick()
                    await self._tick(due.accepted, due.now_ns, thread)

    def warm_up(self, slope: SlopeColumns, now_ns: int) -> None:
        """Take stored samples of slopes into the engine before the first tick, for rates need an hour of the past."""
        batch = replace(self._batcher.build(()).batch, slope=slope)
        self.state, findings = step(self.state, batch, now_ns, self._region, self._thresholds)
        self._desk.hear(findings, from_ns(now_ns))

    async def drain(self) -> None:
        """Hand what is computed and not stored yet to the writer; for an orderly end, after `run`."""
        while self._unstored:
            await self._store_next()

    @property
    def unstored(self) -> int:
        """Observations that wait for the store."""
        return self._unstored_cost

    @property
    def last_tick(self) -> datetime | None:
        """Engine time of the last tick."""
        return from_ns(self.counters.last_tick_ns) if self.counters.ticks else None

    async def _tick(self, accepted: Sequence[Accepted], now_ns: int, thread: ThreadPoolExecutor) -> None:
        started = self._monotonic()
        before = self.state
        computed = await asyncio.get_running_loop().run_in_executor(thread, self._compute, accepted, now_ns)
        tick, self.state, findings = computed
        self.counters.last_step_s = self._monotonic() - started
        self.counters.ticks += 1
        self.counters.observations += len(tick.batch)
        self.counters.findings += len(findings)
        self.counters.last_tick_ns = now_ns
        now = from_ns(now_ns)
        self._desk.hear(findings, now)
        for answer in tick.acks:
            self._answer(answer)
        changed = self._presenter.changes(before, self.state, tick)
        counters = self._presenter.counts(self.state) if changed else {}
        self._live.apply(Changes(devices=changed, counters=counters), now=now)
        if accepted:
            self._keep(accepted, tick)
        self._let_read(self._is_behind)

    def _compute(self, accepted: Sequence[Accepted], now_ns: int) -> _Computed:
        tick = self._batcher.build(accepted)
        state, findings = step(self.state, tick.batch, now_ns, self._region, self._thresholds)
        if findings and self._on_findings is not None:
            self._on_findings(findings)
        return _Computed(tick, state, findings)

    def _answer(self, answer: Received[SignAck]) -> None:
        self._on_sign_ack(answer.message, from_ns(answer.received_ns))

    def _keep(self, accepted: Sequence[Accepted], tick: Tick) -> None:
        """Queue a tick for the store.

        The engine never waits for the database. When too much waits, the oldest ticks go of which nothing has to be
        acknowledged; what has to be stays, and beyond the limit the sessions are held back, so that it is the broker
        and the devices that keep it.
        """
        self._unstored.append(_Unstored(accepted, tick))
        self._unstored_cost += self._unstored[-1].cost
        if self._unstored_cost > self._max_unstored:
            kept: deque[_Unstored] = deque()
            for one in self._unstored:
                if self._unstored_cost > self._max_unstored and not one.needs_answer:
                    self._unstored_cost -= one.cost
                    self.counters.ticks_not_stored += 1
                else:
                    kept.append(one)
            self._unstored = kept
        self._to_store.set()

    async def _store_ticks(self) -> None:
        while True:
            await self._to_store.wait()
            self._to_store.clear()
            while self._unstored:
                await self._store_next()

    async def _store_next(self) -> None:
        """Hand the oldest tick over; a cancellation while the writer is full leaves it where it was."""
        oldest = self._unstored.popleft()
        self._unstored_cost -= oldest.cost
        try:
            await self._store(oldest.accepted, oldest.tick)
        except asyncio.CancelledError:
            self._unstored.appendleft(oldest)
            self._unstored_cost += oldest.cost
            raise
        self._let_read(self._is_behind)

    @property
    def _is_behind(self) -> bool:
        return self._unstored_cost >= self._max_unstored

    async def _store(self, accepted: Sequence[Accepted], tick: Tick) -> None:
        """Hand a tick to the writer in two batches, so that telemetry can give way to hazards.

        What waits for its acknowledgement is stored as carefully as a hazard, whatever it holds.
        """
        letters = tuple(letter for one in accepted for letter in one.letters)
        sources = [one for one in accepted if one.source.qos]
        careful = tuple(rows for rows in tick.series if sources or rows.name == "slope_reading")
        telemetry = tuple(rows for rows in tick.series if rows not in careful)
        if careful or tick.events or letters or sources:
            await self._put(self._hazard_batch(careful, tick, letters, sources))
        if telemetry:
            await self._put(WriteBatch(series=telemetry, priority=Priority.TELEMETRY))

    def _hazard_batch(
        self,
        series: tuple[SeriesRows, ...],
        tick: Tick,
        letters: tuple[DeadLetter, ...],
        sources: Sequence[Accepted],
    ) -> WriteBatch:
        return WriteBatch(
            series=series,
            events=tick.events,
            dead_letters=letters,
            priority=Priority.HAZARD,
            on_durable=lambda: self._acknowledge_all(sources),
        )

    def _acknowledge_all(self, accepted: Sequence[Accepted]) -> None:
        if accepted:
            self._timekeeper.acknowledged(len(accepted))
        for lane in {one.lane for one in accepted}:
            self._acknowledge(lane, [one.source for one in accepted if one.lane == lane])
