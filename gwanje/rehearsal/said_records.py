"""The lines of ``said.jsonl``: every wording of every situation and alert that changed. See ``docs/truth.md``."""

from __future__ import annotations

from datetime import datetime

import msgspec

from alerts.model import Alert, AlertState, Phase, Situation, SituationKind
from config.catalogue.model import Coordinate
from engine.findings import Ellipse, Finding
from sensors.columns import from_ns


class SaidFinding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finding of a situation, as it stood."""

    id: str
    rule: str
    level: int
    active: bool
    onset: datetime
    """Device time at which it began, as the engine has it."""
    lon_deg: float
    lat_deg: float
    ellipse: Ellipse | None = None
    line: tuple[Coordinate, ...] = ()
    subject: str
    detail: str = ""
    devices: tuple[str, ...]
    confidence: float


class SaidLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of every line; ``time`` is the engine's when it was said."""

    time: datetime


class SaidSituation(SaidLine, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="situation"):
    """One wording of a situation."""

    id: str
    category: SituationKind
    active: bool
    phase: Phase
    level: int
    lon_deg: float
    lat_deg: float
    ellipse: Ellipse | None = None
    line: tuple[Coordinate, ...] = ()
    district: str
    opened: datetime
    updated: datetime
    confidence: float
    findings: tuple[SaidFinding, ...]


class SaidAlert(SaidLine, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="alert"):
    """One state of an alert."""

    id: str
    version: int
    situation: str
    state: AlertState
    level: int
    districts: tuple[str, ...]
    signs: tuple[str, ...]
    shown: tuple[str, ...]
    """Signs that said that they show it."""
    created: datetime
    approved_by: str | None = None


class SaidFindingLine(SaidLine, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="finding"):
    """One wording of a finding, for those who want the engine's own words as well."""

    finding: Finding


SaidAny = SaidSituation | SaidAlert | SaidFindingLine


def said_situation(situation: Situation, now: datetime) -> SaidSituation:
    """Return the line for a situation."""
    return SaidSituation(
        time=now,
        id=situation.id,
        category=situation.kind,
        active=situation.active,
        phase=situation.phase,
        level=int(situation.level),
        lon_deg=situation.lon_deg,
        lat_deg=situation.lat_deg,
        ellipse=situation.ellipse,
        line=situation.line,
        district=situation.district,
        opened=situation.opened,
        updated=situation.updated,
        confidence=situation.confidence,
        findings=tuple(_said_finding(one) for one in situation.findings),
    )


def said_alert(alert: Alert, now: datetime) -> SaidAlert:
    """Return the line for an alert."""
    return SaidAlert(
        time=now,
        id=alert.id,
        version=alert.version,
        situation=alert.situation,
        state=alert.state,
        level=int(alert.level),
        districts=alert.districts,
        signs=tuple(sign.sign for sign in alert.signs),
        shown=tuple(one.target for one in alert.deliveries if one.channel == "sign" and one.state == "shown"),
        created=alert.created,
        approved_by=alert.approved_by,
    )


def without_time(line: SaidSituation | SaidAlert) -> SaidSituation | SaidAlert:
    """Return a line without what changes when nothing else does, to compare it with an earlier one."""
    if isinstance(line, SaidSituation):
        return msgspec.structs.replace(line, time=line.opened, updated=line.opened)
    return msgspec.structs.replace(line, time=line.created, version=0)


def _said_finding(finding: Finding) -> SaidFinding:
    return SaidFinding(
        id=finding.id,
        rule=finding.rule.value,
        level=int(finding.level),
        active=finding.active,
        onset=from_ns(finding.onset_ns),
        lon_deg=finding.lon_deg,
        lat_deg=finding.lat_deg,
        ellipse=finding.ellipse,
        line=finding.line,
        subject=finding.subject,
        detail=finding.detail,
        devices=finding.devices,
        confidence=finding.confidence,
    )
