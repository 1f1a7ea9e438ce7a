"""Corridors out of the world's own road model: cell transmission, its detectors, and everything drawn on top."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.incidents.counts import ConservedCounts
from benchmarks.incidents.draws import (
    END_M,
    SHOULDER_LEFT,
    Kind,
    Patch,
    Planned,
    draw_incidents,
    draw_patches,
    draw_work_zone,
)
from benchmarks.incidents.faulty import draw_faults, make_faulty
from benchmarks.incidents.labels import Arrays, Incident, Labels, Queue, Slowing
from benchmarks.incidents.recurrent import gather
from benchmarks.incidents.road import STEP_S, CorridorDemand, Course, build_plan, catalogue, draw_course, draw_profile
from benchmarks.incidents.trips import trips_through
from simulators.world.happenings import Closure, DemandSurge
from simulators.world.roads.closures import capacity_left
from simulators.world.roads.conditions import RoadConditions
from simulators.world.roads.detectors import Marks, Noise, Samples, mark, place_stations, sample
from simulators.world.roads.model import RoadModel

Floats = NDArray[np.float64]

PERIOD_S = 30.0
WARM_UP_S = 1_800.0
FLOW_S = 120.0
"""Flow before an incident is the mean over this time."""
LANE_USE = tuple(
    (step, use)
    for steps, use in (
        ((-8, -7), 0.85), ((-6, -5), 0.7), ((-4, -3), 0.5), ((-2,), 0.35), ((-1,), 0.2),
        ((1,), 0.2), ((2,), 0.35), ((3,), 0.5), ((4, 5), 0.65), ((6, 7, 8), 0.8), ((9, 10), 0.9),
    )
    for step in steps
)  # fmt: skip
"""Use of a blocked lane before and after the blockage over its usual one, by cells of about 105 m: as
`simulators.world.roads.detectors.NEIGHBOURS`, drawn finer and with the refill spread over half a minute's travel. Own
construction. [cells, -]"""
SLOWER_AT_CAPACITY = 0.12
"""Free traffic at capacity over free traffic alone is this much slower; the triangular diagram has none of it. HCM 6th
edition, exhibit 12-7 (about 75 to 62 mi/h at most)."""
BREATH_SIGMA, BREATH_S = 0.14, 90.0
"""Discharge of a bottleneck breathes this much and so fast: what leaves it less comes upstream as a wave. Own
construction after the spread of discharge over minutes. [-, s]"""
DIVERT_SHARE, DIVERT_M = 0.55, 8_000.0
"""Share of drivers who stay away when queues on the corridor are so long together; fewer when they are shorter. Without
it one closure would fill a corridor for the rest of the run. Own construction. [-, m]"""
DRIVER_SIGMA, DRIVER_S, DRIVER_M = 0.03, 300.0, 1_500.0
"""Speed differs by this much from place to place and time to time. Own construction. [-, s, m]"""


@dataclass
class _Seen:
    """What a run has shown so far."""

    samples: list[Samples] = field(default_factory=list)
    speeds: list[Floats] = field(default_factory=list)
    queues: list[Queue] = field(default_factory=list)
    incidents: dict[str, Incident] = field(default_factory=dict)


class Disturbance:
    """Speed and capacity of the cells as they vary from period to period."""

    def __init__(self, rng: np.random.Generator, model: RoadModel, course: Course, patches: list[Patch]) -> None:
        grid = model.grid
        self._rng, self._patches = rng, patches
        self._middle_m = grid.chainage_m + grid.length_m / 2
        near = [np.abs(self._middle_m - (place + 150.0)) < 200.0 for place in course.bottlenecks_m]
        self._narrow = np.array(near).reshape(-1, len(grid))
        self._breath = np.zeros(len(near))
        self._knots = np.arange(0.0, course.length_m + DRIVER_M, DRIVER_M)
        self._mood = rng.standard_normal(len(self._knots)) * DRIVER_SIGMA
        self._day = float(rng.uniform(0.95, 1.0))

    def at(self, time_s: float, shoulder: list[tuple[Planned, int, float]]) -> RoadConditions:
        """Return the conditions of a period, with what stands on the shoulder."""
        for state, sigma, memory_s in (
            (self._breath, BREATH_SIGMA, BREATH_S),
            (self._mood, DRIVER_SIGMA, DRIVER_S),
        ):
            keep = np.exp(-PERIOD_S / memory_s)
            state[:] = keep * state + sigma * np.sqrt(1.0 - keep**2) * self._rng.standard_normal(len(state))
        speed = self._day * (1.0 - np.abs(np.interp(self._middle_m, self._knots, self._mood)))
        capacity = np.ones(len(self._middle_m))
        for inside, breath in zip(self._narrow, self._breath.tolist(), strict=True):
            capacity[inside] *= max(1.0 - abs(breath), 0.4)
        for patch in self._patches:
            if patch.from_s <= time_s < patch.until_s:
                slower, less = patch.factors(time_s, self._middle_m)
                speed, capacity = speed * slower, capacity * less
        for _, cell, left in shoulder:
            capacity[cell] *= left
        return RoadConditions(np.clip(speed, 0.05, 1.0), np.clip(capacity, 0.05, 1.0))


def make(seed: int, kind: Kind, split: str, hours: float) -> tuple[Arrays, Labels]:
    """Make one corridor.

    Parameters
    ----------
    seed
        The same seed, kind, split and hours give the same arrays and labels.
    kind
        With incidents, or with none.
    split
        ``train`` or ``test``: the test has other geometries.
    hours
        Length of the run. [h]
    """
    rng = np.random.default_rng([seed, 1 if split == "test" else 0, 1 if kind == "incidents" else 0])
    course = draw_course(rng, split == "test")
    low, high = (0.18, 0.65) if rng.random() < 0.25 else (float(rng.uniform(0.3, 0.8)), float(rng.uniform(0.8, 1.05)))
    profile = draw_profile(rng, hours, low, high)
    planned = draw_incidents(rng, course, hours, per_hour=1.3) if kind == "incidents" else []
    if rng.random() < 0.15:
        planned.append(draw_work_zone(rng, course, hours))
    patches = draw_patches(rng, course, hours, kind)
    return _run(rng, seed, split, hours, course, profile, planned, patches)


def _run(
    rng: np.random.Generator,
    seed: int,
    split: str,
    hours: float,
    course: Course,
    profile: tuple[Floats, Floats],
    planned: list[Planned],
    patches: list[Patch],
) -> tuple[Arrays, Labels]:
    region = catalogue(course)
    model = RoadModel(
        build_plan(region, CorridorDemand.build(course, profile, rng.spawn(1)[0])), 1.0, seed, 0.0, 0.0, True
    )
    grid = model.grid
    stations = place_stations(region.vds, grid, rng)
    everyone = np.arange(len(region.vds))
    disturbance = Disturbance(rng, model, course, patches)
    counts = cast("np.random.Generator", ConservedCounts(rng.spawn(1)[0], len(everyone)))
    noise = Noise(counts, *rng.spawn(2))
    start = float(rng.integers(0, 2_400)) * PERIOD_S
    link_start_m = {link.id: link.chainage_m for link in grid.links}
    model.state.time_s = -WARM_UP_S
    seen, steps = _Seen(), round(PERIOD_S / STEP_S)
    passed: list[Floats] = []
    before: Marks | None = None
    last = (model.state.passed_out.copy(), model.state.held_veh_s.copy())
    for period in range(-round(WARM_UP_S / PERIOD_S), round(hours * 3_600.0 / PERIOD_S)):
        begin_s = period * PERIOD_S
        queued_m = sum(queue.length_m for queue in model.queues())
        kept = round(1.0 - DIVERT_SHARE * min(queued_m / DIVERT_M, 1.0), 2)
        conditions = disturbance.at(begin_s, list(_shoulder(planned, model, begin_s)))
        closures: tuple[Closure, ...] = ()
        for step in range(steps):
            time_s = begin_s + step * STEP_S
            planned = [_moved(one, model, course, rng) if time_s <= one.from_s < time_s + STEP_S else one
                       for one in planned]  # fmt: skip
            now = tuple(_closures(planned, model, course, time_s))
            closures = closures if now == closures else now
            for one in planned:
                if time_s <= one.from_s < time_s + STEP_S and one.label != "work_zone":
                    seen.incidents[one.id] = _label(one, model, course, passed, start)
            # Another surge each step: so that the model asks each step how many come.
            surges = (DemandSurge(kept, time_s, time_s + STEP_S),)
            model.step(STEP_S, time_s, closures=closures, conditions=conditions, surges=surges)
            passed.append(model.state.outflow_veh_s)
            del passed[: -round(FLOW_S / STEP_S)]
        state = model.state
        state.time_s = begin_s + PERIOD_S
        after = mark(stations, everyone, state, np.full(len(everyone), state.time_s))
        if before is not None and period >= 0:
            one_period = sample(
                stations, everyone, before, after, grid, model.closed_lanes, model.heavy_share, noise, LANE_USE
            )
            seen.samples.append(one_period)
            held = state.held_veh_s - last[1]
            went = (state.passed_out - last[0]) * grid.length_m
            free = grid.free_mps * conditions.speed_factor
            seen.speeds.append(np.clip(np.divide(went, held, out=free.copy(), where=held > 1e-9), 0.3, free))
            for queue in model.queues():
                seen.queues.append(
                    Queue(
                        time_s=start + state.time_s,
                        id=queue.name,
                        head_mile=course.mile(link_start_m[queue.head[0]] + queue.head[1]),
                        tail_mile=course.mile(link_start_m[queue.tail[0]] + queue.tail[1]),
                        cause=queue.cause or "",
                    )
                )
        before, last = after, (state.passed_out.copy(), state.held_veh_s.copy())
    return _finish(rng, seed, split, hours, course, planned, patches, seen, stations.lanes, start, grid.length_m)


def _place(model: RoadModel, one: Planned) -> tuple[str, float]:
    cell = int(np.searchsorted(model.grid.chainage_m, one.at_m, side="right")) - 1
    return model.grid.place(cell, 0.5)


def _cell(model: RoadModel, one: Planned) -> int:
    return int(np.searchsorted(model.grid.chainage_m, one.at_m, side="right")) - 1


def _moved(one: Planned, model: RoadModel, course: Course, rng: np.random.Generator) -> Planned:
    """Move an incident that seeks a queue into one that stands there by itself, if there is one."""
    there = [queue for queue in model.queues() if queue.cause is None and queue.length_m > 600.0]
    if not one.seeks_queue or not there:
        return one
    queue = there[int(rng.integers(0, len(there)))]
    link_m = {link.id: link.chainage_m for link in model.grid.links}
    head_m, tail_m = (link_m[link] + offset_m for link, offset_m in (queue.head, queue.tail))
    at_m = float(np.clip(rng.uniform(tail_m + 100.0, head_m - 100.0), END_M, course.length_m - END_M))
    lanes = frozenset(lane for lane in one.lanes if lane <= course.lanes_at(at_m))
    return replace(one, at_m=at_m, lanes=lanes)


def _lanes_now(one: Planned, time_s: float) -> frozenset[int]:
    if one.reopened and time_s > (one.from_s + one.until_s) / 2:
        return frozenset(sorted(one.lanes)[: len(one.lanes) - one.reopened])
    return one.lanes


def _closures(planned: list[Planned], model: RoadModel, course: Course, time_s: float) -> Iterator[Closure]:
    for one in planned:
        # The labelled onset lies within the first step in which the lanes are closed.
        if one.from_s - STEP_S < time_s < one.until_s and one.lanes:
            link, offset_m = _place(model, one)
            yield Closure(
                id=one.id,
                cause=one.cause,
                link=link,
                offset_m=offset_m,
                length_m=one.length_m,
                lanes=_lanes_now(one, time_s),
                from_s=one.from_s,
                until_s=one.until_s,
                speed_limit_kmh=min(one.passing_kmh, course.limit_kmh),
            )


def _shoulder(planned: list[Planned], model: RoadModel, time_s: float) -> Iterator[tuple[Planned, int, float]]:
    for one in planned:
        if one.from_s <= time_s < one.until_s and not one.lanes:
            cell = _cell(model, one)
            yield one, cell, SHOULDER_LEFT[int(np.clip(model.grid.lanes[cell], 2, 4))]


def _label(one: Planned, model: RoadModel, course: Course, passed: list[Floats], start: float) -> Incident:
    cell = _cell(model, one)
    lanes = int(model.grid.lanes[cell])
    flow = 3_600.0 * float(np.mean([each[cell] for each in passed])) / lanes
    left = capacity_left(lanes, len(one.lanes)) if one.lanes else SHOULDER_LEFT[min(max(lanes, 2), 4)]
    room = 3_600.0 * left * float(model.capacity_veh_s[cell]) / lanes
    return Incident(
        id=one.id,
        cause=one.label,
        onset_s=start + one.from_s,
        end_s=start + one.until_s,
        milemarker=course.mile(float(model.grid.chainage_m[cell])),
        lanes_blocked=tuple(sorted(one.lanes)),
        lanes=lanes,
        flow_veh_h_lane=round(flow, 1),
        all_lanes=len(one.lanes) >= lanes,
        demand_over_left=round(min(flow / max(room, 1.0), 99.0), 3),
        secondary=one.secondary,
        in_queue=bool(model.queued[max(cell - 1, 0)]),
    )


def _finish(
    rng: np.random.Generator,
    seed: int,
    split: str,
    hours: float,
    course: Course,
    planned: list[Planned],
    patches: list[Patch],
    seen: _Seen,
    lanes: NDArray[np.int64],
    start: float,
    cell_m: Floats,
) -> tuple[Arrays, Labels]:
    columns = (np.array([getattr(one, name) for one in seen.samples], dtype=np.float64).transpose(2, 1, 0)
               for name in ("speed_kmh", "occupancy_pct", "volume"))  # fmt: skip
    speed, occupancy, volume = columns
    load = np.nanmean(volume, axis=0) * 120.0 / 2_000.0
    free = 1.0 - SLOWER_AT_CAPACITY * np.clip(load, 0.0, 1.0) ** 2
    moving = speed > 0.7 * course.limit_kmh
    speed, occupancy = np.where(moving, speed * free, speed), np.where(moving, occupancy / free, occupancy)
    missing = np.arange(speed.shape[0])[:, np.newaxis] >= lanes
    for values in (speed, occupancy, volume):
        values[missing] = np.nan
    time_s = start + np.arange(1.0, volume.shape[2] + 1.0) * PERIOD_S
    mile = np.array([course.mile(at) for at in course.station_m.tolist()])
    arrays = Arrays(speed, occupancy, volume, mile, time_s)
    faults = draw_faults(rng, arrays)
    arrays = make_faulty(rng, arrays, faults)
    recurrent, queues = gather(seen.queues, course, patches, start)
    others = [
        Slowing(cause=one.label, onset_s=start + one.from_s, end_s=start + one.until_s,
                head_mile=course.mile(one.at_m + one.length_m), tail_mile=course.mile(one.at_m))
        for one in planned if one.label == "work_zone"
    ]  # fmt: skip
    for patch in patches:
        moved = patch.pace_mps * (patch.until_s - patch.from_s)
        ends = sorted((patch.from_m, patch.to_m, patch.from_m + moved, patch.to_m + moved))
        others.append(
            Slowing(cause=patch.cause, onset_s=start + patch.from_s, end_s=start + patch.until_s,
                    head_mile=course.mile(ends[-1]), tail_mile=course.mile(ends[0]))
        )  # fmt: skip
    first_m, last_m = float(course.station_m[0]), float(course.station_m[-1])
    trips = trips_through(np.array(seen.speeds), cell_m, start, PERIOD_S, first_m, last_m)
    return arrays, Labels(
        source="world",
        split=split,
        seed=seed,
        rising=course.rising,
        length_km=round(course.length_m / 1_000.0, 3),
        lanes=course.lanes,
        spacing_m=course.spacing_m,
        limit_kmh=course.limit_kmh,
        hours=hours,
        incidents=tuple(sorted(seen.incidents.values(), key=lambda one: one.onset_s)),
        recurrent=tuple(recurrent),
        others=tuple(others),
        queues=tuple(queues),
        faults=tuple(faults),
        trips=tuple(trips),
        trip_from_mile=course.mile(first_m),
        trip_to_mile=course.mile(last_m),
        interchange_miles=tuple(course.mile(at) for at in course.interchange_m),
        lane_drop_miles=() if course.drop_m is None else (course.mile(course.drop_m),),
    )
