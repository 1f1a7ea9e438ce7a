"""Findings to situations: one living record per real-world event. Pure functions of values and the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from alerts.gazetteer import WGS84, Gazetteer, RoadPlace
from alerts.model import SYSTEM, Entry, Situation, SituationKind
from config.catalogue.model import Name
from config.numbers import Number
from config.words import Words
from engine.findings import Finding, Rule
from sensors.columns import from_ns

_KIND_OF_RULE: dict[Rule, SituationKind] = {
    Rule.CONGESTION: "congestion",
    Rule.CAMERA_EVENT: "incident",
    Rule.SLOPE_LEVEL: "slope",
    Rule.FIRE_POSITION: "fire",
    Rule.FIRE_BEARING: "fire",
}
_TRAFFIC = {"congestion", "incident"}
_SPEAKS_FIRST = (Rule.FIRE_POSITION, Rule.CAMERA_EVENT, Rule.SLOPE_LEVEL, Rule.CONGESTION, Rule.FIRE_BEARING)
"""Whose place and title a situation takes, of the findings that are active."""
MAX_TIMELINE = 200


@dataclass(frozen=True)
class Correlator:
    """What it needs to know to tell events apart and to name them."""

    gazetteer: Gazetteer
    words: Words
    numbers: dict[str, Number]

    def absorb(
        self, situations: dict[str, Situation], finding: Finding
    ) -> tuple[dict[str, Situation], Situation | None]:
        """Put a finding into the situation that it belongs to, or open one.

        Parameters
        ----------
        situations : dict
            Open and ended situations by id; not changed.
        finding : Finding

        Returns
        -------
        situations : dict
        changed : Situation or None
            None when an ended finding belongs to nothing that is known.

        Source
        ------
        Own construction. A finding goes to the situation that has it already; else to an active one that shares an
        observation with it; else to an active one of its kind that is near enough; else it opens one.
        """
        now = from_ns(finding.updated_ns)
        home = self._home(situations, finding)
        if home is None:
            if not finding.active:
                return situations, None
            changed = self._opened(finding, now)
        else:
            changed = self._updated(home, finding, now)
        return {**situations, changed.id: changed}, changed

    def _home(self, situations: dict[str, Situation], finding: Finding) -> Situation | None:
        for situation in situations.values():
            if any(one.id == finding.id for one in situation.findings):
                return situation
        active = [one for one in situations.values() if one.active and _same_family(one, finding)]
        shared = [one for one in active if _shares_observation(one, finding)]
        if shared:
            return min(shared, key=lambda one: (one.opened, one.id))
        if finding.rule is Rule.FIRE_BEARING:
            return None
        near = [(distance, one.id, one) for one in active if (distance := self._distance(one, finding)) is not None]
        return min(near, default=(0.0, "", None))[2]

    def _distance(self, situation: Situation, finding: Finding) -> float | None:
        """Return how far apart they are, or None when too far to be one event. [m]."""
        if situation.kind in _TRAFFIC:
            here, there = self._road_spans(finding), [self._road_spans(one) for one in situation.findings]
            gaps = [gap for span in there if (gap := _gap_m(here, span)) is not None]
            limit = self.numbers["same_road_m"].value
            return min((gap for gap in gaps if gap <= limit), default=None)
        points = [one for one in situation.findings if one.rule is not Rule.FIRE_BEARING]
        distances = [WGS84.inv(one.lon_deg, one.lat_deg, finding.lon_deg, finding.lat_deg)[2] for one in points]
        limit = self.numbers["same_place_m"].value
        return min((distance for distance in distances if distance <= limit), default=None)

    def _road_spans(self, finding: Finding) -> list[RoadPlace]:
        return [place for device in finding.devices if (place := self.gazetteer.place_of(device)) is not None]

    def _opened(self, finding: Finding, now: datetime) -> Situation:
        bare = Situation(
            id=f"situation-{finding.id}",
            kind=_KIND_OF_RULE[finding.rule],
            level=finding.level,
            active=True,
            title=Name("", ""),
            district="",
            lon_deg=finding.lon_deg,
            lat_deg=finding.lat_deg,
            opened=now,
            updated=now,
            confidence=finding.confidence,
            findings=(finding,),
        )
        named = self._named(bare)
        return logged(named, now, self.words.say("log", "opened", title=named.title))

    def _updated(self, situation: Situation, finding: Finding, now: datetime) -> Situation:
        known = {one.id for one in situation.findings}
        findings = (*(one for one in situation.findings if one.id != finding.id), finding)
        active = any(one.active for one in findings)
        level = max(situation.level, finding.level)
        changed = self._named(
            msgspec.structs.replace(
                situation,
                findings=tuple(sorted(findings, key=lambda one: (one.onset_ns, one.id))),
                active=active,
                phase=situation.phase if active else "closed",
                level=level,
                updated=now,
            )
        )
        if finding.id not in known:
            changed = logged(
                changed, now, self.words.say("log", "joined", rule=self.words.say("rule", finding.rule.value))
            )
        if level > situation.level:
            changed = logged(
                changed, now, self.words.say("log", "level", level=self.words.say("level", str(int(level))))
            )
        if situation.active and not active:
            changed = logged(changed, now, self.words.say("log", "ended"))
        return changed

    def _named(self, situation: Situation) -> Situation:
        """Take place, shape, title and kind from the finding that says most."""
        live = [one for one in situation.findings if one.active] or list(situation.findings)
        lead = lead_finding(situation)
        lines = [one.line for one in live if one.line and one.rule is not Rule.FIRE_BEARING]
        if not lines and lead.line:
            lines = [lead.line]
        kinds = {_KIND_OF_RULE[one.rule] for one in situation.findings}
        kind: SituationKind = "incident" if "incident" in kinds else situation.kind
        doubt = 1.0
        for one in live:
            doubt *= 1.0 - one.confidence
        return msgspec.structs.replace(
            situation,
            kind=kind,
            title=self.title(kind, lead),
            district=self.gazetteer.district_at(lead.lon_deg, lead.lat_deg),
            lon_deg=lead.lon_deg,
            lat_deg=lead.lat_deg,
            ellipse=lead.ellipse,
            line=max(lines, key=len, default=()),
            confidence=round(min(1.0 - doubt, 0.999), 3),
        )

    def fields(self, lead: Finding) -> dict[str, Name | str | float]:
        """Return what templates may name about a finding."""
        district = self.gazetteer.district_at(lead.lon_deg, lead.lat_deg)
        fields: dict[str, Name | str | float] = {
            "district": self.gazetteer.district_name(district),
            "village": self.gazetteer.village_near(lead.lon_deg, lead.lat_deg),
            "agency": self.words.say("agency"),
        }
        place = self.gazetteer.place_of(lead.devices[-1])
        if place is not None:
            fields["road"] = self.gazetteer.road_name(place.corridor)
            fields["direction"] = self.words.say("direction", self.gazetteer.direction(place.corridor))
        if lead.rule is Rule.CAMERA_EVENT:
            fields["event"] = self.words.say("event", lead.detail)
        if lead.rule is Rule.SLOPE_LEVEL:
            fields["slope"] = self.gazetteer.device_name(lead.subject)
        return fields

    def title(self, kind: SituationKind, lead: Finding) -> Name:
        """Name a situation by its leading finding."""
        fields = self.fields(lead)
        if lead.rule is Rule.FIRE_BEARING:
            return self.words.say("smoke", "title", **fields)
        if kind == "incident" and "event" not in fields:
            kind = "congestion"
        return self.words.say(kind, "title", **fields)


def lead_finding(situation: Situation) -> Finding:
    """Return the finding that a situation takes its place and words from."""
    live = [one for one in situation.findings if one.active] or list(situation.findings)
    return min(live, key=lambda one: (_SPEAKS_FIRST.index(one.rule), -one.confidence, one.id))


def _same_family(situation: Situation, finding: Finding) -> bool:
    kind = _KIND_OF_RULE[finding.rule]
    return situation.kind == kind or (situation.kind in _TRAFFIC and kind in _TRAFFIC)


def _shares_observation(situation: Situation, finding: Finding) -> bool:
    mine = {(one.device, one.seq) for one in finding.observations}
    return any((seen.device, seen.seq) in mine for one in situation.findings for seen in one.observations)


def _gap_m(here: list[RoadPlace], there: list[RoadPlace]) -> float | None:
    """Return the distance along one road and direction between two stretches; 0 when they overlap."""
    if not here or not there or here[0].corridor != there[0].corridor:
        return None
    mine = sorted(place.chainage_m for place in here)
    other = sorted(place.chainage_m for place in there)
    return max(other[0] - mine[-1], mine[0] - other[-1], 0.0)


def logged(situation: Situation, now: datetime, what: Name, who: str = SYSTEM) -> Situation:
    """Write a line into a situation's timeline; the oldest lines give way beyond 200."""
    entry = Entry(time=now, who=who, what=what)
    return msgspec.structs.replace(situation, timeline=(*situation.timeline, entry)[-MAX_TIMELINE:])
