"""The list for those who mend detectors: worst first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.traffic.health.reasons import Reason
from engine.traffic.health.step import Health

_NS = 1e9


@dataclass(frozen=True)
class HealthItem:
    """One faulty lane.

    Attributes
    ----------
    station, lane : int
        Place in the arrays, from 0.
    reasons : Reason
    since_ns : int
        [ns since 1970 UTC]
    duration_s : float
        [s]
    excluded : bool
        Its numbers are not used.
    station_blind : bool
        No lane of its station is used.
    """

    station: int
    lane: int
    reasons: Reason
    since_ns: int
    duration_s: float
    excluded: bool
    station_blind: bool


def health_list(health: Health, lanes: np.ndarray, limit: int | None = None) -> list[HealthItem]:
    """Return the faulty lanes, worst first.

    Parameters
    ----------
    health : Health
    lanes : ndarray, shape (n_station,), int64
        Lanes that each station watches.
    limit : int, optional
        No more than so many.

    Returns
    -------
    list of HealthItem
        Stations that see nothing at all first, then those with the largest share of lanes excluded, then lanes that
        are excluded before those that are not; among equals the longest faulty.

    Source
    ------
    Own construction.
    """
    there = np.arange(health.faulty.shape[1]) < lanes[:, None]
    lost = (health.excluded & there).sum(axis=1) / np.maximum(lanes, 1)
    station, lane = np.nonzero(health.faulty)
    duration_s = (health.time_ns - health.since_ns[station, lane]) / _NS
    excluded = health.excluded[station, lane]
    order = np.lexsort((lane, station, -duration_s, ~excluded, -lost[station]))[:limit]
    return [
        HealthItem(
            station=int(station[place]),
            lane=int(lane[place]),
            reasons=Reason(int(health.reasons[station[place], lane[place]])),
            since_ns=int(health.since_ns[station[place], lane[place]]),
            duration_s=float(duration_s[place]),
            excluded=bool(excluded[place]),
            station_blind=bool(lost[station[place]] >= 1.0),
        )
        for place in order.tolist()
    ]
