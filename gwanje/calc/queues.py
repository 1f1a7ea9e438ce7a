"""``gwanje calc queues``: heads, tails, growth and predicted tails, as a live system would have followed them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.traffic.frame import StationFrame, station_frame
from engine.traffic.fronts.extent import QueueExtents, queue_extents
from engine.traffic.fronts.fronts import FrontState, follow_fronts
from engine.traffic.fronts.thresholds import FrontThresholds
from engine.traffic.fronts.tracks import QueueTracks, track_queues
from gwanje.calc.arrays import Corridor, add_direction, corridor_of, read_array
from ingest.thresholds import load_group, load_thresholds

_NS = 1e9
_FORGET_S = 300.0


class QueueLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One queue at the end of one period; null = not seen or not to be."""

    time_s: float
    queue: int
    onset_s: float
    head_milemarker: float
    head_sigma_m: float | None
    tail_milemarker: float
    tail_sigma_m: float | None
    length_m: float
    growth_kmh: float | None
    """Speed of the tail upstream; negative when it comes back."""
    tail_5min_milemarker: float | None
    tail_10min_milemarker: float | None
    tail_15min_milemarker: float | None
    tail_15min_sigma_m: float | None


@dataclass(frozen=True)
class Followed:
    """The queues at the end of one period."""

    time_s: float
    extents: QueueExtents
    tracks: QueueTracks


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", type=Path, metavar="IN.npz", help="detector array")
    parser.add_argument("--speed-limit", type=float, default=110.0, metavar="KMH", help="of the road, 110 without it")
    parser.add_argument(
        "--every", type=float, default=0.0, metavar="S", help="seconds between lines of a queue, 0: all"
    )
    add_direction(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Print one JSON object a line."""
    corridor = corridor_of(read_array(parsed.input), parsed.direction, parsed.speed_limit)
    said: dict[int, float] = {}
    for now in follow(corridor):
        for line in lines(now, corridor):
            if line.time_s - said.get(line.queue, -np.inf) >= parsed.every:
                said[line.queue] = line.time_s
                sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    return 0


def station_frames(corridor: Corridor) -> Iterator[StationFrame]:
    """Give every period summed over its lanes."""
    traffic = load_thresholds().traffic
    for frame in corridor.series.frames():
        yield station_frame(frame, traffic.effective_length_m.value, traffic.jam_occupancy_pct.value)


def follow(corridor: Corridor) -> Iterator[Followed]:
    """Follow the queues of a corridor, period by period; nothing looks ahead."""
    thresholds = load_group(FrontThresholds, "traffic_fronts")
    state = FrontState.initial(corridor.layout)
    tracks = QueueTracks.initial(len(corridor.layout))
    for frame in station_frames(corridor):
        state = follow_fronts(state, frame, corridor.layout, thresholds)
        extents = queue_extents(state, corridor.layout, thresholds)
        tracks = track_queues(tracks, extents, frame.time_ns, _FORGET_S)
        yield Followed(frame.time_ns / _NS, extents, tracks)


def lines(now: Followed, corridor: Corridor) -> list[QueueLine]:
    """Return one line a queue, milemarkers instead of chainages."""
    extents = now.extents
    head, tail = corridor.miles(extents.head_m), corridor.miles(extents.tail_m)
    ahead = corridor.miles(extents.predicted_tail_m)
    return [
        QueueLine(
            time_s=now.time_s,
            queue=int(now.tracks.numbers[place]),
            onset_s=int(now.tracks.onset_ns[place]) / _NS,
            head_milemarker=round(float(head[place]), 3),
            head_sigma_m=_number(extents.head_sigma_m, place),
            tail_milemarker=round(float(tail[place]), 3),
            tail_sigma_m=_number(extents.tail_sigma_m, place),
            length_m=round(float(extents.head_m[place] - extents.tail_m[place])),
            growth_kmh=_number(extents.growth_kmh, place),
            tail_5min_milemarker=_number(ahead[:, 0], place, 3),
            tail_10min_milemarker=_number(ahead[:, 1], place, 3),
            tail_15min_milemarker=_number(ahead[:, 2], place, 3),
            tail_15min_sigma_m=_number(extents.predicted_sigma_m[:, -1], place),
        )
        for place in range(len(extents))
    ]


def _number(values: NDArray[np.float64], place: int, digits: int = 1) -> float | None:
    return None if np.isnan(values[place]) else round(float(values[place]), digits)
