"""The truth of a run as events to be compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import shapely

from gwanje.score.model import Event, Liar, Reach, shapes
from gwanje.score.plane import Plane
from gwanje.score.tolerances import Hazard, Tolerances
from simulators.truth.reader import Run
from simulators.truth.records import RECURRENT, Fire, FireSample, Incident, Queue, QueueSample, SlopeFailure

SOUGHT = frozenset({"crash", "secondary_crash", "tunnel_fire", "debris"})
"""Causes of blocked lanes that somebody has to notice. Work zones are announced; lanes under a failed slope or smoke
are counted with the slope and the fire; of a tunnel on fire its first closure counts, the others explain."""


def events_of(run: Run, plane: Plane, hazard: Hazard, tolerances: Tolerances) -> list[Event]:
    """Return what a kind of claim is held against: what counts, and what merely explains.

    Parameters
    ----------
    run, plane
    hazard
    tolerances
        Say which queues are too short to count.
    """
    truth = run.truth
    clock = _Clock(run)
    incidents = [_incident(one, hazard, plane, clock) for one in truth.incidents]
    match hazard:
        case "incident":
            return incidents
        case "queue":
            return [_queue(one, truth.queue_samples[one.id], plane, clock, tolerances) for one in truth.queues]
        case "slope":
            return [_slope(one, plane, clock) for one in truth.slopes]
        case "fire":
            fires = [_fire(one, truth.fire_samples[one.id], run, plane, clock) for one in truth.fires]
            # A camera that reports smoke of a burning lorry in a tunnel is right, though it is no forest fire; so is
            # one that stands in the smoke many kilometres downwind.
            burning = [one for one in incidents if one.group in {"tunnel_fire", "smoke"}]
            smoky = [_smoke(one, truth.fire_samples[one.id], plane, clock) for one in truth.fires]
            return [*fires, *burning, *smoky]


def liars_of(run: Run) -> list[Liar]:
    """Return faults and false sources."""
    clock = _Clock(run)
    faults = [
        Liar("fault", f"{one.device}:{one.fault}", one.device, clock.s(one.start), clock.end_s(one.end))
        for one in run.truth.faults
    ]
    sources = [
        Liar("false_source", one.id, one.tower, clock.s(one.start), clock.end_s(one.end))
        for one in run.truth.false_sources
    ]
    return [*faults, *sources]


class _Clock:
    """Times as seconds since the start of a run; what has no end lasts to the end of the run."""

    def __init__(self, run: Run) -> None:
        self._start = run.header.start
        self._end_s = run.duration_s

    def s(self, time: datetime) -> float:
        return (time - self._start).total_seconds()

    def end_s(self, time: datetime | None) -> float:
        return self._end_s if time is None else self.s(time)


def _incident(one: Incident, hazard: Hazard, plane: Plane, clock: _Clock) -> Event:
    start_s = clock.s(one.start)
    return Event(
        hazard=hazard,
        id=one.id,
        counts=hazard == "incident" and one.cause in SOUGHT and one.part_of is None,
        group=one.cause,
        start_s=start_s,
        end_s=clock.end_s(one.end),
        times_s=np.array([start_s]),
        shapes=shapes([shapely.Point(plane.metres([(one.lon_deg, one.lat_deg)])[0])]),
        road=f"{one.road}:{one.direction}" if hazard == "incident" else None,
    )


def _queue(one: Queue, samples: Sequence[QueueSample], plane: Plane, clock: _Clock, tolerances: Tolerances) -> Event:
    start_s, end_s = clock.s(one.start), clock.end_s(one.end)
    heads = plane.metres([(sample.head.lon_deg, sample.head.lat_deg) for sample in samples])
    tails = plane.metres([(sample.tail.lon_deg, sample.tail.lat_deg) for sample in samples])
    length_m = max((sample.length_m for sample in samples), default=0.0)
    wanted = tolerances.queue
    return Event(
        hazard="queue",
        id=one.id,
        counts=length_m >= wanted.min_length_m and end_s - start_s >= wanted.min_duration_s and bool(samples),
        group=RECURRENT if one.cause == RECURRENT else "incident",
        start_s=start_s,
        end_s=end_s,
        times_s=np.array([clock.s(sample.time) for sample in samples] or [start_s]),
        shapes=shapes([shapely.LineString(ends) for ends in zip(tails, heads, strict=True)] or [shapely.Point()]),
        road=f"{one.road}:{one.direction}",
        heads=heads,
        tails=tails,
    )


def _slope(one: SlopeFailure, plane: Plane, clock: _Clock) -> Event:
    start_s = clock.s(one.creep_onset)
    return Event(
        hazard="slope",
        id=one.id,
        counts=one.failure is not None,
        group="failure" if one.failure is not None else "creep",
        start_s=start_s,
        end_s=clock.end_s(one.failure or one.creep_end),
        times_s=np.array([start_s]),
        shapes=shapes([shapely.Point(plane.metres([(one.lon_deg, one.lat_deg)])[0])]),
        due_s=None if one.failure is None else clock.s(one.failure),
    )


def _fire(one: Fire, samples: Sequence[FireSample], run: Run, plane: Plane, clock: _Clock) -> Event:
    start_s = clock.s(one.ignition)
    origin = shapely.Point(plane.metres([(one.lon_deg, one.lat_deg)])[0])
    times_s, extents = [start_s], [origin]
    for sample in samples:
        if len(sample.perimeter) >= 4:
            ring = shapely.make_valid(shapely.Polygon(plane.metres(sample.perimeter)))
            times_s.append(clock.s(sample.time))
            extents.append(shapely.union(ring, origin))
    return Event(
        hazard="fire",
        id=one.id,
        counts=True,
        group="forest",
        start_s=start_s,
        end_s=clock.end_s(one.out),
        times_s=np.array(times_s),
        shapes=shapes(extents),
        reaches=tuple(
            Reach(reach.target_kind, reach.target, clock.s(reach.time))
            for reach in sorted(run.truth.reaches, key=lambda reach: (reach.time, reach.target_kind, reach.target))
            if reach.fire == one.id
        ),
    )


def _smoke(one: Fire, samples: Sequence[FireSample], plane: Plane, clock: _Clock) -> Event:
    """Smoke of a fire over roads: it explains, the fire itself is what counts."""
    start_s = clock.s(one.ignition)
    return Event(
        hazard="fire",
        id=f"{one.id}-smoke",
        counts=False,
        group="smoke",
        start_s=start_s,
        end_s=clock.end_s(one.out),
        times_s=np.array([start_s, *(clock.s(sample.time) for sample in samples)]),
        shapes=shapes([shapely.MultiPoint(), *(shapely.MultiPoint(plane.metres(sample.smoke)) for sample in samples)]),
    )
