"""The desk: the one place where situations and alerts change, for engine and people alike.

It keeps them in memory, publishes every change, and saves it: what a person does is saved before it counts; what the
engine says counts at once and is saved as soon as the database takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from alerts.correlate import Correlator, logged
from alerts.drafts import Drafter
from alerts.lifecycle import approve, record_delivery, reject
from alerts.model import Alert, ChannelName, DeliveryState, Situation
from config.catalogue.model import Name
from config.settings import Mode
from engine.findings import Finding
from sensors.columns import to_ns


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
    """The store cannot be reached now; nothing was saved."""


class DeskStore(Protocol):
    """Where a desk keeps its things."""

    async def load(self) -> tuple[list[Situation], list[Alert]]:
        """Return what was not over when the last process ended, and what ended lately."""

    async def save(self, change: DeskChange) -> None:
        """Save in one transaction; raise `StoreUnavailableError` when that cannot be done now."""


class UnknownAlertError(KeyError):
    """There is no such alert."""


class Desk:
    """Situations and alerts, and everything that may happen to them.

    Parameters
    ----------
    correlator, mode
        How findings become situations, and in which mode drafts are written.
    store
        Where they are kept.
    publish
        Called with every situation and alert that changed, in order.
    retire
        Called with the identifiers of situations and alerts that ended long ago.
    max_unsaved_findings
        Wordings of findings kept while the database is away; beyond it the oldest are let go and counted.
    """

    def __init__(
        self,
        correlator: Correlator,
        mode: Mode,
        store: DeskStore,
        publish: Callable[[Iterable[Situation], Iterable[Alert]], None],
        retire: Callable[[Iterable[str], Iterable[str]], None],
        max_unsaved_findings: int = 20_000,
    ) -> None:
        self.situations: dict[str, Situation] = {}
        self.alerts: dict[str, Alert] = {}
        self.unsaved_findings_dropped = 0
        self.store_fault: str | None = None
        self._correlator = correlator
        self._drafter = Drafter(correlator, mode)
        self._store = store
        self._publish = publish
        self._retire = retire
        self._max_unsaved_findings = max_unsaved_findings
        self._unsaved_situations: dict[str, Situation] = {}
        self._unsaved_alerts: dict[str, Alert] = {}
        self._unsaved_findings: list[Finding] = []
        self._orphans: dict[str, datetime] = {}
        self._dirty = asyncio.Event()
        self._saving = asyncio.Lock()

    async def open(self, now: datetime) -> None:
        """Take up where the last process left off.

        Findings that were active then are orphans until the engine says them again; after a grace they are closed.
        """
        situations, alerts = await self._store.load()
        self.situations = {one.id: one for one in situations}
        self.alerts = {one.id: one for one in alerts}
        deadline = now + timedelta(seconds=self._correlator.numbers["orphan_grace_s"].value)
        self._orphans = {
            finding.id: deadline for one in situations if one.active for finding in one.findings if finding.active
        }
        self._publish(situations, alerts)

    def hear(self, findings: Iterable[Finding], now: datetime) -> None:
        """Take in what the engine says, and close what it no longer says since a restart."""
        changed: dict[str, Situation] = {}
        said = [*findings, *self._expired_orphans(now)]
        for finding in said:
            self._orphans.pop(finding.id, None)
            self.situations, situation = self._correlator.absorb(self.situations, finding)
            if situation is not None:
                changed[situation.id] = situation
        if not said:
            return
        drafts = [draft for one in changed.values() if (draft := self._proposal(one, now)) is not None]
        for draft in drafts:
            self.alerts[draft.id] = draft
        self._remember(said, changed.values(), drafts)
        self._prune(now)
        self._publish(changed.values(), drafts)

    async def approve(self, alert: str, operator: str, version: int, now: datetime) -> Alert:
        """Approve a draft: saved with its postings in one transaction, then published.

        Raises
        ------
        UnknownAlertError
        NotAllowedError, OutdatedError
            From the lifecycle.
        StoreUnavailableError
            If it cannot be saved: then it is not approved.
        """
        async with self._saving:
            before = self._alert(alert)
            after = approve(before, operator, version, now)
            postings = tuple(
                Posting(alert=after.id, version=after.version, channel=one.channel, target=one.target)
                for one in after.deliveries
            )
            what = self._correlator.words.say("log", "approved", alert=after.text)
            return await self._decide("approve", before, after, postings, what, operator, now)

    async def reject(self, alert: str, operator: str, version: int, reason: str, now: datetime) -> Alert:
        """Turn a draft down; raises as `approve` does."""
        async with self._saving:
            before = self._alert(alert)
            after = reject(before, operator, version, reason, now)
            what = self._correlator.words.say("log", "rejected", reason=reason)
            return await self._decide("reject", before, after, (), what, operator, now)

    def deliver(
        self,
        alert: str,
        channel: ChannelName,
        target: str,
        state: DeliveryState,
        now: datetime,
        detail: str | None = None,
    ) -> None:
        """Note what became of a posting; unknown alerts are left alone."""
        before = self.alerts.get(alert)
        if before is None:
            return
        after = record_delivery(before, channel, target, state, now, detail)
        if after is not before:
            self.alerts[alert] = after
            self._remember((), (), (after,))
            self._publish((), (after,))

    async def run(self, retry_s: float = 1.0) -> None:
        """Save what the engine said, for ever; when the database is away, go on trying."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self.flush()
            except StoreUnavailableError as exc:
                self.store_fault = str(exc)
                self._dirty.set()
                await asyncio.sleep(retry_s)

    async def flush(self) -> None:
        """Save all that is unsaved.

        Raises
        ------
        StoreUnavailableError
            Then it stays unsaved.
        """
        async with self._saving:
            situations, alerts = self._unsaved_situations, self._unsaved_alerts
            findings = self._unsaved_findings
            self._unsaved_situations, self._unsaved_alerts, self._unsaved_findings = {}, {}, []
            try:
                await self._store.save(
                    DeskChange(
                        situations=tuple(situations.values()),
                        alerts=tuple(alerts.values()),
                        findings=tuple(findings),
                    )
                )
            except StoreUnavailableError:
                self._unsaved_situations = situations | self._unsaved_situations
                self._unsaved_alerts = alerts | self._unsaved_alerts
                self._unsaved_findings = [*findings, *self._unsaved_findings]
                raise
            self.store_fault = None

    async def _decide(
        self,
        action: str,
        before: Alert,
        after: Alert,
        postings: tuple[Posting, ...],
        what: Name,
        operator: str,
        now: datetime,
    ) -> Alert:
        situation = self.situations.get(before.situation)
        changed = () if situation is None else (logged(situation, now, what, who=operator.strip()),)
        deed = Deed(time=now, who=operator.strip(), action=action, subject=before.id, before=before, after=after)
        await self._store.save(DeskChange(situations=changed, alerts=(after,), postings=postings, deeds=(deed,)))
        # The engine may have spoken meanwhile: its newer situation keeps its words and gets the line as well.
        for one in changed:
            latest = self.situations.get(one.id, one)
            kept = one if latest is situation else logged(latest, now, what, who=operator.strip())
            self.situations[one.id] = kept
            self._remember((), (kept,), ())
        self._unsaved_alerts.pop(after.id, None)
        self.alerts[after.id] = after
        self._publish([self.situations[one.id] for one in changed], (after,))
        return after

    def _proposal(self, situation: Situation, now: datetime) -> Alert | None:
        mine = sorted((one for one in self.alerts.values() if one.situation == situation.id), key=_age)
        return self._drafter.propose(situation, mine, now)

    def _remember(self, findings: Iterable[Finding], situations: Iterable[Situation], alerts: Iterable[Alert]) -> None:
        self._unsaved_findings += findings
        over = len(self._unsaved_findings) - self._max_unsaved_findings
        if over > 0:
            del self._unsaved_findings[:over]
            self.unsaved_findings_dropped += over
        self._unsaved_situations |= {one.id: one for one in situations}
        self._unsaved_alerts |= {one.id: one for one in alerts}
        self._dirty.set()

    def _expired_orphans(self, now: datetime) -> list[Finding]:
        if not self._orphans:
            return []
        over = {name for name, deadline in self._orphans.items() if now >= deadline}
        return [
            msgspec.structs.replace(finding, active=False, updated_ns=to_ns(now))
            for one in self.situations.values()
            for finding in one.findings
            if finding.id in over
        ]

    def _prune(self, now: datetime) -> None:
        """Let go of what ended long ago; it stays in the database."""
        numbers = self._correlator.numbers
        ended = sorted((one for one in self.situations.values() if not one.active), key=lambda one: one.updated)
        oldest = now - timedelta(seconds=numbers["keep_ended_s"].value)
        surplus = max(len(ended) - int(numbers["keep_ended_max"].value), 0)
        gone = {one.id for place, one in enumerate(ended) if place < surplus or one.updated < oldest}
        if not gone:
            return
        alerts = [alert.id for alert in self.alerts.values() if alert.situation in gone]
        for name in gone:
            del self.situations[name]
        for name in alerts:
            del self.alerts[name]
        self._retire(gone, alerts)

    def _alert(self, alert: str) -> Alert:
        try:
            return self.alerts[alert]
        except KeyError:
            raise UnknownAlertError(alert) from None


def _age(alert: Alert) -> tuple[datetime, str]:
    return alert.created, alert.id
