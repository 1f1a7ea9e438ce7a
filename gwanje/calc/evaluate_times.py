"""Posted travel times held against realised ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.traffic.ahead.learn import speeds_of_stations
from engine.traffic.smoothing import SmoothingParameters, smooth
from engine.traffic.travel_time import Cells, driven_s
from gwanje.calc.arrays import Corridor
from gwanje.calc.queues import station_frames
from ingest.thresholds import load_group

if TYPE_CHECKING:
    from gwanje.calc.travel_time import Posted

Floats = NDArray[np.float64]

_TREND_S = 600.0
_CHANGING = 0.03
"""Share by which the realised time has to change over ten minutes to be growing or dissolving; own construction."""
_FREE_PCT = 85.0
_CONGESTED = 1.1
"""Times the quickest realised time; own construction."""
_PHASES = ("growing", "dissolving", "steady", "free", "all")
_WORDS = {
    "ko": {
        "title": "통행시간 평가: 실현 통행시간(평활한 속도장을 통과한 궤적) 대비 평균 절대 오차(분)",
        "head": ("구간", "출발 수", "순간", "예측", "개선", "p10–p90 안"),
        "growing": "대기행렬 증가",
        "dissolving": "대기행렬 해소",
        "steady": "지속 정체",
        "free": "자유 흐름",
        "all": "전체",
    },
    "en": {
        "title": "Travel times against realised ones (trajectory through the smoothed field): mean absolute error, min",
        "head": ("phase", "departures", "instantaneous", "predicted", "better by", "within p10-p90"),
        "growing": "queue growing",
        "dissolving": "queue dissolving",
        "steady": "queue steady",
        "free": "free",
        "all": "all",
    },
}


def realised(corridor: Corridor, cells: Cells) -> Floats:
    """Return what a vehicle departing at the end of each period really needed.

    Parameters
    ----------
    corridor : Corridor
    cells : Cells
        Of the same corridor.

    Returns
    -------
    ndarray, shape (time,), float64
        NaN for those who had not arrived when the recording ended. [s]

    Notes
    -----
    The speeds are smoothed over the whole recording, which looks ahead: this is the truth to judge by, nothing that
    could have been posted.
    """
    parameters = load_group(SmoothingParameters, "traffic_smoothing")
    series, layout = corridor.series, corridor.layout
    frames = list(station_frames(corridor))
    measured = np.array([frame.speed_kmh for frame in frames])
    free = np.full(len(layout), float(np.nanpercentile(measured, _FREE_PCT)) if np.isfinite(measured).any() else np.nan)
    station = np.array([speeds_of_stations(frame, free) for frame in frames])
    field = smooth(station[..., None], corridor.time_s, layout, parameters)[..., 0]
    along = np.array([np.interp(cells.chainage_m, layout.chainage_m, row) for row in field])
    along = np.maximum(along, 4.0)
    n_time, period_s = len(along), series.period_s
    needed = np.full(n_time, np.nan)
    for turn in range(n_time):
        spent = float(driven_s(along[turn:], period_s, cells)[0])
        if spent <= (n_time - 1 - turn) * period_s:
            needed[turn] = spent
    return needed


def phases(needed_s: Floats, period_s: float) -> dict[str, NDArray[np.bool_]]:
    """Return which departures fell into which phase, by the trend of the realised times around them."""
    half = max(1, round(_TREND_S / period_s / 2.0))
    before, after = np.full(len(needed_s), np.nan), np.full(len(needed_s), np.nan)
    before[half:], after[:-half] = needed_s[:-half], needed_s[half:]
    trend = np.divide(after - before, needed_s, out=np.full(len(needed_s), np.nan), where=needed_s > 0)
    known = ~np.isnan(needed_s)
    quickest = float(np.nanmin(needed_s)) if known.any() else np.nan
    queued = known & (needed_s > _CONGESTED * quickest)
    growing, dissolving = queued & (trend > _CHANGING), queued & (trend < -_CHANGING)
    return {
        "growing": growing,
        "dissolving": dissolving,
        "steady": queued & ~growing & ~dissolving,
        "free": known & ~queued,
        "all": known,
    }


def errors(posted: Sequence[Posted], needed_s: Floats, period_s: float) -> dict[str, tuple[int, float, float, float]]:
    """Return departures, both mean absolute errors [s] and the share within the percentiles, by phase."""
    at_once = np.array([one.instantaneous_s for one in posted])
    predicted = np.array([one.predicted_s for one in posted])
    low, high = np.array([one.p10_s for one in posted]), np.array([one.p90_s for one in posted])
    found = {}
    for phase, which in phases(needed_s, period_s).items():
        if which.any():
            truth = needed_s[which]
            found[phase] = (
                int(which.sum()),
                float(np.abs(at_once[which] - truth).mean()),
                float(np.abs(predicted[which] - truth).mean()),
                float(((truth >= low[which]) & (truth <= high[which])).mean()),
            )
    return found


def evaluation(posted: Sequence[Posted], cells: Cells, corridor: Corridor, language: str) -> str:
    """Return the table of errors."""
    words = _WORDS[language]
    found = errors(posted, realised(corridor, cells), corridor.series.period_s)
    lines = [str(words["title"]), " | ".join(words["head"])]
    for phase in _PHASES:
        if phase in found:
            count, at_once, predicted, within = found[phase]
            better = 1.0 - predicted / at_once if at_once > 0 else 0.0
            lines.append(
                f"{words[phase]} | {count} | {at_once / 60:.2f} | {predicted / 60:.2f} | {better:.0%} | {within:.0%}"
            )
    return "\n".join(lines) + "\n"
