"""Drafts: what the system proposes to say about a situation, waiting for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from alerts.correlate import Correlator, lead_finding
from alerts.gazetteer import RoadPlace
from alerts.lifecycle import withdraw_draft
from alerts.model import SYSTEM, Alert, SignText, Situation
from config.catalogue.model import Name, Sign
from config.settings import Mode
from engine.findings import Finding, HazardLevel, Rule

_FIRST_LEVEL = HazardLevel.CAUTION


@dataclass(frozen=True)
class Drafter:
    """Writes drafts in one mode; an exercise's drafts can never be another mode's."""

    correlator: Correlator
    mode: Mode

    def propose(self, situation: Situation, alerts: list[Alert], now: datetime) -> Alert | None:
        """Say what should become of a situation's draft.

        Parameters
        ----------
        situation : Situation
        alerts : list of Alert
            Those of this situation, oldest first.
        now : datetime

        Returns
        -------
        Alert or None
            A new draft, a draft with newer words, a draft withdrawn because its situation ended, or None for no change.

        Notes
        -----
        A situation below CAUTION, or a bearing without position, gets no draft. After a decision a new one comes only
        when the level rises above what was decided on.

        Source
        ------
        Own construction.
        """
        latest = alerts[-1] if alerts else None
        if latest is not None and latest.state == "draft":
            if not situation.active:
                return withdraw_draft(latest, now)
            return self._refreshed(latest, situation, now)
        lead = lead_finding(situation)
        if not situation.active or situation.level < _FIRST_LEVEL or lead.rule is Rule.FIRE_BEARING:
            return None
        if latest is not None and latest.state in {"approved", "rejected"} and situation.level <= latest.level:
            return None
        return Alert(
            id=f"alert-{situation.id.removeprefix('situation-')}-{len(alerts) + 1}",
            version=1,
            situation=situation.id,
            mode=self.mode,
            level=situation.level,
            state="draft",
            author=SYSTEM,
            districts=(situation.district,),
            text=self._text(situation, lead),
            signs=self._signs(situation, lead),
            created=now,
            updated=now,
        )

    def _refreshed(self, draft: Alert, situation: Situation, now: datetime) -> Alert | None:
        lead = lead_finding(situation)
        fresh = msgspec.structs.replace(
            draft,
            level=situation.level,
            districts=(situation.district,),
            text=self._text(situation, lead),
            signs=self._signs(situation, lead),
        )
        if _same_message(fresh, draft):
            return None
        return msgspec.structs.replace(fresh, version=draft.version + 1, updated=now)

    def _text(self, situation: Situation, lead: Finding) -> Name:
        fields = self.correlator.fields(lead)
        kind = "congestion" if situation.kind == "incident" and "event" not in fields else situation.kind
        return self._marked(self.correlator.words.say(kind, "text", **fields))

    def _marked(self, text: Name) -> Name:
        """Put the mode in front, in words, of everything that does not mean it."""
        if self.mode == "live":
            return text
        mark = self.correlator.words.say(self.mode)
        return Name(ko=mark.ko + text.ko, en=mark.en + text.en)

    def _signs(self, situation: Situation, lead: Finding) -> tuple[SignText, ...]:
        fields = self.correlator.fields(lead)
        kind = "congestion" if situation.kind == "incident" and "event" not in fields else situation.kind
        texts = []
        for sign, distance_m in self._signs_near(situation, lead):
            told_km = max(round(distance_m / 1000.0), 1)
            multi = self.correlator.words.say(kind, "sign", distance_km=told_km, **fields).ko
            texts.append(SignText(sign.id, self._marked_multi(multi)))
        return tuple(texts)

    def _marked_multi(self, multi: str) -> str:
        if self.mode == "live":
            return multi
        mark = self.correlator.words.say(self.mode).ko.strip().replace("[", "[[").replace("]", "]]")
        return f"[jp3]{mark}[nl]{multi.removeprefix('[jp3]')}"

    def _signs_near(self, situation: Situation, lead: Finding) -> list[tuple[Sign, float]]:
        numbers, gazetteer = self.correlator.numbers, self.correlator.gazetteer
        most = int(numbers["signs_max"].value)
        tail = self._upstream_end(situation)
        if tail is not None:
            return gazetteer.signs_before(tail, numbers["signs_before_m"].value)[:most]
        around = gazetteer.signs_around((lead.lon_deg, lead.lat_deg), numbers["signs_around_m"].value)
        return around[:most]

    def _upstream_end(self, situation: Situation) -> RoadPlace | None:
        """Return the place that drivers reach first, for a situation on a road."""
        if situation.kind == "fire":
            return None
        live = [one for one in situation.findings if one.active] or list(situation.findings)
        places = [
            place for one in live for device in one.devices if (place := self.correlator.gazetteer.place_of(device))
        ]
        return min(places, key=lambda place: place.chainage_m, default=None)


def _same_message(one: Alert, other: Alert) -> bool:
    """Tell whether two wordings say the same to the same people.

    A distance on a sign that changed by a kilometre does not make another draft: the person who is about to approve
    would have to start over each minute.
    """
    return (one.level, one.districts, one.text, {sign.sign for sign in one.signs}) == (
        other.level,
        other.districts,
        other.text,
        {sign.sign for sign in other.signs},
    )
