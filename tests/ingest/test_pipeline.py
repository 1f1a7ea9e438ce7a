"""The loop over fakes: computed, said, stored and only then acknowledged."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from alerts.gazetteer import WGS84, Gazetteer
from engine.findings import Finding, Rule
from ingest.batching import Batcher
from ingest.mqtt.session import Incoming, OversizePublish
from ingest.pipeline import Pipeline
from ingest.present import Presenter
from ingest.region import engine_region
from ingest.thresholds import load_thresholds
from ingest.timekeeping import WallTicks
from sensors.observations import SignAck
from storage.live import LiveView
from storage.writer_batches import Priority, WriteBatch
from tests.alerts.fakes import FakeStore, desk_on
from tests.alerts.making import NOW, WESTERN, azimuth_to, later
from tests.gwanje.polling import eventually
from tests.ingest.making import PLAUSIBILITY, REGION, REGISTRY, Clock, intake, message, slope_message, tower, vds
from tests.simulators.region import spot

TABLES = engine_region(REGION, Gazetteer(REGION))
THRESHOLDS = load_thresholds()
FIRE = spot(8_000, 1_500)
TOWERS = {one.id: one for one in REGION.tower}


class Loop:
    """A pipeline whose store is a list; ``commit`` plays the database."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.intake = intake(self.clock)
        self.keeper = WallTicks(self.intake, self.clock, 0.01, gather_s=0.0)
        self.live = LiveView("epoch", "exercise")
        self.desk = desk_on(FakeStore())
        self.batches: list[WriteBatch] = []
        self.store_is_open = asyncio.Event()
        self.store_is_open.set()
        self.acknowledged: list[tuple[int, int]] = []
        self.answers: list[SignAck] = []
        self.behind: list[bool] = []
        self.findings: list[Finding] = []
        self.pipeline = Pipeline(
            timekeeper=self.keeper,
            batcher=Batcher(REGISTRY, np.arange(len(REGISTRY), dtype=np.int32), PLAUSIBILITY),
            presenter=Presenter(REGISTRY),
            region=TABLES,
            thresholds=THRESHOLDS,
            desk=self.desk,
            live=self.live,
            put=self.put,
            acknowledge=self.acknowledge,
            on_sign_ack=lambda answer, _received: self.answers.append(answer),
            let_read=self.behind.append,
            monotonic=time.monotonic,
            on_findings=self.findings.extend,
            **options,
        )

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

    def take(self, *messages: Incoming) -> None:
        self.intake.take_hazards(messages)
        self.keeper.arrived(hazard=True)

    async def __aenter__(self) -> Loop:
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._running = self._tasks.create_task(self.pipeline.run())
        return self

    async def __aexit__(self, *problem: Any) -> None:
        self._running.cancel()
        await self._tasks.__aexit__(*problem)


def bearing(name: str, seq: int) -> Incoming:
    azimuth_deg = azimuth_to(TOWERS[name].position, FIRE)
    return tower(name, seq=seq, azimuth_deg=azimuth_deg, confidence=0.95, detection=f"{name}-smoke")


async def test_a_message_is_acknowledged_only_when_it_is_committed() -> None:
    async with Loop() as loop:
        loop.take(slope_message(seq=7))
        await eventually(lambda: loop.batches)
        assert loop.acknowledged == []
        loop.commit()
        assert loop.acknowledged == [(0, 7)]
    assert loop.batches[0].priority is Priority.HAZARD


async def test_what_needs_no_answer_is_telemetry_and_may_give_way_unless_it_is_a_slope() -> None:
    async with Loop() as loop:
        loop.intake.take_telemetry([vds(seq=1)])
        await eventually(lambda: loop.batches)
        assert [batch.priority for batch in loop.batches] == [Priority.TELEMETRY]
        loop.intake.take_telemetry([vds(seq=2, qos=1)])
        await eventually(lambda: len(loop.batches) > 1)
        assert loop.batches[1].priority is Priority.HAZARD
        loop.commit()
    assert loop.acknowledged == [(1, 2)]


async def test_letters_and_duplicates_are_acknowledged_with_their_tick() -> None:
    async with Loop() as loop:
        loop.take(slope_message(seq=7), slope_message(seq=7), message("gwanje/v2/x", b"?", qos=1, packet_id=9))
        await eventually(lambda: loop.batches)
        loop.commit()
    assert loop.acknowledged == [(0, 7), (0, 7), (0, 9)]
    assert len(loop.batches[0].dead_letters) == 1
    assert len(loop.batches[0].series[0]) == 1


async def test_two_bearings_become_a_situation_a_draft_and_a_frame() -> None:
    async with Loop() as loop:
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


async def test_answers_of_signs_are_passed_on_once() -> None:
    answer = {"device": "VMS-up0", "time": NOW, "seq": 3, "message": "m1", "shown": True, "multi": "x"}
    incoming = message(f"gwanje/v1/{WESTERN}/sign/VMS-up0/ack", answer, qos=1, packet_id=1)
    async with Loop() as loop:
        loop.take(incoming, incoming)
        await eventually(lambda: loop.answers)
        loop.take(incoming)
        await eventually(lambda: loop.pipeline.counters.ticks > 3)
    assert [one.message for one in loop.answers] == ["m1"]


async def test_the_engine_goes_on_while_the_store_is_away_and_everything_is_stored_after() -> None:
    async with Loop() as loop:
        loop.store_is_open.clear()
        for second in range(5):
            loop.clock.now = later(30.0 * second)
            loop.take(slope_message(seq=second + 1, time=loop.clock.now))
            await eventually(lambda count=second: loop.pipeline.counters.observations > count)  # type: ignore[misc]
        assert loop.batches == []
        assert loop.pipeline.unstored >= 4
        loop.store_is_open.set()
        await eventually(lambda: len(loop.batches) == 5)
        loop.commit()
    assert [packet for _, packet in loop.acknowledged] == [1, 2, 3, 4, 5]
    assert loop.pipeline.unstored == 0


async def test_a_store_too_far_behind_lets_telemetry_go_and_holds_the_sessions_back() -> None:
    async with Loop(max_unstored=5) as loop:
        loop.store_is_open.clear()
        loop.take(slope_message(seq=1))
        await eventually(lambda: loop.pipeline.counters.observations == 1)
        for number in range(2, 10):
            loop.intake.take_telemetry([vds(seq=number)])
            await eventually(lambda count=number: loop.pipeline.counters.observations == count)  # type: ignore[misc]
        assert loop.pipeline.counters.ticks_not_stored == 3
        assert loop.pipeline.unstored == 5
        for number in range(11, 17):
            loop.take(slope_message(seq=number))
            await eventually(lambda count=number: loop.pipeline.counters.observations == count - 1)  # type: ignore[misc]
        assert loop.pipeline.counters.ticks_not_stored == 8
        assert loop.behind[-1]
        loop.store_is_open.set()
        await eventually(lambda: loop.pipeline.unstored == 0)
        await eventually(lambda: not loop.behind[-1])
        loop.commit()
    assert [packet for _, packet in loop.acknowledged] == [1, 11, 12, 13, 14, 15, 16]


async def test_what_is_computed_is_handed_over_at_the_end() -> None:
    async with Loop() as loop:
        loop.store_is_open.clear()
        loop.take(slope_message(seq=1))
        await eventually(lambda: loop.pipeline.counters.observations == 1)
        loop.take(slope_message(seq=2, time=later(1)))
        await eventually(lambda: loop.pipeline.counters.observations == 2)
    loop.store_is_open.set()
    await loop.pipeline.drain()
    loop.commit()
    assert [packet for _, packet in loop.acknowledged] == [1, 2]


async def test_an_error_in_a_step_ends_the_loop() -> None:
    loop = Loop()
    loop.pipeline._presenter = None  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        async with asyncio.timeout(5):
            await loop.pipeline.run()


async def test_a_warm_start_computes_with_what_was_stored_and_says_what_it_finds() -> None:
    loop = Loop()
    await loop.desk.open(NOW)
    taking = intake()
    for minute in range(0, 120, 10):
        taking.take_hazards([slope_message(seq=minute, time=later(60.0 * minute - 7_200), tilt_x_deg=0.01 * minute)])
    made = loop.pipeline._batcher.build(taking.hazard.take())
    loop.pipeline.warm_up(made.batch.slope, int(made.batch.slope.envelope.time_ns.max()))
    assert [one.kind for one in loop.desk.situations.values()] == ["slope"]
