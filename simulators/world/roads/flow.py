"""One step of the cell transmission model with many commodities.

Daganzo (1994), Transportation Research B 28(4):269–287, doi 10.1016/0191-2615(94)90002-7, and (1995) 29(2):79–93, with
a triangular fundamental diagram. Discharge out of a queue falls below capacity (the capacity drop) as the density of
the last queued cell rises over the critical one, in the way of Roncoli, Papageorgiou & Papamichail (2015),
Transportation Research C 59:188–210, doi 10.1016/j.trc.2015.03.015; here the fall is complete soon after the breakdown,
so that a queue discharges at a steady rate until it is gone, also into a narrower road.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.world.roads.facts import WAVE_KMH
from simulators.world.roads.grid import Ints
from simulators.world.roads.network import Movements, Network
from simulators.world.roads.nodes import Merges, find_merges, pass_nodes

Floats = NDArray[np.float64]

CAPACITY_DROP = 0.10
"""Loss of discharge behind a breakdown; observed 5–20 % (Treiber & Kesting 2013, section 9.6) [-]."""
DROP_COMPLETE = 0.05
"""Share of the way from critical to jam density at which the loss is complete. Below `CAPACITY_DROP`, so that the
dropped state keeps itself up; own construction. [-]"""
ENTRY_PRIORITY = 4.0
"""Weight of an entry at a merge over that of a ramp of its capacity: what waits in front of an entry stands where
nobody measures, so the queue shall form on the road. Own construction. [-]"""
WAVE_MPS = WAVE_KMH / 3.6


@dataclass(frozen=True)
class Diagram:
    """Triangular fundamental diagram of every cell of the graph as it is now, shape (cell,).

    ``bare_veh_s`` is the capacity without closures: the reference of the capacity drop, for what the manuals give as
    left by blocked lanes is measured in discharge.
    """

    free_mps: Floats
    capacity_veh_s: Floats
    bare_veh_s: Floats
    jam_veh_m: Floats

    @property
    def congested_veh_m(self) -> Floats:
        """Density from which on a cell takes in less than its capacity, shape (cell,) [veh/m]."""
        return self.jam_veh_m - self.bare_veh_s / WAVE_MPS


@dataclass(frozen=True)
class Step:
    """What moved in a step [veh/s].

    Attributes
    ----------
    inflow, outflow : ndarray, shape (cell,)
        Over the upstream and the downstream edge of each cell.
    left : ndarray, shape (commodity,)
        Out of the network.
    """

    inflow: Floats
    outflow: Floats
    left: Floats


class Mover:
    """The fixed part of the graph, prepared for stepping."""

    def __init__(self, network: Network, ways: Movements, length_m: Floats) -> None:
        self._ways: Movements = ways
        self._merges: Merges = find_merges(ways)
        self._length_m = length_m
        n_cell = network.n_road + network.n_ramp + network.n_entry
        self._n_cell = n_cell
        inner = np.zeros(n_cell, dtype=np.bool_)
        inner[: network.n_road] = True
        inner[network.chain_last] = False
        self._inner: Ints = np.flatnonzero(inner)
        self._inside: Ints = np.flatnonzero(ways.target >= 0)
        self._exits: Ints = np.flatnonzero(ways.target < 0)
        order = np.argsort(ways.target[self._inside], kind="stable")
        self._by_target: Ints = self._inside[order]
        self._heads, self._head_start = np.unique(ways.target[self._by_target], return_index=True)
        self._straight = np.flatnonzero(ways.choice & (ways.onto >= 0) & (ways.ramp < 0))
        self._entries = network.entry_cell
        self._room = length_m * np.ones(n_cell)
        self._urge = np.where(ways.cell_in >= network.n_road + network.n_ramp, ENTRY_PRIORITY, 1.0)
        self._exit_pc_s = network.exit_pc_s[ways.source[self._exits]]

    def density(self, vehicles: Floats) -> Floats:
        """Return the density of each cell, shape (cell,) [veh/m]."""
        return vehicles / self._length_m

    def step(self, load: Floats, dt_s: float, diagram: Diagram, share: Floats, exit_factor: float) -> Step:
        """Move vehicles on by one step, in place.

        Parameters
        ----------
        load
            Vehicles by commodity, shape (commodity, cell); changed. [veh]
        dt_s
            Length of the step, no longer than free traffic takes through any cell. [s]
        diagram
            Of every cell.
        share
            Choices of those at a node, shape (commodity, way); sums to 1 over the ways of a cell. [-]
        exit_factor
            Vehicles over passenger cars at the exits. [-]
        """
        ways = self._ways
        total = load.sum(axis=0)
        density = total / self._length_m
        with np.errstate(invalid="ignore"):
            above = density - diagram.congested_veh_m
            room = diagram.jam_veh_m - diagram.congested_veh_m
            over = np.clip(above / (DROP_COMPLETE * room), 0.0, 1.0)
        over[self._entries] = 0.0
        kept = 1.0 - CAPACITY_DROP * over
        # Entries have no length: what waits there leaves at once, and nothing where nothing waits.
        free = np.minimum(np.where(total > 0.0, diagram.free_mps, 0.0) * density, total / dt_s)
        free[self._entries] = total[self._entries] / dt_s
        sending = np.minimum(free, np.minimum(diagram.capacity_veh_s, kept * diagram.bare_veh_s))
        receiving = np.minimum(diagram.capacity_veh_s, WAVE_MPS * np.maximum(diagram.jam_veh_m - density, 0.0))

        outflow = np.zeros(self._n_cell)
        here = self._inner
        onward = np.minimum(receiving[here + 1], kept[here] * diagram.bare_veh_s[here + 1])
        outflow[here] = np.minimum(sending[here], onward)

        at_node = ways.cell_in
        mix = load[:, at_node] / np.maximum(total[at_node], 1e-300)
        wanted = mix[:, ways.source] * share
        part = wanted.sum(axis=0)
        takes = np.empty(len(ways.target))
        takes[self._inside] = receiving[ways.target[self._inside]]
        takes[self._exits] = self._exit_pc_s * exit_factor
        takes = self._dropped(takes, kept, diagram)
        urge = self._urge * diagram.bare_veh_s[at_node]
        at = pass_nodes(ways, self._merges, sending[at_node], urge, takes, part)
        outflow[at_node] = at
        flow = wanted * at[ways.source]

        moved = load * np.minimum(dt_s * outflow / np.maximum(total, 1e-300), 1.0)
        load -= moved
        moved[:, at_node] = 0.0
        load[:, 1:] += moved[:, :-1]
        load[:, self._heads] += dt_s * np.add.reduceat(flow[:, self._by_target], self._head_start, axis=1)

        inflow = np.zeros(self._n_cell)
        inflow[here + 1] = outflow[here]
        inflow[self._heads] = np.add.reduceat((part * at[ways.source])[self._by_target], self._head_start)
        return Step(inflow, outflow, flow[:, self._exits].sum(axis=1))

    def _dropped(self, takes: Floats, kept: Floats, diagram: Diagram) -> Floats:
        """Lower what the road ahead takes at nodes whose main stream stands in a queue."""
        ways, straight = self._ways, self._straight
        ahead = ways.target[straight]
        limit = np.full(self._n_cell, np.inf)
        limit[ahead] = kept[ways.cell_in[ways.source[straight]]] * diagram.bare_veh_s[ahead]
        lowered = takes.copy()
        lowered[self._inside] = np.minimum(takes[self._inside], limit[ways.target[self._inside]])
        return lowered
