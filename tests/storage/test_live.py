"""The live view: what a page has after its frames is what a fresh snapshot says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import SlowClient
from storage.live import Changes, LiveView, Subscription, SubscriptionLimits

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
TABLES = ("devices", "situations", "alerts", "parts")


class Page:
    """A page that follows the protocol to the letter."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.seq = -1
        self.rows: dict[str, dict[str, Any]] = {}
        self.counters: dict[str, float] = {}
        self.critical: list[tuple[str, int]] = []

    async def read(self) -> None:
        frame = json.loads(await self.subscription.next_frame())
        if frame["type"] == "snapshot":
            assert self.seq == -1
            self.rows = {table: {} for table in TABLES}
        else:
            assert frame["type"] == "delta"
            assert frame["seq_from"] == self.seq < frame["seq"]
        self.seq = frame["seq"]
        for table in TABLES:
            for row in frame[table]:
                self.rows[table][row["id"]] = row
                if table == "alerts" and frame["type"] == "delta":
                    self.critical.append((row["id"], row["n"]))
        self.counters |= frame["counters"]


def changes(number: int, **ids: list[str]) -> Changes:
    tables: dict[str, Any] = {table: {one: {"id": one, "n": number} for one in names} for table, names in ids.items()}
    if "counters" in ids:
        tables["counters"] = dict.fromkeys(ids["counters"], float(number))
    return Changes(**tables)


_IDS = st.lists(st.sampled_from("abcd"), unique=True, max_size=3)
_CHANGE = st.fixed_dictionaries(dict.fromkeys((*TABLES, "counters"), _IDS))
_STEPS = st.lists(st.one_of(_CHANGE, st.integers(0, 2), st.just("open")), max_size=40)


@given(_STEPS)
def test_snapshot_and_any_deltas_give_the_fresh_snapshot(steps: list[Any]) -> None:
    async def play() -> None:
        view = LiveView("e", "test")
        pages = [Page(view.subscribe(NOW)) for _ in range(3)]
        opened_at = dict.fromkeys(range(3), 0)
        applied_alerts: list[tuple[str, int]] = []
        for number, step in enumerate(steps, 1):
            if step == "open":
                opened_at[len(pages)] = len(applied_alerts)
                pages.append(Page(view.subscribe(NOW)))
                await pages[-1].read()
            elif isinstance(step, int):
                page = pages[step]
                if page.seq == -1:
                    opened_at[step] = len(applied_alerts)
                if page.seq < view.seq:
                    await page.read()
            else:
                view.apply(changes(number, **step), now=NOW + timedelta(seconds=number))
                applied_alerts += [(one, number) for one in step["alerts"]]
        fresh = Page(view.subscribe(NOW))
        await fresh.read()
        for place, page in enumerate(pages):
            if page.seq == -1:
                opened_at[place] = len(applied_alerts)
            if page.seq < view.seq:
                await page.read()
            if page.seq == -1:
                await page.read()
            assert (page.seq, page.rows, page.counters) == (fresh.seq, fresh.rows, fresh.counters)
            assert page.critical == applied_alerts[opened_at[place] :]

    asyncio.run(play())


async def test_frames_are_those_of_the_protocol() -> None:
    view = LiveView("e1", "exercise")
    view.apply(changes(1, devices=["d"], counters=["c"]), now=NOW)
    subscription = view.subscribe(NOW)
    head = {"epoch": "e1", "now": "2026-07-01T12:00:00Z", "mode": "exercise"}
    rows = {"devices": [{"id": "d", "n": 1}], "situations": [], "alerts": [], "parts": [], "counters": {"c": 1.0}}
    assert json.loads(await subscription.next_frame()) == {"type": "snapshot", "seq": 1, **head, **rows}
    view.apply(changes(2, alerts=["x"]), now=NOW)
    rows |= {"devices": [], "alerts": [{"id": "x", "n": 2}], "counters": {}}
    assert json.loads(await subscription.next_frame()) == {"type": "delta", "seq_from": 1, "seq": 2, **head, **rows}
    heartbeat = {"type": "heartbeat", "epoch": "e1", "seq": 2, "now": head["now"]}
    assert json.loads(view.heartbeat(NOW)) == heartbeat


async def test_clients_in_step_share_one_encoded_frame() -> None:
    view = LiveView("e", "live")
    subscriptions = [view.subscribe(NOW) for _ in range(3)]
    for subscription in subscriptions:
        await subscription.next_frame()
    view.apply(changes(1, devices=["a"]), now=NOW)
    frames = [await subscription.next_frame() for subscription in subscriptions]
    assert frames[0] is frames[1] is frames[2]


async def test_every_change_of_an_alert_arrives_in_order() -> None:
    view = LiveView("e", "live")
    page = Page(view.subscribe(NOW))
    await page.read()
    for number in range(1, 6):
        view.apply(changes(number, alerts=["x"], devices=["d"]), now=NOW)
    frame = json.loads(await page.subscription.next_frame())
    assert [row["n"] for row in frame["alerts"]] == [1, 2, 3, 4, 5]
    assert [row["n"] for row in frame["devices"]] == [5]


@pytest.mark.parametrize(
    "limits", [SubscriptionLimits(max_changes=10), SubscriptionLimits(max_bytes=10 * len('{"id":"x","n":1}'))]
)
async def test_client_behind_its_limits_is_told_while_it_sends(limits: SubscriptionLimits) -> None:
    view = LiveView("e", "live")
    slow, quick = view.subscribe(NOW, limits), view.subscribe(NOW, limits)
    await slow.next_frame()
    await quick.next_frame()

    async def apply_all() -> None:
        for _ in range(11):
            view.apply(changes(1, alerts=["x"]), now=NOW)
            await quick.next_frame()

    with pytest.raises(SlowClient, match="was at 0 of 11"):
        await asyncio.gather(slow.until_too_slow(), apply_all())
    with pytest.raises(SlowClient):
        await slow.next_frame()


async def test_telemetry_alone_never_makes_a_client_too_slow() -> None:
    view = LiveView("e", "live")
    page = Page(view.subscribe(NOW, SubscriptionLimits(max_changes=1, max_bytes=1)))
    await page.read()
    for number in range(1, 1_000):
        view.apply(changes(number, devices=["a", "b"], counters=["c"]), now=NOW)
    await page.read()
    assert page.rows["devices"]["a"]["n"] == 999


async def test_one_large_change_makes_nobody_slow() -> None:
    view = LiveView("e", "live", history=SubscriptionLimits(max_changes=5))
    page = Page(view.subscribe(NOW))
    await page.read()
    view.apply(changes(1, alerts=[str(number) for number in range(50)]), now=NOW)
    await page.read()
    assert len(page.rows["alerts"]) == 50


def test_history_is_bounded() -> None:
    view = LiveView("e", "live", history=SubscriptionLimits(max_changes=50))
    for number in range(1_000):
        view.apply(changes(number, alerts=["x", "y"]), now=NOW)
    assert len(view._history) <= 50
    assert view._history_bytes == sum(len(change.encoded) for change in view._history)


async def test_a_wait_that_is_cancelled_loses_nothing() -> None:
    view = LiveView("e", "live")
    page = Page(view.subscribe(NOW))
    await page.read()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await page.read()
    view.apply(changes(1, alerts=["x"]), now=NOW)
    await page.read()
    assert page.critical == [("x", 1)]


async def test_retired_rows_leave_the_snapshot() -> None:
    view = LiveView("e", "live")
    view.apply(changes(1, situations=["old", "new"]), now=NOW)
    view.retire("situations", ["old", "unheard-of"])
    assert [row["id"] for row in json.loads(view.snapshot(NOW))["situations"]] == ["new"]


def test_row_that_cannot_be_encoded_changes_nothing() -> None:
    view = LiveView("e", "live")
    with pytest.raises(TypeError):
        view.apply(Changes(devices={"a": {"id": "a"}}, alerts={"x": object()}), now=NOW)
    assert view.seq == 0
    assert json.loads(view.snapshot(NOW))["devices"] == []


@pytest.mark.parametrize(
    "act",
    [
        lambda view: view.apply(changes(1, devices=["a"]), now=NOW.replace(tzinfo=None)),
        lambda view: view.snapshot(NOW.replace(tzinfo=None)),
        lambda view: view.subscribe(NOW, SubscriptionLimits(max_changes=10**9)),
    ],
)
async def test_wrong_arguments_are_refused(act: Callable[[LiveView], object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        act(LiveView("e", "live"))


async def test_closed_subscription_is_forgotten() -> None:
    view = LiveView("e", "live")
    subscription = view.subscribe(NOW)
    assert view.subscriber_count == 1
    subscription.close()
    subscription.close()
    assert view.subscriber_count == 0
