"""How much passes each node in a step.

First in, first out at diverges: who cannot enter one way holds up all behind (Daganzo 1995, Transportation Research B
29(2):79–93). Merges share what the road ahead takes in proportion to capacity, and what one does not use goes to the
others (Tampère et al. 2011, Transportation Research B 45(1):289–309, capacity-proportional priorities). As every chain
has at most one way that it shares with others (straight on), and its ramps and exits are its own, one pass solves it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.world.roads.grid import Ints
from simulators.world.roads.network import Movements

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Merges:
    """Ways that lead into the same cell, as a table.

    Attributes
    ----------
    cell : ndarray, shape (merge,), int64
        Cell that they lead into.
    way : ndarray, shape (merge, place), int64
        Ways; repeats the first where a merge has fewer.
    exists : ndarray, shape (merge, place), bool
    """

    cell: Ints
    way: Ints
    exists: NDArray[np.bool_]


def find_merges(ways: Movements) -> Merges:
    """Return the table of all cells that at least two ways lead into."""
    inside = np.flatnonzero(ways.target >= 0)
    order = inside[np.argsort(ways.target[inside], kind="stable")]
    cells, first, counts = np.unique(ways.target[order], return_index=True, return_counts=True)
    shared = counts > 1
    cells, first, counts = cells[shared], first[shared], counts[shared]
    place = np.arange(int(counts.max(initial=1)))
    exists = place < counts[:, np.newaxis]
    return Merges(cells, order[np.where(exists, first[:, np.newaxis] + place, first[:, np.newaxis])], exists)


def fill(demand: Floats, priority: Floats, supply: Floats) -> Floats:
    """Share supplies in proportion to priority, none getting more than it asks for.

    Parameters
    ----------
    demand, priority
        Shape (merge, place), at least 0; no demand without priority. [veh/s]
    supply
        Shape (merge,), at least 0. [veh/s]

    Returns
    -------
    ndarray, shape (merge, place)
        min(demand, level · priority) with the level that uses up the supply, or the demand where it suffices.
    """
    ratio = np.divide(demand, priority, out=np.zeros_like(demand), where=priority > 0.0)
    order = np.argsort(ratio, axis=1, kind="stable")
    by_ratio, asked, weight = (np.take_along_axis(column, order, axis=1) for column in (ratio, demand, priority))
    before = np.cumsum(asked, axis=1) - asked
    behind = np.cumsum(weight[:, ::-1], axis=1)[:, ::-1]
    level = np.divide(supply[:, np.newaxis] - before, behind, out=np.full_like(demand, np.inf), where=behind > 0.0)
    binds = level <= by_ratio
    at = np.argmax(binds, axis=1)
    chosen = np.where(binds.any(axis=1), level[np.arange(len(supply)), at], np.inf)
    with np.errstate(invalid="ignore"):
        offered = np.where(priority > 0.0, np.maximum(chosen, 0.0)[:, np.newaxis] * priority, 0.0)
    return np.asarray(np.minimum(demand, offered))


def pass_nodes(
    ways: Movements, merges: Merges, sending: Floats, weight: Floats, receiving: Floats, share: Floats
) -> Floats:
    """Return what leaves each cell that ends at a node.

    Parameters
    ----------
    ways, merges
        The nodes.
    sending, weight
        What each incoming cell has to send, and its weight at merges (as a rule its capacity), shape (in,). [veh/s]
    receiving
        What the cell (or exit) of each way takes in, shape (way,); the same for all ways of a merge. [veh/s]
    share
        Share of each incoming cell's traffic that wants each way, shape (way,); sums to 1 per incoming cell. [-]

    Returns
    -------
    ndarray, shape (in,)
        Flow; way w carries the share of it. [veh/s]
    """
    alone = np.ones(len(share), dtype=np.bool_)
    alone[merges.way] = False
    bound = np.divide(receiving, share, out=np.full_like(share, np.inf), where=alone & (share > 0.0))
    outflow = np.minimum(sending, np.minimum.reduceat(bound, ways.start))
    wanted = np.where(merges.exists, (outflow[ways.source] * share)[merges.way], 0.0)
    priority = np.where(merges.exists, (weight[ways.source] * share)[merges.way], 0.0)
    granted = fill(wanted, priority, receiving[merges.way[:, 0]])
    held = merges.exists & (granted < wanted)
    way = merges.way[held]
    np.minimum.at(outflow, ways.source[way], granted[held] / share[way])
    return outflow
