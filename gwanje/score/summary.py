"""Scores as figures: rates and spreads over the events of one run or of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from gwanje.score.model import EventScore, HazardScore
from gwanje.score.tolerances import Hazard


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How some values are spread; None without any."""

    count: int
    median: float | None
    p90: float | None
    """Nine of ten are at or below it (linear between values)."""
    p10: float | None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one finer kind."""

    events: int
    detected: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one kind of hazard. Rates are None where there is nothing to divide by.

    ``pod`` detected / events; ``far`` false alarms / (detected + false alarms); ``csi`` detected / (events + false
    alarms): the usual measures of warnings (Wilks, Statistical Methods in the Atmospheric Sciences, chapter on
    forecast verification), with events for hits.
    """

    hazard: Hazard
    hours: float
    events: int
    detected: int
    missed: int
    pod: float | None
    situations: int
    false_alarms: int
    far: float | None
    csi: float | None
    false_per_hour: float | None
    false_per_decision: float | None
    false_by_fault: int
    false_by_source: int
    duplicates: int
    groups: dict[str, Group]
    levels: dict[int, int]
    """Events by the highest level reached."""
    time_to_detect_s: Spread
    position_error_m: Spread
    lead_s: Spread
    warning_lead_s: Spread
    reaches: int
    reaches_warned: int
    """Reached after a warning."""
    reach_lead_s: Spread
    tail_error_m: Spread
    tail_short: float | None
    """Share of wordings in which the true tail was further upstream than the one that was said."""


def summarise(scores: Sequence[HazardScore]) -> Summary:
    """Return the figures of one kind of hazard over runs.

    Raises
    ------
    ValueError
        If there is no score, or they are of different kinds.
    """
    kinds = {score.hazard for score in scores}
    if len(kinds) != 1:
        raise ValueError(f"scores: expected one kind of hazard, was {', '.join(sorted(kinds)) or 'none'}")
    events = [event for score in scores for event in score.events]
    alarms = [alarm for score in scores for alarm in score.false_alarms]
    blamed = [{liar.kind for liar in alarm.blamed_on} for alarm in alarms]
    hours, decisions = sum(score.hours for score in scores), sum(score.decisions for score in scores)
    detected = sum(event.detected for event in events)
    reach_leads = [lead_s for event in events for _, lead_s in event.reaches]
    tails = np.concatenate([event.tail_errors_m for event in events] or [np.empty(0)])
    return Summary(
        hazard=scores[0].hazard,
        hours=hours,
        events=len(events),
        detected=detected,
        missed=len(events) - detected,
        pod=_share(detected, len(events)),
        situations=sum(score.claims for score in scores),
        false_alarms=len(alarms),
        far=_share(len(alarms), detected + len(alarms)),
        csi=_share(detected, len(events) + len(alarms)),
        false_per_hour=_share(len(alarms), hours),
        false_per_decision=_share(len(alarms), decisions),
        false_by_fault=sum("fault" in kinds for kinds in blamed),
        false_by_source=sum("false_source" in kinds for kinds in blamed),
        duplicates=sum(score.duplicates for score in scores),
        groups=_groups(events),
        levels=dict(sorted(Counter(event.level for event in events if event.level is not None).items())),
        time_to_detect_s=_spread(event.time_to_detect_s for event in events),
        position_error_m=_spread(event.position_error_m for event in events),
        lead_s=_spread(event.lead_s for event in events),
        warning_lead_s=_spread(event.warning_lead_s for event in events),
        reaches=len(reach_leads),
        reaches_warned=sum(lead_s is not None and lead_s > 0.0 for lead_s in reach_leads),
        reach_lead_s=_spread(reach_leads),
        tail_error_m=_spread(np.abs(tails).tolist()),
        tail_short=_share(int((tails < 0.0).sum()), len(tails)),
    )


def _groups(events: Sequence[EventScore]) -> dict[str, Group]:
    names = sorted({event.group for event in events})
    return {
        name: Group(
            events=sum(event.group == name for event in events),
            detected=sum(event.detected for event in events if event.group == name),
        )
        for name in names
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0.0 else None


def _spread(values: Iterable[float | None]) -> Spread:
    known = [value for value in values if value is not None]
    if not known:
        return Spread(count=0, median=None, p90=None, p10=None)
    p10, median, p90 = np.quantile(known, [0.1, 0.5, 0.9]).tolist()
    return Spread(count=len(known), median=median, p90=p90, p10=p10)
