"""Situations and alerts: what a real-world event is to us, and what is to be said about it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from config.catalogue.model import Name
from config.settings import Mode
from engine.findings import Ellipse, Finding, HazardLevel

SituationKind = Literal["congestion", "incident", "slope", "fire", "weather"]
Phase = Literal["suspected", "confirmed", "responding", "contained", "closed", "false"]
AlertState = Literal["draft", "approved", "rejected", "withdrawn", "expired"]
DeliveryState = Literal["waiting", "sent", "shown", "refused", "failed"]
ChannelName = Literal["subscribers", "sign"]

SYSTEM = "system"
"""The author of drafts that nobody wrote."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a timeline: when, who, what."""

    time: datetime
    who: str
    what: Name


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """The one living record of a real-world event.

    ``level`` is the highest that its findings reached; it does not fall by itself. ``confidence`` is 0 to 1;
    ``line`` runs along the queue or the bearing, longitude before latitude. [deg]
    """

    id: str
    kind: SituationKind
    level: HazardLevel
    phase: Phase = "suspected"
    active: bool
    title: Name
    district: str
    lon_deg: float
    lat_deg: float
    ellipse: Ellipse | None = None
    line: tuple[tuple[float, float], ...] = ()
    opened: datetime
    updated: datetime
    confidence: float
    findings: tuple[Finding, ...]
    timeline: tuple[Entry, ...] = ()


class SignText(msgspec.Struct, frozen=True):
    """What one sign is to show."""

    sign: str
    multi: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an alert on one channel."""

    channel: ChannelName
    target: str
    state: DeliveryState
    time: datetime
    detail: str | None = None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said about a situation, from draft to its last delivery."""

    id: str
    version: int
    situation: str
    mode: Mode
    level: HazardLevel
    state: AlertState
    author: str
    approved_by: str | None = None
    decided: datetime | None = None
    reason: str | None = None
    districts: tuple[str, ...]
    text: Name
    signs: tuple[SignText, ...]
    created: datetime
    updated: datetime
    deliveries: tuple[Delivery, ...] = ()


class LiveText(msgspec.Struct, frozen=True):
    """Words that mean it."""

    text: Name
    signs: tuple[SignText, ...]


class ExerciseText(msgspec.Struct, frozen=True):
    """Words of an exercise; they say so themselves."""

    text: Name
    signs: tuple[SignText, ...]


class TestText(msgspec.Struct, frozen=True):
    """Words of a test; they say so themselves."""

    __test__ = False
    text: Name
    signs: tuple[SignText, ...]


SpokenText = LiveText | ExerciseText | TestText
"""Three types on purpose: none can be made of another, and a channel takes exactly one."""
