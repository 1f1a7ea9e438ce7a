"""What moves on the roads at one instant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass
class RoadState:
    """Traffic at the end of a step and what passed since the start; arrays of shape (road cell,).

    Attributes
    ----------
    time_s
        Simulation time. [s]
    dt_s
        Length of the step that led here, 0 at the start. [s]
    vehicles, vehicles_before
        At the end and at the start of that step. [veh]
    inflow_veh_s, outflow_veh_s
        Flow over the upstream and downstream edge during it. [veh/s]
    passed_in, passed_out, held_veh_s
        The flows and the vehicles at the start of each step, integrated over time since time 0. [veh, veh, veh·s]
    entered, left
        Vehicles that wanted to enter, and that left, since time 0, over the whole network. [veh]
    """

    time_s: float
    dt_s: float
    vehicles: Floats
    vehicles_before: Floats
    inflow_veh_s: Floats
    outflow_veh_s: Floats
    passed_in: Floats
    passed_out: Floats
    held_veh_s: Floats
    entered: float = 0.0
    left: float = 0.0

    @classmethod
    def at_rest(cls, time_s: float, vehicles: Floats) -> RoadState:
        """Return the state of vehicles before their first step."""
        inflow, outflow, passed_in, passed_out, held = np.zeros((5, len(vehicles)))
        return cls(time_s, 0.0, vehicles, vehicles, inflow, outflow, passed_in, passed_out, held)

    def advance(self, dt_s: float, vehicles: Floats, inflow: Floats, outflow: Floats) -> None:
        """Take in a step, in place."""
        self.held_veh_s += dt_s * self.vehicles
        self.passed_in += dt_s * inflow
        self.passed_out += dt_s * outflow
        self.vehicles_before, self.vehicles = self.vehicles, vehicles
        self.inflow_veh_s, self.outflow_veh_s = inflow, outflow
        self.time_s += dt_s
        self.dt_s = dt_s
