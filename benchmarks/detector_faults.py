"""Faults put into field data: how soon detector health finds them, what it finds that is none, what stands in for them.

Every fault is put into healthy lanes of a day of I-24, several stations at once but none next to another, at random
times. What the rules say of the day as it came is told apart from what they say more. Settings are never fitted to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.traffic.frame import Series
from engine.traffic.health.reasons import HealthThresholds, Reason
from engine.traffic.health.substitute import SubstituteThresholds, Way
from engine.traffic.health.watch import watch
from gwanje.calc.arrays import Corridor, corridor_of, read_array
from ingest.thresholds import load_group, load_thresholds

DATA = Path(__file__).parents[2] / "shared" / "data" / "traffic" / "i24" / "i24_rds_first_1001.npz"
_LOCAL_START_S = 5 * 3600.0
_SPEED_LIMIT_KMH = 112.654
_FROM, _TO = 240, 480
_STRIDE = 7

Floats = NDArray[np.float64]


@dataclass
class Lane:
    """One lane from the onset of its fault on; arrays are views that a fault writes into."""

    volume: Floats
    speed_kmh: Floats
    occupancy_pct: Floats
    rng: np.random.Generator


def _dead(lane: Lane) -> None:
    lane.volume[:], lane.occupancy_pct[:], lane.speed_kmh[:] = 0.0, 0.0, np.nan


def _mute(lane: Lane) -> None:
    lane.volume[:] = lane.occupancy_pct[:] = lane.speed_kmh[:] = np.nan


def _stuck(lane: Lane) -> None:
    lane.volume[:], lane.occupancy_pct[:], lane.speed_kmh[:] = 6.0, 7.0, 101.0


def _locked(lane: Lane) -> None:
    lane.volume[:], lane.occupancy_pct[:], lane.speed_kmh[:] = 0.0, 100.0, np.nan


def _chatter(lane: Lane) -> None:
    lane.volume += lane.rng.integers(35, 60, len(lane.volume))


def _spikes(lane: Lane) -> None:
    lane.occupancy_pct[:] = np.where(lane.rng.random(len(lane.volume)) < 0.5, 60.0, lane.occupancy_pct)


def _absurd(lane: Lane) -> None:
    lane.speed_kmh[lane.rng.random(len(lane.volume)) < 0.2] = 255.0


def _hanging(lane: Lane) -> None:
    lane.volume[:], lane.speed_kmh[:] = 0.0, np.nan
    lane.occupancy_pct[:] = lane.rng.uniform(8.0, 25.0, len(lane.volume))


def _dropouts(lane: Lane) -> None:
    gone = lane.rng.random(len(lane.volume)) < 0.55
    lane.volume[gone] = lane.occupancy_pct[gone] = lane.speed_kmh[gone] = np.nan


FAULTS: dict[str, Callable[[Lane], None]] = {
    "dead": _dead,
    "mute": _mute,
    "stuck": _stuck,
    "locked_on": _locked,
    "chatter": _chatter,
    "spikes": _spikes,
    "absurd": _absurd,
    "hanging": _hanging,
    "dropouts": _dropouts,
}


def run(path: str = str(DATA), rounds: int = 4) -> dict[str, object]:
    """Return per kind of fault: how many, how many found, delays, by which reasons, and false flags."""
    corridor = corridor_of(read_array(Path(path)), "falling", _SPEED_LIMIT_KMH)
    plain, stations = _flags(corridor, corridor.series)
    already = (plain != 0).any(axis=0)
    figures: dict[str, object] = {
        "as_it_came": [
            {"milemarker": float(corridor.milemarker[station]), "lane": int(lane) + 1, "reason": reason.name}
            for station, lane in np.argwhere(already)
            for reason in Reason(int(np.bitwise_or.reduce(plain[:, station, lane])))
        ]
    }
    for place, kind in enumerate((*FAULTS, "swapped", "station_mute")):
        figures[kind] = _try(kind, np.random.default_rng(place), corridor, plain, already, stations, rounds)
    return figures


def _try(
    kind: str,
    rng: np.random.Generator,
    corridor: Corridor,
    plain: NDArray[np.uint16],
    already: NDArray[np.bool_],
    stations: list[NDArray[np.float64]],
    rounds: int,
) -> dict[str, object]:
    delays: list[float] = []
    reasons: dict[str, int] = {}
    false, tried = 0, 0
    flow_error: list[float] = []
    speed_error: list[float] = []
    for _ in range(rounds):
        series = replace(
            corridor.series,
            volume=corridor.series.volume.copy(),
            speed_kmh=corridor.series.speed_kmh.copy(),
            occupancy_pct=corridor.series.occupancy_pct.copy(),
        )
        cases = []
        for station in range(int(rng.integers(1, _STRIDE)), len(corridor.layout) - 1, _STRIDE):
            lane, onset = int(rng.integers(0, 4)), int(rng.integers(_FROM, _TO))
            lanes = _put(kind, series, station, lane, onset, rng)
            if not already[station].any():
                cases.append((station, lanes, onset))
        found, filled = _flags(corridor, series)
        touched = np.zeros(already.shape, dtype=bool)
        for name in ("volume", "speed_kmh", "occupancy_pct"):
            made, was = getattr(series, name), getattr(corridor.series, name)
            touched |= ((made != was) & ~(np.isnan(made) & np.isnan(was))).any(axis=0)
        extra = (found & ~plain) != 0
        false += int(extra.any(axis=0)[~touched].sum())
        for station, lanes, onset in cases:
            tried += 1
            flagged = np.flatnonzero((found[onset:, station, lanes] != 0).any(axis=1))
            if not len(flagged):
                continue
            at = onset + int(flagged[0])
            delays.append((at - onset) * series.period_s)
            first = Reason(int(np.bitwise_or.reduce(found[at, station, lanes])))
            for reason in first:
                reasons[str(reason.name)] = reasons.get(str(reason.name), 0) + 1
            true, made = stations[0][at:, station], filled[0][at:, station]
            speed_true, speed_made = stations[1][at:, station], filled[1][at:, station]
            good = ~np.isnan(true + made + speed_true + speed_made) & (true > 0)
            # Smoothed over five minutes: half a minute of one station is mostly noise.
            flow_error.append(_relative(true[good], made[good]))
            speed_error.append(float(np.abs(speed_true[good] - speed_made[good]).mean()))
    return {
        "tried": tried,
        "found": len(delays),
        "median_s": float(np.median(delays)) if delays else None,
        "p95_s": float(np.quantile(delays, 0.95)) if delays else None,
        "by": dict(sorted(reasons.items())),
        "false_lanes": false,
        "flow_error_pct": round(100.0 * float(np.mean(flow_error)), 1) if flow_error else None,
        "speed_error_kmh": round(float(np.mean(speed_error)), 1) if speed_error else None,
    }


def _put(kind: str, series: Series, station: int, lane: int, onset: int, rng: np.random.Generator) -> list[int]:
    """Write a fault into a series; return the lanes that have it."""
    if kind == "swapped":
        other = (lane + 2) % 4
        for values in (series.volume, series.speed_kmh, series.occupancy_pct):
            values[onset:, station, [lane, other]] = values[onset:, station, [other, lane]]
        return [lane, other]
    lanes = [0, 1, 2, 3] if kind == "station_mute" else [lane]
    for one in lanes:
        at = (slice(onset, None), station, one)
        FAULTS.get(kind, _mute)(Lane(series.volume[at], series.speed_kmh[at], series.occupancy_pct[at], rng))
    return lanes


def _flags(corridor: Corridor, series: Series) -> tuple[NDArray[np.uint16], list[Floats]]:
    """Return the reasons of every period, and flow and speed of the stations."""
    reasons, flow, speed = [], [], []
    for one in watch(
        series,
        corridor.layout,
        load_group(HealthThresholds, "traffic_health"),
        load_group(SubstituteThresholds, "traffic_substitute"),
        load_thresholds().traffic,
        _LOCAL_START_S,
    ):
        reasons.append(one.health.reasons)
        unknown = one.substituted.way == Way.UNKNOWN
        flow.append(np.where(unknown, np.nan, one.substituted.stations.flow_veh_h_lane))
        speed.append(one.substituted.stations.speed_kmh)
    return np.stack(reasons), [np.stack(flow), np.stack(speed)]


def _relative(true: Floats, made: Floats, width: int = 10) -> float:
    """Return the mean relative error of means over ten periods."""
    usable = len(true) // width * width
    if usable == 0:
        return 0.0
    blocks, others = true[:usable].reshape(-1, width).mean(axis=1), made[:usable].reshape(-1, width).mean(axis=1)
    return float((np.abs(blocks - others) / np.maximum(blocks, 1.0)).mean())
