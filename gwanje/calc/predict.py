"""``gwanje calc predict``: speed and flow in 15, 30 and 60 minutes, as a live system would have said them."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.traffic.prediction import (
    HORIZONS_S,
    Prediction,
    PredictionState,
    PredictionThresholds,
    follow_prediction,
    predict,
)
from gwanje.calc.arrays import Corridor, add_direction, corridor_of, read_array
from gwanje.calc.queues import station_frames
from ingest.thresholds import load_group

Floats = NDArray[np.float64]

HEADER = ("time_s", "milemarker", "horizon_min", "speed_kmh", "flow_veh_h_lane")
_DAY_S = 86_400.0
_SATURDAY = 5
_WORDS = {
    "ko": {
        "title": "단기 예측 평가: 5분 평균 대비 평균 절대 오차(MAE)와 제곱근 오차(RMSE), {since:g}초부터",
        "head": (
            "항목",
            "예측 시점",
            "표본",
            "지속 MAE",
            "평소 MAE",
            "예측 MAE",
            "지속 RMSE",
            "평소 RMSE",
            "예측 RMSE",
        ),
        "speed": "속도 km/h",
        "flow": "교통량 대/시/차로",
        "minutes": "{minutes:g}분",
    },
    "en": {
        "title": "Short-term prediction: mean absolute and root mean square error of 5-minute means, from {since:g} s",
        "head": (
            "quantity",
            "ahead",
            "samples",
            "persistence MAE",
            "usual MAE",
            "predicted MAE",
            "persistence RMSE",
            "usual RMSE",
            "predicted RMSE",
        ),
        "speed": "speed km/h",
        "flow": "flow veh/h/lane",
        "minutes": "{minutes:g} min",
    },
}


@dataclass(frozen=True)
class Said:
    """What was said when an interval had ended; arrays (3, n_station) or, of the interval itself, (n_station,)."""

    time_s: float
    prediction: Prediction
    usual: Prediction
    speed_kmh: Floats
    flow_veh_h_lane: Floats


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", type=Path, metavar="IN.npz", help="detector array; time_s counts from a midnight")
    parser.add_argument("--every", type=float, default=900.0, metavar="S", help="seconds between predictions, 900")
    parser.add_argument(
        "--first-weekday",
        type=int,
        choices=range(7),
        metavar="0-6",
        help="of time 0, Monday is 0; all alike without it",
    )
    parser.add_argument("--evaluate", action="store_true", help="hold predictions against what came instead")
    parser.add_argument(
        "--since", type=float, default=0.0, metavar="S", help="judge from this time on; learn before it"
    )
    parser.add_argument("--language", choices=("ko", "en"), default="ko", help="of the evaluation, ko without it")
    add_direction(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Print CSV, or the table of errors."""
    corridor = corridor_of(read_array(parsed.input), parsed.direction, 110.0)
    if parsed.evaluate:
        sys.stdout.write(_evaluation(list(say(corridor, parsed.first_weekday)), parsed.since, parsed.language))
        return 0
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(HEADER)
    due_s = -np.inf
    for said in say(corridor, parsed.first_weekday):
        if said.time_s < due_s:
            continue
        due_s = said.time_s + parsed.every
        for place, horizon_s in enumerate(HORIZONS_S):
            pairs = zip(said.prediction.speed_kmh[place], said.prediction.flow_veh_h_lane[place], strict=True)
            for milemarker, (speed, flow) in zip(corridor.milemarker.tolist(), pairs, strict=True):
                out.writerow(
                    [f"{said.time_s:g}", f"{milemarker:g}", f"{horizon_s / 60:g}", _number(speed, 1), _number(flow, 0)]
                )
    return 0


def say(corridor: Corridor, first_weekday: int | None = None) -> Iterator[Said]:
    """Give what could be said at the end of every interval; nothing looks ahead.

    Parameters
    ----------
    corridor : Corridor
    first_weekday : int, optional
        Weekday of time 0, Monday is 0; without it all days are of one kind.
    """
    numbers = load_group(PredictionThresholds, "traffic_prediction")
    state = PredictionState.initial(len(corridor.layout), 1 if first_weekday is None else 2, numbers)
    for turn, frame in enumerate(station_frames(corridor)):
        day = int(corridor.time_s[turn] // _DAY_S)
        before = state.interval
        kinds = _kind(day, first_weekday), _kind(day + 1, first_weekday)
        state = follow_prediction(state, frame, *kinds, 0.0, corridor.layout, numbers)
        if 0 <= before < state.interval:
            lost = min(state.interval - before - 1, len(state.value) - 1)
            usual = Prediction(state.base[lost][:, 0], state.base[lost][:, 1])
            yield Said(
                (before + 1) * numbers.interval_s.value,
                predict(state),
                usual,
                state.value[lost, 0],
                state.value[lost, 1],
            )


def errors(said: list[Said], since_s: float) -> dict[tuple[str, float], tuple[int, Floats, Floats]]:
    """Return samples, MAE and RMSE of persistence, the usual and the prediction, by quantity and horizon [s]."""
    at = {one.time_s: one for one in said}
    found = {}
    for name in ("speed", "flow"):
        field = "speed_kmh" if name == "speed" else "flow_veh_h_lane"
        for place, horizon_s in enumerate(HORIZONS_S):
            off = []
            for one in said:
                later = at.get(one.time_s + horizon_s)
                if later is None or one.time_s < since_s:
                    continue
                came = getattr(later, field)
                guesses = (
                    getattr(one, field),
                    getattr(one.usual, field)[place],
                    getattr(one.prediction, field)[place],
                )
                off.append(np.stack([guess - came for guess in guesses]))
            if not off:
                continue
            every = np.concatenate(off, axis=1)
            every = every[:, ~np.isnan(every).any(axis=0)]
            if every.shape[1]:
                rmse = np.sqrt((every**2).mean(axis=1))
                found[name, horizon_s] = (every.shape[1], np.abs(every).mean(axis=1), rmse)
    return found


def _evaluation(said: list[Said], since_s: float, language: str) -> str:
    words = _WORDS[language]
    lines = [str(words["title"]).format(since=since_s), " | ".join(words["head"])]
    for (name, horizon_s), (count, mae, rmse) in errors(said, since_s).items():
        ahead = str(words["minutes"]).format(minutes=horizon_s / 60)
        numbers = [f"{number:.2f}" for number in (*mae, *rmse)]
        lines.append(" | ".join((str(words[name]), ahead, str(count), *numbers)))
    return "\n".join(lines) + "\n"


def _kind(day: int, first_weekday: int | None) -> int:
    return 0 if first_weekday is None else int((first_weekday + day) % 7 >= _SATURDAY)


def _number(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}f}"
