"""``gwanje calc state``: level of service, status and delay of every station and period."""

from __future__ import annotations

import argparse
import csv
import sys

import numpy as np

from engine.traffic.health.substitute import Way
from engine.traffic.state import LevelOfService, StateThresholds, initial_status, traffic_state
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
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Grade and print."""
    if parsed.heavy_share is not None and not 0 <= parsed.heavy_share <= 1:
        raise CommandError(f"--heavy-share: expected 0 to 1, was {parsed.heavy_share}")
    write(corridor_from(parsed), parsed.local_start, parsed.heavy_share)
    return 0


def write(corridor: Corridor, local_start: str, heavy_share: float | None) -> None:
    """Write CSV to the standard output: per period, stations in the order of travel.

    Flow is over all lanes. Empty = unknown; a speed also where nothing moved. ``substituted`` is empty for what was
    measured, else whence the values come.
    """
    thresholds = load_group(StateThresholds, "traffic_state")
    traffic = load_thresholds().traffic
    n_station = len(corridor.layout)
    heavy = None if heavy_share is None else np.full(n_station, heavy_share)
    status = initial_status(n_station)
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(HEAD)
    places = [f"{mile:g}" for mile in corridor.milemarker.tolist()]
    for one in watched(corridor, local_start):
        stations, way = one.substituted.stations, one.substituted.way
        state = traffic_state(status, stations, corridor.layout, thresholds, traffic, heavy)
        status = state.status
        time = f"{one.frame.time_ns / 1e9:g}"
        numbers = (
            _text(state.flow_veh_h, 0),
            _text(state.speed_kmh, 1),
            _text(stations.density_veh_km_lane, 2),
            _text(stations.occupancy_pct, 1),
            [_LEVEL[level] for level in state.level_of_service.tolist()],
            [CongestionLevel(level).name.lower() for level in state.status.tolist()],
            _text(state.travel_time_index, 2),
            _text(state.delay_veh_h, 3),
            [Way(one).name.lower() if one >= Way.LANES else "" for one in way.tolist()],
        )
        table.writerows(zip([time] * n_station, places, *numbers, strict=True))


def _text(values: np.ndarray, digits: int) -> list[str]:
    return ["" if value != value else f"{value:.{digits}f}" for value in values.tolist()]
