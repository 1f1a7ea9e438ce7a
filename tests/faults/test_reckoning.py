"""The reckoning has to be able to fail: it finds what is lost, doubled and invented, of rows as of alerts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults import reckoning
from tests.faults.ledger import Count, Ledger, reconcile, table
from tests.faults.people import Board, Citizen
from tests.faults.reckoning import NOBODY, held_against, is_right, reached, shared_out
from tests.faults.rows import TABLES
from tests.faults.scene import scene
from tests.faults.senders import vds_fields
from tests.gwanje.polling import eventually


def test_it_finds_what_is_lost_doubled_and_invented() -> None:
    ledger = Ledger("slope", sent={("a", 1), ("a", 2), ("a", 3)}, acknowledged={("a", 1), ("a", 2)})
    right = reconcile(ledger, [("a", 1), ("a", 2), ("a", 3)])
    assert right.is_right  # sent and not acknowledged may be stored or not
    assert reconcile(ledger, [("a", 1), ("a", 2)]).is_right
    lost = reconcile(ledger, [("a", 1)])
    assert (lost.missing, lost.is_right) == (1, False)
    doubled = reconcile(ledger, [("a", 1), ("a", 2), ("a", 2), ("a", 2)])
    assert (doubled.doubled, doubled.is_right) == (2, False)
    invented = reconcile(ledger, [("a", 1), ("a", 2), ("b", 1)])
    assert (invented.invented, invented.is_right) == (1, False)
    assert "invented" in table([invented])


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_it_is_right_exactly_when_every_acknowledged_message_is_there_once(
    sent: set[int], acknowledged: set[int], rows: list[int]
) -> None:
    ledger = Ledger("x", {("d", one) for one in sent | acknowledged}, {("d", one) for one in acknowledged})
    expected = len(rows) == len(set(rows)) and acknowledged <= set(rows) <= sent | acknowledged
    assert reconcile(ledger, [("d", one) for one in rows]).is_right == expected


def test_each_lane_of_a_message_is_a_row_and_a_wrong_value_another() -> None:
    body = {"device": "VDS-1", "time": datetime(2026, 7, 1, tzinfo=UTC)} | vds_fields(3)
    first, second = TABLES["vds", "obs"].keys(body)
    assert first[:2] == second[:2] == ("VDS-1", 1_782_864_000_000_000)
    assert (first[2:], second[2:]) == ((1, 4.0), (2, 5.0))
    ledger = Ledger("station", {first, second}, {first, second})
    assert reconcile(ledger, [first, second]).is_right
    found = reconcile(ledger, [first, (*second[:3], 4.0)])
    assert (found.missing, found.invented) == (1, 1)


def test_rows_of_a_device_that_never_spoke_are_invented() -> None:
    ledgers = [Ledger("one", {("a", 1)}, set(), {"a"}), Ledger("two", {("b", 1)}, set(), {"b"})]
    counts = {one.name: one for one in shared_out(ledgers, [("a", 1), ("b", 1), ("c", 1)])}
    assert [counts[name].invented for name in ("one", "two", NOBODY)] == [0, 0, 1]
    assert not is_right(counts.values(), {})


def people(got: Sequence[str], told: Sequence[str]) -> tuple[list[Citizen], Board]:
    citizen, board = Citizen("http://x", "99110", "ko"), Board(0, "VMS")
    citizen.got, board.commands = Counter(got), Counter(told)
    return [citizen], board


@pytest.mark.parametrize(
    ("got", "told", "states", "wrong"),
    [
        (["A"], ["m1"], ["shown"], {}),
        (["A"], ["m1", "m1"], ["shown"], {}),  # the same message again is no second one
        ([], ["m1"], ["shown"], {"lost": 1}),
        (["A"], [], ["shown"], {"lost": 1}),
        (["A", "A"], ["m1"], ["shown"], {"twice": 1}),
        (["A"], ["m1", "m2"], ["shown", "shown"], {"twice": 1}),
        (["A", "B"], ["m1"], ["shown"], {"invented": 1}),
        (["A"], ["m1", "m7"], ["shown"], {"invented": 1}),
        (["A"], ["m1"], ["sent"], {"unsettled": 1}),
    ],
)
def test_alerts_that_are_lost_come_twice_were_never_approved_or_stay_open(
    got: list[str], told: list[str], states: list[str], wrong: dict[str, int]
) -> None:
    postings = {f"m{number}": ("A", state) for number, state in enumerate(states, 1)}
    found = reached({"A": {"99110"}, "elsewhere": {"99120"}}, postings, *people(got, told))
    assert {name: found[name] for name in ("lost", "twice", "invented", "unsettled") if found[name]} == wrong
    assert is_right((), found) == (not wrong)


def test_an_event_without_a_finding_and_a_finding_without_an_event() -> None:
    def finding(device: str, seq: int, rule: str = "traffic.camera_event") -> dict[str, Any]:
        return {"rule": rule, "devices": [device], "observations": [{"device": device, "seq": seq}]}

    ledgers = {
        "events": Ledger("events", {("CAM-0", 1, 0, 1)}, {("CAM-0", 1, 0, 1)}),
        "smokes": Ledger("smokes", {("TWR-0", 1, 0, 4)}, {("TWR-0", 1, 0, 4)}),
        "slope": Ledger("slope", {("SLP-0", 1, 0, 1)}, {("SLP-0", 1, 0, 1)}),
    }
    both = [finding("CAM-0", 1), finding("TWR-0", 4, "fire.bearing")]
    assert held_against(ledgers, both) == (set(), 0)
    assert held_against(ledgers, both[:1]) == ({"TWR-0"}, 0)
    assert held_against(ledgers, [*both, finding("CAM-0", 2)]) == (set(), 1)
    assert held_against(ledgers, [*both, finding("VDS-0", 9, "traffic.congestion")]) == (set(), 0)


@pytest.mark.integration
async def test_it_finds_what_somebody_does_to_the_database(tmp_path: Path) -> None:
    async with scene(tmp_path) as field:
        field.add_devices(10.0)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(one.run()) for one in field.senders]
            await eventually(lambda: all(one.acknowledged for name, one in field.ledgers.items() if name != "QoS 0"))
            for task in running:
                task.cancel()
        assert await reckoning.acknowledged(field) == 0
        assert is_right(await reckoning.rows(field), {})
        async with await psycopg.AsyncConnection.connect(field.store.server.dsn, autocommit=True) as connection:
            for statement in (
                "DELETE FROM gwanje.slope_reading r WHERE (r.device, r.time) = (SELECT device, time FROM"
                " gwanje.slope_reading LIMIT 1)",
                "INSERT INTO gwanje.weather_reading SELECT * FROM gwanje.weather_reading LIMIT 1",
                "UPDATE gwanje.vds_lane r SET volume = 99 WHERE r.lane = 2 AND (r.device, r.time) = (SELECT v.device,"
                " v.time FROM gwanje.vds_lane v JOIN gwanje.device d ON d.key = v.device WHERE d.id = 'VDS-E1up00'"
                " LIMIT 1)",
                "INSERT INTO gwanje.weather_reading SELECT (jsonb_populate_record(w, jsonb_build_object('device',"
                " (SELECT key FROM gwanje.device WHERE id = 'WX-3')))).* FROM gwanje.weather_reading w LIMIT 1",
            ):
                await connection.execute(statement)
        counts = {one.name: one for one in await reckoning.rows(field, 0.0)}
        assert wrong(counts["slope"]) == (1, 0, 0)
        assert wrong(counts["station"]) == (1, 0, 1)
        assert wrong(counts["weather"]) == (0, 1, 0)
        assert wrong(counts[NOBODY]) == (0, 0, 1)
        assert wrong(counts["gateway"]) == (0, 0, 0)


def wrong(count: Count) -> tuple[int, int, int]:
    return count.missing, count.doubled, count.invented
