"""What a desk needs of its store: what is saved together, and how saving can fail.

``StoreUnavailableError``
    The store cannot be reached now; whether the last change was saved is not known.
``StoreConflictError``
    The store holds something later: somebody else writes to it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from alerts.model import Alert, ChannelName, Situation
from engine.findings import Finding


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be sent on one channel, kept until it is."""

    alert: str
    version: int
    channel: ChannelName
    target: str


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit log: what a person did."""

    time: datetime
    who: str
    action: str
    subject: str
    before: Alert
    after: Alert


class DeskChange(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be saved together."""

    situations: tuple[Situation, ...] = ()
    alerts: tuple[Alert, ...] = ()
    findings: tuple[Finding, ...] = ()
    postings: tuple[Posting, ...] = ()
    deeds: tuple[Deed, ...] = ()


class StoreUnavailableError(RuntimeError):
    """The store cannot be reached now; whether the last change was saved is not known."""


class StoreConflictError(RuntimeError):
    """The store holds something later than what was to be saved; nothing was saved."""


class DeskStore(Protocol):
    """Where a desk keeps its things; every method raises `StoreUnavailableError` when it cannot be reached."""

    async def load(self) -> tuple[list[Situation], list[Alert]]:
        """Return the situations that are active or ended lately, and all alerts of these."""

    async def alert(self, alert: str) -> Alert | None:
        """Return an alert as it is saved, or None when it never was."""

    async def save(self, change: DeskChange) -> None:
        """Save in one transaction; raise `StoreConflictError` when a later version of an alert is there."""
