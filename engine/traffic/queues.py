"""Queues: neighbouring jammed stations of one road and direction, followed under one name while they grow and move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.findings import Finding, HazardLevel, Observation, ReceiptLine, Rule
from engine.region import StationTable
from engine.thresholds import Sourced, TrafficThresholds
from engine.traffic.stations import CongestionLevel, StationState
from sensors.columns import Ints

_NS = 1_000_000_000
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
    jammed, known : ndarray, shape (n_station,), bool
    stations : StationTable
    bridge_gap_m : float
        Two jammed stations farther apart are two queues. [m]

    Returns
    -------
    list of ndarray, int64
        Rows of each queue from tail to head. A station that is known and not jammed parts two queues; an unknown one
        between two jammed ones does not.

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
) -> tuple[tuple[Queue, ...], list[Finding]]:
    """Carry the queues forward to now.

    Parameters
    ----------
    queues : tuple of Queue
        As of the last step.
    state : StationState
    known : ndarray, shape (n_station,), bool
        False where the station's word is too old to count. A queue does not end because its stations fell silent.
    now_ns : int
        Engine time. [ns since 1970 UTC]
    stations : StationTable
    thresholds : TrafficThresholds
    report_every_s : Sourced

    Returns
    -------
    queues : tuple of Queue
    findings : list of Finding
        Those that opened, changed or closed, and those whose turn it is to be repeated.

    Source
    ------
    Own construction. A queue keeps the name of the one that it shares most stations with.
    """
    held = np.zeros(len(known), dtype=np.bool_)
    for queue in queues:
        held[list(queue.rows)] = True
    persistent = now_ns - state.level_since_ns >= int(thresholds.open_after_s.value * _NS)
    jammed = known & (state.level == CongestionLevel.JAMMED) & (persistent | held)
    runs = queue_runs(jammed | (held & ~known), known, stations, thresholds.bridge_gap_m.value)

    followed: list[Queue] = []
    findings: list[Finding] = []
    free = {queue.id: queue for queue in queues}
    for run in sorted(runs, key=len, reverse=True):
        before = _heir_of(free.values(), run)
        if before is not None:
            del free[before.id]
        queue, said = _carry(before, run, state, known, now_ns, stations, thresholds, report_every_s)
        followed.append(queue)
        findings += said
    close_after_ns = int(thresholds.close_after_s.value * _NS)
    for queue in free.values():
        if now_ns - queue.jammed_ns < close_after_ns and not _absorbed(queue, followed):
            followed.append(queue)
        else:
            findings.append(_closed(queue.finding, now_ns))
    return tuple(sorted(followed, key=lambda queue: queue.id)), sorted(findings, key=lambda finding: finding.id)


def _heir_of(queues: Iterable[Queue], run: Ints) -> Queue | None:
    rows = set(run.tolist())
    candidates = [queue for queue in queues if rows & set(queue.rows)]
    return max(candidates, key=lambda queue: (len(rows & set(queue.rows)), -queue.onset_ns, queue.id), default=None)


def _absorbed(queue: Queue, others: list[Queue]) -> bool:
    return any(set(queue.rows) & set(other.rows) for other in others)


def _carry(
    before: Queue | None,
    run: Ints,
    state: StationState,
    known: NDArray[np.bool_],
    now_ns: int,
    stations: StationTable,
    thresholds: TrafficThresholds,
    report_every_s: Sourced,
) -> tuple[Queue, list[Finding]]:
    head = int(run[-1])
    onset_ns = int(state.level_since_ns[run].min()) if before is None else before.onset_ns
    name = f"queue-{stations.ids[head]}-{onset_ns // _NS}" if before is None else before.id
    finding = _finding(name, before, run, onset_ns, state, known, now_ns, stations, thresholds)
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
