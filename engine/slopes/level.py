"""The level of every slope from tilt rate and rain, and the findings that come of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import erf, sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.findings import Finding, HazardLevel, Observation, ReceiptLine, Rule
from engine.freshness import NEVER
from engine.region import PointTable
from engine.slopes.rain import RainState, add_counters, intensity_duration_excess, rain_sums
from engine.slopes.tilt import TiltState, add_samples, tilt_rate
from engine.thresholds import SlopeThresholds, Sourced
from sensors.columns import Floats, Ints, SlopeColumns

_NS = 1_000_000_000
_MAX_OBSERVATIONS = 20


@dataclass(frozen=True)
class SlopeState:
    """Columns of shape (n_slope,) beside the histories.

    Attributes
    ----------
    level : ndarray, int8
        0 = none, else a `HazardLevel`; -1 before the first sample.
    lower_since_ns : ndarray, int64
        Engine time since when the evidence stands for less than ``level``; ``NEVER`` when it does not.
    rate_deg_h, sigma_deg_h, rain_1h_mm, rain_24h_mm, rain_excess : ndarray, float64
        As of the last step.
    findings : tuple of Finding
        Those that are active.
    """

    tilt: TiltState
    rain: RainState
    level: NDArray[np.int8]
    lower_since_ns: Ints
    rate_deg_h: Floats
    sigma_deg_h: Floats
    rain_1h_mm: Floats
    rain_24h_mm: Floats
    rain_excess: Floats
    findings: tuple[Finding, ...]

    @classmethod
    def initial(cls, n: int) -> SlopeState:
        """Return the state before any sample."""
        nothing = np.full(n, np.nan)
        return cls(
            tilt=TiltState.initial(n),
            rain=RainState.initial(n),
            level=np.full(n, -1, dtype=np.int8),
            lower_since_ns=np.full(n, NEVER),
            rate_deg_h=nothing,
            sigma_deg_h=nothing,
            rain_1h_mm=nothing,
            rain_24h_mm=nothing,
            rain_excess=nothing,
            findings=(),
        )


def evidence_level(
    rate_deg_h: Floats, sigma_deg_h: Floats, rain_excess: Floats, thresholds: SlopeThresholds
) -> NDArray[np.int8]:
    """Join tilt and rain to a level.

    Parameters
    ----------
    rate_deg_h, sigma_deg_h : ndarray, shape (n,), float64
        Tilt rate and its standard error. NaN = no evidence from tilt. [deg/h]
    rain_excess : ndarray, shape (n,), float64
        Rain over the intensity-duration threshold, 1 = on it. NaN = no evidence from rain.
    thresholds : SlopeThresholds

    Returns
    -------
    ndarray, shape (n,), int8
        0 = none, else a `HazardLevel`. Rain alone gives ATTENTION, tilt CAUTION or ALERT; both together one level more.

    Source
    ------
    Tilt steps: Uchimura et al. (2015). Joining them with rain: own construction.
    """
    sure_rate = rate_deg_h - thresholds.tilt_sigmas.value * sigma_deg_h
    wet = rain_excess >= 1.0
    level = np.zeros(len(rate_deg_h), dtype=np.int8)
    level[wet] = HazardLevel.ATTENTION
    for step, limit in (
        (HazardLevel.CAUTION, thresholds.tilt_caution_deg_h.value),
        (HazardLevel.ALERT, thresholds.tilt_alert_deg_h.value),
    ):
        moving = sure_rate >= limit
        level[moving] = step
        level[moving & wet] = step + 1
    return level


def update_slopes(
    state: SlopeState,
    samples: SlopeColumns,
    now_ns: int,
    slopes: PointTable,
    thresholds: SlopeThresholds,
    report_every_s: Sourced,
) -> tuple[SlopeState, list[Finding]]:
    """Take in samples and say which slopes rose, changed or calmed down.

    Parameters
    ----------
    state : SlopeState
    samples : SlopeColumns
        Any number per node, in any order.
    now_ns : int
        Engine time. [ns since 1970 UTC]
    slopes : PointTable
    thresholds : SlopeThresholds
        A level rises at once and falls after ``hold_s``.
    report_every_s : Sourced

    Returns
    -------
    state : SlopeState
    findings : list of Finding
        From CAUTION upwards; ATTENTION stays a colour on the map.

    Source
    ------
    Own construction.
    """
    envelope, values = samples.envelope, samples.values
    if len(envelope):
        tilt = add_samples(
            state.tilt, envelope.row, envelope.time_ns, envelope.seq, values["tilt_x_deg"], values["tilt_y_deg"]
        )
        rain = add_counters(state.rain, envelope.row, envelope.time_ns, values["rain_mm_total"])
        rate, sigma, _ = tilt_rate(tilt, thresholds.tilt_window_s.value, thresholds.tilt_min_span_s.value)
        state = replace(state, tilt=tilt, rain=rain, rate_deg_h=rate, sigma_deg_h=sigma)
    heard = state.tilt.time_ns[:, -1] != NEVER
    gauged = ~np.isnan(state.rain.total_mm)
    sums = rain_sums(state.rain, now_ns)
    excess, _ = intensity_duration_excess(
        sums,
        thresholds.rain_id_a.value,
        thresholds.rain_id_b.value,
        thresholds.rain_id_min_h.value,
        thresholds.rain_id_max_h.value,
    )
    excess = np.where(gauged, excess, np.nan)
    evidence = evidence_level(state.rate_deg_h, state.sigma_deg_h, excess, thresholds)
    evidence[~(heard | gauged)] = -1
    level, lower_since = _with_hold(state, evidence, now_ns, thresholds.hold_s.value)
    state = replace(
        state,
        level=level,
        lower_since_ns=lower_since,
        rain_1h_mm=np.where(gauged, sums[:, 0], np.nan),
        rain_24h_mm=np.where(gauged, sums[:, 23], np.nan),
        rain_excess=excess,
    )
    return _speak(state, now_ns, slopes, thresholds, report_every_s)


def _with_hold(
    state: SlopeState, evidence: NDArray[np.int8], now_ns: int, hold_s: float
) -> tuple[NDArray[np.int8], Ints]:
    lower = evidence < state.level
    since = np.where(lower, np.where(state.lower_since_ns == NEVER, now_ns, state.lower_since_ns), NEVER)
    falls = lower & (now_ns - np.where(lower, since, now_ns) >= int(hold_s * _NS))
    return np.where(lower & ~falls, state.level, evidence), np.where(falls, NEVER, since)


def _speak(
    state: SlopeState, now_ns: int, slopes: PointTable, thresholds: SlopeThresholds, report_every_s: Sourced
) -> tuple[SlopeState, list[Finding]]:
    active = {finding.subject: finding for finding in state.findings}
    said: list[Finding] = []
    still: list[Finding] = []
    for row in np.flatnonzero(state.level >= HazardLevel.CAUTION).tolist():
        before = active.pop(slopes.ids[row], None)
        due = before is None or now_ns - before.updated_ns >= report_every_s.value * _NS
        if before is None or due or before.level != state.level[row]:
            finding = _finding(state, row, before, now_ns, slopes, thresholds)
            said.append(finding)
            still.append(finding)
        else:
            still.append(before)
    said += [msgspec.structs.replace(gone, active=False, updated_ns=now_ns) for gone in active.values()]
    return replace(state, findings=tuple(still)), said


def _finding(
    state: SlopeState,
    row: int,
    before: Finding | None,
    now_ns: int,
    slopes: PointTable,
    thresholds: SlopeThresholds,
) -> Finding:
    onset_ns = int(state.tilt.time_ns[row, -1]) if before is None else before.onset_ns
    level = HazardLevel(int(state.level[row]))
    limit = thresholds.tilt_alert_deg_h if level >= HazardLevel.ALERT else thresholds.tilt_caution_deg_h
    used = state.tilt.seq[row][state.tilt.seq[row] >= 0][-_MAX_OBSERVATIONS:]
    rate, sigma = float(state.rate_deg_h[row]), float(state.sigma_deg_h[row])
    return Finding(
        id=f"slope-{slopes.ids[row]}-{onset_ns // _NS}" if before is None else before.id,
        rule=Rule.SLOPE_LEVEL,
        level=level,
        active=True,
        onset_ns=onset_ns,
        updated_ns=now_ns,
        confidence=_confidence(rate, sigma, limit.value),
        lon_deg=float(slopes.lon_deg[row]),
        lat_deg=float(slopes.lat_deg[row]),
        subject=slopes.ids[row],
        devices=(slopes.ids[row],),
        observations=tuple(Observation(slopes.ids[row], int(seq)) for seq in used),
        receipt=(
            ReceiptLine(
                quantity="tilt_rate", value=_round(rate, 4), unit="deg/h", threshold=limit.value, source=limit.source
            ),
            ReceiptLine(quantity="tilt_rate_sigma", value=_round(sigma, 4), unit="deg/h"),
            ReceiptLine(
                quantity="rain_excess",
                value=_round(float(state.rain_excess[row]), 3),
                unit="",
                threshold=1.0,
                source=thresholds.rain_id_a.source,
            ),
            ReceiptLine(quantity="rain_24h", value=_round(float(state.rain_24h_mm[row]), 1), unit="mm"),
        ),
    )


def _round(value: float, digits: int) -> float:
    return round(value, digits) if np.isfinite(value) else 0.0


def _confidence(rate_deg_h: float, sigma_deg_h: float, limit_deg_h: float) -> float:
    """Probability that the true rate is above the limit, for normal errors of the fit."""
    if not np.isfinite(rate_deg_h):
        return 0.5
    z = (rate_deg_h - limit_deg_h) / max(sigma_deg_h, 1e-9)
    return round(min(0.5 * (1.0 + erf(z / sqrt(2.0))), 0.999), 3)
