"""How near to failure a slope is: the infinite slope with pore pressure and suction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.world.ground.soil import Soil
from simulators.world.ground.water import LAYERS, Water

Floats = NDArray[np.float64]


def pore_pressure_kpa(soil: Soil, water: Water) -> Floats:
    """Return the pore pressure at the base of the soil, positive where water stands, else suction [kPa]; shape (node,).

    Standing water presses with γ_w h cos²β (seepage parallel to the slope). Suction falls from that of the drained
    ground to nothing as the lowest layer fills, in proportion; own construction, a line for a retention curve.
    """
    standing = water.level_share(soil) * soil.full_pressure_kpa
    return np.asarray(standing - suction_kpa(soil, water), dtype=np.float64)


def suction_kpa(soil: Soil, water: Water) -> Floats:
    """Return the suction above the standing water, at least 0, shape (node,) [kPa]."""
    lacking = (1.0 - water.share[:, LAYERS - 1]) / (1.0 - soil.drained_share)
    dry = soil.suction_kpa * np.clip(lacking, 0.0, 1.2)
    return np.asarray(dry * (1.0 - water.level_share(soil)), dtype=np.float64)


def factor_of_safety(soil: Soil, water: Water, softened_frac: Floats) -> Floats:
    """Return strength over stress at the base of the soil, shape (node,) [-].

    Infinite slope after Iverson 2000, Water Resour. Res. 36:1897-1910, with suction by φ_b (Fredlund et al. 1978):
    FS = [c + (σ − u) tan φ + s tan φ_b] / τ.

    Parameters
    ----------
    soil, water
        The ground and the water in it.
    softened_frac
        Share of the strength that movement has taken, shape (node,). [-]
    """
    pressed = water.level_share(soil) * soil.full_pressure_kpa
    friction = (soil.stress_kpa - pressed) * soil.tan_friction
    held = soil.cohesion_kpa + friction + suction_kpa(soil, water) * soil.tan_suction
    return np.asarray((1.0 - softened_frac) * held / soil.shear_kpa, dtype=np.float64)
