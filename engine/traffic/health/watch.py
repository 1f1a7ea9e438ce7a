"""Health and substitution over many periods: the batch form, which is the steps one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.thresholds import TrafficThresholds
from engine.traffic.frame import Frame, Series
from engine.traffic.health.reasons import HealthThresholds
from engine.traffic.health.step import Health, HealthState, health_step
from engine.traffic.health.substitute import Substituted, SubstituteState, SubstituteThresholds, substitute
from engine.traffic.layout import Layout


@dataclass(frozen=True)
class Watched:
    """One period, judged and filled in; ``state`` is that of the health rules just after."""

    frame: Frame
    state: HealthState
    health: Health
    substituted: Substituted


def watch(
    series: Series,
    layout: Layout,
    thresholds: HealthThresholds,
    substitute_thresholds: SubstituteThresholds,
    traffic: TrafficThresholds,
    utc_offset_s: float,
) -> Iterator[Watched]:
    """Judge and fill in one period after the other.

    Parameters
    ----------
    series : Series
    layout : Layout
    thresholds, substitute_thresholds, traffic
    utc_offset_s : float
        Local time less UTC. [s]

    Yields
    ------
    Watched
    """
    n_station, n_lane = series.volume.shape[1:]
    state = HealthState.initial(layout, n_lane)
    learnt = SubstituteState.initial(n_station, n_lane)
    for frame in series.frames():
        state, health = health_step(state, frame, layout, thresholds, traffic, utc_offset_s)
        learnt, substituted = substitute(
            learnt, frame, health, layout, substitute_thresholds, thresholds, traffic, utc_offset_s
        )
        yield Watched(frame, state, health, substituted)
