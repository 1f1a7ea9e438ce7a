"""Corridors out of SUMO: single vehicles that follow, change lanes, imperfectly, and stop where an incident is."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.incidents.counts import DOUBLE, MISSED
from benchmarks.incidents.draws import Kind
from benchmarks.incidents.faulty import draw_faults, make_faulty
from benchmarks.incidents.labels import Arrays, Fault, Incident, Labels, Queue, Slowing, Trip
from benchmarks.incidents.motorway import Motorway, Stop, draw_motorway, draw_stops, write_motorway
from simulators.sumo.child import SumoChild
from simulators.sumo.incidents import upstream_edges
from simulators.sumo.loops import Loop, write_loops
from simulators.sumo.network import read_network
from simulators.sumo.queues import Follower, Stretches
from simulators.sumo.wire import Begin, IncidentSpec, LoopSpec, Note

Floats = NDArray[np.float64]

PERIOD_S = 30.0
STEP_S = 1.0
LOOK_S = 10.0
LOOKS = 6
"""Speeds and densities of the true queues are means over so many looks."""
WARM_UP_S = 600.0
NEAR_M = 800.0
LOOP_M = 2.0
"""Length of a loop, which SUMO's are lines without [m]."""
SPEED_ERROR = 0.10
"""Error of a single vehicle's speed: with it lanes scatter over half a minute nearly as in the I-24 file (5.7 km/h in
free traffic, SUMO alone 2.7). [-]"""
LANE_LEFT_VEH_H = 1_500.0
"""What an open lane carries beside a stopped vehicle, about; for `Incident.demand_over_left` only."""


@dataclass
class _Run:
    """What a simulation gave."""

    volume: Floats
    speed_kmh: Floats
    occupancy_pct: Floats
    queues: list[tuple[float, str, float, float]]
    notes: list[Note]


def make(seed: int, kind: Kind, split: str, hours: float) -> tuple[Arrays, Labels]:
    """Make one corridor; as `benchmarks.incidents.world.make`.

    Raises
    ------
    SumoMissingError
        If the extra is not installed.
    SumoError
        If SUMO refuses.
    """
    rng = np.random.default_rng([seed, 3 if split == "test" else 2, 1 if kind == "incidents" else 0])
    road = draw_motorway(rng, split == "test", hours)
    stops = draw_stops(rng, road, hours) if kind == "incidents" else []
    with tempfile.TemporaryDirectory(prefix="gwanje-corpus-") as name:
        folder = Path(name)
        net = write_motorway(folder, road, hours * 3_600.0 + WARM_UP_S)
        run = _simulate(folder, net, road, stops, seed, hours)
        trips = _trips(folder / "trips.xml", road)
    return _finish(rng, seed, split, hours, road, stops, run, trips)


def _simulate(folder: Path, net: Path, road: Motorway, stops: list[Stop], seed: int, hours: float) -> _Run:
    network = read_network(net)
    chain = [network.edges[edge.id] for edge in road.edges]
    stretches = Stretches.build([chain])
    loops = []
    for number, at in enumerate(road.station_m.tolist()):
        edge = road.edge_at(at)
        pos_m = min(max(at - edge.start_m, 1.0), network.edges[edge.id].length_m - 1.0)
        loops += [Loop(edge.id, pos_m, lane, f"s{number}-{lane}") for lane in range(edge.first_lane, edge.lanes)]
    write_loops(loops, folder / "loops.add.xml", PERIOD_S)
    specs = tuple(
        IncidentSpec(
            id=stop.id,
            edge=road.edge_at(stop.at_m).id,
            lanes=stop.sumo_lanes,
            pos_m=max(stop.at_m - road.edge_at(stop.at_m).start_m, 5.0),
            at_s=WARM_UP_S + stop.from_s,
            duration_s=stop.duration_s,
            upstream=upstream_edges(network, road.edge_at(stop.at_m).id),
        )
        for stop in stops
    )
    end_s = WARM_UP_S + hours * 3_600.0
    begin = Begin(
        arguments=(
            "-n", str(net), "-r", str(folder / "demand.rou.xml"), "-a", str(folder / "loops.add.xml"),
            "--begin", "0", "--end", str(end_s), "--step-length", str(STEP_S), "--step-method.ballistic", "true",
            "--time-to-teleport", "-1", "--no-step-log", "--duration-log.disable", "--no-warnings", "true",
            "--seed", str(seed), "--tripinfo-output", str(folder / "trips.xml"), "--collision.action", "none",
            "--max-depart-delay", "600", "--extrapolate-departpos", "true",
        ),
        begin_s=0.0,
        step_s=STEP_S,
        period_s=PERIOD_S,
        loops=tuple(LoopSpec(loop.id, loop.length_m) for loop in loops),
        incidents=specs,
        watched=tuple(edge.id for edge in road.edges),
    )  # fmt: skip
    shape = (road.lanes, len(road.station_m), round(hours * 3_600.0 / PERIOD_S))
    run = _Run(np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan), [], [])
    recent: list[tuple[Floats, Floats]] = []
    follower = Follower()
    with SumoChild(begin) as child:
        for tick in range(1, round(end_s / LOOK_S) + 1):
            time_s = tick * LOOK_S
            done = child.advance(time_s)
            run.notes += done.notes
            recent = [*recent[-LOOKS + 1 :], stretches.count(child.look())]
            if done.period is None or time_s <= WARM_UP_S:
                continue
            at = round((time_s - WARM_UP_S) / PERIOD_S) - 1
            for loop, lane in zip(loops, done.period, strict=True):
                station = int(loop.id.partition("-")[0][1:])
                place = (road.edge_at(road.station_m[station]).lanes - 1 - loop.lane, station, at)
                run.volume[place], run.occupancy_pct[place] = lane.volume, lane.occupancy_pct
                run.speed_kmh[place] = np.nan if lane.speed_kmh is None else lane.speed_kmh
            vehicles = np.mean([one for one, _ in recent], axis=0)
            speeds = np.mean([one for _, one in recent], axis=0)
            for name, queue in follower.follow(stretches.congested(vehicles, speeds)):
                # The mean of a minute says what was so half a minute before.
                middle_s = time_s - LOOKS * LOOK_S / 2.0
                run.queues.append((middle_s - WARM_UP_S, name, queue.head_m, queue.tail_m))
    return run


def _trips(path: Path, road: Motorway) -> list[Trip]:
    """Travel times of vehicles that went the whole way, over the whole way, at most one a minute."""
    found: dict[int, Trip] = {}
    for element in ET.parse(path).getroot().iter("tripinfo"):
        if not element.get("id", "").startswith("through"):
            continue
        depart, arrive = float(element.get("depart", "nan")), float(element.get("arrival", "nan"))
        if depart >= WARM_UP_S and arrive > depart:
            minute = int(depart // 60.0)
            found.setdefault(
                minute, Trip(depart_s=road.start_s + depart - WARM_UP_S, minutes=round((arrive - depart) / 60.0, 3))
            )
    return [found[minute] for minute in sorted(found)]


def _finish(
    rng: np.random.Generator,
    seed: int,
    split: str,
    hours: float,
    road: Motorway,
    stops: list[Stop],
    run: _Run,
    trips: list[Trip],
) -> tuple[Arrays, Labels]:
    time_s = road.start_s + np.arange(1.0, run.volume.shape[2] + 1.0) * PERIOD_S
    mile = np.array([road.mile(at) for at in road.station_m.tolist()])
    arrays = _measured(rng, run, mile, time_s)
    incidents = [one for stop in stops if (one := _label(stop, road, run)) is not None]
    faults: list[Fault] = draw_faults(rng, arrays)
    arrays = make_faulty(rng, arrays, faults)
    queues = _queues(road, run, incidents)
    return arrays, Labels(
        source="sumo",
        split=split,
        seed=seed,
        rising=road.rising,
        length_km=round(road.length_m / 1_000.0, 3),
        lanes=road.lanes,
        spacing_m=road.spacing_m,
        limit_kmh=road.limit_kmh,
        hours=hours,
        incidents=tuple(sorted(incidents, key=lambda one: one.onset_s)),
        recurrent=tuple(_recurrent(road, queues, {one.id for one in incidents})),
        others=(),
        queues=tuple(queues),
        faults=tuple(faults),
        trips=tuple(trips),
        trip_from_mile=road.mile(0.0),
        trip_to_mile=road.mile(road.length_m),
        interchange_miles=tuple(road.mile(at) for at in road.merge_m),
        lane_drop_miles=() if road.drop_m is None else (road.mile(road.drop_m),),
    )


def _measured(rng: np.random.Generator, run: _Run, mile: Floats, time_s: Floats) -> Arrays:
    """Return what real loops would have made of what SUMO's lines without length or error measured."""
    moving = run.volume > 0
    count = np.where(moving, run.volume, 0.0).astype(np.int64)
    over_s = np.divide(3.6 * LOOP_M, run.speed_kmh, out=np.zeros(count.shape), where=moving & (run.speed_kmh > 0))
    occupancy = np.minimum(run.occupancy_pct + 100.0 * count * over_s / PERIOD_S, 100.0)
    error = SPEED_ERROR / np.sqrt(np.maximum(count, 1)) * rng.standard_normal(count.shape)
    counted = count - rng.binomial(count, MISSED) + rng.binomial(count, DOUBLE)
    return Arrays(
        np.where(counted > 0, np.maximum(run.speed_kmh * (1.0 + error), 0.5), np.nan),
        occupancy,
        np.where(np.isnan(run.volume), np.nan, counted.astype(np.float64)),
        mile,
        time_s,
    )


def _label(stop: Stop, road: Motorway, run: _Run) -> Incident | None:
    """Label an incident as it came about; None when no vehicle stopped."""
    mine = [note for note in run.notes if note.incident == stop.id]
    stood: dict[int, float] = {}
    for note in mine:
        if note.blocked:
            stood.setdefault(note.lane, note.time_s)
    if not stood:
        return None
    onset_s = min(stood.values()) - WARM_UP_S
    freed = [note.time_s - WARM_UP_S for note in mine if not note.blocked]
    lanes = road.edge_at(stop.at_m).lanes - road.edge_at(stop.at_m).first_lane
    top = road.edge_at(stop.at_m).lanes
    blocked = tuple(sorted(top - lane for lane in stood))
    near = int(np.argmin(np.where(road.station_m <= stop.at_m, stop.at_m - road.station_m, np.inf)))
    at = int(onset_s // PERIOD_S)
    before = run.volume[:, near, max(at - 4, 0) : max(at, 1)]
    known = ~np.isnan(before).all(axis=1)
    flow = float(np.nanmean(before[known])) * 3_600.0 / PERIOD_S if known.any() else 0.0
    speed = run.speed_kmh[:, near, max(at - 4, 0) : max(at, 1)]
    room = LANE_LEFT_VEH_H * max(lanes - len(blocked), 0) / lanes
    return Incident(
        id=stop.id,
        cause="breakdown" if len(blocked) == 1 else "crash",
        onset_s=road.start_s + onset_s,
        end_s=road.start_s + (max(freed) if freed else min(onset_s + stop.duration_s, run.volume.shape[2] * PERIOD_S)),
        milemarker=road.mile(stop.at_m),
        lanes_blocked=blocked,
        lanes=lanes,
        flow_veh_h_lane=round(flow, 1),
        all_lanes=len(blocked) >= lanes,
        demand_over_left=round(min(flow / max(room, 1.0), 99.0), 3),
        secondary=stop.secondary,
        in_queue=bool(not np.isnan(speed).all() and np.nanmean(speed) < 0.5 * road.limit_kmh),
    )


def _queues(road: Motorway, run: _Run, incidents: list[Incident]) -> list[Queue]:
    """Name the cause of each queue: it began behind an incident, or by itself."""
    cause: dict[str, str] = {}
    found = []
    for time_s, name, head_m, tail_m in run.queues:
        if name not in cause or cause[name] in {"bottleneck", "demand"}:
            behind = [
                one for one in incidents
                if one.onset_s <= road.start_s + time_s <= one.end_s + 60.0
                and tail_m - 500.0 <= road.chainage_m(one.milemarker) <= head_m + 1_000.0
            ]  # fmt: skip
            at_merge = any(abs(head_m - place) < NEAR_M for place in road.bottlenecks_m)
            if behind:
                cause[name] = behind[0].id
            else:
                cause.setdefault(name, "bottleneck" if at_merge else "demand")
        found.append(
            Queue(time_s=road.start_s + time_s, id=name, head_mile=road.mile(head_m), tail_mile=road.mile(tail_m),
                  cause=cause[name])
        )  # fmt: skip
    return found


def _recurrent(road: Motorway, queues: list[Queue], incidents: set[str]) -> list[Slowing]:
    names = list(dict.fromkeys(one.id for one in queues if one.cause not in incidents))
    found = []
    for name in names:
        each = [one for one in queues if one.id == name and one.cause not in incidents]
        chainage = [(road.chainage_m(one.head_mile), road.chainage_m(one.tail_mile)) for one in each]
        found.append(
            Slowing(cause=each[0].cause, onset_s=each[0].time_s, end_s=each[-1].time_s,
                    head_mile=road.mile(max(head for head, _ in chainage)),
                    tail_mile=road.mile(min(tail for _, tail in chainage)))
        )  # fmt: skip
    return found
