"""Drafts: what the system proposes to say about a situation, waiting for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from alerts.correlate import Correlator, corridor_of, lead_finding, live_findings
from alerts.gazetteer import RoadPlace
from alerts.lifecycle import withdraw_draft
from alerts.model import SYSTEM, Alert, SignText, Situation
from alerts.wording import mark_multi
from config.catalogue.model import Name
from config.settings import Mode
from engine.findings import Finding, HazardLevel, Rule

_FIRST_LEVEL = HazardLevel.CAUTION


@dataclass(frozen=True)
class Drafter:
    """Writes drafts in one mode; an exercise's drafts can never be another mode's."""

    correlator: Correlator
    mode: Mode

    def propose(self, situation: Situation, alerts: Sequence[Alert], now: datetime) -> Alert | None:
        """Say what should become of a situation's draft.

        Parameters
        ----------
        situation : Situation
        alerts : sequence of Alert
            All of this situation, oldest first; those of other modes count for nothing but the numbering.
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
        mine = [one for one in alerts if one.mode == self.mode]
        latest = mine[-1] if mine else None
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
        if lead.rule is Rule.FIRE_BEARING:
            return None  # the position is lost, the fire is not: the last words stand
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
        """Put the mode in front, in words, of everything that does not mean it."""
        text = self.correlator.wording.text(lead, corridor_of(situation, self.correlator.gazetteer))
        if self.mode == "live":
            return text
        mark = self.correlator.words.say(self.mode)
        return Name(ko=mark.ko + text.ko, en=mark.en + text.en)

    def _signs(self, situation: Situation, lead: Finding) -> tuple[SignText, ...]:
        wording, gazetteer, numbers = self.correlator.wording, self.correlator.gazetteer, self.correlator.numbers
        ends = self._upstream_ends(situation, lead) if wording.on_road(lead) else []
        if ends:
            before = [found for end in ends for found in gazetteer.signs_before(end, numbers["signs_before_m"].value)]
            near = sorted(before, key=lambda found: (found[1], found[0].id))
        else:
            near = gazetteer.signs_around((lead.lon_deg, lead.lat_deg), numbers["signs_around_m"].value)
        texts = []
        for sign, distance_m in near[: int(numbers["signs_max"].value)]:
            multi = wording.sign(lead, distance_m, ahead=bool(ends))
            if self.mode != "live":
                multi = mark_multi(self.correlator.words.say(self.mode).ko.strip(), multi)
            texts.append(SignText(sign.id, multi))
        return tuple(texts)

    def _upstream_ends(self, situation: Situation, lead: Finding) -> list[RoadPlace]:
        """Return the place that drivers reach first; one for each direction while the direction is not known."""
        gazetteer = self.correlator.gazetteer
        corridor = corridor_of(situation, gazetteer)
        own = [place for device in lead.devices if (place := gazetteer.place_of(device))]
        if corridor is None:
            return gazetteer.places_near(lead.lon_deg, lead.lat_deg, gazetteer.road(own[-1].corridor))
        places = [
            place
            for one in live_findings(situation)
            for device in one.devices
            if (place := gazetteer.place_of(device)) and place.corridor == corridor
        ]
        return [min(places, key=lambda place: place.chainage_m)]


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
