"""What the other lanes and the stations next door say: the same fact is a fault alone and traffic in company."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.thresholds import TrafficThresholds
from engine.traffic.frame import Frame
from engine.traffic.health.reasons import HealthThresholds
from engine.traffic.layout import Layout

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Company:
    """Of every lane, without itself; arrays of shape (n_station, n_lane).

    Attributes
    ----------
    jam : ndarray, bool
        Another lane here, or the station next up- or downstream, moves slowly or stands; or this lane itself was
        measured slow.
    flow_veh : ndarray, float64
        What a lane beside it counted on average, or the lesser of what the lanes of both stations next door did,
        whichever is more. NaN when nobody could say. [veh/period]
    """

    jam: Bools
    flow_veh: Floats


def company_of(
    frame: Frame, credible: Bools, layout: Layout, thresholds: HealthThresholds, traffic: TrafficThresholds
) -> Company:
    """Compare every lane with those about it.

    Parameters
    ----------
    frame : Frame
    credible : ndarray, shape (n_station, n_lane), bool
        Lanes that may speak for others.
    layout : Layout
    thresholds : HealthThresholds
    traffic : TrafficThresholds

    Returns
    -------
    Company

    Notes
    -----
    A jam stands on a detector as a fault would: full occupancy, no counts. It is one when somebody else sees it too. A
    lane of the same station that is itself full all the time does not count as a witness, for what locks one lane on (a
    cabinet, a card) locks its neighbours on; another station's does, for they share no hardware.

    Source
    ------
    Own construction.
    """
    slow = credible & (frame.speed_kmh < traffic.jammed_below_ratio.value * layout.speed_limit_kmh[:, None])
    dense = credible & (frame.occupancy_pct >= traffic.jam_occupancy_pct.value)
    witness = slow | (dense & (frame.occupancy_pct < thresholds.locked_occupancy_pct.value))
    here = (witness.sum(axis=1)[:, None] - witness) > 0
    next_up, next_down = _near(layout, thresholds.company_m.value)
    jammed = np.append((slow | dense).any(axis=1), False)
    jam = here | slow | (jammed[next_up] | jammed[next_down])[:, None]

    counted = credible & (frame.volume >= 0.0)
    volume = np.where(counted, frame.volume, 0.0)
    total, count = volume.sum(axis=1), counted.sum(axis=1)
    others = count[:, None] - counted
    beside = np.divide(total[:, None] - volume, others, out=np.full(volume.shape, np.nan), where=others > 0)
    mean = np.append(np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0), np.nan)
    next_door = np.fmin(mean[next_up], mean[next_down])
    return Company(jam, np.fmax(beside, next_door[:, None]))


def _near(layout: Layout, company_m: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows next up- and downstream; -1 where there is none near enough."""
    down = np.where(layout.gap_m <= company_m, layout.down, -1)
    gap_up_m = np.where(layout.up >= 0, layout.gap_m[np.maximum(layout.up, 0)], np.nan) if len(layout) else layout.gap_m
    up = np.where(gap_up_m <= company_m, layout.up, -1)
    return up, down
