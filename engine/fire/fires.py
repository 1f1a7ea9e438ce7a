"""From bearings of many towers to fires: under which names they go on, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass

import msgspec
import numpy as np

from engine.findings import Finding, HazardLevel, ReceiptLine, Rule
from engine.fire.groups import Group, group_sequences
from engine.fire.position import WGS84
from engine.fire.sequences import Sequence, follow_sequences
from engine.region import TowerTable
from engine.thresholds import FireThresholds, Sourced
from sensors.columns import BearingColumns

_NS = 1_000_000_000
_MS = 1_000_000
_WORTH_SAYING_M = 50.0
"""A position that moved less than this is not said again before its turn."""


@dataclass(frozen=True)
class FireState:
    """Sequences that are being followed and findings that are active."""

    sequences: tuple[Sequence, ...] = ()
    members: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Identifier of each fire and of its sequences."""
    findings: tuple[Finding, ...] = ()


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
    groups = group_sequences(newest, towers, thresholds)
    members = _named(groups, state.members, now_ns)
    wordings = {
        name: _position_finding(name, group, now_ns, towers, thresholds)
        for (name, _), group in zip(members, groups, strict=True)
    }
    located = {one for _, ids in members for one in ids}
    for one in sure:
        if one.id not in located:
            finding = _bearing_finding(one, now_ns, towers, thresholds)
            wordings[finding.id] = finding
    said, active = _differences(state.findings, wordings, now_ns, report_every_s)
    return FireState(sequences, tuple(sorted(members)), active), said


def _named(
    groups: Many[Group], before: tuple[tuple[str, tuple[str, ...]], ...], now_ns: int
) -> list[tuple[str, tuple[str, ...]]]:
    """Give each group the name of the fire that it shares most sequences with, or a new one; in the groups' order."""
    ids = [tuple(one.id for one in group.sequences) for group in groups]
    shares = sorted(
        (-len(shared), name, place)
        for place, own in enumerate(ids)
        for name, known in before
        if (shared := set(own) & set(known))
    )
    names: dict[int, str] = {}
    for _, name, place in shares:
        if place not in names and name not in names.values():
            names[place] = name
    used = {name for name, _ in before}
    for place, group in enumerate(groups):
        if place not in names:
            first = min(group.sequences, key=lambda one: (one.onset_ns, one.id))
            name = f"fire-{first.id}"
            # A sequence that left a fire may begin another while the first still has its name.
            names[place] = name if name not in used else f"{name}-{now_ns // _MS}"
            used.add(names[place])
    return [(names[place], own) for place, own in enumerate(ids)]


def _position_finding(name: str, group: Group, now_ns: int, towers: TowerTable, thresholds: FireThresholds) -> Finding:
    confidence = 1.0 - float(np.prod([one.doubt for one in group.sequences]))
    many = group.sites >= thresholds.alert_towers.value
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
            azimuth_deg=round(ellipse.azimuth_deg, 1) % 180.0,
        ),
        subject=name,
        devices=tuple(sorted(towers.ids[one.row] for one in group.sequences)),
        observations=tuple(seen for one in group.sequences for seen in one.observations),
        receipt=(
            ReceiptLine(
                quantity="towers",
                value=group.sites,
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
