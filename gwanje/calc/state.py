"""``gwanje calc state``: level of service, status and delay of every station and period, or what it comes to."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import fields

import msgspec
import numpy as np

from engine.traffic.cost import CostThresholds, congestion_cost
from engine.traffic.health.substitute import Way
from engine.traffic.health.watch import Watched
from engine.traffic.state import LevelOfService, StateThresholds, TrafficState, initial_status, traffic_state
from engine.traffic.stations import CongestionLevel
from gwanje.calc.arrays import Corridor
from gwanje.calc.watching import add_options, corridor_from, watched
from gwanje.errors import CommandError
from ingest.thresholds import load_group, load_thresholds

HEAD = (
    "time_s",
    "milemarker",
    "flow_veh_h",
    "speed_kmh",
    "density_veh_km_lane",
    "occupancy_pct",
    "level_of_service",
    "status",
    "tti",
    "delay_veh_h",
    "substituted",
)


_LEVEL = {level: "" if level == LevelOfService.UNKNOWN else level.name for level in LevelOfService}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_options(parser)
    parser.add_argument("--heavy-share", type=float, metavar="SHARE", help="heavy vehicles over vehicles, 0 to 1")
    parser.add_argument(
        "--totals", action="store_true", help="one JSON object over all stations and periods, with costs and CO2"
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Grade and print."""
    if parsed.heavy_share is not None and not 0 <= parsed.heavy_share <= 1:
        raise CommandError(f"--heavy-share: expected 0 to 1, was {parsed.heavy_share}")
    corridor = corridor_from(parsed)
    if parsed.totals:
        totals = total(corridor, parsed.local_start, parsed.heavy_share)
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(totals), indent=1).decode() + "\n")
        return 0
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(HEAD)
    for one, state in graded(corridor, parsed.local_start, parsed.heavy_share):
        table.writerows(rows(corridor, one, state))
    return 0


def graded(corridor: Corridor, local_start: str, heavy_share: float | None) -> Iterator[tuple[Watched, TrafficState]]:
    """Watch a corridor and grade every period."""
    thresholds = load_group(StateThresholds, "traffic_state")
    traffic = load_thresholds().traffic
    heavy = None if heavy_share is None else np.full(len(corridor.layout), heavy_share)
    status = initial_status(len(corridor.layout))
    for one in watched(corridor, local_start):
        state = traffic_state(status, one.substituted.stations, corridor.layout, thresholds, traffic, heavy)
        status = state.status
        yield one, state


def rows(corridor: Corridor, one: Watched, state: TrafficState) -> Iterator[tuple[str, ...]]:
    """Give the cells of one period, stations in the order of travel.

    Flow is over all lanes. Empty = unknown; a speed also where nothing moved. ``substituted`` is empty for what was
    measured, else whence the values come.
    """
    stations, way = one.substituted.stations, one.substituted.way
    return zip(
        [f"{one.frame.time_ns / 1e9:g}"] * len(way),
        [f"{mile:g}" for mile in corridor.milemarker.tolist()],
        _text(state.flow_veh_h, 0),
        _text(state.speed_kmh, 1),
        _text(stations.density_veh_km_lane, 2),
        _text(stations.occupancy_pct, 1),
        [_LEVEL[level] for level in state.level_of_service.tolist()],
        [CongestionLevel(level).name.lower() for level in state.status.tolist()],
        _text(state.travel_time_index, 2),
        _text(state.delay_veh_h, 3),
        [Way(value).name.lower() if value >= Way.LANES else "" for value in way.tolist()],
        strict=True,
    )


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """All stations and periods together; what is unknown is left out, and ``known_share`` says how much is not."""

    known_share: float
    distance_veh_km: float
    time_veh_h: float
    speed_kmh: float | None
    travel_time_index: float | None
    delay_veh_h: float
    lost_lane_km_h: float
    delay_cost_krw: float
    co2_kg: float
    co2_excess_kg: float
    sources: list[str]


def total(corridor: Corridor, local_start: str, heavy_share: float | None) -> Totals:
    """Add everything up."""
    price = load_group(CostThresholds, "traffic_cost")
    grade = load_group(StateThresholds, "traffic_state")
    reference = corridor.layout.speed_limit_kmh * grade.reference_ratio.value
    heavy = np.full(len(reference), grade.heavy_share.value if heavy_share is None else heavy_share)
    sums = np.zeros(8)
    known, every = 0, 0
    for _, state in graded(corridor, local_start, heavy_share):
        cost = congestion_cost(state.distance_veh_km, state.time_veh_h, state.delay_veh_h, reference, heavy, price)
        columns = (
            state.distance_veh_km,
            state.time_veh_h,
            state.distance_veh_km / reference,
            state.delay_veh_h,
            state.lost_lane_km_h,
            cost.time_krw,
            cost.co2_kg,
            cost.co2_excess_kg,
        )
        sums += [float(np.nansum(column)) for column in columns]
        known, every = known + int((~np.isnan(state.flow_veh_h)).sum()), every + len(reference)
    distance, hours, free_hours = sums[:3].tolist()
    return Totals(
        known_share=round(known / max(every, 1), 4),
        distance_veh_km=round(distance, 1),
        time_veh_h=round(hours, 2),
        speed_kmh=round(distance / hours, 1) if hours > 0 else None,
        travel_time_index=round(hours / free_hours, 3) if free_hours > 0 else None,
        delay_veh_h=round(float(sums[3]), 2),
        lost_lane_km_h=round(float(sums[4]), 2),
        delay_cost_krw=round(float(sums[5])),
        co2_kg=round(float(sums[6]), 1),
        co2_excess_kg=round(float(sums[7]), 1),
        sources=sorted({getattr(price, one.name).source for one in fields(price)}),
    )


def _text(values: np.ndarray, digits: int) -> list[str]:
    return ["" if value != value else f"{value:.{digits}f}" for value in values.tolist()]
