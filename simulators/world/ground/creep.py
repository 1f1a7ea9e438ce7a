"""How a slope moves: slow creep, tertiary creep after Voight's law, failure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.world.ground.soil import Soil

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CREEP_SCALE = 0.03
"""Margin of safety over which the rate of slow creep falls by a factor e; own construction."""
PATIENCE_S = 600.0
"""Time for which the factor of safety has to stay below 1 before creep becomes tertiary; own construction."""
SOFTENED_FRAC, SOFTENING_MM = 0.15, 1.5
"""Strength that movement takes in the end, and the movement over which most of it is gone; own construction after the
strain softening of residual soils."""
NO_RETURN = 20.0
"""Rate over that at onset from which a slope fails even when it drains; own construction."""
CALMING_S = 3_600.0
"""Time over which a slope slows down that is safe again; own construction."""
REST_SHARE = 0.5
"""Rate over that at onset below which tertiary creep is over."""
FASTEST_MM_H = 3_000.0
"""Rate at which creep ends and the fall begins."""


@dataclass
class Movement:
    """Movement of every node, each of shape (node,).

    Attributes
    ----------
    displacement_mm
        Along the slope since the start, never falling. [mm]
    rate_mm_h
        Its rate; 0 after failure. [mm/h]
    tertiary_mm
        Part of it that tertiary creep made. [mm]
    unsafe_s
        For how long the factor of safety has been below 1. [s]
    onset_s, recovered_at_s, failed_at_s
        When tertiary creep began last, when it ended without a failure, and when the slope failed; NaN before. [s]
    """

    displacement_mm: Floats
    rate_mm_h: Floats
    tertiary_mm: Floats
    unsafe_s: Floats
    onset_s: Floats
    recovered_at_s: Floats
    failed_at_s: Floats

    @classmethod
    def at_rest(cls, count: int) -> Movement:
        """Return the movement of slopes that have not moved."""
        zeros = [np.zeros(count) for _ in range(4)]
        return cls(zeros[0], zeros[1], zeros[2], zeros[3], *(np.full(count, np.nan) for _ in range(3)))

    @property
    def softened_frac(self) -> Floats:
        """Share of the strength that movement has taken."""
        return np.asarray(SOFTENED_FRAC * -np.expm1(-self.tertiary_mm / SOFTENING_MM), dtype=np.float64)

    def step(self, dt_s: float, time_s: float, safety: Floats, imposed_mm_h: Floats, soil: Soil) -> None:
        """Move the slopes on.

        Slow creep runs at v₁ exp(−(FS − 1)/0.03). Once FS has stayed below 1, dv/dt = A v^α (Voight 1988, Nature
        332:125-130), from v₁ on, with A such that the rate has no bound after the slope's time: solved exactly, so that
        steps of any length give the same. A slope that is safe again slows down unless it is past return.

        Parameters
        ----------
        dt_s, time_s
            Length of the step and the instant at which it begins. [s]
        safety
            Factor of safety, shape (node,).
        imposed_mm_h
            Movement that comes on top, whatever the water, shape (node,). [mm/h]
        soil
            The ground.
        """
        failed = ~np.isnan(self.failed_at_s)
        safe = safety >= 1.0
        slow_mm_h = soil.onset_mm_h * np.exp(np.minimum((1.0 - safety) / CREEP_SCALE, 0.0))
        self.unsafe_s = np.where(safe, 0.0, self.unsafe_s + dt_s)
        resting = np.isnan(self.onset_s) | ~np.isnan(self.recovered_at_s)
        begins = resting & (self.unsafe_s >= PATIENCE_S) & ~failed
        self.onset_s = np.where(begins, time_s, self.onset_s)
        self.recovered_at_s = np.where(begins, np.nan, self.recovered_at_s)
        tertiary = (begins | ~resting) & ~failed
        driven = tertiary & (~safe | (self.rate_mm_h >= NO_RETURN * soil.onset_mm_h))

        rate = np.where(tertiary, self.rate_mm_h, slow_mm_h)
        voight_mm, voight_mm_h, left_s = _voight(np.maximum(rate, soil.onset_mm_h), dt_s, soil)
        falls = driven & (left_s <= dt_s)
        calming = tertiary & ~driven
        calm_mm_h = slow_mm_h + (rate - slow_mm_h) * np.exp(-dt_s / CALMING_S)
        moved_mm = np.where(driven, voight_mm, 0.5 * (rate + np.where(calming, calm_mm_h, rate)) * dt_s / 3_600.0)
        moved_mm = np.where(failed, 0.0, moved_mm)
        self.tertiary_mm = self.tertiary_mm + np.where(tertiary, moved_mm, 0.0)
        self.displacement_mm = self.displacement_mm + moved_mm + np.where(failed, 0.0, imposed_mm_h * dt_s / 3_600.0)
        rate = np.where(driven, voight_mm_h, np.where(calming, calm_mm_h, rate))
        rests = calming & (rate < REST_SHARE * soil.onset_mm_h)
        self.recovered_at_s = np.where(rests, time_s + dt_s, self.recovered_at_s)

        self.failed_at_s = np.where(falls, time_s + np.maximum(left_s, 0.0), self.failed_at_s)
        self.displacement_mm = self.displacement_mm + np.where(falls, soil.runout_mm, 0.0)
        self.rate_mm_h = np.where(failed | falls, 0.0, rate)


def _voight(rate_mm_h: Floats, dt_s: float, soil: Soil) -> tuple[Floats, Floats, Floats]:
    """Movement over a step [mm], rate after it [mm/h], and time left before it [s] under dv/dt = A v^α.

    With p = α − 1 the quantity v^−p falls in a straight line: from v₁^−p to that of the fastest rate, next to nothing,
    within the slope's time.
    """
    power = soil.exponent - 1.0
    first = soil.onset_mm_h**-power
    end = FASTEST_MM_H**-power
    per_s = (first - end) / soil.time_left_s
    before = rate_mm_h**-power
    left_s = (before - end) / per_s
    after = np.maximum(before - per_s * dt_s, end)
    rate_after = after ** (-1.0 / power)
    # ∫ v dt with w = v^−p: v = w^(−1/p), dt = −dw / (dw/dt); a logarithm for α = 2.
    curve = 1.0 - 1.0 / power
    straight = np.abs(curve) < 1e-9
    safe_curve = np.where(straight, 1.0, curve)
    area = np.where(straight, np.log(before / after), (before**safe_curve - after**safe_curve) / safe_curve)
    return np.asarray(area / (per_s * 3_600.0)), np.asarray(rate_after), np.asarray(left_s)
