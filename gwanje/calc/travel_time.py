"""``gwanje calc travel-time``: times through a corridor as a live system would have posted them."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.traffic.ahead.learn import RoadState, learn_road, speeds_of_stations
from engine.traffic.ahead.road import Road
from engine.traffic.ahead.run import FIELD_EVERY_S, fields_ahead
from engine.traffic.ahead.thresholds import AheadThresholds
from engine.traffic.smoothing import SmoothingParameters, live_field, live_kernel
from engine.traffic.travel_time import (
    Cells,
    Spread,
    TravelTimeThresholds,
    doubt,
    driven_s,
    filled,
    instantaneous_s,
    learn_spread,
    steadied,
)
from gwanje.calc.arrays import Corridor, add_direction, corridor_of, read_array
from gwanje.calc.evaluate_times import evaluation
from gwanje.calc.queues import station_frames
from ingest.thresholds import load_group

Floats = NDArray[np.float64]

_FEW_REALISED = 5
HEADER = ("time_s", "instantaneous_min", "predicted_min", "p10_min", "p90_min")


@dataclass(frozen=True)
class Posted:
    """What was posted at the end of one period, for departures then. Times in seconds."""

    time_s: float
    instantaneous_s: float
    predicted_s: float
    p10_s: float
    p90_s: float
    field_kmh: Floats
    """Shape (n_cell,), float64, the speeds of that moment without gaps. [km/h]"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", type=Path, metavar="IN.npz", help="detector array")
    parser.add_argument("--speed-limit", type=float, default=110.0, metavar="KMH", help="of the road, 110 without it")
    parser.add_argument("--evaluate", action="store_true", help="hold both times against the realised ones instead")
    parser.add_argument("--language", choices=("ko", "en"), default="ko", help="of the evaluation, ko without it")
    add_direction(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Print CSV, or the table of errors."""
    corridor = corridor_of(read_array(parsed.input), parsed.direction, parsed.speed_limit)
    if parsed.evaluate:
        posted, cells = [], None
        for one, its_cells in post(corridor):
            posted.append(one)
            cells = its_cells
        sys.stdout.write("" if cells is None else evaluation(posted, cells, corridor, parsed.language))
        return 0
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(HEADER)
    for one, _ in post(corridor):
        minutes = (one.instantaneous_s, one.predicted_s, one.p10_s, one.p90_s)
        out.writerow([f"{one.time_s:g}", *(f"{seconds / 60.0:.3f}" for seconds in minutes)])
    return 0


def post(corridor: Corridor) -> Iterator[tuple[Posted, Cells]]:
    """Give the times of every period; nothing looks ahead.

    The percentiles are learnt from departures whose vehicles have arrived by then, driven through the fields as they
    were posted meanwhile.
    """
    numbers = load_group(TravelTimeThresholds, "traffic_travel_time")
    smoothing = load_group(SmoothingParameters, "traffic_smoothing")
    ahead = load_group(AheadThresholds, "traffic_ahead")
    layout, period_s = corridor.layout, corridor.series.period_s
    kernel = live_kernel(layout, numbers.cell_m.value, period_s, smoothing)
    cells = Cells.of(layout, kernel.corridor, kernel.chainage_m)
    road = Road.of(layout, cells)
    ring = np.full((len(kernel.free), len(layout)), np.nan)
    state, spread = RoadState.initial(layout, road, ahead), Spread.initial(1)
    longer = np.full(1, np.nan)
    history: list[Floats] = []
    waiting: list[tuple[int, Floats, Floats]] = []
    for turn, frame in enumerate(station_frames(corridor)):
        speed = speeds_of_stations(frame, state.free_kmh[road.under])
        ring = np.concatenate((speed[None], ring[:-1]))
        now = filled(live_field(ring, kernel, smoothing), layout.speed_limit_kmh[cells.station], numbers)
        state = learn_road(state, frame, now, road, layout, ahead)
        history.append(now)
        fields = fields_ahead(state, now, road, layout, ahead)
        at_once, predicted = instantaneous_s(now, cells), driven_s(fields, FIELD_EVERY_S, road.cells)
        elapsed_s = corridor.time_s[turn] - corridor.time_s[max(turn - 1, 0)]
        longer, predicted = steadied(longer, predicted, at_once, elapsed_s, numbers)
        free = instantaneous_s(state.free_kmh, road.cells)
        doubts = doubt(predicted, at_once, free, numbers)
        waiting.append((turn, predicted, doubts))
        spread, waiting = _arrived(spread, waiting, history, period_s, cells, numbers)
        low, high = spread.around(predicted, doubts)
        yield (
            Posted(
                time_s=float(corridor.time_s[turn]),
                instantaneous_s=float(at_once[0]),
                predicted_s=float(predicted[0]),
                p10_s=float(low[0]),
                p90_s=float(high[0]),
                field_kmh=now,
            ),
            cells,
        )


def _arrived(
    spread: Spread,
    waiting: list[tuple[int, Floats, Floats]],
    history: list[Floats],
    period_s: float,
    cells: Cells,
    numbers: TravelTimeThresholds,
) -> tuple[Spread, list[tuple[int, Floats, Floats]]]:
    """Learn from the departures whose vehicles have arrived, at most a few a period."""
    now = len(history) - 1
    learnt = 0
    while waiting and learnt < _FEW_REALISED:
        turn, predicted, doubts = waiting[0]
        # Whoever needs longer than has passed since has not arrived: asked again next period.
        if (now - turn) * period_s < 0.5 * predicted[0]:
            break
        realised = driven_s(np.array(history[turn:]), period_s, cells)
        if realised[0] > (now - turn) * period_s:
            break
        spread = learn_spread(spread, predicted, doubts, realised, numbers)
        waiting = waiting[1:]
        learnt += 1
    return spread, waiting
