"""The desk: the one place where situations and alerts change, for engine and people alike.

It keeps them in memory, publishes every change, and saves it: what a person does is saved before it counts; what the
engine says counts at once and is saved as soon as the database takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from alerts.correlate import Correlator, logged
from alerts.decisions import Decision, change_of
from alerts.desk_store import DeskChange, DeskStore, Posting, StoreConflictError, StoreUnavailableError
from alerts.drafts import Drafter
from alerts.lifecycle import (
    NotAllowedError,
    OutdatedError,
    approve,
    clean,
    has_waiting,
    record_delivery,
    reject,
    withdraw_draft,
)
from alerts.model import Alert, ChannelName, DeliveryState, Situation
from config.settings import Mode
from engine.findings import Finding
from sensors.columns import to_ns


class UnknownAlertError(KeyError):
    """There is no such alert."""


class Desk:
    """Situations and alerts, and everything that may happen to them.

    Parameters
    ----------
    correlator, mode
        How findings become situations, and in which mode drafts are written.
    store
        Where they are kept. No other desk may write to it.
    publish
        Called with every situation and alert that changed, in order.
    retire
        Called with the identifiers of situations and alerts that ended long ago.
    max_unsaved_findings
        Wordings of findings kept while the database is away; beyond it the oldest are let go and counted.

    Notes
    -----
    An alert is *held* from the moment somebody decides on it until the store has answered: meanwhile the engine does
    not change its words. When the store does not answer, the decision is *in doubt*: nothing more happens to the alert
    until the store can be asked what it has.
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
        self.mode: Mode = mode
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
        self._saving_findings: Sequence[Finding] = ()
        self._orphans: dict[str, datetime] = {}
        self._held: set[str] = set()
        self._doubtful: dict[str, Decision] = {}
        self._dirty = asyncio.Event()
        self._saving = asyncio.Lock()

    async def open(self, now: datetime) -> None:
        """Take up where the last process left off.

        Findings that were active then are orphans until the engine says them again; after a grace they are closed.
        Drafts of another mode are withdrawn: what was written in an exercise is not there to be approved in earnest.

        Raises
        ------
        StoreUnavailableError
        """
        situations, alerts = await self._store.load()
        self.situations = {one.id: one for one in situations}
        self.alerts = {one.id: one for one in alerts}
        deadline = now + timedelta(seconds=self._correlator.numbers["orphan_grace_s"].value)
        self._orphans = {
            finding.id: deadline for one in situations if one.active for finding in one.findings if finding.active
        }
        foreign = [one for one in alerts if one.state == "draft" and one.mode != self.mode]
        withdrawn = [withdraw_draft(one, now) for one in foreign]
        self.alerts |= {one.id: one for one in withdrawn}
        self._remember((), (), withdrawn)
        self._publish(situations, self.alerts.values())
        self._revise({one.situation for one in foreign}, now)

    def resume(self, findings: Iterable[Finding], now: datetime) -> None:
        """Take in what the engine said before the restart, of which the store may have all, a part or nothing.

        To be called after `open`; what the store has already changes nothing.
        """
        stored = {finding.id: finding for one in self.situations.values() for finding in one.findings}
        news = []
        for finding in findings:
            self._orphans.pop(finding.id, None)
            known = stored.get(finding.id)
            if known is None or known.updated_ns < finding.updated_ns:
                news.append(finding)
        self.hear(news, now)

    @property
    def unsaved(self) -> Sequence[Finding]:
        """Findings that the store does not have yet."""
        return (*self._saving_findings, *self._unsaved_findings)

    def hear(self, findings: Iterable[Finding], now: datetime) -> None:
        """Take in what the engine says, and close what it no longer says since a restart."""
        changed: dict[str, Situation] = {}
        said = [*findings, *self._expired_orphans(now)]
        if not said:
            return
        for finding in said:
            self._orphans.pop(finding.id, None)
            self.situations, situations = self._correlator.absorb(self.situations, finding)
            changed |= {one.id: one for one in situations}
        self._remember(said, changed.values(), ())
        self._publish(changed.values(), ())
        self._revise(changed, now)
        self._prune(now)

    async def approve(self, alert: str, operator: str, version: int, now: datetime) -> Alert:
        """Approve a draft: saved with its postings in one transaction, then published.

        Raises
        ------
        UnknownAlertError
        NotAllowedError, OutdatedError
            From the lifecycle; also when the alert is of another mode, or somebody else changed it in the store.
        StoreUnavailableError
            If the store does not answer. The alert then stays a draft until the store can be asked whether it has the
            decision; if it has, the decision counts.
        """
        async with self._saving:
            before = await self._decidable(alert)
            after = approve(before, operator, version, now)
            postings = tuple(
                Posting(alert=after.id, version=after.version, channel=one.channel, target=one.target)
                for one in after.deliveries
            )
            what = self._correlator.words.say("log", "approved", alert=after.text)
            return await self._decide(
                Decision(
                    before=before,
                    after=after,
                    postings=postings,
                    action="approve",
                    what=what,
                    operator=clean(operator),
                    now=now,
                )
            )

    async def reject(self, alert: str, operator: str, version: int, reason: str, now: datetime) -> Alert:
        """Turn a draft down; raises as `approve` does."""
        async with self._saving:
            before = await self._decidable(alert)
            after = reject(before, operator, version, reason, now)
            what = self._correlator.words.say("log", "rejected", reason=clean(reason))
            return await self._decide(
                Decision(
                    before=before,
                    after=after,
                    postings=(),
                    action="reject",
                    what=what,
                    operator=clean(operator),
                    now=now,
                )
            )

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
        """Save what the engine said, for ever; when the database is away, go on trying.

        Raises
        ------
        StoreConflictError
            If somebody else writes to the store: the process has to start anew from what is there.
        """
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
        """Save all that is unsaved, and find out about decisions in doubt.

        Raises
        ------
        StoreUnavailableError, StoreConflictError
            Then it stays unsaved.
        """
        async with self._saving:
            for alert in list(self._doubtful):
                await self._resolve(alert)
            situations, alerts, findings = self._unsaved_situations, self._unsaved_alerts, self._unsaved_findings
            self._unsaved_situations, self._unsaved_alerts, self._unsaved_findings = {}, {}, []
            self._saving_findings = findings
            saved = False
            try:
                await self._store.save(
                    DeskChange(
                        situations=tuple(situations.values()),
                        alerts=tuple(alerts.values()),
                        findings=tuple(findings),
                    )
                )
                saved = True
            finally:
                if not saved:
                    self._unsaved_situations = situations | self._unsaved_situations
                    self._unsaved_alerts = alerts | self._unsaved_alerts
                    self._unsaved_findings = [*findings, *self._unsaved_findings]
                self._saving_findings = ()
            self.store_fault = None

    async def _decidable(self, alert: str) -> Alert:
        if alert in self._doubtful:
            await self._resolve(alert)
        try:
            found = self.alerts[alert]
        except KeyError:
            raise UnknownAlertError(alert) from None
        if found.mode != self.mode:
            raise NotAllowedError(f"alert {alert}: expected one of mode {self.mode}, was of mode {found.mode}")
        return found

    async def _decide(self, decision: Decision) -> Alert:
        alert = decision.before.id
        situation = self.situations.get(decision.before.situation)
        lined = () if situation is None else (_lined(situation, decision),)
        change = change_of(decision, lined)
        self._held.add(alert)
        saved = False
        try:
            await self._store.save(change)
            saved = True
        except StoreConflictError as exc:
            raise OutdatedError(f"alert {alert}: expected the version that is stored, was another; look again") from exc
        finally:
            self._held.discard(alert)
            if not saved:
                self._doubtful[alert] = decision
                self._dirty.set()
        self._count(decision)
        return decision.after

    def _count(self, decision: Decision) -> None:
        """Let a saved decision count; the engine may have spoken meanwhile, so the situation gets its line only now."""
        self._unsaved_alerts.pop(decision.after.id, None)
        self.alerts[decision.after.id] = decision.after
        situation = self.situations.get(decision.after.situation)
        lined = () if situation is None else (_lined(situation, decision),)
        self.situations |= {one.id: one for one in lined}
        self._remember((), lined, ())
        self._publish(lined, (decision.after,))
        self._revise({decision.after.situation}, decision.now)

    async def _resolve(self, alert: str) -> None:
        """Ask the store what became of a decision in doubt, and go by what it has."""
        decision = self._doubtful[alert]
        stored = await self._store.alert(alert)
        del self._doubtful[alert]
        mine = self.alerts.get(alert, decision.before)
        if stored == decision.after:
            self._count(decision)
        elif stored is not None and stored.version > mine.version:
            self._unsaved_alerts.pop(alert, None)
            self.alerts[alert] = stored
            self._publish((), (stored,))
        else:
            self._revise({mine.situation}, decision.now)

    def _revise(self, situations: Iterable[str], now: datetime) -> None:
        """Write, renew or withdraw the drafts of situations; those that are held stay as they are."""
        drafts = []
        for name in situations:
            mine = sorted((one for one in self.alerts.values() if one.situation == name), key=_age)
            if name not in self.situations or any(one.id in self._held or one.id in self._doubtful for one in mine):
                continue
            draft = self._drafter.propose(self.situations[name], mine, now)
            if draft is not None:
                drafts.append(draft)
                self.alerts[draft.id] = draft
        if drafts:
            self._remember((), (), drafts)
            self._publish((), drafts)

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
        over = {name for name, deadline in self._orphans.items() if now >= deadline}
        if not over:
            return []
        return [
            msgspec.structs.replace(finding, active=False, updated_ns=to_ns(now))
            for one in self.situations.values()
            for finding in one.findings
            if finding.id in over and finding.active
        ]

    def _prune(self, now: datetime) -> None:
        """Let go of what ended long ago, unless it waits to be sent; it stays in the database."""
        numbers = self._correlator.numbers
        needed = {
            one.situation
            for one in self.alerts.values()
            if has_waiting(one) or one.id in self._held or one.id in self._doubtful
        }
        ended = [one for one in self.situations.values() if not one.active and one.id not in needed]
        ended.sort(key=lambda one: (one.updated, one.id))
        oldest = now - timedelta(seconds=numbers["keep_ended_s"].value)
        surplus = max(len(ended) - int(numbers["keep_ended_max"].value), 0)
        gone = {one.id for place, one in enumerate(ended) if place < surplus or one.updated < oldest}
        if not gone:
            return
        alerts = [alert.id for alert in self.alerts.values() if alert.situation in gone]
        self.situations = {name: one for name, one in self.situations.items() if name not in gone}
        for name in alerts:
            del self.alerts[name]
        self._retire(gone, alerts)


def _lined(situation: Situation, decision: Decision) -> Situation:
    return logged(situation, decision.now, decision.what, who=decision.operator)


def _age(alert: Alert) -> tuple[datetime, str]:
    return alert.created, alert.id
