"""All signs of one period together: what each stretch between two stations shows, in one score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.traffic.frame import Frame
from engine.traffic.incidents.balance import Balance, BalanceState, take_balance
from engine.traffic.incidents.discharge import Discharge, DischargeState, take_discharge
from engine.traffic.incidents.obstruction import ObstructionState, watch_contrast
from engine.traffic.incidents.rings import Floats, forgetting
from engine.traffic.incidents.slowing import Slowing, SlowingState, moving_speed, take_speed
from engine.traffic.incidents.thresholds import IncidentThresholds
from engine.traffic.layout import NONE, Layout

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_SUSPICIOUS_BALANCE, _SUSPICIOUS_SLOWING, _SUSPICION_PERIODS = 2.5, 3.0, 4
"""Standard errors from which on, and periods for which, a place is not taken for usual; own construction."""
_MOST_BALANCE, _MOST_DROP = 12.0, 4.0


@dataclass(frozen=True)
class SignState:
    """What is remembered of every station and the stretch downstream of it; arrays of shape (n_station,).

    ``suspicion`` counts down the periods for which the usual is learnt slowly; ``lanes`` are the lanes that usually
    report; ``seen_s`` is how long anything was taken in. [s]
    """

    balance: BalanceState
    discharge: DischargeState
    slowing: SlowingState
    obstruction: ObstructionState
    suspicion: Ints
    lanes: Floats
    seen_s: float

    @classmethod
    def initial(cls, layout: Layout) -> SignState:
        """Return the state before any period."""
        n_station = len(layout)
        return cls(
            balance=BalanceState.initial(n_station),
            discharge=DischargeState.initial(n_station),
            slowing=SlowingState.initial(layout.speed_limit_kmh),
            obstruction=ObstructionState.initial(n_station),
            suspicion=np.zeros(n_station, dtype=np.int64),
            lanes=np.full(n_station, np.nan),
            seen_s=0.0,
        )


class Signs(NamedTuple):
    """Of every stretch, by the station at its upstream end; arrays of shape (n_station,), float64."""

    score: Floats
    """Sum of both following; 0 at the end of a corridor and where nothing is known."""
    collapse: Floats
    """Vehicles go in and do not come out, and the discharge downstream fell, though it flows freely there."""
    obstruction: Floats
    """Slow upstream and free downstream, in a stream far too thin to be slow by itself."""
    balance: Balance
    discharge: Discharge
    slowing: Slowing
    free_speed_kmh: Floats


def read_signs(
    state: SignState, frame: Frame, faulty: Bools, layout: Layout, thresholds: IncidentThresholds
) -> tuple[SignState, Signs]:
    """Take in one period.

    Parameters
    ----------
    state : SignState
    frame : Frame
    faulty : ndarray, shape (n_station, n_lane), bool
        Lanes that are not to be believed.
    layout : Layout
    thresholds : IncidentThresholds

    Returns
    -------
    SignState, Signs

    Source
    ------
    Own construction.
    """
    volume, speed, occupancy = (
        np.where(faulty | ~np.isfinite(lanes) | (lanes < 0), np.nan, lanes)
        for lanes in (frame.volume, frame.speed_kmh, frame.occupancy_pct)
    )
    reported = (~np.isnan(volume)).sum(axis=1)
    lanes = forgetting(state.lanes, np.where(reported > 0, reported, np.nan).astype(np.float64), 0.05)
    # A lane that falls silent takes its vehicles out of the sum: the others stand for it.
    scale = np.divide(np.round(np.nan_to_num(lanes)), reported, out=np.full(len(layout), np.nan), where=reported > 0)
    count = np.where(np.isnan(volume), 0.0, volume).sum(axis=1) * scale
    quiet = state.suspicion == 0
    warm = state.seen_s >= thresholds.warm_up_s.value
    period_s = frame.period_s
    slowing_state, slowing = take_speed(
        state.slowing, moving_speed(volume, speed, occupancy), quiet, warm, period_s, thresholds
    )
    balance_state, balance = take_balance(
        state.balance, count, slowing_state.free_speed_kmh, quiet, warm, period_s, layout, thresholds
    )
    discharge_state, discharge = take_discharge(state.discharge, volume, count, quiet, warm, period_s, thresholds)
    collapse = _collapse(balance, discharge, slowing, layout, thresholds)
    obstruction_state, obstruction = watch_contrast(
        state.obstruction, slowing, discharge, count, state.discharge.usual, layout, thresholds
    )
    joined = layout.down != NONE
    score = np.where(joined & warm, collapse + obstruction, 0.0)
    alarming = (balance.score > _SUSPICIOUS_BALANCE) | (np.nan_to_num(slowing.score) > _SUSPICIOUS_SLOWING)
    # What is odd about a stretch makes both of its stations suspicious.
    alarming |= (layout.up != NONE) & (balance.score[np.where(layout.up != NONE, layout.up, 0)] > _SUSPICIOUS_BALANCE)
    suspicion = np.where(alarming, _SUSPICION_PERIODS, np.maximum(state.suspicion - 1, 0))
    after = SignState(
        balance_state, discharge_state, slowing_state, obstruction_state, suspicion, lanes, state.seen_s + period_s
    )
    return after, Signs(score, collapse, obstruction, balance, discharge, slowing, slowing_state.free_speed_kmh)


def _collapse(
    balance: Balance, discharge: Discharge, slowing: Slowing, layout: Layout, thresholds: IncidentThresholds
) -> Floats:
    n_station = len(layout)
    ahead = np.where(layout.down != NONE, layout.down, 0)
    beyond = np.where(layout.down[ahead] != NONE, layout.down[ahead], ahead)
    behind = np.where(layout.up != NONE, layout.up, np.arange(n_station))
    speed_left = np.maximum(1.0 - np.nan_to_num(slowing.drop), 0.05)
    thinned = (1.0 - discharge.drop) / speed_left <= thresholds.density_at_most.value
    free = ~(slowing.free_ratio[ahead] < thresholds.moving_downstream_ratio.value)
    # A stream that thins out while it flows freely brings less, whatever happened where it comes from.
    inflow_fell = (
        (discharge.drop >= thresholds.drop_at_least.value)
        & (discharge.drop > discharge.drop[ahead] - thresholds.inflow_margin.value)
        & ~(slowing.free_ratio < thresholds.free_downstream_ratio.value)
    )
    counts_too_much = (layout.up != NONE) & (balance.surplus[behind] > thresholds.surplus_sigmas.value)
    holds = (
        free
        & thinned[ahead]
        & ~inflow_fell
        & ~counts_too_much
        & (discharge.drop[ahead] >= thresholds.drop_at_least.value)
        & (balance.ratio <= thresholds.balance_at_most.value)
        & (balance.score > thresholds.usual_balance.value)
        & (discharge.score[ahead] > thresholds.usual_drop.value)
    )
    score = np.clip(balance.score - thresholds.usual_balance.value, 0.0, _MOST_BALANCE)
    score += np.clip(discharge.score[ahead] - thresholds.usual_drop.value, 0.0, _MOST_DROP)
    score += np.where(beyond != ahead, np.clip(discharge.score[beyond], 0.0, _MOST_DROP) / 2.0, 0.0)
    return np.where(holds, score, 0.0)
