"""Rows as the pages get them: situations, alerts and devices in the form of docs/protocol/dashboard.md."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from alerts.model import Alert, Situation
from config.catalogue.model import Name
from config.words import Words, WordsError
from engine.findings import Finding
from sensors.columns import from_ns

PartState = Literal["up", "degraded", "down"]


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One device as it stands now."""

    id: str
    freshness: Literal["fresh", "stale", "unknown"]
    online: bool | None
    fault: str | None
    level: str | None
    time: datetime | None
    received: datetime | None
    values: dict[str, float | None]


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the system itself."""

    id: str
    state: PartState
    reason: Name


def situation_view(situation: Situation, quantities: Words) -> dict[str, Any]:
    """Return a situation as a page gets it; ``quantities`` names the lines of receipts."""
    return {
        "id": situation.id,
        "kind": situation.kind,
        "level": situation.level.name.lower(),
        "phase": situation.phase,
        "active": situation.active,
        "title": situation.title,
        "district": situation.district,
        "lon": situation.lon_deg,
        "lat": situation.lat_deg,
        "ellipse": situation.ellipse,
        "line": situation.line or None,
        "opened": situation.opened,
        "updated": situation.updated,
        "confidence": situation.confidence,
        "findings": [finding_view(finding, quantities) for finding in situation.findings],
        "timeline": situation.timeline,
    }


def finding_view(finding: Finding, quantities: Words) -> dict[str, Any]:
    """Return a finding with its receipt as a page gets it."""
    return {
        "id": finding.id,
        "rule": finding.rule.value,
        "level": finding.level.name.lower(),
        "active": finding.active,
        "onset": from_ns(finding.onset_ns),
        "updated": from_ns(finding.updated_ns),
        "confidence": finding.confidence,
        "devices": finding.devices,
        "receipt": [
            {
                "label": _label(line.quantity, quantities),
                "value": line.value,
                "unit": line.unit,
                "threshold": line.threshold,
                "source": line.source,
            }
            for line in finding.receipt
        ],
    }


def _label(quantity: str, quantities: Words) -> Name:
    """Return the words for a quantity; one that has none is shown under its key rather than not at all."""
    try:
        return quantities.say(quantity)
    except WordsError:
        return Name(quantity, quantity)


def alert_view(alert: Alert) -> dict[str, Any]:
    """Return an alert as a page gets it."""
    return {
        "id": alert.id,
        "version": alert.version,
        "situation": alert.situation,
        "mode": alert.mode,
        "level": alert.level.name.lower(),
        "state": alert.state,
        "author": alert.author,
        "approved_by": alert.approved_by,
        "reason": alert.reason,
        "districts": alert.districts,
        "text": alert.text,
        "signs": alert.signs,
        "created": alert.created,
        "updated": alert.updated,
        "deliveries": alert.deliveries,
    }
