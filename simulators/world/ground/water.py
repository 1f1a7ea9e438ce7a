"""Water in the ground: three layers of soil over water that stands on the rock.

Own construction in the manner of tank models (Sugawara 1961): rain wets the layers one after the other from above, each
lets through the more the wetter it is (K = K_s S^n, Brooks & Corey 1964), and what leaves the lowest stands on the rock
and flows off downhill in proportion to its height (Darcy's law for seepage parallel to the slope).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.world.ground.soil import RESIDUAL_FRAC, SATURATED_FRAC, Soil

Floats = NDArray[np.float64]

LAYERS = 3
LAYER_MM = 200.0
"""Thickness of each layer; the moisture probes sit in their middles."""
PORES_MM = (SATURATED_FRAC - RESIDUAL_FRAC) * LAYER_MM
"""Water that a layer can take and give."""
PERCOLATION_EXPONENT = 8.0
"""n of K = K_s S^n; 3 + 2/λ of Brooks & Corey with a pore size index of 0.4."""
_EVAPORATION_MM_H_C = 0.006
"""Water that warm air takes from the top layer at full saturation; own construction."""
_MELT_MM_H_C = 0.15
"""Degree-hour factor of melting snow; usual degree-day factors are 3-5 mm/°C/d."""
_SNOW_BELOW_C = 0.5


@dataclass
class Water:
    """Water at every node.

    Attributes
    ----------
    layers_mm : ndarray, shape (node, 3)
        Water above the residual one, from above. [mm]
    standing_mm : ndarray, shape (node,)
        Water that stands on the rock. [mm]
    snow_mm : ndarray, shape (node,)
        Snow on the ground, as water. [mm]
    fallen_mm, runoff_mm, outflow_mm, evaporated_mm : ndarray, shape (node,)
        What fell, ran off above ground, flowed off below it and evaporated since the start. [mm]
    """

    layers_mm: Floats
    standing_mm: Floats
    snow_mm: Floats
    fallen_mm: Floats
    runoff_mm: Floats
    outflow_mm: Floats
    evaporated_mm: Floats

    @classmethod
    def drained(cls, soil: Soil) -> Water:
        """Return the water of ground that drained for days."""
        n = len(soil.depth_m)
        layers = np.repeat(soil.drained_share[:, np.newaxis] * PORES_MM, LAYERS, axis=1)
        return cls(layers, *(np.zeros(n) for _ in range(6)))

    @property
    def share(self) -> Floats:
        """Effective saturation of the layers, shape (node, 3)."""
        return self.layers_mm / PORES_MM

    @property
    def stored_mm(self) -> Floats:
        """All water in and on the ground, shape (node,)."""
        stored: Floats = self.layers_mm.sum(axis=1) + self.standing_mm + self.snow_mm
        return stored

    def level_share(self, soil: Soil) -> Floats:
        """Return how high water stands over the depth of the soil, 0 to 1, shape (node,)."""
        return np.minimum(self.standing_mm / soil.capacity_mm, 1.0)

    def moisture_frac(self, soil: Soil) -> Floats:
        """Return the volumetric water content at the probes, shape (node, 3): saturated where water stands there."""
        own = RESIDUAL_FRAC + self.share * (SATURATED_FRAC - RESIDUAL_FRAC)
        probe_m = (np.arange(LAYERS) + 0.5) * LAYER_MM / 1_000.0
        surface_m = (1.0 - self.level_share(soil)) * soil.depth_m
        drowned = np.clip((probe_m - surface_m[:, np.newaxis]) / 0.1 + 0.5, 0.0, 1.0)
        return np.asarray(own + drowned * (SATURATED_FRAC - own), dtype=np.float64)

    def step(self, dt_s: float, rain_mm_h: Floats, temp_c: Floats, soil: Soil) -> None:
        """Move the water on by at most a minute or so; no water is lost or made.

        Parameters
        ----------
        dt_s
            Length of the step. [s]
        rain_mm_h, temp_c
            Water that falls and temperature of the air, shape (node,). [mm/h], [°C]
        soil
            The ground.
        """
        hours = dt_s / 3_600.0
        fallen = rain_mm_h * hours
        self.fallen_mm += fallen
        snows = temp_c < _SNOW_BELOW_C
        melted = np.minimum(self.snow_mm, _MELT_MM_H_C * np.maximum(temp_c - _SNOW_BELOW_C, 0.0) * hours)
        self.snow_mm += np.where(snows, fallen, 0.0) - melted
        incoming = np.where(snows, 0.0, fallen) + melted

        # From below upwards, so that water moves one layer a step and room that it leaves can be used.
        flow = np.minimum(self._percolation_mm_h(LAYERS - 1, soil) * hours, self.layers_mm[:, LAYERS - 1])
        flow = np.minimum(flow, soil.capacity_mm - self.standing_mm)
        self.standing_mm += flow
        self.layers_mm[:, LAYERS - 1] -= flow
        for upper in range(LAYERS - 2, -1, -1):
            flow = np.minimum(self._percolation_mm_h(upper, soil) * hours, self.layers_mm[:, upper])
            flow = np.minimum(flow, PORES_MM - self.layers_mm[:, upper + 1])
            self.layers_mm[:, upper] -= flow
            self.layers_mm[:, upper + 1] += flow
        infiltrated = np.minimum(np.minimum(incoming, soil.conductivity_mm_h * hours), PORES_MM - self.layers_mm[:, 0])
        self.layers_mm[:, 0] += infiltrated
        self.runoff_mm += incoming - infiltrated

        outflow = self.standing_mm * -np.expm1(-soil.outflow_mm_h * hours / soil.capacity_mm)
        self.standing_mm -= outflow
        self.outflow_mm += outflow
        thirst = _EVAPORATION_MM_H_C * np.maximum(temp_c, 0.0) * hours * self.share[:, 0]
        taken = np.minimum(thirst, self.layers_mm[:, 0])
        self.layers_mm[:, 0] -= taken
        self.evaporated_mm += taken

    def _percolation_mm_h(self, layer: int, soil: Soil) -> Floats:
        share = self.layers_mm[:, layer] / PORES_MM
        return np.asarray(soil.conductivity_mm_h * share**PERCOLATION_EXPONENT, dtype=np.float64)
