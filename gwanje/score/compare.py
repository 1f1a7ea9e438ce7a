"""The comparison itself: pure, without files and clocks. Its rules are "How we count" in ``docs/truth.md``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from gwanje.score.model import Claims, Event, EventScore, FalseAlarm, Floats, HazardScore, Liar, Reach
from gwanje.score.tolerances import Tolerances

Mask = NDArray[np.bool_]
_NEEDS_NEW = frozenset({"incident"})
"""Kinds of which a standing finding says nothing about a later event at the same place: a second crash in front of
a camera that still reports the first one has not been noticed."""


def compare(
    events: Sequence[Event],
    claims: Claims,
    liars: Sequence[Liar],
    tolerances: Tolerances,
    *,
    hours: float,
    decisions: float,
) -> HazardScore:
    """Hold what was said about one kind of hazard against what happened.

    Parameters
    ----------
    events
        All of the kind, and those that explain claims of it; each has at least one shape.
    claims
    liars
        Faults and false sources.
    tolerances
    hours
        Length of the run. [h]
    decisions
        How many times a device of the kind could have led to a false alarm.

    Returns
    -------
    HazardScore
        Events in order of start, then identifier; false alarms in order of time, then identifier.

    Notes
    -----
    The order of events and claims, and their names, change nothing but names and order of the result.
    """
    near = np.stack([_near(event, claims, tolerances) for event in events]) if events else _nothing(claims)
    first_s = _first_s(claims)
    explained_row = _explained(near, claims, first_s)
    good = near & explained_row
    scores = []
    for place, event in enumerate(events):
        if event.counts:
            early_s = tolerances.of(claims.hazard).early_s
            fresh = first_s >= event.start_s - early_s if claims.hazard in _NEEDS_NEW else np.True_
            scores.append(_score(event, np.flatnonzero(good[place] & fresh), claims, tolerances))
    counting = np.array([event.counts for event in events], dtype=np.bool_)
    explained = np.zeros(len(claims.situations), dtype=np.bool_)
    explained[claims.situation[explained_row]] = True
    return HazardScore(
        hazard=claims.hazard,
        hours=hours,
        decisions=decisions,
        events=tuple(sorted(scores, key=lambda one: (one.start_s, one.id))),
        false_alarms=_false_alarms(claims, explained, liars, tolerances.blame_hold_s),
        claims=len(claims.situations),
        duplicates=_duplicates(good[counting], claims),
        liars=tuple(sorted(liars, key=lambda one: (one.start_s, one.id))),
    )


def _near(event: Event, claims: Claims, tolerances: Tolerances) -> Mask:
    """Tell which rows are near enough to an event in place and time, shape (row,)."""
    tolerance = tolerances.of(claims.hazard)
    slack_m = np.minimum(claims.slack_m, tolerances.ellipse_max_m)
    away_m = shapely.distance(event.shapes[_sample(event, claims.time_s)], claims.shapes)
    in_time = (claims.time_s >= event.start_s - tolerance.early_s) & (claims.time_s <= event.end_s + tolerance.late_s)
    on_road = (claims.road == "") | (event.road is None) | (claims.road == (event.road or ""))
    result: Mask = in_time & on_road & (away_m <= np.maximum(tolerance.place_m, slack_m))
    return result


def _sample(event: Event, time_s: Floats) -> NDArray[np.int64]:
    """Return the sample of an event that holds at each time; before the first, the first."""
    return np.maximum(np.searchsorted(event.times_s, time_s, side="right") - 1, 0)


def _nothing(claims: Claims) -> Mask:
    return np.zeros((0, len(claims.time_s)), dtype=np.bool_)


def _first_s(claims: Claims) -> Floats:
    """Return for each row when its finding was first said, shape (row,) [s]."""
    first_s = np.full(int(claims.finding.max(initial=-1)) + 1, np.inf)
    np.minimum.at(first_s, claims.finding, claims.time_s)
    result: Floats = first_s[claims.finding]
    return result


def _explained(near: Mask, claims: Claims, first_s: Floats) -> Mask:
    """Tell which rows are of findings whose first wording something explains, shape (row,)."""
    opening = near.any(axis=0) & (claims.time_s == first_s)
    finding = np.zeros(int(claims.finding.max(initial=-1)) + 1, dtype=np.bool_)
    finding[claims.finding[opening]] = True
    result: Mask = finding[claims.finding]
    return result


def _score(event: Event, rows: NDArray[np.int64], claims: Claims, tolerances: Tolerances) -> EventScore:
    """Score one event by the rows that are of it."""
    rows = rows[np.lexsort((claims.level[rows], claims.time_s[rows]))]
    times_s, levels = claims.time_s[rows], claims.level[rows]
    warned_s = times_s[levels >= tolerances.warning_level]
    before = rows if event.due_s is None else rows[times_s < event.due_s]
    placed_warning_s = times_s[(levels >= tolerances.warning_level) & claims.placed[rows]]
    lead_s = warning_lead_s = None
    if event.due_s is not None and len(rows):
        lead_s = event.due_s - float(times_s[0])
        warning_lead_s = event.due_s - float(warned_s[0]) if len(warned_s) and warned_s[0] < event.due_s else None
    return EventScore(
        hazard=event.hazard,
        group=event.group,
        id=event.id,
        start_s=event.start_s,
        detected=bool(len(rows)),
        time_to_detect_s=float(times_s[0]) - event.start_s if len(rows) else None,
        position_error_m=_position_error_m(event, rows[claims.placed[rows]], claims),
        level=int(claims.level[before].max()) if len(before) else None,
        lead_s=lead_s,
        warning_lead_s=warning_lead_s,
        reaches=tuple(_reached(reach, placed_warning_s) for reach in event.reaches),
        tail_errors_m=_tail_errors_m(event, rows, claims),
    )


def _reached(reach: Reach, warned_s: Floats) -> tuple[Reach, float | None]:
    return reach, reach.time_s - float(warned_s[0]) if len(warned_s) else None


def _position_error_m(event: Event, rows: NDArray[np.int64], claims: Claims) -> float | None:
    """Return how far off the first position is: of a queue its head, else the distance to the shape [m]."""
    if not len(rows):
        return None
    earliest = rows[claims.time_s[rows] == claims.time_s[rows[0]]]
    sample = _sample(event, claims.time_s[earliest])
    if len(event.heads):
        away_m = np.linalg.norm(claims.heads[earliest] - event.heads[sample], axis=1)
    else:
        away_m = shapely.distance(event.shapes[sample], claims.shapes[earliest])
    away_m = away_m[~np.isnan(away_m)]
    return float(away_m.min()) if len(away_m) else None


def _tail_errors_m(event: Event, rows: NDArray[np.int64], claims: Claims) -> Floats:
    """Return distances of tails while the queue lasts, negative when the true one is further upstream [m]."""
    if not len(event.tails):
        return np.empty(0)
    rows = rows[~np.isnan(claims.tails[rows, 0]) & (claims.time_s[rows] <= event.end_s)]
    sample = _sample(event, claims.time_s[rows])
    said, true, head = claims.tails[rows], event.tails[sample], event.heads[sample]
    away_m = np.linalg.norm(said - true, axis=1)
    short = np.linalg.norm(said - head, axis=1) < np.linalg.norm(true - head, axis=1)
    return np.sort(np.where(short, -away_m, away_m))


def _duplicates(good: Mask, claims: Claims) -> int:
    """Return how many situations there are beyond one for each event; ``good`` has shape (event, row)."""
    event, row = np.nonzero(good)
    pairs = np.unique(np.stack([claims.situation[row], event]), axis=1)
    if not pairs.size:
        return 0
    table = csr_array(
        (np.ones(pairs.shape[1], dtype=np.int8), (pairs[0], pairs[1])), shape=(len(claims.situations), len(good))
    )
    matched = maximum_bipartite_matching(table, perm_type="column")
    return int(len(np.unique(pairs[0])) - (matched >= 0).sum())


def _false_alarms(claims: Claims, explained: Mask, liars: Sequence[Liar], hold_s: float) -> tuple[FalseAlarm, ...]:
    alarms = []
    for place in np.flatnonzero(~explained).tolist():
        rows = claims.situation == place
        first_s = float(claims.time_s[rows].min())
        blamed = [
            liar
            for liar in liars
            if liar.device in claims.devices[place] and liar.start_s <= first_s <= liar.end_s + hold_s
        ]
        alarms.append(
            FalseAlarm(
                hazard=claims.hazard,
                situation=claims.situations[place],
                first_s=first_s,
                level=int(claims.level[rows].max()),
                devices=tuple(sorted(claims.devices[place])),
                blamed_on=tuple(sorted(blamed, key=lambda one: (one.start_s, one.id))),
            )
        )
    return tuple(sorted(alarms, key=lambda one: (one.first_s, one.situation)))
