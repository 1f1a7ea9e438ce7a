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
_HOUR_NS = 3600 * _NS
_MAX_OBSERVATIONS = 20


@dataclass(frozen=True)
class SlopeState:
    """Columns of shape (n_slope,) beside the histories.

    Attributes
    ----------
    level : ndarray, int8
        0 = none, else a `HazardLevel`; -1 before the first sample.
    lower_since_ns : ndarray, int64
        Time of the sample since which the evidence stands for less than ``level``; ``NEVER`` when it does not.
        [ns since 1970 UTC]
    rate_deg_h, sigma_deg_h : ndarray, float64
        Tilt rate and its standard error at the node's newest sample; NaN while there is none. [deg/h]
    rain_1h_mm, rain_24h_mm : ndarray, float64
        Rain of the running clock hour, and of it and the 23 before; NaN without a gauge. [mm]
    rain_excess : ndarray, float64
        Rain over the intensity-duration threshold, 1 = on it; NaN without a gauge.
    rain_hour : int
        Clock hour for which the rain was summed. [h since 1970 UTC]
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
    rain_hour: int
    findings: tuple[Finding, ...]

    @classmethod
    def initial(cls, n: int) -> SlopeState:
        """Return the state before any sample."""
        nothing = np.full(n, np.nan)
        return cls(
            tilt=TiltState.initial(n),
            rain=RainState.initial(n),
            level=np.full(n, -1, dtype=np.int8),
            lower_since_ns=np.full(n, NEVER, dtype=np.int64),
            rate_deg_h=nothing,
            sigma_deg_h=nothing,
            rain_1h_mm=nothing,
            rain_24h_mm=nothing,
            rain_excess=nothing,
            rain_hour=-1,
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

    Notes
    -----
    Tilt rate and rain are those of a node's newest samples, so a node that falls silent keeps its level: silence is not
    calm. Its age is the business of `engine.freshness`.

    Source
    ------
    Own construction.
    """
    if len(samples.envelope):
        state = _with_tilt(state, samples, thresholds)
    state = _with_rain(state, samples, now_ns, thresholds)
    newest_ns = np.maximum(state.tilt.time_ns[:, -1], state.rain.time_ns)
    evidence = evidence_level(state.rate_deg_h, state.sigma_deg_h, state.rain_excess, thresholds)
    evidence[newest_ns == NEVER] = -1
    level, lower_since = _with_hold(state, evidence, np.minimum(newest_ns, now_ns), thresholds.hold_s.value)
    return _speak(replace(state, level=level, lower_since_ns=lower_since), now_ns, slopes, thresholds, report_every_s)


def _with_tilt(state: SlopeState, samples: SlopeColumns, thresholds: SlopeThresholds) -> SlopeState:
    envelope, values = samples.envelope, samples.values
    tilt = add_samples(
        state.tilt, envelope.row, envelope.time_ns, envelope.seq, values["tilt_x_deg"], values["tilt_y_deg"]
    )
    touched = np.unique(envelope.row)
    rate, sigma = state.rate_deg_h.copy(), state.sigma_deg_h.copy()
    rate[touched], sigma[touched], _ = tilt_rate(
        tilt.take(touched), thresholds.tilt_window_s.value, thresholds.tilt_min_span_s.value
    )
    return replace(state, tilt=tilt, rate_deg_h=rate, sigma_deg_h=sigma)


def _with_rain(state: SlopeState, samples: SlopeColumns, now_ns: int, thresholds: SlopeThresholds) -> SlopeState:
    envelope = samples.envelope
    rain = add_counters(
        state.rain,
        envelope.row,
        envelope.time_ns,
        samples.values["rain_mm_total"],
        thresholds.rain_max_mm_h.value,
    )
    hour = now_ns // _HOUR_NS
    # Within an hour the sums of a gauge change by its own readings only.
    row = np.unique(envelope.row) if hour == state.rain_hour else np.arange(len(rain.total_mm))
    if len(row) == 0:
        return state
    gauges = rain.take(row)
    sums = rain_sums(gauges, now_ns)
    excess, _ = intensity_duration_excess(
        sums,
        thresholds.rain_id_a.value,
        thresholds.rain_id_b.value,
        thresholds.rain_id_min_h.value,
        thresholds.rain_id_max_h.value,
    )
    columns = []
    gauged = ~np.isnan(gauges.total_mm)
    for column, values in (
        (state.rain_1h_mm, sums[:, 0]),
        (state.rain_24h_mm, sums[:, 23]),
        (state.rain_excess, excess),
    ):
        changed = column.copy()
        changed[row] = np.where(gauged, values, np.nan)
        columns.append(changed)
    rain_1h_mm, rain_24h_mm, rain_excess = columns
    return replace(
        state,
        rain=rain,
        rain_hour=hour,
        rain_1h_mm=rain_1h_mm,
        rain_24h_mm=rain_24h_mm,
        rain_excess=rain_excess,
    )


def _with_hold(
    state: SlopeState, evidence: NDArray[np.int8], as_of_ns: Ints, hold_s: float
) -> tuple[NDArray[np.int8], Ints]:
    """Let a level rise at once and fall when samples over ``hold_s`` say so; time stands still for a silent node."""
    lower = evidence < state.level
    since = np.where(lower, np.where(state.lower_since_ns == NEVER, as_of_ns, state.lower_since_ns), NEVER)
    falls = lower & (np.where(lower, as_of_ns - np.where(lower, since, 0), 0) >= int(hold_s * _NS))
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
    rate, sigma = float(state.rate_deg_h[row]), float(state.sigma_deg_h[row])
    fast = rate - thresholds.tilt_sigmas.value * sigma >= thresholds.tilt_alert_deg_h.value
    limit = thresholds.tilt_alert_deg_h if fast else thresholds.tilt_caution_deg_h
    used = state.tilt.seq[row][state.tilt.seq[row] >= 0][-_MAX_OBSERVATIONS:]
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
        receipt=tuple(line for line in _receipt(state, row, limit, thresholds) if np.isfinite(line.value)),
    )


def _receipt(state: SlopeState, row: int, limit: Sourced, thresholds: SlopeThresholds) -> tuple[ReceiptLine, ...]:
    """Return all quantities; those that the node does not measure are NaN."""
    return (
        ReceiptLine(
            quantity="tilt_rate",
            value=round(float(state.rate_deg_h[row]), 4),
            unit="deg/h",
            threshold=limit.value,
            source=limit.source,
        ),
        ReceiptLine(quantity="tilt_rate_sigma", value=round(float(state.sigma_deg_h[row]), 4), unit="deg/h"),
        ReceiptLine(
            quantity="rain_excess",
            value=round(float(state.rain_excess[row]), 3),
            unit="",
            threshold=1.0,
            source=thresholds.rain_id_a.source,
        ),
        ReceiptLine(quantity="rain_24h", value=round(float(state.rain_24h_mm[row]), 1), unit="mm"),
    )


def _confidence(rate_deg_h: float, sigma_deg_h: float, limit_deg_h: float) -> float:
    """Probability that the true rate is above the limit, for normal errors of the fit."""
    if not np.isfinite(rate_deg_h):
        return 0.5
    z = (rate_deg_h - limit_deg_h) / max(sigma_deg_h, 1e-9)
    return round(min(0.5 * (1.0 + erf(z / sqrt(2.0))), 0.999), 3)
