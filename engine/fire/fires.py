"""From sequences of many towers to fires: which bearings belong together, where they meet, what is said of it."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass
from itertools import combinations

import msgspec
import numpy as np

from engine.findings import Finding, HazardLevel, ReceiptLine, Rule
from engine.fire.position import WGS84, Fix, PositionLimits, locate, wrap_deg
from engine.fire.sequences import Sequence, follow_sequences
from engine.region import TowerTable
from engine.thresholds import FireThresholds, Sourced
from sensors.columns import BearingColumns

_NS = 1_000_000_000
_WORTH_SAYING_M = 50.0
"""A position that moved less than this is not said again before its turn."""


@dataclass(frozen=True)
class FireState:
    """Sequences that are being followed and findings that are active."""

    sequences: tuple[Sequence, ...] = ()
    members: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Identifier of each fire and of its sequences."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Group:
    """Sequences of different towers that meet in one place."""

    sequences: tuple[Sequence, ...]
    fix: Fix

    @property
    def merit(self) -> tuple[float, ...]:
        """More towers first; then the bearings that agree better; then the smaller ellipse."""
        freedom = max(len(self.sequences) - 2, 1)
        return (len(self.sequences), -round(self.fix.chi2 / freedom, 6), -round(self.fix.ellipse.semi_major_m, 3))


def update_fires(
    state: FireState,
    bearings: BearingColumns,
    now_ns: int,
    towers: TowerTable,
    thresholds: FireThresholds,
    report_every_s: Sourced,
) -> tuple[FireState, list[Finding]]:
    """Take in bearings and say where it burns.

    Parameters
    ----------
    state : FireState
    bearings : BearingColumns
        Any number, in any order.
    now_ns : int
        Engine time. [ns since 1970 UTC]
    towers : TowerTable
    thresholds : FireThresholds
    report_every_s : Sourced

    Returns
    -------
    state : FireState
    findings : list of Finding
        A position where bearings meet, a bearing where only one tower sees something.

    Source
    ------
    Own construction.
    """
    sequences = follow_sequences(state.sequences, bearings, now_ns, towers, thresholds)
    due = any(now_ns - finding.updated_ns >= report_every_s.value * _NS for finding in state.findings)
    if sequences == state.sequences and not due:
        return state, []
    sure = [one for one in sequences if one.confidence >= thresholds.min_confidence.value]
    newest = sorted(sure, key=lambda one: (-one.seen_ns, one.id))[: int(thresholds.max_sequences.value)]
    groups = group_sequences(sorted(newest, key=lambda one: one.id), towers, thresholds)

    wordings: dict[str, Finding] = {}
    members: list[tuple[str, tuple[str, ...]]] = []
    named = dict(state.members)
    for group in groups:
        ids = tuple(one.id for one in group.sequences)
        name = max(named, key=lambda known: (len(set(ids) & set(named[known])), known), default="")
        if not set(ids) & set(named.get(name, ())):
            name = f"fire-{min(group.sequences, key=lambda one: (one.onset_ns, one.id)).id}"
        named.pop(name, None)
        members.append((name, ids))
        wordings[name] = _position_finding(name, group, now_ns, towers, thresholds)
    located = {one for _, ids in members for one in ids}
    for one in sure:
        if one.id not in located:
            finding = _bearing_finding(one, now_ns, towers, thresholds)
            wordings[finding.id] = finding
    said, active = _differences(state.findings, wordings, now_ns, report_every_s)
    return FireState(sequences, tuple(sorted(members)), active), said


def group_sequences(sequences: Many[Sequence], towers: TowerTable, thresholds: FireThresholds) -> list[Group]:
    """Part sequences into fires: grow every pair that meets, keep the best, go on with what is left.

    Parameters
    ----------
    sequences : sequence of Sequence
    towers : TowerTable
    thresholds : FireThresholds

    Returns
    -------
    list of Group
        Best first. A tower is in a group at most once, a sequence in one group at most.

    Source
    ------
    Own construction.
    """
    left = list(sequences)
    groups: list[Group] = []
    while True:
        candidates = [
            group for pair in combinations(left, 2) if (group := _grown(pair, left, towers, thresholds)) is not None
        ]
        if not candidates:
            return groups
        best = max(candidates, key=lambda group: group.merit)
        groups.append(best)
        left = [one for one in left if one not in best.sequences]


def _grown(
    pair: tuple[Sequence, Sequence], everyone: Many[Sequence], towers: TowerTable, thresholds: FireThresholds
) -> Group | None:
    if pair[0].row == pair[1].row:
        return None
    members: tuple[Sequence, ...] = pair
    fix = _locate(members, towers, thresholds)
    if fix is None:
        return None
    while True:
        rows = {one.row for one in members}
        others = [(_mismatch(one, fix, towers), one.id, one) for one in everyone if one.row not in rows]
        mismatch, _, nearest = min(others, default=(np.inf, "", None))
        if nearest is None or mismatch > thresholds.gate_sigmas.value:
            return Group(members, fix)
        wider = (*members, nearest)
        refined = _locate(wider, towers, thresholds)
        limit = thresholds.gate_sigmas.value**2 * (len(wider) - 2)
        if refined is None or refined.chi2 > limit:
            return Group(members, fix)
        members, fix = wider, refined


def _locate(members: Many[Sequence], towers: TowerTable, thresholds: FireThresholds) -> Fix | None:
    rows = np.array([one.row for one in members])
    limits = PositionLimits(
        min_crossing_deg=thresholds.min_crossing_deg.value,
        min_baseline_m=thresholds.min_baseline_m.value,
        max_range_m=min(float(towers.range_m[rows].max()), thresholds.max_range_m.value),
    )
    fix = locate(
        towers.lon_deg[rows],
        towers.lat_deg[rows],
        np.array([one.azimuth_deg for one in members]),
        np.array([one.sigma_deg(float(towers.azimuth_sigma_deg[one.row])) for one in members]),
        limits,
    )
    return fix if isinstance(fix, Fix) else None


def _mismatch(one: Sequence, fix: Fix, towers: TowerTable) -> float:
    """Return how many sigma a bearing passes beside a position, the position's own error included."""
    azimuth, _, range_m = WGS84.inv(towers.lon_deg[one.row], towers.lat_deg[one.row], fix.lon_deg, fix.lat_deg)
    if range_m > towers.range_m[one.row]:
        return np.inf
    residual = abs(float(wrap_deg(np.array(one.azimuth_deg - azimuth))))
    own = one.sigma_deg(float(towers.azimuth_sigma_deg[one.row]))
    position_sigma_m = fix.ellipse.semi_major_m / np.sqrt(5.991)
    return residual / float(np.hypot(own, np.degrees(np.arctan2(position_sigma_m, max(range_m, 1.0)))))


def _position_finding(name: str, group: Group, now_ns: int, towers: TowerTable, thresholds: FireThresholds) -> Finding:
    confidence = 1.0 - float(np.prod([one.doubt for one in group.sequences]))
    many = len(group.sequences) >= thresholds.alert_towers.value
    level = HazardLevel.ALERT if many or confidence >= thresholds.alert_confidence.value else HazardLevel.CAUTION
    ellipse = group.fix.ellipse
    return Finding(
        id=name,
        rule=Rule.FIRE_POSITION,
        level=level,
        active=True,
        onset_ns=min(one.onset_ns for one in group.sequences),
        updated_ns=now_ns,
        confidence=round(min(confidence, 0.999), 3),
        lon_deg=round(group.fix.lon_deg, 7),
        lat_deg=round(group.fix.lat_deg, 7),
        ellipse=msgspec.structs.replace(
            ellipse,
            semi_major_m=round(ellipse.semi_major_m, 1),
            semi_minor_m=round(ellipse.semi_minor_m, 1),
            azimuth_deg=round(ellipse.azimuth_deg, 1),
        ),
        subject=name,
        devices=tuple(sorted(towers.ids[one.row] for one in group.sequences)),
        observations=tuple(seen for one in group.sequences for seen in one.observations),
        receipt=(
            ReceiptLine(
                quantity="towers",
                value=len(group.sequences),
                unit="",
                threshold=thresholds.alert_towers.value,
                source=thresholds.alert_towers.source,
            ),
            ReceiptLine(
                quantity="confidence",
                value=round(min(confidence, 0.999), 3),
                unit="",
                threshold=thresholds.alert_confidence.value,
                source=thresholds.alert_confidence.source,
            ),
            ReceiptLine(quantity="ellipse_semi_major", value=round(ellipse.semi_major_m), unit="m"),
            ReceiptLine(quantity="chi2", value=round(group.fix.chi2, 2), unit="", source="Stansfield (1947)"),
            *(
                ReceiptLine(quantity="bearing", value=round(one.azimuth_deg, 2), unit="deg", source=towers.ids[one.row])
                for one in group.sequences
            ),
        ),
    )


def _bearing_finding(one: Sequence, now_ns: int, towers: TowerTable, thresholds: FireThresholds) -> Finding:
    lon, lat = float(towers.lon_deg[one.row]), float(towers.lat_deg[one.row])
    reach_m = min(float(towers.range_m[one.row]), thresholds.max_range_m.value)
    end_lon, end_lat, _ = WGS84.fwd(lon, lat, one.azimuth_deg, reach_m)
    limit = thresholds.min_confidence
    return Finding(
        id=f"bearing-{one.id}",
        rule=Rule.FIRE_BEARING,
        level=HazardLevel.ATTENTION,
        active=True,
        onset_ns=one.onset_ns,
        updated_ns=now_ns,
        confidence=round(min(one.confidence, 0.999), 3),
        lon_deg=lon,
        lat_deg=lat,
        line=((lon, lat), (round(end_lon, 7), round(end_lat, 7))),
        subject=towers.ids[one.row],
        devices=(towers.ids[one.row],),
        observations=one.observations,
        receipt=(
            ReceiptLine(
                quantity="confidence",
                value=round(one.confidence, 3),
                unit="",
                threshold=limit.value,
                source=limit.source,
            ),
            ReceiptLine(quantity="bearing", value=round(one.azimuth_deg, 2), unit="deg", source=towers.ids[one.row]),
        ),
    )


def _differences(
    before: tuple[Finding, ...], wordings: dict[str, Finding], now_ns: int, report_every_s: Sourced
) -> tuple[list[Finding], tuple[Finding, ...]]:
    """Say what is new, what changed enough, what is due again, and what is over."""
    said: list[Finding] = []
    active: list[Finding] = []
    old = {finding.id: finding for finding in before}
    for name, finding in sorted(wordings.items()):
        known = old.pop(name, None)
        if known is None or _changed(known, finding) or now_ns - known.updated_ns >= report_every_s.value * _NS:
            said.append(finding)
            active.append(finding)
        else:
            active.append(known)
    said += [msgspec.structs.replace(gone, active=False, updated_ns=now_ns) for _, gone in sorted(old.items())]
    return said, tuple(active)


def _changed(old: Finding, new: Finding) -> bool:
    if (old.level, old.devices) != (new.level, new.devices):
        return True
    if new.ellipse is None:
        return False
    _, _, moved_m = WGS84.inv(old.lon_deg, old.lat_deg, new.lon_deg, new.lat_deg)
    return bool(moved_m > _WORTH_SAYING_M)
