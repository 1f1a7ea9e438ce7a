"""The ground under each slope node: what stays the same of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import SlopeNode
from simulators.world.happenings import WeakSlope
from simulators.world.seeds import stream

Floats = NDArray[np.float64]

UNIT_WEIGHT_KN_M3 = 18.5
"""Moist residual soil of granite; measured 17-19 in Korean cases. Taken as the same wet and dry."""
WATER_KN_M3 = 9.81
SATURATED_FRAC, RESIDUAL_FRAC = 0.45, 0.10
"""Volumetric water content of saturated and of dry residual soil."""
SOUND_SATURATED = 1.12
"""Factor of safety that a sound slope has even when it is full of water: it has stood through past storms."""
SUCTION_FRICTION = 0.32
"""tan φ_b, how suction strengthens soil (Fredlund et al. 1978); measured φ_b are 15-20°."""
STEEPEST_DEG, FLATTEST_DEG = 60.0, 5.0
"""Slopes outside are computed as if they were so; an infinite slope means nothing there."""
_DRAWS = 12


@dataclass(frozen=True)
class Soil:
    """Properties of the ground, each of shape (node,).

    Ranges follow what is published of weathered granite in Korea and Japan: 0.8-2 m of soil, effective friction 31-37°,
    cohesion of a few kPa with roots, permeability of 10⁻⁵ m/s; the shares of the water's ways are own construction.
    """

    slope_rad: Floats
    depth_m: Floats
    cohesion_kpa: Floats
    tan_friction: Floats
    tan_suction: Floats
    suction_kpa: Floats
    """Suction of the drained ground."""
    conductivity_mm_h: Floats
    drained_share: Floats
    """Effective saturation of the drained ground."""
    capacity_mm: Floats
    """Water between the drained ground and one that is full to its surface."""
    outflow_mm_h: Floats
    """Water that leaves downhill when the ground is full."""
    onset_mm_h: Floats
    """Rate of creep at a factor of safety of 1."""
    time_left_s: Floats
    """Time from the onset of tertiary creep to failure."""
    exponent: Floats
    """α of Voight's law."""
    runout_mm: Floats
    """How far the ground under the node goes when it fails."""

    @property
    def stress_kpa(self) -> Floats:
        """Total stress normal to the base of the soil."""
        return np.asarray(UNIT_WEIGHT_KN_M3 * self.depth_m * np.cos(self.slope_rad) ** 2, dtype=np.float64)

    @property
    def shear_kpa(self) -> Floats:
        """Shear stress along the base of the soil."""
        sine_cosine = np.sin(self.slope_rad) * np.cos(self.slope_rad)
        return np.asarray(UNIT_WEIGHT_KN_M3 * self.depth_m * sine_cosine, dtype=np.float64)

    @property
    def full_pressure_kpa(self) -> Floats:
        """Pore pressure at the base when the ground is full and seeps parallel to the slope."""
        return np.asarray(WATER_KN_M3 * self.depth_m * np.cos(self.slope_rad) ** 2, dtype=np.float64)

    @classmethod
    def draw(cls, nodes: Sequence[SlopeNode], weak: Sequence[WeakSlope], seed: int) -> Soil:
        """Draw the ground under every node, each from its own stream, and weaken that of some.

        Parameters
        ----------
        nodes
            Nodes of the catalogue, in its order.
        weak
            Weak slopes. Of a node that is named twice the larger margin counts.
        seed
            Seed of the run.

        Notes
        -----
        A sound slope is given the cohesion without which it would be below `SOUND_SATURATED` when full. A weak one
        keeps ``1 − margin_frac`` of the strength (cohesion, friction, suction) with which it would just be there. So
        what a margin does is the same on steep and on gentle slopes. Own construction.

        Raises
        ------
        ValueError
            If a weak slope names no node, or its margin is not at least 0 and below 1.
        """
        u = np.array([stream(seed, "ground", node.id).random(_DRAWS) for node in nodes]).reshape(len(nodes), _DRAWS)
        slope_rad = np.radians(np.clip([node.slope_deg for node in nodes], FLATTEST_DEG, STEEPEST_DEG))
        depth_m = 0.8 + 0.9 * u[:, 0]
        # Most give hours of warning, an eighth are brittle and give half an hour or less.
        hours = np.exp(np.log(3.5) + 0.8 * _normal(u[:, 9]))
        brittle = u[:, 10] < 0.125
        hours = np.where(brittle, 0.2 + 0.25 * u[:, 9], np.clip(hours, 0.7, 18.0))
        soil = cls(
            slope_rad=np.asarray(slope_rad, dtype=np.float64).reshape(len(nodes)),
            depth_m=depth_m,
            cohesion_kpa=2.0 + 4.0 * u[:, 1],
            tan_friction=np.tan(np.radians(31.0 + 6.0 * u[:, 2])),
            tan_suction=np.full(len(nodes), SUCTION_FRICTION),
            suction_kpa=16.0 + 12.0 * u[:, 3],
            conductivity_mm_h=50.0 + 90.0 * u[:, 4],
            drained_share=0.40 + 0.12 * u[:, 5],
            capacity_mm=depth_m * (55.0 + 30.0 * u[:, 6]),
            outflow_mm_h=16.0 + 8.0 * u[:, 7],
            onset_mm_h=0.25 + 0.55 * u[:, 8],
            time_left_s=3_600.0 * hours,
            exponent=1.9 + 0.2 * u[:, 10] * (~brittle) + 0.1 * brittle,
            runout_mm=2_000.0 + 6_000.0 * u[:, 11],
        )
        return soil._weakened(_margins(weak, len(nodes)))

    def _weakened(self, margin: Floats) -> Soil:
        needed = SOUND_SATURATED * self.shear_kpa
        friction = (self.stress_kpa - self.full_pressure_kpa) * self.tan_friction
        cohesion = np.maximum(self.cohesion_kpa, needed - friction)
        left = np.where(margin > 0, (1.0 - margin) * needed / (cohesion + friction), 1.0)
        return replace(
            self,
            cohesion_kpa=cohesion * left,
            tan_friction=self.tan_friction * left,
            tan_suction=self.tan_suction * left,
        )


def _margins(weak: Sequence[WeakSlope], count: int) -> Floats:
    margin = np.zeros(count)
    for number, slope in enumerate(weak):
        if not 0 <= slope.node < count:
            raise ValueError(f"weak[{number}].node: expected 0 to {count - 1}, was {slope.node}")
        if not 0 <= slope.margin_frac < 1:
            raise ValueError(f"weak[{number}].margin_frac: expected 0 to below 1, was {slope.margin_frac}")
        margin[slope.node] = max(margin[slope.node], slope.margin_frac)
    return margin


def _normal(uniform: Floats) -> Floats:
    """Roughly normal from uniform numbers: the logistic quantile, scaled to unit variance and cut at 2.5."""
    inside = np.clip(uniform, 1e-6, 1 - 1e-6)
    return np.asarray(np.clip(np.log(inside / (1 - inside)) * np.sqrt(3.0) / np.pi, -2.5, 2.5), dtype=np.float64)
