"""Traffic on corridors by the cell transmission model, all corridors of a region in one pass.

Daganzo (1994), "The cell transmission model", Transportation Research B 28(4):269–287, doi
10.1016/0191-2615(94)90002-7: vehicles move from cell to cell as fast as the upstream one can send and the downstream
one can receive, with a triangular fundamental diagram. Discharge out of a queue falls below capacity (the capacity
drop) by letting the sending flow of an over-critical cell decline linearly with density, as in Roncoli, Papageorgiou &
Papamichail (2015), Transportation Research C 59:188–210, doi 10.1016/j.trc.2015.03.015.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulators.errors import SimulatorError
from simulators.world.corridors import Corridors
from simulators.world.demand import Demand

Floats = NDArray[np.float64]

CAPACITY_DROP = 0.10
"""Loss of discharge at the head of a jammed queue; observed 5–20 % (Treiber & Kesting 2013, section 9.6) [-]."""
NOISE_SIGMA = 0.04
"""Standard deviation of each corridor's demand around its profile; own construction [-]."""
NOISE_MEMORY_S = 300.0
"""Time over which that deviation is forgotten; own construction [s]."""


@dataclass(frozen=True)
class TrafficState:
    """Everything that moves on the roads at one instant.

    Attributes
    ----------
    time_s
        Simulation time. [s]
    dt_s
        Length of the step that led here, 0 at the start. [s]
    vehicles : ndarray, shape (cell,)
        Vehicles in each cell. [veh]
    waiting : ndarray, shape (corridor,)
        Vehicles that could not enter yet. [veh]
    entered, left : ndarray, shape (corridor,)
        Vehicles since the start that came in at the head (waiting ones not counted) and went out at the end. [veh]
    inflow_veh_s, outflow_veh_s : ndarray, shape (cell,)
        Flow over the upstream and downstream edge of each cell during the last step. [veh/s]
    passed_in, passed_out, held_veh_s : ndarray, shape (cell,)
        The flows and the vehicles integrated over time since the start. [veh, veh, veh·s]
    noise : ndarray, shape (corridor,)
        Relative deviation of demand. [-]
    """

    time_s: float
    dt_s: float
    vehicles: Floats
    waiting: Floats
    entered: Floats
    left: Floats
    inflow_veh_s: Floats
    outflow_veh_s: Floats
    passed_in: Floats
    passed_out: Floats
    held_veh_s: Floats
    noise: Floats


def largest_step_s(corridors: Corridors) -> float:
    """Return the longest step that keeps a vehicle from crossing a cell in it (Courant–Friedrichs–Lewy) [s]."""
    return float(np.min(corridors.length_m / corridors.free_mps, initial=np.inf))


def start(corridors: Corridors, demand: Demand, time_of_day_s: float) -> TrafficState:
    """Return roads in free flow at the demand of a time of day, so that no road begins empty."""
    flow = demand.at(time_of_day_s)[corridors.corridor]
    n_cell, n_corridor = len(corridors), len(corridors.rows)
    return TrafficState(
        time_s=0.0,
        dt_s=0.0,
        vehicles=flow / corridors.free_mps * corridors.length_m,
        waiting=np.zeros(n_corridor),
        entered=np.zeros(n_corridor),
        left=np.zeros(n_corridor),
        inflow_veh_s=flow.copy(),
        outflow_veh_s=flow.copy(),
        passed_in=np.zeros(n_cell),
        passed_out=np.zeros(n_cell),
        held_veh_s=np.zeros(n_cell),
        noise=np.zeros(n_corridor),
    )


def step(
    state: TrafficState,
    dt_s: float,
    corridors: Corridors,
    wanted_veh_s: Floats,
    capacity_left: Floats,
    rng: np.random.Generator,
) -> TrafficState:
    """Move the traffic on by one step.

    Parameters
    ----------
    state
        Traffic at the start of the step.
    dt_s
        Length of the step, at most `largest_step_s`. [s]
    corridors
        The grid.
    wanted_veh_s
        Mean demand, shape (corridor,). [veh/s]
    capacity_left
        Share of each cell's capacity that incidents leave, shape (cell,), 0 to 1.
    rng
        Source of the deviation of demand.

    Raises
    ------
    SimulatorError
        If the step is not positive or longer than the grid allows.

    Notes
    -----
    Vehicles are conserved: vehicles + waiting changes by what is wanted less what left.
    """
    limit_s = largest_step_s(corridors)
    if not 0.0 < dt_s <= limit_s * (1 + 1e-9):
        raise SimulatorError(f"dt_s: expected more than 0 and at most {limit_s:.2f} s for these cells, was {dt_s}")
    fade = np.exp(-dt_s / NOISE_MEMORY_S)
    noise = fade * state.noise + NOISE_SIGMA * np.sqrt(1 - fade**2) * rng.standard_normal(len(state.noise))
    arriving = np.maximum(wanted_veh_s * (1 + noise), 0.0)

    density = state.vehicles / corridors.length_m
    critical = corridors.critical_veh_m
    over = np.clip((density - critical) / (corridors.jam_veh_m - critical), 0.0, 1.0)
    capacity = corridors.capacity_veh_s * capacity_left
    sending = np.minimum(corridors.free_mps * density, capacity * (1 - CAPACITY_DROP * over))
    receiving = np.minimum(capacity, corridors.wave_mps * np.maximum(corridors.jam_veh_m - density, 0.0))

    outflow = sending.copy()
    inner = np.ones(len(corridors), dtype=np.bool_)
    inner[corridors.last] = False
    upstream = np.flatnonzero(inner)
    outflow[upstream] = np.minimum(sending[upstream], receiving[upstream + 1])
    inflow = np.empty_like(outflow)
    inflow[upstream + 1] = outflow[upstream]
    inflow[corridors.first] = np.minimum(arriving + state.waiting / dt_s, receiving[corridors.first])

    vehicles = np.maximum(state.vehicles + dt_s * (inflow - outflow), 0.0)
    return replace(
        state,
        time_s=state.time_s + dt_s,
        dt_s=dt_s,
        vehicles=vehicles,
        waiting=np.maximum(state.waiting + dt_s * (arriving - inflow[corridors.first]), 0.0),
        entered=state.entered + dt_s * inflow[corridors.first],
        left=state.left + dt_s * outflow[corridors.last],
        inflow_veh_s=inflow,
        outflow_veh_s=outflow,
        passed_in=state.passed_in + dt_s * inflow,
        passed_out=state.passed_out + dt_s * outflow,
        held_veh_s=state.held_veh_s + dt_s * vehicles,
        noise=noise,
    )


def speed_mps(density_veh_m: Floats, corridors: Corridors, cells: NDArray[np.int64] | slice = slice(None)) -> Floats:
    """Return the equilibrium speed of the triangular diagram at a density, shape of ``cells`` [m/s]."""
    jam, wave, free = corridors.jam_veh_m[cells], corridors.wave_mps[cells], corridors.free_mps[cells]
    density = np.maximum(density_veh_m, 1e-9)
    speed: Floats = np.clip(wave * (jam / density - 1.0), 0.0, free)
    return speed
