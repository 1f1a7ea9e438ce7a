"""The desk: what people do is saved before it counts, once; what the engine says meanwhile is not lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from alerts.desk import Desk, UnknownAlertError
from alerts.desk_store import StoreConflictError, StoreUnavailableError
from alerts.lifecycle import NotAllowedError, OutdatedError
from alerts.model import Alert
from engine.findings import Finding, HazardLevel
from sensors.columns import to_ns
from tests.alerts.fakes import CORRELATOR, Failure, FakeStore, Seen, desk_on
from tests.alerts.making import NOW, camera_event, fire, later, slope
from tests.gwanje.polling import eventually

FIRE = fire("f", 8_000, 2_000)
WORSE = msgspec.structs.replace(FIRE, level=HazardLevel.ALERT, updated_ns=to_ns(later(5)))
OVER = msgspec.structs.replace(FIRE, active=False, updated_ns=to_ns(later(6)))
NAME = "alert-f-1"


async def with_draft(store: FakeStore, seen: Seen | None = None) -> Desk:
    desk = desk_on(store, seen=seen)
    await desk.open(NOW)
    desk.hear([FIRE], NOW)
    await desk.flush()
    return desk


async def test_a_finding_becomes_a_situation_and_a_draft_that_are_published_and_saved() -> None:
    store, seen = FakeStore(), Seen()
    desk = await with_draft(store, seen)
    assert desk.alerts[NAME].state == "draft"
    assert store.alerts == desk.alerts
    assert store.situations == desk.situations
    assert store.findings == [FIRE]
    assert [one.id for one in seen.situations] == ["situation-f"]
    assert [one.id for one in seen.alerts] == [NAME]
    assert store.postings == []


async def test_an_approval_is_saved_with_its_postings_and_its_deed_at_once() -> None:
    store, seen = FakeStore(), Seen()
    desk = await with_draft(store, seen)
    approved = await desk.approve(NAME, " Lee ", 1, later(1))
    assert (approved.state, approved.approved_by, approved.version) == ("approved", "Lee", 2)
    assert store.alerts[NAME] == approved == desk.alerts[NAME] == seen.alerts[-1]
    assert {(one.channel, one.target) for one in store.postings} == {
        ("subscribers", "99110"),
        ("sign", "VMS-up4"),
    }
    assert {one.version for one in store.postings} == {2}
    (deed,) = store.deeds
    assert (deed.who, deed.action, deed.before.state, deed.after.state) == ("Lee", "approve", "draft", "approved")
    assert desk.situations["situation-f"].timeline[-1].who == "Lee"
    assert "승인" in store.situations["situation-f"].timeline[-1].what.ko


async def test_nothing_is_posted_without_an_approval_by_another() -> None:
    store = FakeStore()
    desk = await with_draft(store)
    with pytest.raises(NotAllowedError):
        await desk.approve(NAME, "System", 1, NOW)
    with pytest.raises(OutdatedError):
        await desk.approve(NAME, "Lee", 2, NOW)
    with pytest.raises(UnknownAlertError):
        await desk.approve("alert-9", "Lee", 1, NOW)
    await desk.reject(NAME, "Lee", 1, "wrong", NOW)
    with pytest.raises(OutdatedError):
        await desk.approve(NAME, "Lee", 2, NOW)
    assert store.postings == []
    assert desk.alerts[NAME].reason == "Lee: wrong"


async def test_two_who_approve_at_once_post_once() -> None:
    store = FakeStore()
    desk = await with_draft(store)
    store.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(_outcome(desk, name)) for name in ("Lee", "Kim")]
        await asyncio.sleep(0)
        store.gate.set()
    assert sorted(task.result() for task in both) == ["OutdatedError", "approved"]
    assert len(store.postings) == 2


async def _outcome(desk: Desk, operator: str) -> str:
    try:
        return (await desk.approve(NAME, operator, 1, later(1))).state
    except (OutdatedError, StoreUnavailableError) as exc:
        return type(exc).__name__


@pytest.mark.parametrize("meanwhile", [WORSE, OVER])
async def test_what_the_engine_says_while_an_approval_is_saved_comes_after_it(meanwhile: Finding) -> None:
    store, seen = FakeStore(), Seen()
    desk = await with_draft(store, seen)
    store.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        approval = tasks.create_task(desk.approve(NAME, "Lee", 1, later(7)))
        await asyncio.sleep(0)
        desk.hear([meanwhile], later(6))
        assert desk.alerts[NAME].version == 1
        store.gate.set()
    assert approval.result().level is HazardLevel.CAUTION
    assert desk.alerts[NAME] == approval.result()
    lines = [entry.what.en for entry in desk.situations["situation-f"].timeline]
    if meanwhile is WORSE:
        assert desk.alerts["alert-f-2"].state == "draft"
        assert desk.alerts["alert-f-2"].level is HazardLevel.ALERT
        assert lines[-2:] == ["Hazard level ALERT", lines[-1]]
    else:
        assert set(desk.alerts) == {NAME}
        assert lines[-2] == "All evidence is gone"
    assert lines[-1].startswith("Alert approved")
    versions = [one.version for one in seen.alerts if one.id == NAME]
    assert versions == sorted(set(versions))
    await desk.flush()
    assert store.alerts == desk.alerts
    assert store.situations == desk.situations


@pytest.mark.parametrize("failure", ["refuses", "loses the answer"])
async def test_an_approval_without_an_answer_counts_exactly_if_the_store_has_it(failure: Failure) -> None:
    store, seen = FakeStore(), Seen()
    desk = await with_draft(store, seen)
    store.failures = [failure]
    with pytest.raises(StoreUnavailableError):
        await desk.approve(NAME, "Lee", 1, later(1))
    assert desk.alerts[NAME].state == "draft"
    # Until it is known, the engine changes nothing, and nothing overwrites what may be there.
    desk.hear([WORSE], later(5))
    assert desk.alerts[NAME].version == 1
    store.away = True
    with pytest.raises(StoreUnavailableError):
        await desk.approve(NAME, "Kim", 1, later(6))
    with pytest.raises(StoreUnavailableError):
        await desk.flush()
    store.away = False
    await desk.flush()
    if failure == "loses the answer":
        assert desk.alerts[NAME].approved_by == "Lee"
        assert seen.alerts[-2].state == "approved"
        assert desk.alerts["alert-f-2"].level is HazardLevel.ALERT
        with pytest.raises(OutdatedError):
            await desk.approve(NAME, "Kim", 1, later(7))
        assert desk.situations["situation-f"].timeline[-1].who == "Lee"
    else:
        assert desk.alerts[NAME].state == "draft"
        assert desk.alerts[NAME].version == 2
        await desk.approve(NAME, "Kim", 2, later(7))
    assert len(store.postings) == len(set(store.postings)) == 2
    assert store.alerts[NAME] == desk.alerts[NAME]


async def test_a_cancelled_approval_is_in_doubt_too() -> None:
    store = FakeStore()
    desk = await with_draft(store)
    store.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        approval = tasks.create_task(desk.approve(NAME, "Lee", 1, later(1)))
        await asyncio.sleep(0)
        approval.cancel()
    desk.hear([OVER], later(6))
    assert desk.alerts[NAME].state == "draft"
    store.gate.set()
    await desk.flush()
    assert desk.alerts[NAME].state == "withdrawn"


async def test_an_alert_that_changed_in_the_store_is_not_approved() -> None:
    store = FakeStore()
    desk = await with_draft(store)
    store.failures = ["conflicts"]
    with pytest.raises(OutdatedError, match="expected the version that is stored"):
        await desk.approve(NAME, "Lee", 1, later(1))
    theirs = msgspec.structs.replace(store.alerts[NAME], version=9, state="rejected")
    store.alerts[NAME] = theirs
    await desk.flush()
    assert desk.alerts[NAME] == theirs


async def test_a_failed_flush_keeps_everything_and_a_cancelled_one_too() -> None:
    store = FakeStore()
    desk = desk_on(store)
    await desk.open(NOW)
    desk.hear([FIRE], NOW)
    store.failures = ["refuses"]
    with pytest.raises(StoreUnavailableError):
        await desk.flush()
    store.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        flushing = tasks.create_task(desk.flush())
        await asyncio.sleep(0)
        desk.hear([WORSE], later(5))
        flushing.cancel()
    store.gate.set()
    await desk.flush()
    assert store.findings == [FIRE, WORSE]
    assert store.alerts == desk.alerts
    assert store.alerts[NAME].level is HazardLevel.ALERT


async def test_findings_that_cannot_be_saved_are_bounded_and_counted() -> None:
    store = FakeStore()
    desk = desk_on(store, max_unsaved_findings=10)
    await desk.open(NOW)
    store.away = True
    for second in range(25):
        desk.hear([slope("s", "SLP-2", at_s=second)], later(second))
    assert desk.unsaved_findings_dropped == 15
    store.away = False
    await desk.flush()
    assert [one.updated_ns for one in store.findings] == [to_ns(later(second)) for second in range(15, 25)]


async def test_run_goes_on_while_the_store_is_away_and_says_so() -> None:
    store = FakeStore()
    desk = desk_on(store)
    await desk.open(NOW)
    store.away = True
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(desk.run(retry_s=0.001))
        desk.hear([FIRE], NOW)
        assert await eventually(lambda: desk.store_fault) == "away"
        store.away = False
        await eventually(lambda: store.findings)
        assert desk.store_fault is None
        running.cancel()


async def test_run_ends_when_somebody_else_writes() -> None:
    store = FakeStore()
    desk = await with_draft(store)
    store.alerts[NAME] = msgspec.structs.replace(store.alerts[NAME], version=9)
    desk.hear([WORSE], later(5))
    with pytest.raises(StoreConflictError):
        await desk.run()


async def test_after_a_restart_what_nobody_says_again_is_closed_and_its_draft_withdrawn() -> None:
    store = FakeStore()
    before = await with_draft(store)
    before.hear([camera_event("c", "CAM-4")], NOW)
    await before.flush()
    desk = desk_on(store)
    await desk.open(later(60))
    assert desk.alerts == before.alerts
    grace = timedelta(seconds=CORRELATOR.numbers["orphan_grace_s"].value)
    again = camera_event("c", "CAM-4", at_s=90)
    desk.hear([again], later(90))
    desk.hear([], later(60) + grace - timedelta(seconds=1))
    assert desk.situations["situation-f"].active
    desk.hear([], later(60) + grace)
    assert not desk.situations["situation-f"].active
    assert desk.alerts[NAME].state == "withdrawn"
    assert desk.situations["situation-c"].active
    closed = desk.situations["situation-f"]
    desk.hear([], later(90) + grace)
    assert desk.situations["situation-f"] is closed


async def test_an_exercise_cannot_be_approved_in_earnest() -> None:
    store = FakeStore()
    await with_draft(store)
    desk = desk_on(store, mode="live")
    await desk.open(later(10))
    assert desk.alerts[NAME].state == "withdrawn"
    fresh = desk.alerts["alert-f-2"]
    assert (fresh.mode, fresh.state) == ("live", "draft")
    assert not fresh.text.ko.startswith("[훈련]")
    with pytest.raises(NotAllowedError, match="expected one of mode live, was of mode exercise"):
        await desk.approve(NAME, "Lee", 2, later(11))
    await desk.flush()
    assert store.alerts == desk.alerts


async def test_what_ended_long_ago_is_let_go_but_not_what_waits_to_be_sent() -> None:
    store, seen = FakeStore(), Seen()
    desk = await with_draft(store, seen)
    await desk.approve(NAME, "Lee", 1, later(1))
    camera = camera_event("c", "CAM-4")
    desk.hear([camera, OVER], later(6))
    desk.hear([msgspec.structs.replace(camera, active=False, updated_ns=to_ns(later(7)))], later(7))
    day = CORRELATOR.numbers["keep_ended_s"].value
    desk.hear([slope("s", "SLP-2", at_s=day + 100)], later(day + 100))
    assert set(desk.situations) == {"situation-f", "situation-s"}
    assert seen.retired == {"situation-c", "alert-c-1"}
    for one in desk.alerts[NAME].deliveries:
        desk.deliver(NAME, one.channel, one.target, "sent", later(day + 101))
    desk.hear([slope("s", "SLP-2", at_s=day + 160)], later(day + 160))
    assert set(desk.situations) == {"situation-s"}


async def test_a_flood_of_ended_situations_is_bounded() -> None:
    store = FakeStore()
    desk = desk_on(store)
    await desk.open(NOW)
    most = int(CORRELATOR.numbers["keep_ended_max"].value)
    for number in range(most + 20):
        found = camera_event(f"c{number}", "CAM-11", at_s=number)
        desk.hear([found], later(number))
        desk.hear([msgspec.structs.replace(found, active=False)], later(number))
    assert len(desk.situations) == most
    assert "situation-c0" not in desk.situations
    assert len(desk.alerts) == most


async def test_deliveries_of_unknown_alerts_are_left_alone_and_known_ones_published() -> None:
    store, seen = FakeStore(), Seen()
    desk = await with_draft(store, seen)
    await desk.approve(NAME, "Lee", 1, later(1))
    count = len(seen.alerts)
    desk.deliver("alert-9", "sign", "VMS-up4", "sent", later(2))
    assert len(seen.alerts) == count
    desk.deliver(NAME, "sign", "VMS-up4", "shown", later(3))
    desk.deliver(NAME, "sign", "VMS-up4", "sent", later(4))
    state = {one.target: one.state for one in _last(seen).deliveries}
    assert state == {"99110": "waiting", "VMS-up4": "shown"}


def _last(seen: Seen) -> Alert:
    return seen.alerts[-1]
