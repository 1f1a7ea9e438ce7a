"""A motorway for SUMO drawn at random: network, vehicles, demand and where vehicles shall stop."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.incidents.road import draw_profile
from simulators.sumo.example import build_network
from simulators.sumo.extra import program

Floats = NDArray[np.float64]

BESIDE_M = 300.0
"""Length of the lane beside a ramp."""
LANE_VEH_H = 1_900.0
_SLOT_S = 120.0


@dataclass(frozen=True)
class Stretch:
    """An edge of the main road. ``first_lane`` is 1 where SUMO's lane 0 is the one beside a ramp."""

    id: str
    start_m: float
    length_m: float
    lanes: int
    first_lane: int


@dataclass(frozen=True)
class Motorway:
    """What is drawn. Chainages in the direction of travel [m]."""

    edges: tuple[Stretch, ...]
    length_m: float
    lanes: int
    limit_kmh: float
    merge_m: tuple[float, ...]
    exit_m: tuple[float, ...]
    ramp_share: tuple[float, ...]
    exit_share: tuple[float, ...]
    drop_m: float | None
    station_m: Floats
    spacing_m: float
    rising: bool
    first_mile: float
    start_s: float
    profile: tuple[Floats, Floats]
    trucks: float
    sigma: float
    tau_s: float

    @property
    def bottlenecks_m(self) -> list[float]:
        """Places where queues form by themselves."""
        return [*(at + BESIDE_M for at in self.merge_m), *([] if self.drop_m is None else [self.drop_m])]

    def edge_at(self, chainage_m: float) -> Stretch:
        """Return the edge at a place."""
        starts = [edge.start_m for edge in self.edges]
        return self.edges[max(int(np.searchsorted(starts, chainage_m, side="right")) - 1, 0)]

    def mile(self, chainage_m: float) -> float:
        """Return the milemarker of a place."""
        return round(self.first_mile + (1.0 if self.rising else -1.0) * chainage_m / 1_609.344, 4)

    def chainage_m(self, mile: float) -> float:
        """Return the place of a milemarker."""
        return (mile - self.first_mile) * 1_609.344 * (1.0 if self.rising else -1.0)


@dataclass(frozen=True)
class Stop:
    """An incident to be."""

    id: str
    at_m: float
    sumo_lanes: tuple[int, ...]
    from_s: float
    duration_s: float
    secondary: bool


def draw_motorway(rng: np.random.Generator, test: bool, hours: float) -> Motorway:
    """Draw a motorway; those of the test have other lengths, lanes and demand than those of the training."""
    length_m = float(rng.integers(100, 150) * 100)
    lanes = int(rng.choice([2, 3, 3, 4])) if test else int(rng.choice([2, 3, 3]))
    exit_m = float(rng.integers(25, 40) * 100)
    merge_m = exit_m + float(rng.integers(8, 14) * 100)
    cuts = [(exit_m, "exit"), (merge_m, "merge")]
    if length_m > 11_500.0:
        second = merge_m + float(rng.integers(30, 45) * 100)
        cuts += [(second, "exit"), (second + 900.0, "merge")]
    drop_m = length_m - float(rng.integers(16, 24) * 100) if lanes > 2 and rng.random() < 0.35 else None
    edges: list[Stretch] = []
    at = 0.0
    for place, kind in cuts:
        first, end = (place - BESIDE_M, place) if kind == "exit" else (place, place + BESIDE_M)
        edges.append(Stretch(f"m{len(edges)}", at, first - at, lanes, 0))
        edges.append(Stretch(f"m{len(edges)}", first, end - first, lanes + 1, 1))
        at = end
    if drop_m is not None:
        edges.append(Stretch(f"m{len(edges)}", at, drop_m - at, lanes, 0))
        edges.append(Stretch(f"m{len(edges)}", drop_m, length_m - drop_m, lanes - 1, 0))
    else:
        edges.append(Stretch(f"m{len(edges)}", at, length_m - at, lanes, 0))
    n_station = int(length_m // 500.0)
    low, high = (0.2, 0.55) if rng.random() < 0.25 else (float(rng.uniform(0.35, 0.6)), float(rng.uniform(0.65, 0.97)))
    return Motorway(
        edges=tuple(edges),
        length_m=length_m,
        lanes=lanes,
        limit_kmh=float(rng.choice([100.0, 110.0, 80.0] if test else [100.0, 110.0])),
        merge_m=tuple(place for place, kind in cuts if kind == "merge"),
        exit_m=tuple(place for place, kind in cuts if kind == "exit"),
        ramp_share=tuple(rng.uniform(0.08, 0.2, 2).tolist()),
        exit_share=tuple(rng.uniform(0.05, 0.14, 2).tolist()),
        drop_m=drop_m,
        station_m=(np.arange(n_station) + 0.5) * 500.0 + rng.uniform(-80.0, 80.0, n_station),
        spacing_m=500.0,
        rising=bool(rng.random() < 0.5),
        first_mile=round(float(rng.uniform(40.0, 160.0)), 1),
        start_s=float(rng.integers(0, 2_400)) * 30.0,
        profile=draw_profile(rng, hours, low, high),
        trucks=float(rng.uniform(0.08, 0.2)),
        sigma=float(rng.uniform(0.2, 0.5)),
        tau_s=float(rng.uniform(1.1, 1.4)),
    )


def draw_stops(rng: np.random.Generator, road: Motorway, hours: float) -> list[Stop]:
    """Draw incidents one after the other, with time for the queue of each to dissolve, and few secondary ones."""
    stops: list[Stop] = []
    time_s = float(rng.uniform(400.0, 1_200.0))
    while time_s < hours * 3_600.0 - 700.0:
        duration_s = float(np.clip(rng.lognormal(np.log(720.0), 0.5), 300.0, 2_400.0))
        at_m = float(rng.uniform(1_500.0, road.length_m - 1_000.0))
        if rng.random() < 0.25:
            at_m = float(np.clip(rng.choice(road.station_m) + rng.normal(0, 60), 1_500.0, road.length_m - 1_000.0))
        stops.append(_stop(rng, road, len(stops), at_m, time_s, duration_s, secondary=False))
        if duration_s > 1_000.0 and at_m > 4_500.0 and rng.random() < 0.15:
            back_m = at_m - float(rng.uniform(800.0, 2_500.0))
            stops.append(_stop(rng, road, len(stops), back_m, time_s + 600.0, 400.0, secondary=True))
        time_s += duration_s + float(rng.uniform(700.0, 1_800.0))
    return stops


def _stop(
    rng: np.random.Generator, road: Motorway, number: int, at_m: float, from_s: float, duration_s: float, *,
    secondary: bool,
) -> Stop:  # fmt: skip
    edge = road.edge_at(at_m)
    # Not within a vehicle's braking distance of the ends of an edge, where lanes begin and end.
    at_m = float(np.clip(at_m, edge.start_m + 30.0, edge.start_m + edge.length_m - 30.0))
    main = list(range(edge.first_lane, edge.lanes))
    size = rng.random()
    blocked = 1 if size < 0.6 else min(2, len(main)) if size < 0.88 else len(main)
    first = 0 if rng.random() < 0.5 else len(main) - blocked
    return Stop(f"inc-{number}", at_m, tuple(main[first : first + blocked]), from_s, duration_s, secondary)


def write_motorway(folder: Path, road: Motorway, until_s: float) -> Path:
    """Write network and demand of a motorway, and return the network's path."""
    speed = f"{road.limit_kmh / 3.6:.2f}"
    nodes, edges, joints = ET.Element("nodes"), ET.Element("edges"), ET.Element("connections")
    for number, edge in enumerate(road.edges):
        ET.SubElement(nodes, "node", id=f"n{number}", x=f"{edge.start_m:g}", y="0")
        ET.SubElement(
            edges, "edge", {"id": edge.id, "from": f"n{number}", "to": f"n{number + 1}", "numLanes": str(edge.lanes),
                            "speed": speed, "priority": "10", "type": "highway.motorway"}
        )  # fmt: skip
    ET.SubElement(nodes, "node", id=f"n{len(road.edges)}", x=f"{road.length_m:g}", y="0")
    for number, (edge, after) in enumerate(zip(road.edges[:-1], road.edges[1:], strict=True)):
        # Lanes are paired from the median; the rest begin or end.
        for step in range(1, min(edge.lanes - edge.first_lane, after.lanes - after.first_lane) + 1):
            _join(joints, edge.id, after.id, edge.lanes - step, after.lanes - step)
        if after.first_lane and after.start_m in road.merge_m:
            ET.SubElement(nodes, "node", id=f"on{number}", x=f"{after.start_m - 450:g}", y="-180")
            _ramp(edges, f"on-{after.id}", f"on{number}", f"n{number + 1}")
            _join(joints, f"on-{after.id}", after.id, 0, 0)
        if edge.first_lane and edge.start_m + edge.length_m in road.exit_m:
            ET.SubElement(nodes, "node", id=f"off{number}", x=f"{after.start_m + 450:g}", y="-180")
            _ramp(edges, f"off-{edge.id}", f"n{number + 1}", f"off{number}")
            _join(joints, edge.id, f"off-{edge.id}", 0, 0)
    for suffix, root in (("nod", nodes), ("edg", edges), ("con", joints)):
        ET.ElementTree(root).write(folder / f"corridor.{suffix}.xml", encoding="utf-8", xml_declaration=True)
    build_network(program("netconvert"), folder, "corridor")
    _write_demand(folder / "demand.rou.xml", road, until_s)
    return folder / "corridor.net.xml"


def _ramp(edges: ET.Element, name: str, begin: str, end: str) -> None:
    ET.SubElement(
        edges, "edge", {"id": name, "from": begin, "to": end, "numLanes": "1", "speed": "16.67", "priority": "5",
                        "type": "highway.motorway_link"}
    )  # fmt: skip


def _join(joints: ET.Element, begin: str, end: str, from_lane: int, to_lane: int) -> None:
    ET.SubElement(
        joints, "connection", {"from": begin, "to": end, "fromLane": str(from_lane), "toLane": str(to_lane)}
    )  # fmt: skip


def _write_demand(path: Path, road: Motorway, until_s: float) -> None:
    root = ET.Element("routes")
    types = ET.SubElement(root, "vTypeDistribution", id="traffic")
    ET.SubElement(
        types, "vType", id="car", vClass="passenger", length="4.5", minGap="2.0", tau=f"{road.tau_s:.2f}",
        sigma=f"{road.sigma:.2f}", accel="1.6", decel="3.5", maxSpeed="38", lcAssertive="1.3",
        speedFactor="normc(1.0,0.09,0.75,1.3)", probability=f"{1 - road.trucks:.3f}",
    )  # fmt: skip
    ET.SubElement(
        types, "vType", id="truck", vClass="truck", length="12", minGap="2.5", tau=f"{road.tau_s + 0.4:.2f}",
        sigma=f"{road.sigma:.2f}", accel="0.8", decel="3.0", maxSpeed="25", speedFactor="normc(0.9,0.04,0.8,1.0)",
        probability=f"{road.trucks:.3f}",
    )  # fmt: skip
    main = [edge.id for edge in road.edges]
    beside = [edge for edge in road.edges if edge.first_lane]
    offs = [edge for edge in beside if edge.start_m + edge.length_m in road.exit_m]
    ons = [edge for edge in beside if edge.start_m in road.merge_m]
    routes: list[tuple[str, str, float]] = [("through", " ".join(main), 1.0)]
    for edge, share in zip(offs, road.exit_share, strict=False):
        upto = main[: main.index(edge.id) + 1]
        routes.append((f"leave-{edge.id}", " ".join([*upto, f"off-{edge.id}"]), share))
    for edge, share in zip(ons, road.ramp_share, strict=False):
        routes.append((f"join-{edge.id}", " ".join([f"on-{edge.id}", *main[main.index(edge.id) :]]), share))
    for name, edges, _ in routes:
        ET.SubElement(root, "route", id=name, edges=edges)
    begin_s = 0.0
    while begin_s < until_s:
        share = float(np.interp(begin_s - 600.0, *road.profile))
        for name, _, part in routes:
            rate = max(road.lanes * LANE_VEH_H * share * part, 1.0) / 3_600.0
            ET.SubElement(
                root, "flow", id=f"{name}.{begin_s:g}", route=name, type="traffic", begin=f"{begin_s:g}",
                end=f"{begin_s + _SLOT_S:g}", period=f"exp({rate:.6f})",
                departLane="best" if not name.startswith("join") else "first", departSpeed="max",
            )  # fmt: skip
        begin_s += _SLOT_S
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
