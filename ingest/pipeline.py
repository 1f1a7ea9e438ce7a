"""The loop: what arrived goes through the engine to the desk and the pages, and over the journal to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from alerts.desk import Desk
from engine.findings import Finding
from engine.step import EngineState, step
from ingest.core import Computed, Core
from ingest.feed import StoreFeed
from ingest.present import Presenter
from ingest.recovery import Recovered, recover
from ingest.safekeeping import Kept, Safekeeper
from ingest.stateage import AgeHistogram
from ingest.timekeeping import Due, Timekeeper
from sensors.columns import Received, SlopeColumns, from_ns, to_ns
from sensors.observations import SignAck
from storage.journal.log import Journal
from storage.live import Changes, LiveView

log = structlog.get_logger(__name__)
_NEVER_LATER = 2**63 - 1


@dataclass
class PipelineCounters:
    """What the loop did; all but the last two only grow."""

    ticks: int = 0
    observations: int = 0
    findings: int = 0
    engine_failures: int = 0
    last_step_s: float = 0.0
    last_tick_ns: int = 0
    """Engine time of the last tick. [ns since 1970 UTC]"""


@dataclass(frozen=True)
class PresentingLimits:
    """How many rows of devices are made for the pages; own construction.

    Attributes
    ----------
    at_once
        Rows of one tick.
    per_s
        Rows of one second.
    """

    at_once: int = 1_000
    per_s: float = 4_000.0


class Pipeline:
    """One region's loop. Everything it works with is handed in.

    Parameters
    ----------
    timekeeper
        Decides when a tick is due, what belongs to it and what time it is.
    core
        The engine with what feeds it.
    keeper
        Puts ticks into the journal and acknowledges what is safe.
    feed
        Takes ticks to the database.
    on_sign_ack
        Called with what signs answer, in order.
    let_read
        Called when a tick has taken what it could to let sessions read again; with True when the disk is so far behind
        that they must not.
    monotonic
        Seconds that only grow, to measure a step.
    wall_ns
        Time to hold device times against. [ns since 1970 UTC]
    on_findings
        Called with the findings of every tick that has some, in order, from the engine's thread.
    """

    def __init__(
        self,
        *,
        timekeeper: Timekeeper,
        core: Core,
        keeper: Safekeeper,
        feed: StoreFeed,
        presenter: Presenter,
        desk: Desk,
        live: LiveView,
        on_sign_ack: Callable[[SignAck, datetime], None],
        let_read: Callable[[bool], None],
        monotonic: Callable[[], float],
        wall_ns: Callable[[], int],
        on_findings: Callable[[Sequence[Finding]], None] | None = None,
        presenting: PresentingLimits | None = None,
    ) -> None:
        self.counters = PipelineCounters()
        self.ages = AgeHistogram()
        self.fault: str | None = None
        self.core = core
        self._timekeeper = timekeeper
        self._keeper = keeper
        self._feed = feed
        self._presenter = presenter
        self._desk = desk
        self._live = live
        self._on_sign_ack = on_sign_ack
        self._let_read = let_read
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._on_findings = on_findings
        self._presenting = presenting or PresentingLimits()
        self._may_present = float(self._presenting.at_once)
        self._presented_s = monotonic()

    @property
    def state(self) -> EngineState:
        """What the engine remembers."""
        return self.core.state

    async def run(self) -> None:
        """Tick until cancelled."""
        with ThreadPoolExecutor(1, thread_name_prefix="engine") as thread:
            self._live.apply(Changes(devices=self._presenter.everything(self.state)), now=self._timekeeper.now())
            while True:
                await self._tick(await self._timekeeper.next_tick(), thread)

    def warm_up(self, slope: SlopeColumns, now_ns: int) -> None:
        """Take stored samples of slopes into the engine before the first tick, for rates need an hour of the past."""
        batch = replace(self.core.builder.build(()).batch, slope=slope)
        self.core.state, findings = step(self.state, batch, now_ns, self.core.region, self.core.thresholds)
        self._desk.hear(findings, from_ns(now_ns))

    async def take_up(self, journal: Journal) -> Recovered:
        """Bring the engine to where the last process left it, and remember for the pages what devices said since."""

        def note(computed: Computed) -> None:
            self._presenter.note(computed.before, computed.state, computed.tick)

        now_ns = to_ns(self._timekeeper.now()) if self._timekeeper.is_wall else _NEVER_LATER
        recovered = await asyncio.to_thread(recover, journal.folder, journal.durable, self.core, now_ns, note)
        if recovered.now_ns is not None:
            log.info("journal.taken_up", ticks=recovered.ticks, until=from_ns(recovered.now_ns).isoformat())
        return recovered

    @property
    def last_tick(self) -> datetime | None:
        """Engine time of the last tick."""
        return from_ns(self.counters.last_tick_ns) if self.counters.ticks else None

    async def _tick(self, due: Due, thread: ThreadPoolExecutor) -> None:
        started = self._monotonic()
        computed, kept = await asyncio.get_running_loop().run_in_executor(thread, self._compute, due)
        self._keeper.await_safety(due.arrived, kept)
        self._feed.offer(kept)
        tick = computed.tick
        self.counters.last_step_s = self._monotonic() - started
        self.counters.ticks += 1
        self.counters.observations += len(tick.batch)
        self.counters.findings += len(computed.findings)
        self.counters.last_tick_ns = due.now_ns
        self._note_fault(computed.fault, bool(due.arrived))
        now = from_ns(due.now_ns)
        self._desk.hear(computed.findings, now)
        for answer in tick.acks:
            self._answer(answer)
        self._present(computed, now)
        self._let_read(self._keeper.journal.is_behind)

    def _compute(self, due: Due) -> tuple[Computed, Kept]:
        computed = self.core.run(due.arrived, due.now_ns)
        kept = self._keeper.keep(due.arrived, computed, due.now_ns)
        if computed.findings and self._on_findings is not None:
            self._on_findings(computed.findings)
        self.ages.note(computed.tick.batch, self._wall_ns())
        return computed, kept

    def _note_fault(self, fault: str | None, something_arrived: bool) -> None:
        """Keep the last failure until a tick with messages has gone well."""
        if fault is not None:
            self.counters.engine_failures += 1
            if fault != self.fault:
                log.error("engine.failed", problem=fault)
            self.fault = fault
        elif something_arrived:
            self.fault = None

    def _answer(self, answer: Received[SignAck]) -> None:
        self._on_sign_ack(answer.message, from_ns(answer.received_ns))

    def _present(self, computed: Computed, now: datetime) -> None:
        """Show what changed, within the limits; what is left waits for the next tick."""
        limits = self._presenting
        self._presenter.note(computed.before, computed.state, computed.tick)
        at_s = self._monotonic()
        gained = (at_s - self._presented_s) * limits.per_s
        self._may_present = min(self._may_present + gained, float(limits.at_once))
        self._presented_s = at_s
        changed = self._presenter.changes(computed.state, int(self._may_present))
        self._may_present -= len(changed)
        counters = self._presenter.counts(computed.state) if changed else {}
        self._live.apply(Changes(devices=changed, counters=counters), now=now)
