"""Queues: neighbouring jammed stations of one road and direction, followed under one name while they grow and move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.findings import Finding, HazardLevel, Observation, ReceiptLine, Rule
from engine.region import StationTable
from engine.thresholds import Sourced, TrafficThresholds
from engine.traffic.fronts.receipt import Tails
from engine.traffic.stations import CongestionLevel, StationState
from sensors.columns import Ints

_NS = 1_000_000_000
_MS = 1_000_000
_FALL_BACK = 0.8
"""A queue's level falls when its length is under this share of the length that raised it; own construction."""


@dataclass(frozen=True)
class Queue:
    """One queue that is being followed."""

    id: str
    rows: tuple[int, ...]
    """Its stations from tail to head (upstream to downstream)."""
    onset_ns: int
    jammed_ns: int
    """Engine time at which it was last seen jammed."""
    finding: Finding


def queue_runs(
    jammed: NDArray[np.bool_], known: NDArray[np.bool_], stations: StationTable, bridge_gap_m: float
) -> list[Ints]:
    """Group jammed stations into queues.

    Parameters
    ----------
    jammed : ndarray, shape (n_station,), bool
        Stations that belong to a queue.
    known : ndarray, shape (n_station,), bool
        Stations that part two queues if they are not jammed.
    stations : StationTable
    bridge_gap_m : float
        Two jammed stations farther apart are two queues. [m]

    Returns
    -------
    list of ndarray, int64
        Rows of each queue from tail to head.

    Source
    ------
    Own construction.
    """
    order = np.lexsort((stations.chainage_m, stations.corridor))
    free_so_far = np.cumsum(known[order] & ~jammed[order])
    place = np.flatnonzero(jammed[order])
    if len(place) == 0:
        return []
    rows = order[place]
    parted = (
        (np.diff(stations.corridor[rows]) != 0)
        | (np.diff(free_so_far[place]) != 0)
        | (np.diff(stations.chainage_m[rows]) > bridge_gap_m)
    )
    return [np.asarray(run, dtype=np.int64) for run in np.split(rows, np.flatnonzero(parted) + 1)]


def follow_queues(
    queues: tuple[Queue, ...],
    state: StationState,
    known: NDArray[np.bool_],
    now_ns: int,
    stations: StationTable,
    thresholds: TrafficThresholds,
    report_every_s: Sourced,
    tails: Tails | None = None,
) -> tuple[tuple[Queue, ...], list[Finding]]:
    """Carry the queues forward to now.

    Parameters
    ----------
    queues : tuple of Queue
        As of the last step.
    state : StationState
    known : ndarray, shape (n_station,), bool
        False where the station's word is too old to count. It then opens no queue, but one that it was in keeps it as
        long as its last word was that it is jammed: a queue does not end because its stations fell silent.
    now_ns : int
        Engine time. [ns since 1970 UTC]
    stations : StationTable
    thresholds : TrafficThresholds
    report_every_s : Sourced
    tails : Tails, optional
        Where the queues end between the stations and how they grow, for the receipt.

    Returns
    -------
    queues : tuple of Queue
    findings : list of Finding
        Those that opened, changed or closed, and those whose turn it is to be repeated.

    Source
    ------
    Own construction. Only a smooth station parts two queues, for between waves of stop-and-go traffic it is slow: on
    one day of I-24 field data 12 queues are left of 34. A queue keeps the name of the one that it shares most stations
    with; of the parts of one that broke up, the largest share keeps it. One whose stations went over to another ends
    at once, any other after ``close_after_s`` without a jammed station.
    """
    owner = np.full(len(known), -1, dtype=np.int64)
    for number, queue in enumerate(queues):
        owner[list(queue.rows)] = number
    last_word = state.level == CongestionLevel.JAMMED
    since_ns = np.where(last_word, state.level_since_ns, now_ns)
    persistent = now_ns - since_ns >= int(thresholds.open_after_s.value * _NS)
    jammed = last_word & ((owner >= 0) | (known & persistent))
    # In stop-and-go traffic the stations between two waves are slow, or jammed too short to open a queue: no end of it.
    flowing = known & (state.level == CongestionLevel.SMOOTH)
    runs = queue_runs(jammed, flowing, stations, thresholds.bridge_gap_m.value)

    followed: list[Queue] = []
    findings: list[Finding] = []
    heirs = _heirs(runs, owner, queues)
    for place, run in enumerate(runs):
        before = heirs.get(place)
        queue, said = _carry(before, run, state, known, now_ns, stations, thresholds, report_every_s, tails)
        followed.append(queue)
        findings += said
    taken = {row for queue in followed for row in queue.rows}
    close_after_ns = int(thresholds.close_after_s.value * _NS)
    inherited = {queue.id for queue in heirs.values()}
    for queue in queues:
        if queue.id in inherited:
            continue
        if now_ns - queue.jammed_ns < close_after_ns and taken.isdisjoint(queue.rows):
            followed.append(queue)
        else:
            findings.append(_closed(queue.finding, now_ns))
    return tuple(sorted(followed, key=lambda queue: queue.id)), sorted(findings, key=lambda finding: finding.id)


def _heirs(runs: Sequence[Ints], owner: Ints, queues: tuple[Queue, ...]) -> dict[int, Queue]:
    """Give each run the queue that it goes on as, by its place: largest share first, then the older queue."""
    shares = [
        (-int(count), queues[number].onset_ns, queues[number].id, place, number)
        for place, run in enumerate(runs)
        for number, count in zip(*np.unique(owner[run], return_counts=True), strict=True)
        if number >= 0
    ]
    heirs: dict[int, Queue] = {}
    given: set[int] = set()
    for *_, place, number in sorted(shares):
        if place not in heirs and number not in given:
            heirs[place] = queues[number]
            given.add(number)
    return heirs


def _carry(
    before: Queue | None,
    run: Ints,
    state: StationState,
    known: NDArray[np.bool_],
    now_ns: int,
    stations: StationTable,
    thresholds: TrafficThresholds,
    report_every_s: Sourced,
    tails: Tails | None,
) -> tuple[Queue, list[Finding]]:
    head = int(run[-1])
    onset_ns = int(state.level_since_ns[run].min()) if before is None else before.onset_ns
    # Named by when it was first seen as a queue of its own: a part that breaks off may have begun to jam with the rest.
    name = f"queue-{stations.ids[head]}-{now_ns // _MS}" if before is None else before.id
    finding = _finding(name, before, run, onset_ns, state, known, now_ns, stations, thresholds, tails)
    old = before.finding if before is not None else None
    due = old is None or now_ns - old.updated_ns >= report_every_s.value * _NS
    changed = old is None or (old.level, old.devices) != (finding.level, finding.devices)
    said = due or changed
    rows = tuple(int(row) for row in run)
    return Queue(name, rows, onset_ns, now_ns, finding if said or old is None else old), [finding] if said else []


def _finding(
    name: str,
    before: Queue | None,
    run: Ints,
    onset_ns: int,
    state: StationState,
    known: NDArray[np.bool_],
    now_ns: int,
    stations: StationTable,
    thresholds: TrafficThresholds,
    tails: Tails | None,
) -> Finding:
    head, tail = int(run[-1]), int(run[0])
    length_m = float(stations.chainage_m[head] - stations.chainage_m[tail])
    level = _level(length_m, before.finding.level if before is not None else None, thresholds)
    ratio = state.speed_kmh[run] / stations.speed_limit_kmh[run]
    worst = int(run[np.argmin(np.nan_to_num(ratio, nan=0.0))])
    speed = float(np.nan_to_num(state.speed_kmh[worst]))
    limit = thresholds.jammed_below_ratio
    return Finding(
        id=name,
        rule=Rule.CONGESTION,
        level=level,
        active=True,
        onset_ns=onset_ns,
        updated_ns=now_ns,
        confidence=_confidence(known[run]),
        lon_deg=float(stations.lon_deg[head]),
        lat_deg=float(stations.lat_deg[head]),
        line=tuple((float(stations.lon_deg[row]), float(stations.lat_deg[row])) for row in run),
        subject=stations.corridor_names[int(stations.corridor[head])],
        devices=tuple(stations.ids[row] for row in run),
        observations=tuple(Observation(stations.ids[row], int(state.seq[row])) for row in run),
        receipt=(
            ReceiptLine(
                quantity="speed",
                value=round(speed, 1),
                unit="km/h",
                threshold=round(limit.value * float(stations.speed_limit_kmh[worst]), 1),
                source=limit.source,
            ),
            ReceiptLine(
                quantity="queue_length",
                value=round(length_m),
                unit="m",
                threshold=thresholds.caution_length_m.value,
                source=thresholds.caution_length_m.source,
            ),
            ReceiptLine(
                quantity="duration",
                value=round((now_ns - onset_ns) / _NS),
                unit="s",
                threshold=thresholds.open_after_s.value,
                source=thresholds.open_after_s.source,
            ),
            ReceiptLine(quantity="stations_jammed", value=len(run), unit=""),
            *(() if tails is None else tails.receipt(head)),
        ),
    )


def _level(length_m: float, before: HazardLevel | None, thresholds: TrafficThresholds) -> HazardLevel:
    level = HazardLevel.ATTENTION
    for step, limit in (
        (HazardLevel.CAUTION, thresholds.caution_length_m.value),
        (HazardLevel.ALERT, thresholds.alert_length_m.value),
    ):
        held = before is not None and before >= step
        if length_m >= limit * (_FALL_BACK if held else 1.0):
            level = step
    return level


def _confidence(known: NDArray[np.bool_]) -> float:
    """Each station that agrees halves the doubt; silence takes its share away. Own construction."""
    return round(float((1.0 - 0.5 ** len(known)) * known.mean()), 3)


def _closed(finding: Finding, now_ns: int) -> Finding:
    return msgspec.structs.replace(finding, active=False, updated_ns=now_ns)
