"""What is remembered of each weather station, carried forward sample by sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.findings import Finding
from engine.freshness import NEVER
from engine.slopes.rain import RainState, add_counters, rain_sums
from engine.traffic.weather.air import trend
from engine.traffic.weather.hazards import HAZARDS, UNKNOWN, Conditions, levels
from engine.traffic.weather.thresholds import RoadWeatherThresholds
from sensors.columns import NO_ROAD_STATE, Floats, Ints, WeatherColumns

_NS = 1_000_000_000
RAIN_BIN_NS = 300 * _NS
_BINS_1H, _BINS_3H = 12, 36
_HISTORY = 16
"""Surface temperatures kept for the trend, evenly spread over its window."""
HELD = ("temp_c", "rh_pct", "wind_kmh", "wind_deg", "visibility_m", "road_surface_c")
_TEMP, _RH, _WIND, _WIND_DEG, _VISIBILITY, _SURFACE = range(len(HELD))


@dataclass(frozen=True)
class RoadWeatherState:
    """Columns of shape (n_station,); those by hazard of shape (n_station, 4), as `HAZARDS`.

    Attributes
    ----------
    time_ns, seq : ndarray, int64
        Of the newest sample; ``NEVER`` and -1 before the first. [ns since 1970 UTC]
    held, held_ns : ndarray, shape (n_station, 6), float64 and int64
        Newest value of each of `HELD` that was measured, and when; wind is its mean. NaN, ``NEVER`` before the first.
    road_state : ndarray, int8
        Newest word on the surface.
    road_state_ns : ndarray, int64
    surface_c, surface_ns : ndarray, shape (n_station, 16), float64 and int64
        Past surface temperatures, newest last; NaN and ``NEVER`` where there is none yet.
    rain : RainState
        In bins of five minutes.
    level : ndarray, int8
        0 = none, else a `HazardLevel`; ``UNKNOWN`` while it was never known.
    streak, pending : ndarray, int8
        Samples in a row that say more than ``level``, and the least of what they say.
    relief : ndarray, int8
        The most that samples have asked for since they ask for less than ``level``.
    rises_ns, lower_ns, onset_ns : ndarray, int64
        Since when they do; since when samples say less; since when the level is above none. ``NEVER`` = not so.
    findings : tuple of Finding
        Those that are active.
    """

    time_ns: Ints
    seq: Ints
    held: Floats
    held_ns: Ints
    road_state: NDArray[np.int8]
    road_state_ns: Ints
    surface_c: Floats
    surface_ns: Ints
    rain: RainState
    level: NDArray[np.int8]
    streak: NDArray[np.int8]
    pending: NDArray[np.int8]
    relief: NDArray[np.int8]
    rises_ns: Ints
    lower_ns: Ints
    onset_ns: Ints
    findings: tuple[Finding, ...]

    @classmethod
    def initial(cls, n: int) -> RoadWeatherState:
        """Return the state before any sample."""
        by_hazard = (n, len(HAZARDS))
        return cls(
            time_ns=np.full(n, NEVER, dtype=np.int64),
            seq=np.full(n, -1, dtype=np.int64),
            held=np.full((n, len(HELD)), np.nan),
            held_ns=np.full((n, len(HELD)), NEVER, dtype=np.int64),
            road_state=np.full(n, NO_ROAD_STATE, dtype=np.int8),
            road_state_ns=np.full(n, NEVER, dtype=np.int64),
            surface_c=np.full((n, _HISTORY), np.nan),
            surface_ns=np.full((n, _HISTORY), NEVER, dtype=np.int64),
            rain=RainState.initial(n),
            level=np.full(by_hazard, UNKNOWN, dtype=np.int8),
            streak=np.zeros(by_hazard, dtype=np.int8),
            pending=np.zeros(by_hazard, dtype=np.int8),
            relief=np.zeros(by_hazard, dtype=np.int8),
            rises_ns=np.full(by_hazard, NEVER, dtype=np.int64),
            lower_ns=np.full(by_hazard, NEVER, dtype=np.int64),
            onset_ns=np.full(by_hazard, NEVER, dtype=np.int64),
            findings=(),
        )

    def conditions(self, row: Ints, thresholds: RoadWeatherThresholds) -> Conditions:
        """Return what is known at stations as of their newest samples; what was measured too long ago is not."""
        max_ns = int(thresholds.value_age_s.value * _NS)
        now_ns = self.time_ns[row]
        held_ns = self.held_ns[row]
        age_ns = np.where(held_ns == NEVER, max_ns + 1, now_ns[:, None] - np.where(held_ns == NEVER, 0, held_ns))
        held = np.where(age_ns <= max_ns, self.held[row], np.nan)
        state_ns = self.road_state_ns[row]
        state_fresh = (state_ns != NEVER) & (now_ns - np.where(state_ns == NEVER, 0, state_ns) <= max_ns)
        slope, sigma = self._trend(row, now_ns, thresholds)
        rain = self.rain.take(row)
        sums = rain_sums(rain, 0, RAIN_BIN_NS)
        rained = ~np.isnan(rain.total_mm) & (now_ns - np.where(rain.time_ns == NEVER, 0, rain.time_ns) <= max_ns)
        return Conditions(
            visibility_m=held[:, _VISIBILITY],
            temp_c=held[:, _TEMP],
            rh_pct=held[:, _RH],
            surface_c=held[:, _SURFACE],
            surface_trend_c_h=slope * 3600.0,
            surface_sigma_c_h=sigma * 3600.0,
            road_state=np.where(state_fresh, self.road_state[row], NO_ROAD_STATE).astype(np.int8),
            rain_1h_mm=np.where(rained, sums[:, _BINS_1H - 1], np.nan),
            rain_3h_mm=np.where(rained, sums[:, _BINS_3H - 1], np.nan),
            wind_m_s=held[:, _WIND] / 3.6,
            wind_deg=held[:, _WIND_DEG],
        )

    def _trend(self, row: Ints, now_ns: Ints, thresholds: RoadWeatherThresholds) -> tuple[Floats, Floats]:
        known = self.surface_ns[row] != NEVER
        back_s = (np.where(known, self.surface_ns[row], now_ns[:, None]) - now_ns[:, None]) / _NS
        inside = known & (back_s >= -thresholds.trend_window_s.value)
        return trend(np.where(inside, back_s, np.nan), self.surface_c[row], thresholds.trend_min_span_s.value)


def take_in(state: RoadWeatherState, samples: WeatherColumns, thresholds: RoadWeatherThresholds) -> RoadWeatherState:
    """Carry a state forward by samples, station by station in the order of device time.

    Parameters
    ----------
    state : RoadWeatherState
    samples : WeatherColumns
        Any number per station, in any order. One that is not newer than the newest known changes nothing; of several
        with one time the one with the highest number counts.
    thresholds : RoadWeatherThresholds

    Returns
    -------
    RoadWeatherState
        The same whether samples come one by one or together.

    Source
    ------
    Own construction.
    """
    for part in _in_turn(state, samples):
        state = _graded(_noted(state, part, thresholds), part.envelope.row, thresholds)
    return state


def _in_turn(state: RoadWeatherState, samples: WeatherColumns) -> Iterator[WeatherColumns]:
    """Give the oldest sample of every station, then the next one of every station that has one, and so on."""
    envelope = samples.envelope
    order = np.lexsort((envelope.seq, envelope.time_ns, envelope.row))
    row, time_ns = envelope.row[order], envelope.time_ns[order]
    last = np.append((row[1:] != row[:-1]) | (time_ns[1:] != time_ns[:-1]), True)[: len(row)]
    here = row < len(state.time_ns)
    newer = np.zeros(len(row), dtype=np.bool_)
    newer[here] = time_ns[here] > state.time_ns[row[here]]
    order = order[last & newer]
    row = envelope.row[order]
    first = np.flatnonzero(np.append(True, row[1:] != row[:-1])[: len(row)])
    place = np.arange(len(row)) - np.repeat(first, np.diff(np.append(first, len(row))))
    for turn in range(int(place.max(initial=-1)) + 1):
        yield samples.take(order[place == turn])


def _noted(state: RoadWeatherState, part: WeatherColumns, thresholds: RoadWeatherThresholds) -> RoadWeatherState:
    row, now_ns = part.envelope.row, part.envelope.time_ns
    values = np.stack([part.values[name] for name in HELD], axis=1)
    before, before_ns = state.held[row, _WIND], state.held_ns[row, _WIND]
    gap_s = np.where(before_ns == NEVER, np.inf, (now_ns - np.where(before_ns == NEVER, 0, before_ns)) / _NS)
    weight = -np.expm1(-np.minimum(gap_s, 1e6) / thresholds.wind_mean_s.value)
    values[:, _WIND] = np.where(
        np.isnan(before), values[:, _WIND], before + weight * (values[:, _WIND] - np.nan_to_num(before))
    )
    measured = np.isfinite(values)
    held, held_ns = state.held.copy(), state.held_ns.copy()
    held[row] = np.where(measured, values, held[row])
    held_ns[row] = np.where(measured, now_ns[:, None], held_ns[row])
    road_state, road_state_ns = state.road_state.copy(), state.road_state_ns.copy()
    says = part.road_state != NO_ROAD_STATE
    road_state[row[says]], road_state_ns[row[says]] = part.road_state[says], now_ns[says]
    time_ns, seq = state.time_ns.copy(), state.seq.copy()
    time_ns[row], seq[row] = now_ns, part.envelope.seq
    surface_c, surface_ns = _with_surface(state, row, now_ns, values[:, _SURFACE], thresholds)
    rain = add_counters(
        state.rain, row, now_ns, part.values["rain_mm_total"], thresholds.rain_max_mm_h.value, RAIN_BIN_NS
    )
    return replace(
        state,
        time_ns=time_ns,
        seq=seq,
        held=held,
        held_ns=held_ns,
        road_state=road_state,
        road_state_ns=road_state_ns,
        surface_c=surface_c,
        surface_ns=surface_ns,
        rain=rain,
    )


def _with_surface(
    state: RoadWeatherState, row: Ints, now_ns: Ints, value_c: Floats, thresholds: RoadWeatherThresholds
) -> tuple[Floats, Ints]:
    """Add temperatures to the history, no denser than it needs to reach over the window."""
    apart_ns = int(thresholds.trend_window_s.value * _NS / (_HISTORY - 1))
    newest_ns = state.surface_ns[row, -1]
    due = (newest_ns == NEVER) | (now_ns - np.where(newest_ns == NEVER, 0, newest_ns) >= apart_ns)
    due &= np.isfinite(value_c)
    surface_c, surface_ns = state.surface_c.copy(), state.surface_ns.copy()
    grows = row[due]
    surface_c[grows] = np.concatenate((surface_c[grows, 1:], value_c[due, None]), axis=1)
    surface_ns[grows] = np.concatenate((surface_ns[grows, 1:], now_ns[due, None]), axis=1)
    return surface_c, surface_ns


def _graded(state: RoadWeatherState, row: Ints, thresholds: RoadWeatherThresholds) -> RoadWeatherState:
    """Let levels rise after enough samples in a row, and fall after the hold; what is not known moves nothing.

    A level falls to the worst of the hold, not to the newest sample: fog that has just lifted may come back.
    """
    now = state.conditions(row, thresholds)
    says, allows = levels(now, thresholds), levels(now, thresholds, holding=True)
    time_ns = state.time_ns[row][:, None]
    level = np.where((state.level[row] == UNKNOWN) & (says != UNKNOWN), 0, state.level[row])

    rising = says > np.maximum(level, 0)
    streak = np.where(rising, np.minimum(state.streak[row] + 1, 100), 0)
    rises_ns = np.where(rising, np.where(streak == 1, time_ns, state.rises_ns[row]), NEVER)
    pending = np.where(rising, np.where(streak == 1, says, np.minimum(state.pending[row], says)), 0)
    risen = streak >= thresholds.confirm_samples.value

    falling = (allows < level) & (allows != UNKNOWN)
    lower_ns = np.where(falling, np.where(state.lower_ns[row] == NEVER, time_ns, state.lower_ns[row]), NEVER)
    relief = np.where(falling, np.where(lower_ns == time_ns, allows, np.maximum(state.relief[row], allows)), 0)
    waited_ns = np.where(falling, time_ns - np.where(falling, lower_ns, 0), 0)
    fallen = falling & (waited_ns >= int(thresholds.hold_s.value * _NS))

    after = np.where(risen, pending, np.where(fallen, relief, level))
    onset_ns = np.where(after <= 0, NEVER, np.where(level <= 0, rises_ns, state.onset_ns[row]))
    changes = {
        "level": after,
        "streak": np.where(risen, 0, streak),
        "pending": np.where(risen, 0, pending),
        "relief": np.where(fallen | risen, 0, relief),
        "rises_ns": np.where(risen, NEVER, rises_ns),
        "lower_ns": np.where(fallen | risen, NEVER, lower_ns),
        "onset_ns": onset_ns,
    }
    columns = {}
    for name, values in changes.items():
        column = getattr(state, name).copy()
        column[row] = values
        columns[name] = column
    return replace(state, **columns)
