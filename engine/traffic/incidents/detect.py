"""From signs to incidents: evidence adds up, an alarm opens one, and it is held until its signs are gone."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.traffic.frame import Frame
from engine.traffic.incidents.lanes import LaneState, take_lanes
from engine.traffic.incidents.scales import Scale, Scales
from engine.traffic.incidents.signs import Signs, SignState, read_signs
from engine.traffic.incidents.thresholds import IncidentThresholds
from engine.traffic.layout import NONE, Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NS = 1_000_000_000


class Sign(NamedTuple):
    """What raised the alarm, on the stretch that raised it, as held against what was usual; for the receipt."""

    balance_sigmas: float
    balance_ratio: float
    discharge_sigmas: float
    discharge_drop: float
    upstream_free_ratio: float
    downstream_free_ratio: float


class Incident(NamedTuple):
    """One incident that is being followed."""

    number: int
    first: int
    """Station at the upstream end of the stretch, in the fine layout."""
    last: int
    """Station at its downstream end."""
    onset_ns: int
    """When it will have begun. [ns since 1970 UTC]"""
    detected_ns: int
    """End of the period that raised the alarm. [ns since 1970 UTC]"""
    seen_ns: int
    """End of the newest period that still showed it. [ns since 1970 UTC]"""
    grew_ns: int
    """End of the newest period in which there was evidence of it. [ns since 1970 UTC]"""
    evidence: float
    """Largest so far."""
    lanes: tuple[int, ...]
    """Lanes that have gone empty downstream, 1 at the median; empty when not known."""
    sign: Sign


class Change(enum.StrEnum):
    """What became of an incident."""

    OPENED = "opened"
    UPDATED = "updated"
    """Its lanes got known."""
    CLOSED = "closed"


class News(NamedTuple):
    """A change, in the order in which a live system knows it."""

    change: Change
    incident: Incident


@dataclass(frozen=True)
class IncidentState:
    """All that detection remembers.

    ``evidence`` (n_station,), float64, belongs to the stretch downstream of each station of the fine layout;
    ``since_ns`` is the period in which it began to rise, -1 where there is none.
    """

    fine: SignState
    coarse: tuple[SignState, ...]
    lanes: LaneState
    evidence: Floats
    coarse_evidence: tuple[Floats, ...]
    since_ns: Ints
    incidents: tuple[Incident, ...]
    opened: int

    @classmethod
    def initial(cls, scales: Scales, n_lane: int) -> IncidentState:
        """Return the state before any period."""
        n_station = len(scales.fine)
        return cls(
            fine=SignState.initial(scales.fine),
            coarse=tuple(SignState.initial(scale.layout) for scale in scales.coarse),
            lanes=LaneState.initial(n_station, n_lane),
            evidence=np.zeros(n_station),
            coarse_evidence=tuple(np.zeros(len(scale.layout)) for scale in scales.coarse),
            since_ns=np.full(n_station, NONE, dtype=np.int64),
            incidents=(),
            opened=0,
        )


def confidence_of(evidence: float, alarm_evidence: float) -> float:
    """Return 0 to 1: one half at the alarm, and every further alarm's worth of evidence halves the doubt."""
    return float(1.0 - 0.5 ** (evidence / alarm_evidence))


def detect_incidents(
    state: IncidentState, frame: Frame, faulty: Bools, scales: Scales, thresholds: IncidentThresholds
) -> tuple[IncidentState, list[News]]:
    """Take in one period of all stations.

    Parameters
    ----------
    state : IncidentState
    frame : Frame
    faulty : ndarray, shape (n_station, n_lane), bool
        Lanes that are not to be believed.
    scales : Scales
    thresholds : IncidentThresholds

    Returns
    -------
    IncidentState
    news : list of News
        Closed, updated and opened incidents.

    Notes
    -----
    Evidence of a stretch is a cumulative sum: max(0, E + score - usual), so that one overwhelming period, two clear
    ones or several faint ones in a row raise the same alarm. Only the stretch with the most evidence within
    ``merge_m`` opens an incident. It is held while its stretch stays slow upstream and free downstream, and closed
    after ``clear_after_s`` without.

    Source
    ------
    Page (1954), "Continuous inspection schemes", Biometrika 41, for the sum; what is summed: own construction.
    """
    fine, signs = read_signs(state.fine, frame, faulty, scales.fine, thresholds)
    quiet = state.fine.suspicion == 0
    lanes, emptied = take_lanes(state.lanes, np.where(faulty, np.nan, frame.volume), quiet, frame.period_s, thresholds)
    own = _added(state.evidence, signs.score, thresholds)
    evidence = own.copy()
    shown = _Shown.of(signs, scales.fine)
    holding = (signs.score > 0.0) | (fine.obstruction.periods > 0)
    coarse, coarse_own = [], []
    for scale, before, sum_before in zip(scales.coarse, state.coarse, state.coarse_evidence, strict=True):
        learnt, wider = _coarse(before, frame, faulty, scale, thresholds)
        added = _added(sum_before, wider.score, thresholds)
        shown = shown.where_more(_Shown.of(wider, scale.layout), scale.home, added, evidence)
        np.maximum.at(evidence, scale.home, added)
        holding[scale.home] |= (wider.score > 0.0) | (learnt.obstruction.periods > 0)
        coarse.append(learnt)
        coarse_own.append(added)
    since_ns = np.where(evidence > 0.0, np.where(state.since_ns == NONE, frame.time_ns, state.since_ns), NONE)
    kept, news = _carry(state.incidents, evidence, since_ns, holding, emptied, frame.time_ns, scales.fine, thresholds)
    opened = state.opened
    for place in _peaks(evidence, kept, scales.fine, thresholds):
        incident = _open(opened, place, evidence, since_ns, signs, shown, emptied, frame, scales.fine)
        kept.append(incident)
        news.append(News(Change.OPENED, incident))
        opened += 1
    after = IncidentState(fine, tuple(coarse), lanes, own, tuple(coarse_own), since_ns, tuple(kept), opened)
    return after, news


def _coarse(
    before: SignState, frame: Frame, faulty: Bools, scale: Scale, thresholds: IncidentThresholds
) -> tuple[SignState, Signs]:
    which = scale.stations
    part = Frame(frame.time_ns, frame.period_s, frame.volume[which], frame.speed_kmh[which], frame.occupancy_pct[which])
    return read_signs(before, part, faulty[which], scale.layout, thresholds)


def _added(evidence: Floats, score: Floats, thresholds: IncidentThresholds) -> Floats:
    return np.clip(evidence + score - thresholds.usual_score.value, 0.0, thresholds.most_evidence.value)


def _peaks(evidence: Floats, known: list[Incident], layout: Layout, thresholds: IncidentThresholds) -> list[int]:
    """Return the stretches that open an incident, the strongest of each neighbourhood."""
    chosen: list[int] = []
    taken = [incident.first for incident in known]
    alarming = np.flatnonzero(evidence >= thresholds.alarm_evidence.value)
    for place in alarming[np.argsort(-evidence[alarming], kind="stable")].tolist():
        if not any(_near(place, other, layout, thresholds.merge_m.value) for other in (*taken, *chosen)):
            chosen.append(place)
    return sorted(chosen)


def _near(one: int, other: int, layout: Layout, within_m: float) -> bool:
    apart_m = abs(float(layout.chainage_m[one] - layout.chainage_m[other]))
    return bool(layout.corridor[one] == layout.corridor[other]) and apart_m <= within_m


def _open(
    number: int,
    place: int,
    evidence: Floats,
    since_ns: Ints,
    signs: Signs,
    shown: _Shown,
    emptied: Bools,
    frame: Frame,
    layout: Layout,
) -> Incident:
    last = int(layout.down[place]) if layout.down[place] != NONE else place
    gap_m = float(np.nan_to_num(layout.gap_m[place]))
    travel_s = gap_m / 2.0 / (float(signs.free_speed_kmh[place]) / 3.6)
    onset_ns = int(since_ns[place]) - int((frame.period_s + travel_s) * _NS)
    return Incident(
        number=number,
        first=place,
        last=last,
        onset_ns=onset_ns,
        detected_ns=frame.time_ns,
        seen_ns=frame.time_ns,
        grew_ns=frame.time_ns,
        evidence=float(evidence[place]),
        lanes=_lanes(emptied[last]),
        sign=Sign(*(_finite(value) for value in shown.values[:, place])),
    )


class _Shown(NamedTuple):
    """The numbers of `Sign` of every stretch, shape (6, n_station), in the order of its fields."""

    values: Floats

    @classmethod
    def of(cls, signs: Signs, layout: Layout) -> _Shown:
        ahead = np.where(layout.down != NONE, layout.down, np.arange(len(layout)))
        discharge, free = signs.discharge, signs.slowing.free_ratio
        return cls(
            np.stack(
                (
                    signs.balance.score,
                    signs.balance.ratio,
                    discharge.score[ahead],
                    discharge.drop[ahead],
                    free,
                    free[ahead],
                )
            )
        )

    def where_more(self, wider: _Shown, home: Ints, added: Floats, evidence: Floats) -> _Shown:
        """Return the numbers with those of a coarse stretch where it has more evidence than any so far."""
        values = self.values.copy()
        more = np.flatnonzero(added > evidence[home])
        more = more[np.argsort(added[more], kind="stable")]
        values[:, home[more]] = wider.values[:, more]
        return _Shown(values)


def _finite(value: float) -> float:
    return round(float(value), 3) if np.isfinite(value) else 0.0


def _lanes(emptied: Bools) -> tuple[int, ...]:
    return tuple((np.flatnonzero(emptied) + 1).tolist())


def _carry(
    incidents: tuple[Incident, ...],
    evidence: Floats,
    since_ns: Ints,
    holding: Bools,
    emptied: Bools,
    time_ns: int,
    layout: Layout,
    thresholds: IncidentThresholds,
) -> tuple[list[Incident], list[News]]:
    """Carry the known incidents on."""
    kept: list[Incident] = []
    news: list[News] = []
    for incident in incidents:
        around = [
            place
            for place in (int(layout.up[incident.first]), incident.first, incident.last)
            if place != NONE and layout.corridor[place] == layout.corridor[incident.first]
        ]
        clear_ns = int(thresholds.clear_after_s.value * _NS)
        strongest = max(around, key=lambda place: evidence[place])
        again = since_ns[strongest] - incident.grew_ns >= clear_ns
        if again and evidence[strongest] >= thresholds.alarm_evidence.value:
            # It had gone quiet; what grows now is another one at the same place.
            news.append(News(Change.CLOSED, incident))
        elif any(evidence[place] > 0.0 or holding[place] for place in around):
            lanes = incident.lanes or _lanes(emptied[incident.last])
            grows = evidence[strongest] > 0.0 and not again
            now = incident._replace(
                seen_ns=time_ns,
                grew_ns=time_ns if grows else incident.grew_ns,
                evidence=max(incident.evidence, float(evidence[strongest])),
                lanes=lanes,
            )
            if now.lanes != incident.lanes:
                news.append(News(Change.UPDATED, now))
            kept.append(now)
        elif time_ns - incident.seen_ns >= clear_ns:
            news.append(News(Change.CLOSED, incident))
        else:
            kept.append(incident)
    return kept, news
