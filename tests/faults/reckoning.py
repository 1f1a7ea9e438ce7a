"""The reckoning: what was sent against every row, what events ask for, and whom alerts have reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from tests.faults.ledger import Count, Key, Ledger, reconcile
from tests.faults.people import Board, Citizen
from tests.faults.rows import TABLES
from tests.faults.scene import SIGN, Scene

_QUIET_WITHIN_S = 120.0
_SETTLED_WITHIN_S = 150.0
_LOOK_S = 0.5
_EVENTS = ("events", "smokes")
_RULES_OF_EVENTS = ("traffic.camera_event", "fire.")
NOBODY = "nobody"
"""Class of the rows of devices that never said anything: there may be none."""


async def acknowledged(scene: Scene, within_s: float = _QUIET_WITHIN_S) -> int:
    """Wait until everything that was sent is acknowledged; return how many messages were not, in time."""
    waiting = [asyncio.ensure_future(sender.all_acknowledged()) for sender in scene.senders]
    if waiting:
        _, late = await asyncio.wait(waiting, timeout=within_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    return sum(sender.under_way for sender in scene.senders)


async def rows(
    scene: Scene, within_s: float = _QUIET_WITHIN_S, *, least: Mapping[str, set[Key]] | None = None
) -> list[Count]:
    """Wait until everything acknowledged is stored, and count.

    Parameters
    ----------
    within_s
        How long what is missing may still come. [s]
    least
        What has to be there, by class; all that is acknowledged when None. For a reckoning while devices go on.
    """
    end_s = time.monotonic() + within_s
    while True:
        try:
            counts = await _counts(scene, least)
        except psycopg.OperationalError:  # the database is coming up
            counts = None
        if counts is not None and (not any(one.missing for one in counts) or time.monotonic() > end_s):
            return counts
        assert time.monotonic() < end_s + _QUIET_WITHIN_S, "the database: expected to answer, did not"
        await asyncio.sleep(_LOOK_S)


async def _counts(scene: Scene, least: Mapping[str, set[Key]] | None) -> list[Count]:
    async with await psycopg.AsyncConnection.connect(scene.store.server.dsn) as connection:
        stored = [row for one in TABLES.values() for row in await one.stored(connection)]
    # Copied after the rows were read: what was sent meanwhile may be missing, but none of the rows is invented.
    ledgers = [
        Ledger(name, set(one.sent), one.acknowledged if least is None else least.get(name, set()), one.devices)
        for name, one in scene.ledgers.items()
    ]
    return shared_out(ledgers, stored)


def shared_out(ledgers: Iterable[Ledger], stored: Iterable[Key]) -> list[Count]:
    """Hold the rows of all tables against the ledgers of their devices; those of other devices are invented."""
    ledgers = [*ledgers, Ledger(NOBODY)]
    of_device = {device: ledger.name for ledger in ledgers for device in ledger.devices}
    by_class: dict[str, list[Key]] = {ledger.name: [] for ledger in ledgers}
    for row in stored:
        by_class[of_device.get(str(row[0]), NOBODY)].append(row)
    return [reconcile(ledger, by_class[ledger.name]) for ledger in ledgers]


async def alerts(scene: Scene, within_s: float = _SETTLED_WITHIN_S) -> dict[str, int]:
    """Wait until every approved alert has reached everybody, and count.

    Returns
    -------
    dict
        `reached`, with ``lost``: also those that an operator was told were approved and that are not; ``invented``:
        also findings that rest on what nobody sent; ``unfound``: devices whose acknowledged events led to no finding;
        ``readers_not_recovered``: how often a citizen had to begin anew.
    """
    end_s = time.monotonic() + within_s
    while True:
        async with await psycopg.AsyncConnection.connect(scene.store.server.dsn) as connection:
            cursor = await connection.execute("SELECT id, body->'districts' FROM gwanje.alert WHERE state = 'approved'")
            approved = {row[0]: set(row[1]) for row in await cursor.fetchall()}
            cursor = await connection.execute(
                "SELECT id, alert, state FROM gwanje.outbox WHERE channel = 'sign' AND target = %s", [SIGN]
            )
            postings = {f"m{number}": (alert, state) for number, alert, state in await cursor.fetchall()}
            cursor = await connection.execute("SELECT count(*) FROM gwanje.outbox WHERE state = 'waiting'")
            waiting = await cursor.fetchone()
            cursor = await connection.execute("SELECT body FROM gwanje.finding")
            findings = [row[0] for row in await cursor.fetchall()]
        found = reached(approved, postings, scene.citizens, scene.board)
        found["unsettled"] += 0 if waiting is None else int(waiting[0])
        found["lost"] += len(scene.operator.approved - approved.keys())
        asked, baseless = held_against(scene.ledgers, findings)
        found["unfound"] = len(asked)
        found["invented"] += baseless
        if not (found["lost"] or found["unsettled"] or found["unfound"]) or time.monotonic() > end_s:
            found["readers_not_recovered"] = sum(one.unrecovered for one in scene.citizens)
            return found
        await asyncio.sleep(_LOOK_S)


def reached(
    approved: Mapping[str, set[str]],
    postings: Mapping[str, tuple[str, str]],
    citizens: Iterable[Citizen],
    board: Board,
) -> dict[str, int]:
    """Hold approved alerts against what citizens have read and a sign was told.

    Parameters
    ----------
    approved
        Districts by alert.
    postings
        Alert and state by message, of those for the sign.

    Returns
    -------
    dict
        ``lost``: pairs of alert and citizen that did not meet, and messages that the sign was never told; ``twice``:
        alerts that a citizen got again, and second messages of an alert to the sign; ``invented``: what nobody had
        approved; ``unsettled``: messages that the sign is not known to show; beside them how many were ``approved``,
        ``read``, and ``told`` to the sign.
    """
    citizens = [*citizens]
    missed = sum(
        one.district in districts and alert not in one.got for one in citizens for alert, districts in approved.items()
    )
    commanded = board.commands.keys()
    return {
        "approved": len(approved),
        "read": sum(len(one.got) for one in citizens),
        "told": len(commanded),
        "lost": missed + len(postings.keys() - commanded),
        "twice": sum(count - 1 for one in citizens for count in one.got.values())
        + len(postings)
        - len({alert for alert, _ in postings.values()}),
        "invented": sum(len(one.got.keys() - approved.keys()) for one in citizens) + len(commanded - postings.keys()),
        "unsettled": sum(state not in {"shown", "refused", "failed"} for _, state in postings.values()),
    }


def held_against(ledgers: Mapping[str, Ledger], findings: Iterable[Mapping[str, Any]]) -> tuple[set[str], int]:
    """Hold acknowledged events of cameras and towers against findings.

    Each event here is sure enough to lead to one by itself; which bearings the engine takes for one fire is its affair.

    Returns
    -------
    unfound : set of str
        Devices of which events were acknowledged and that no finding names.
    baseless : int
        Findings that rest on an event that was never sent.
    """
    events = [ledger for name, ledger in ledgers.items() if name in _EVENTS]
    sent = {(key[0], key[3]) for ledger in events for key in ledger.sent}
    of_events = [one for one in findings if str(one["rule"]).startswith(_RULES_OF_EVENTS)]
    named = {device for one in of_events for device in one["devices"]}
    rest_on = [{(seen["device"], seen["seq"]) for seen in one["observations"]} for one in of_events]
    unfound = {str(key[0]) for ledger in events for key in ledger.acknowledged} - named
    return unfound, sum(not observations <= sent for observations in rest_on)


def is_right(counts: Iterable[Count], told: Mapping[str, Any]) -> bool:
    """Tell whether nothing is lost, doubled, invented or left open."""
    wrong = ("lost", "twice", "invented", "unsettled", "unfound", "unacknowledged")
    return all(one.is_right for one in counts) and not any(told.get(name, 0) for name in wrong)
