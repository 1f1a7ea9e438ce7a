"""The loop on a journal: computed, said, kept, acknowledged, and brought to the database in order."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ingest.batching
import ingest.core
from alerts.gazetteer import WGS84, Gazetteer
from engine.findings import Finding, Rule
from ingest.core import Core
from ingest.feed import Decoder, StoreFeed
from ingest.lateness import Lateness
from ingest.mqtt.session import Incoming, OversizePublish
from ingest.pipeline import Pipeline
from ingest.present import Presenter
from ingest.region import engine_region
from ingest.safekeeping import Safekeeper
from ingest.state_codec import Memory, encode_memory
from ingest.stateage import BOUNDS_S
from ingest.thresholds import load_thresholds
from ingest.timekeeping import WallTicks
from sensors.columns import to_ns
from sensors.observations import SignAck
from storage.journal.log import Journal
from storage.journal.model import JournalLimits
from storage.live import LiveView
from storage.writer_batches import WriteBatch
from tests.alerts.fakes import FakeStore, desk_on
from tests.alerts.making import NOW, WESTERN, azimuth_to, later
from tests.gwanje.polling import eventually
from tests.ingest.making import (
    REGION,
    REGISTRY,
    Clock,
    arrived,
    batcher,
    intake,
    message,
    reader,
    slope_message,
    tower,
    vds,
)
from tests.simulators.region import spot

TABLES = engine_region(REGION, Gazetteer(REGION))
THRESHOLDS = load_thresholds()
FIRE = spot(8_000, 1_500)
TOWERS = {one.id: one for one in REGION.tower}


class Loop:
    """A pipeline on a journal of its own, whose database is a list; ``commit`` plays it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.clock = Clock()
        self.intake = intake(self.clock)
        self.keeper = WallTicks(self.intake, self.clock, 0.01, gather_s=0.0, hazard_gather_s=0.0)
        self.live = LiveView("epoch", "exercise")
        self.desk = desk_on(FakeStore())
        self.batches: list[WriteBatch] = []
        self.store_is_open = asyncio.Event()
        self.store_is_open.set()
        self.acknowledged: list[tuple[int, int]] = []
        self.answers: list[SignAck] = []
        self.behind: list[bool] = []
        self.findings: list[Finding] = []
        self._loop = asyncio.get_running_loop()
        limits = JournalLimits(min_free_bytes=0, **options.pop("limits", {}))
        self.journal = Journal(folder, region="two", on_durable=self._tell, limits=limits)
        self.journal.open()
        self.safe = Safekeeper(self.journal, self.acknowledge, lambda: self.desk.unsaved)
        self.feed = StoreFeed(self.journal, self.put, Decoder(lambda letters: (reader(), batcher())), **options)
        self.feed.begin(0, Lateness(np.arange(len(REGISTRY), dtype=np.int32), {}))
        self.pipeline = Pipeline(
            timekeeper=self.keeper,
            core=Core(reader(self.clock), batcher(), TABLES, THRESHOLDS),
            keeper=self.safe,
            feed=self.feed,
            presenter=Presenter(REGISTRY),
            desk=self.desk,
            live=self.live,
            on_sign_ack=lambda answer, _received: self.answers.append(answer),
            let_read=self.behind.append,
            monotonic=time.monotonic,
            wall_ns=lambda: to_ns(self.clock.now),
            on_findings=self.findings.extend,
        )

    def _tell(self, position: int) -> None:
        self._loop.call_soon_threadsafe(self._safe, position)

    def _safe(self, position: int) -> None:
        self.safe.settle(position)
        self.feed.advanced()

    async def put(self, batch: WriteBatch) -> bool:
        await self.store_is_open.wait()
        self.batches.append(batch)
        return True

    def acknowledge(self, lane: int, messages: Sequence[Incoming | OversizePublish]) -> None:
        self.acknowledged += [(lane, one.packet_id) for one in messages]

    def commit(self) -> None:
        for batch in self.batches:
            if batch.on_durable is not None:
                batch.on_durable()

    def rows(self, name: str = "slope_reading") -> list[tuple[int, int]]:
        """Return device and time of all rows handed to the database."""
        return [
            row
            for batch in self.batches
            for one in (*batch.series, *batch.late)
            if one.name == name
            for row in zip(one.columns["device"].tolist(), one.columns["time"].tolist(), strict=True)
        ]

    def take(self, *messages: Incoming) -> None:
        self.intake.take_hazards(messages)
        self.keeper.arrived(hazard=True)

    async def __aenter__(self) -> Loop:
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._running = [self._tasks.create_task(one) for one in (self.pipeline.run(), self.feed.run())]
        return self

    async def __aexit__(self, *problem: Any) -> None:
        for one in self._running:
            one.cancel()
        await self._tasks.__aexit__(*problem)
        await asyncio.to_thread(self.journal.close)


def bearing(name: str, seq: int) -> Incoming:
    azimuth_deg = azimuth_to(TOWERS[name].position, FIRE)
    return tower(name, seq=seq, azimuth_deg=azimuth_deg, confidence=0.95, detection=f"{name}-smoke")


async def test_a_message_is_acknowledged_when_the_journal_has_it_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = threading.Event()
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        assert going.wait(10.0)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    async with Loop(tmp_path) as loop:
        loop.store_is_open.clear()
        loop.take(slope_message(seq=7))
        await eventually(lambda: loop.pipeline.counters.observations == 1)
        assert loop.acknowledged == []
        assert loop.safe.waiting == 1
        going.set()
        await eventually(lambda: loop.acknowledged == [(0, 7)])
        assert loop.batches == []  # the database has nothing to do with it


async def test_rows_bear_the_position_up_to_which_the_journal_is_contained(tmp_path: Path) -> None:
    async with Loop(tmp_path) as loop:
        loop.take(slope_message(seq=7))
        await eventually(lambda: loop.batches)
        loop.intake.take_telemetry([vds(seq=2, qos=1)])
        loop.keeper.arrived(hazard=False)
        await eventually(lambda: loop.rows("vds_lane"))
        positions = [one.checkpoint for one in loop.batches]
        assert {one.journal for one in positions if one} == {loop.journal.identity}
        assert [one.position for one in positions if one] == sorted({one.position for one in positions if one})
        assert loop.feed.stored == 0
        loop.commit()
        assert loop.feed.stored == loop.feed.position > 0
    assert sorted(loop.acknowledged) == [(0, 7), (1, 2)]


async def test_letters_and_duplicates_are_acknowledged_with_their_tick(tmp_path: Path) -> None:
    async with Loop(tmp_path) as loop:
        loop.take(slope_message(seq=7), slope_message(seq=7), message("gwanje/v2/x", b"?", qos=1, packet_id=9))
        await eventually(lambda: loop.acknowledged == [(0, 7), (0, 7), (0, 9)])
        await eventually(lambda: loop.batches)
    assert len(loop.batches[0].dead_letters) == 1
    assert len(loop.rows()) == 1


async def test_two_bearings_become_a_situation_a_draft_and_a_frame(tmp_path: Path) -> None:
    async with Loop(tmp_path) as loop:
        page = loop.live.subscribe(NOW)
        await page.next_frame()
        loop.take(bearing("TWR-0", 1), bearing("TWR-1", 2))
        await eventually(lambda: loop.desk.alerts)
        (situation,) = [one for one in loop.desk.situations.values() if one.active]
        assert situation.kind == "fire"
        assert WGS84.inv(situation.lon_deg, situation.lat_deg, *FIRE)[2] < 50.0
        assert [one.rule for one in loop.findings] == [Rule.FIRE_POSITION]
        frame = json.loads(await page.next_frame())
        assert {row["id"] for row in frame["devices"]} >= {"TWR-0", "TWR-1"}
        page.close()


async def test_answers_of_signs_are_passed_on_once(tmp_path: Path) -> None:
    answer = {"device": "VMS-up0", "time": NOW, "seq": 3, "message": "m1", "shown": True, "multi": "x"}
    incoming = message(f"gwanje/v1/{WESTERN}/sign/VMS-up0/ack", answer, qos=1, packet_id=1)
    async with Loop(tmp_path) as loop:
        loop.take(incoming, incoming)
        await eventually(lambda: loop.answers)
        loop.take(incoming)
        await eventually(lambda: loop.pipeline.counters.ticks > 3)
    assert [one.message for one in loop.answers] == ["m1"]


async def test_the_engine_goes_on_while_the_store_is_away_and_everything_is_stored_after(tmp_path: Path) -> None:
    async with Loop(tmp_path, max_rows=3) as loop:
        loop.store_is_open.clear()
        for second in range(12):
            loop.clock.now = later(30.0 * second)
            loop.take(slope_message(seq=second + 1, time=loop.clock.now))
            await eventually(lambda count=second: loop.pipeline.counters.observations > count)  # type: ignore[misc]
        await eventually(lambda: len(loop.acknowledged) == 12)
        assert loop.batches == []
        assert loop.feed.mode == "catching up"
        assert loop.feed.rows_waiting <= 4
        loop.store_is_open.set()
        await eventually(lambda: len(loop.rows()) == 12)
        await eventually(lambda: loop.feed.mode == "live")
        loop.clock.now = later(600)
        loop.take(slope_message(seq=99, time=loop.clock.now))
        await eventually(lambda: len(loop.rows()) == 13)
    assert [time_ns for _, time_ns in loop.rows()] == [to_ns(later(30.0 * one)) for one in (*range(12), 20)]
    assert [packet for _, packet in loop.acknowledged] == [*range(1, 13), 99]


async def test_a_restart_takes_up_engine_and_feed_where_they_were(tmp_path: Path) -> None:
    async with Loop(tmp_path) as loop:
        loop.store_is_open.clear()
        loop.take(bearing("TWR-0", 1), bearing("TWR-1", 2), slope_message(seq=3))
        await eventually(lambda: len(loop.acknowledged) == 3)
        await eventually(lambda: loop.findings)
        said = loop.findings
    assert loop.batches == []
    again = Loop(tmp_path)
    recovered = await again.pipeline.take_up(again.journal)
    assert recovered.ticks > 0
    assert list(recovered.findings.values()) == said
    assert encode_memory(Memory(now_ns=0, state=again.pipeline.state)) == encode_memory(
        Memory(now_ns=0, state=loop.pipeline.state)
    )
    await again.desk.open(NOW)
    again.desk.resume(recovered.findings.values(), NOW)
    assert [one.kind for one in again.desk.situations.values()] == ["fire"]
    async with again:
        await eventually(lambda: again.rows())
        again.take(slope_message(seq=3))
        await eventually(lambda: again.acknowledged == [(0, 3)])
    assert len(again.rows()) == 1
    assert sorted(event.kind for batch in again.batches for event in batch.events) == ["tower", "tower"]


async def test_a_disk_that_refuses_holds_the_sessions_back_in_the_end_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.writev

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    async with Loop(tmp_path, limits={"pending_bytes": 40_000}) as loop:
        loop.take(slope_message(seq=1))
        await eventually(lambda: loop.journal.status.state == "down")
        loop.intake.take_telemetry([vds(seq=5)])
        loop.take(slope_message(seq=2, time=later(1)))
        await eventually(lambda: loop.pipeline.counters.observations == 3)
        assert loop.acknowledged == []
        assert loop.safe.not_journaled == 1
        for seq in range(3, 200):
            loop.take(slope_message(seq=seq, time=later(seq)))
        await eventually(lambda: loop.behind and loop.behind[-1])
        monkeypatch.setattr(os, "writev", real)
        await eventually(lambda: len(loop.acknowledged) == 199)
        await eventually(lambda: not loop.behind[-1])
        await eventually(lambda: len(loop.rows()) == 199)
        assert loop.journal.status.state == "up"


async def test_an_engine_that_fails_begins_anew_and_the_loop_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ingest.core.step
    failing = True

    def step(*arguments: Any) -> Any:
        if failing:
            raise FloatingPointError("divide by zero")
        return real(*arguments)

    monkeypatch.setattr(ingest.core, "step", step)
    async with Loop(tmp_path) as loop:
        loop.take(slope_message(seq=1))
        await eventually(lambda: loop.acknowledged == [(0, 1)])
        assert loop.pipeline.fault == "FloatingPointError: divide by zero"
        await eventually(lambda: loop.rows())
        failing = False
        loop.take(slope_message(seq=2, time=later(1)))
        await eventually(lambda: len(loop.rows()) == 2)
        assert loop.pipeline.fault is None
    assert loop.pipeline.counters.engine_failures > 0


async def test_a_message_that_nothing_can_deal_with_is_laid_aside_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ingest.batching.slope_grid

    def poisoned(messages: Sequence[Any], head: Any) -> Any:
        if any(message.battery_v == 6.66 for message in messages):
            raise ZeroDivisionError("poison")
        return real(messages, head)

    monkeypatch.setattr(ingest.batching, "slope_grid", poisoned)
    async with Loop(tmp_path) as loop:
        loop.take(slope_message(seq=1), slope_message("SLP-2", seq=2, battery_v=6.66), slope_message("SLP-0", seq=3))
        await eventually(lambda: len(loop.acknowledged) == 3)
        await eventually(lambda: len(loop.rows()) == 2)
    (letter,) = [one for batch in loop.batches for one in batch.dead_letters]
    assert letter.problem == "expected a message that can be dealt with, was ZeroDivisionError('poison')"
    assert sorted(device for device, _ in loop.rows()) == [REGISTRY.index["SLP-0"], REGISTRY.index["SLP-1"]]


async def test_the_age_of_what_becomes_state_is_counted(tmp_path: Path) -> None:
    async with Loop(tmp_path) as loop:
        loop.clock.now = later(0.25)
        loop.take(slope_message(seq=1), slope_message(seq=2, time=later(0.2)), slope_message(seq=3, time=later(9)))
        await eventually(lambda: loop.pipeline.counters.observations == 3)
        counts = dict(zip([*BOUNDS_S, None], loop.pipeline.ages.counts.tolist(), strict=True))
    assert {bound: count for bound, count in counts.items() if count} == {0.005: 1, 0.05: 1, 0.3: 1}
    assert loop.pipeline.ages.sum_s == pytest.approx(0.3)


async def test_an_error_outside_of_the_engine_ends_the_loop(tmp_path: Path) -> None:
    loop = Loop(tmp_path)
    loop.pipeline._presenter = None  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        async with asyncio.timeout(5):
            await loop.pipeline.run()
    await asyncio.to_thread(loop.journal.close)


async def test_a_warm_start_computes_with_what_was_stored_and_says_what_it_finds(tmp_path: Path) -> None:
    loop = Loop(tmp_path)
    await loop.desk.open(NOW)
    stream = [
        slope_message(seq=minute, time=later(60.0 * minute - 7_200), tilt_x_deg=0.01 * minute)
        for minute in range(0, 120, 10)
    ]
    made = batcher().build(reader().read(arrived(*stream)))
    loop.pipeline.warm_up(made.batch.slope, int(made.batch.slope.envelope.time_ns.max()))
    assert [one.kind for one in loop.desk.situations.values()] == ["slope"]
    await asyncio.to_thread(loop.journal.close)
