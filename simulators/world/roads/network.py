"""How cells hang together at nodes: chains, ramps, entries, exits and the movements between them.

A *chain* is a stretch of one road and direction between two nodes at which something can happen. At such a node traffic
goes straight on, or turns into another road over a *ramp* of one lane with room of its own, or leaves the network; it
enters from an *entry*, a place to wait without end. No U-turns.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import Catalogue
from simulators.world.roads.facts import (
    RAMP_KMH,
    RAMP_LENGTH_M,
    RAMP_PC_H,
    TURN_KMH,
    TURN_LENGTH_M,
    TURN_PC_H,
    jam_density,
)
from simulators.world.roads.grid import Grid, Ints

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Network:
    """The graph of the traffic model.

    Cells are numbered: those of the grid, then one per ramp, then one per entry.

    Attributes
    ----------
    n_road, n_ramp, n_entry
        Numbers of cells of each kind.
    chain_first, chain_last : ndarray, shape (chain,), int64
        First and last cell of each chain.
    chain_of : ndarray, shape (road cell,), int64
        Chain of each cell of the grid.
    zone_nodes
        Nodes where traffic begins and ends: every node between chains.
    chain_from, chain_to : ndarray, shape (chain,), int64
        Zone at its start and at its end.
    straight_on : ndarray, shape (chain,), int64
        Chain that goes on along the road, -1 at its end.
    ramp_from, ramp_to : ndarray, shape (ramp,), int64
        Chains that it joins.
    entry_zone, entry_to : ndarray, shape (entry,), int64
        Zone it belongs to, and the chain it leads onto.
    exit_pc_s : ndarray, shape (chain,)
        What can leave the network at the end of each chain. [pc/s]
    extra_length_m, extra_mps, extra_capacity_pc_s, extra_jam_pc_m : ndarray, shape (ramp + entry,)
        Diagram of the cells that the grid has not. Entries have no end to their room.
    """

    n_road: int
    n_ramp: int
    n_entry: int
    chain_first: Ints
    chain_last: Ints
    chain_of: Ints
    zone_nodes: tuple[str, ...]
    chain_from: Ints
    chain_to: Ints
    straight_on: Ints
    ramp_from: Ints
    ramp_to: Ints
    entry_zone: Ints
    entry_to: Ints
    exit_pc_s: Floats
    extra_length_m: Floats
    extra_mps: Floats
    extra_capacity_pc_s: Floats
    extra_jam_pc_m: Floats

    @property
    def n_chain(self) -> int:
        """Number of chains."""
        return len(self.chain_first)

    @property
    def ramp_cell(self) -> Ints:
        """Cell of each ramp, shape (ramp,)."""
        return self.n_road + np.arange(self.n_ramp)

    @property
    def entry_cell(self) -> Ints:
        """Cell of each entry, shape (entry,)."""
        return self.n_road + self.n_ramp + np.arange(self.n_entry)


def _zones(catalogue: Catalogue, grid: Grid) -> dict[str, int]:
    """Nodes that are more than a point along one road, numbered in the catalogue's order."""
    into: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    out_of: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for link in grid.links:
        into[link.to_node].append((link.road, link.direction, link.from_node))
        out_of[link.from_node].append((link.road, link.direction, link.to_node))

    def plain(node: str) -> bool:
        came, went = into[node], out_of[node]
        onward = [[b[:2] for b in went if b[2] != a[2] or b[0] != a[0]] for a in came]
        backward = [[a[:2] for a in came if a[2] != b[2] or a[0] != b[0]] for b in went]
        return all(ways == [a[:2]] for a, ways in zip(came, onward, strict=True)) and all(
            ways == [b[:2]] for b, ways in zip(went, backward, strict=True)
        )

    used = [node for node in catalogue.nodes if into[node.id] or out_of[node.id]]
    chosen = [node.id for node in used if node.kind != "shape" or not plain(node.id)]
    return {node: index for index, node in enumerate(chosen)}


def build_network(catalogue: Catalogue, grid: Grid) -> Network:
    """Return the graph of a region.

    Parameters
    ----------
    catalogue
        Region.
    grid
        Its cells.
    """
    zones = _zones(catalogue, grid)
    rank = {road.id: road.rank for road in catalogue.roads}
    starts: list[int] = []
    for index, link in enumerate(grid.links):
        first = int(grid.link_first[index])
        if link.from_node in zones or first == grid.run_first[grid.run[first]]:
            starts.append(first)
    chain_first = np.array(starts, dtype=np.int64)
    chain_last = np.append(chain_first[1:], len(grid)) - 1
    begin = [grid.links[grid.link[cell]] for cell in chain_first]
    end = [grid.links[grid.link[cell]] for cell in chain_last]
    leaving: dict[str, list[int]] = defaultdict(list)
    for chain, link in enumerate(begin):
        leaving[link.from_node].append(chain)

    straight_on = np.full(len(starts), -1, dtype=np.int64)
    straight_on[:-1] = np.where(grid.run[chain_first[1:]] == grid.run[chain_first[:-1]], np.arange(1, len(starts)), -1)
    ramps = [(a, b) for a, link in enumerate(end) for b in leaving[link.to_node] if begin[b].road != link.road]
    entries = [(zones[link.from_node], chain) for chain, link in enumerate(begin)]
    ramp_from, ramp_to = np.array(ramps, dtype=np.int64).reshape(-1, 2).T
    entry_zone, entry_to = np.array(entries, dtype=np.int64).T

    fast = np.array([rank[link.road] == "expressway" for link in begin])
    is_ramp = fast[ramp_from] | fast[ramp_to]
    head_pc_s, tail_pc_s = grid.capacity_pc_s[chain_first], grid.capacity_pc_s[chain_last]
    on_the_way = np.zeros(len(starts), dtype=np.bool_)
    on_the_way[straight_on[straight_on >= 0]] = True
    by_ramp = np.where(fast, RAMP_PC_H, TURN_PC_H) / 3_600.0
    ramp_mps = np.where(is_ramp, RAMP_KMH, TURN_KMH) / 3.6
    ramp_pc_s = np.where(is_ramp, RAMP_PC_H, TURN_PC_H) / 3_600.0
    entry_pc_s = np.where(on_the_way, np.minimum(by_ramp, head_pc_s), head_pc_s)[entry_to]
    n_entry = len(entry_to)
    return Network(
        n_road=len(grid),
        n_ramp=len(ramp_from),
        n_entry=n_entry,
        chain_first=chain_first,
        chain_last=chain_last,
        chain_of=np.repeat(np.arange(len(starts)), chain_last - chain_first + 1),
        zone_nodes=tuple(zones),
        chain_from=np.array([zones[link.from_node] for link in begin], dtype=np.int64),
        chain_to=np.array([zones[link.to_node] for link in end], dtype=np.int64),
        straight_on=straight_on,
        ramp_from=ramp_from,
        ramp_to=ramp_to,
        entry_zone=entry_zone,
        entry_to=entry_to,
        exit_pc_s=np.where((straight_on >= 0) & fast, RAMP_PC_H / 3_600.0, tail_pc_s),
        extra_length_m=np.append(np.where(is_ramp, RAMP_LENGTH_M, TURN_LENGTH_M), np.ones(n_entry)),
        extra_mps=np.append(ramp_mps, np.full(n_entry, np.inf)),
        extra_capacity_pc_s=np.append(ramp_pc_s, entry_pc_s),
        extra_jam_pc_m=np.append(jam_density(ramp_pc_s, ramp_mps), np.full(n_entry, np.inf)),
    )


@dataclass(frozen=True)
class Movements:
    """Every way over a node, sorted by where it comes from.

    Attributes
    ----------
    source : ndarray, shape (way,), int64
        Index into ``cell_in``.
    target : ndarray, shape (way,), int64
        Cell that it leads into, -1 out of the network.
    cell_in : ndarray, shape (in,), int64
        Last cells of chains (in their order), ramps and entries.
    start : ndarray, shape (in,), int64
        First way of each.
    choice : ndarray, shape (way,), bool
        Whether drivers choose it at the end of a chain; from ramps and entries there is one way.
    onto : ndarray, shape (way,), int64
        Chain that a choice leads to, -1 out of the network.
    delay_s : ndarray, shape (way,)
        Free-flow time on its ramp. [s]
    ramp : ndarray, shape (way,), int64
        Ramp that a choice enters, -1 for none.
    """

    source: Ints
    target: Ints
    cell_in: Ints
    start: Ints
    choice: NDArray[np.bool_]
    onto: Ints
    delay_s: Floats
    ramp: Ints


def build_movements(network: Network) -> Movements:
    """Return the ways over all nodes: straight on, onto a ramp and out for chains; one onto a chain for the others."""
    n_chain, n_in = network.n_chain, network.n_chain + network.n_ramp + network.n_entry
    chains, none = np.arange(n_chain), np.full(n_chain, -1, dtype=np.int64)
    on = network.straight_on >= 0
    ramps = np.arange(network.n_ramp)
    ramp_s = (network.extra_length_m / network.extra_mps)[: network.n_ramp]
    heads = network.chain_first
    n_on, n_entry = int(on.sum()), network.n_entry
    nothing = np.full(network.n_ramp + n_entry, -1, dtype=np.int64)
    source = np.concatenate([chains[on], network.ramp_from, chains, np.arange(n_chain, n_in)])
    target = np.concatenate(
        [heads[network.straight_on[on]], network.ramp_cell, none, heads[network.ramp_to], heads[network.entry_to]]
    )
    onto = np.concatenate([network.straight_on[on], network.ramp_to, none, nothing])
    delay_s = np.concatenate([np.zeros(n_on), ramp_s, np.zeros(n_chain + network.n_ramp + n_entry)])
    ramp = np.concatenate([np.full(n_on, -1, dtype=np.int64), ramps, none, nothing])
    order = np.argsort(source, kind="stable")
    source = source[order]
    return Movements(
        source=source,
        target=target[order],
        cell_in=np.concatenate([network.chain_last, network.ramp_cell, network.entry_cell]),
        start=np.searchsorted(source, np.arange(n_in)),
        choice=source < n_chain,
        onto=onto[order],
        delay_s=delay_s[order],
        ramp=ramp[order],
    )
