"""Findings to situations: one living record per real-world event. Pure functions of values and the time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from alerts.gazetteer import WGS84, Gazetteer, RoadPlace
from alerts.model import SYSTEM, Entry, Situation, SituationKind
from alerts.wording import Wording
from config.catalogue.model import Name
from config.numbers import Number
from config.words import Words
from engine.findings import Finding, Rule
from sensors.columns import from_ns

KIND_OF_RULE: dict[Rule, SituationKind] = {
    Rule.CONGESTION: "congestion",
    Rule.INCIDENT: "incident",
    Rule.CAMERA_EVENT: "incident",
    Rule.ROAD_WEATHER: "weather",
    Rule.SLOPE_LEVEL: "slope",
    Rule.FIRE_POSITION: "fire",
    Rule.FIRE_BEARING: "fire",
}
_TRAFFIC = {"congestion", "incident"}
_BESIDE_ROAD = {Rule.CAMERA_EVENT, Rule.ROAD_WEATHER}
"""Findings of devices beside a road: they know the road, not the direction."""
_SPEAKS_FIRST = (
    Rule.FIRE_POSITION,
    Rule.CAMERA_EVENT,
    Rule.INCIDENT,
    Rule.SLOPE_LEVEL,
    Rule.CONGESTION,
    Rule.ROAD_WEATHER,
    Rule.FIRE_BEARING,
)
"""Whose place and title a situation takes, of the findings that are active."""
MAX_TIMELINE = 200
MAX_ENDED_FINDINGS = 50
"""Findings of a situation that are over and still kept; the oldest give way."""

Situations = dict[str, Situation]


@dataclass(frozen=True)
class Correlator:
    """What it needs to know to tell events apart and to name them."""

    gazetteer: Gazetteer
    words: Words
    numbers: dict[str, Number]

    @property
    def wording(self) -> Wording:
        """What is said about findings."""
        return Wording(self.gazetteer, self.words)

    def absorb(self, situations: Situations, finding: Finding) -> tuple[Situations, tuple[Situation, ...]]:
        """Put a finding into the situation that it belongs to, or open one.

        Parameters
        ----------
        situations : dict
            Open and ended situations by id; not changed.
        finding : Finding

        Returns
        -------
        situations : dict
        changed : tuple of Situation
            The finding's own first, then those that turned out to be the same event; empty when an ended finding
            belongs to nothing that is known.

        Source
        ------
        Own construction. A finding goes to the situation that has it already; else to an active one that shares an
        observation with it; else to an active one of its kind that is near enough; else it opens one. Situations of
        single bearings whose observations a position shares are merged into its own.
        """
        now = from_ns(finding.updated_ns)
        home = self._home(situations, finding)
        if home is None:
            if not finding.active:
                return situations, ()
            return self._with_merged(situations, self._opened(finding, now), finding, now)
        return self._with_merged(situations, self._updated(home, finding, now), finding, now)

    def _home(self, situations: Situations, finding: Finding) -> Situation | None:
        having = [one for one in situations.values() if any(known.id == finding.id for known in one.findings)]
        if having:
            # After a merge two have it; the ended one lives on in the other.
            return min(having, key=lambda one: (not one.active, one.opened, one.id))
        active = [one for one in situations.values() if one.active and _same_family(one, finding)]
        shared = [one for one in active if _shares_observation(one, finding)]
        if shared:
            return min(shared, key=lambda one: (one.opened, one.id))
        if finding.rule is Rule.FIRE_BEARING:
            passed = [one for one in active if self._passes(finding, one)]
            return min(passed, key=lambda one: (one.opened, one.id), default=None)
        near = [(distance, one.id, one) for one in active if (distance := self._distance(one, finding)) is not None]
        return min(near, default=(0.0, "", None))[2]

    def _distance(self, situation: Situation, finding: Finding) -> float | None:
        """Return how far apart they are, or None when too far to be one event. [m]."""
        if situation.kind in _TRAFFIC:
            gaps = [gap for one in situation.findings if (gap := self._road_gap(finding, one)) is not None]
            limit = self.numbers["same_road_m"].value
            return min((gap for gap in gaps if gap <= limit), default=None)
        if situation.kind == "weather":
            return self._weather_distance(situation, finding)
        points = [one for one in situation.findings if one.rule is not Rule.FIRE_BEARING]
        distances = [WGS84.inv(one.lon_deg, one.lat_deg, finding.lon_deg, finding.lat_deg)[2] for one in points]
        limit = self.numbers["same_place_m"].value
        return min((distance for distance in distances if distance <= limit), default=None)

    def _weather_distance(self, situation: Situation, finding: Finding) -> float | None:
        """Return how far apart along one road the same weather is, or None when it is not the same. [m]."""
        roads = self._roads_beside(finding)
        distances = [
            float(WGS84.inv(one.lon_deg, one.lat_deg, finding.lon_deg, finding.lat_deg)[2])
            for one in situation.findings
            if one.detail == finding.detail and roads & self._roads_beside(one)
        ]
        limit = self.numbers["same_weather_m"].value
        return min((distance for distance in distances if distance <= limit), default=None)

    def _roads_beside(self, finding: Finding) -> set[str]:
        return {self.gazetteer.road(place.corridor) for place in self._road_spans(finding)}

    def _passes(self, bearing: Finding, situation: Situation) -> bool:
        """Tell whether a single bearing points at a fire whose place is known."""
        if not any(one.rule is Rule.FIRE_POSITION for one in situation.findings) or len(bearing.line) < 2:
            return False
        tower, end = bearing.line[0], bearing.line[-1]
        azimuth_deg, _, reach_m = WGS84.inv(*tower, *end)
        to_fire_deg, _, distance_m = WGS84.inv(*tower, situation.lon_deg, situation.lat_deg)
        beside_deg = abs((to_fire_deg - azimuth_deg + 180.0) % 360.0 - 180.0)
        return bool(distance_m <= reach_m and beside_deg <= self.numbers["same_bearing_deg"].value)

    def _road_gap(self, here: Finding, there: Finding) -> float | None:
        """Return the distance along the road, or None when they are not on one road and direction. [m].

        A camera beside a road sees both directions: it is held against a queue by the road and the distance.
        """
        mine, other = self._road_spans(here), self._road_spans(there)
        if not mine or not other:
            return None
        if Rule.CAMERA_EVENT not in {here.rule, there.rule}:
            return _gap_m(mine, other)
        if self.gazetteer.road(mine[0].corridor) != self.gazetteer.road(other[0].corridor):
            return None
        spots = [[self.gazetteer.position_of(device) for device in one.devices] for one in (here, there)]
        pairs = [(one, two) for one in spots[0] for two in spots[1] if one is not None and two is not None]
        return min((float(WGS84.inv(*one, *two)[2]) for one, two in pairs), default=None)

    def _road_spans(self, finding: Finding) -> list[RoadPlace]:
        return [place for device in finding.devices if (place := self.gazetteer.place_of(device)) is not None]

    def _with_merged(
        self, situations: Situations, changed: Situation, finding: Finding, now: datetime
    ) -> tuple[Situations, tuple[Situation, ...]]:
        """Close the situations of bearings that a position explains, and take their findings over."""
        same = [
            one
            for one in situations.values()
            if finding.rule is Rule.FIRE_POSITION
            and finding.active
            and one.id != changed.id
            and one.active
            and all(known.rule is Rule.FIRE_BEARING for known in one.findings)
            and _shares_observation(one, finding)
        ]
        taken = {known.id: known for one in same for known in one.findings}
        if taken:
            findings = {known.id: known for known in changed.findings} | taken
            changed = msgspec.structs.replace(changed, findings=_kept(findings.values()))
        merged = [
            logged(
                msgspec.structs.replace(one, active=False, phase="closed", updated=now, findings=_ended(one)),
                now,
                self.words.say("log", "merged", title=changed.title),
            )
            for one in same
        ]
        said = (changed, *merged)
        return {**situations, **{one.id: one for one in said}}, said

    def _opened(self, finding: Finding, now: datetime) -> Situation:
        bare = Situation(
            id=f"situation-{_in_address(finding.id)}",
            kind=KIND_OF_RULE[finding.rule],
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
        findings = _kept((*(one for one in situation.findings if one.id != finding.id), finding))
        active = any(one.active for one in findings)
        level = max(situation.level, finding.level)
        changed = self._named(
            msgspec.structs.replace(
                situation,
                findings=findings,
                active=active,
                phase="closed" if not active else "suspected" if situation.phase == "closed" else situation.phase,
                level=level,
                updated=max(now, situation.updated),
            )
        )
        if active and not situation.active:
            changed = logged(changed, now, self.words.say("log", "opened", title=changed.title))
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
        live = live_findings(situation)
        lead = lead_finding(situation)
        lines = [one.line for one in live if one.line and one.rule is not Rule.FIRE_BEARING]
        if not lines and lead.line:
            lines = [lead.line]
        kinds = {KIND_OF_RULE[one.rule] for one in situation.findings}
        doubt = 1.0
        for one in live:
            doubt *= 1.0 - one.confidence
        return msgspec.structs.replace(
            situation,
            kind="incident" if "incident" in kinds else situation.kind,
            title=self.wording.title(lead, corridor_of(situation, self.gazetteer)),
            district=self.gazetteer.district_at(lead.lon_deg, lead.lat_deg),
            lon_deg=lead.lon_deg,
            lat_deg=lead.lat_deg,
            ellipse=lead.ellipse,
            line=max(lines, key=len, default=()),
            confidence=round(min(1.0 - doubt, 0.999), 3),
        )


def live_findings(situation: Situation) -> list[Finding]:
    """Return the findings that are active; of a situation that ended, all."""
    return [one for one in situation.findings if one.active] or list(situation.findings)


def lead_finding(situation: Situation) -> Finding:
    """Return the finding that a situation takes its place and words from."""
    return min(live_findings(situation), key=lambda one: (_SPEAKS_FIRST.index(one.rule), -one.confidence, one.id))


def corridor_of(situation: Situation, gazetteer: Gazetteer) -> str | None:
    """Return the road and direction that a situation is known to concern; None while only cameras speak of it."""
    places = [
        place
        for one in live_findings(situation)
        if one.rule not in _BESIDE_ROAD
        for device in one.devices
        if (place := gazetteer.place_of(device)) is not None
    ]
    return places[-1].corridor if places else None


def logged(situation: Situation, now: datetime, what: Name, who: str = SYSTEM) -> Situation:
    """Write a line into a situation's timeline; the oldest lines give way beyond 200."""
    entry = Entry(time=now, who=who, what=what)
    return msgspec.structs.replace(situation, timeline=(*situation.timeline, entry)[-MAX_TIMELINE:])


def _in_address(identifier: str) -> str:
    """Return an identifier fit for a URL: what else stands in it, such as a tower's own number, becomes a digest."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", identifier)
    return plain if plain == identifier else f"{plain}-{hashlib.sha256(identifier.encode()).hexdigest()[:8]}"


def _same_family(situation: Situation, finding: Finding) -> bool:
    kind = KIND_OF_RULE[finding.rule]
    if kind == "weather":
        # One sample may tell of fog and of ice, which are two things to say.
        return situation.kind == kind and any(one.detail == finding.detail for one in situation.findings)
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


def _ended(situation: Situation) -> tuple[Finding, ...]:
    return tuple(msgspec.structs.replace(one, active=False) for one in situation.findings)


def _kept(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Order findings by onset, without the oldest of those that are over beyond 50."""
    ordered = sorted(findings, key=lambda one: (one.onset_ns, one.id))
    over = [one.id for one in sorted(ordered, key=lambda one: one.updated_ns) if not one.active]
    surplus = set(over[: max(len(over) - MAX_ENDED_FINDINGS, 0)])
    return tuple(one for one in ordered if one.id not in surplus)
