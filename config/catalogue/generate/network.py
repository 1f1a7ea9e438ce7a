"""Least-cost paths over a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

FOUR = ((0, 1), (1, 0))
EIGHT = (*FOUR, (1, 1), (1, -1))
SIXTEEN = (*EIGHT, (1, 2), (2, 1), (2, -1), (1, -2))
"""Steps to half of the neighbours of a grid point; the other half are the same steps backwards."""


def edge_slices(step: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the index expressions of the starts and the ends of all edges of one step."""
    down, right = step
    start_rows, end_rows = slice(None, -down or None), slice(down, None)
    start_columns = slice(None, -right or None) if right >= 0 else slice(-right, None)
    end_columns = slice(right, None) if right >= 0 else slice(None, right)
    return (start_rows, start_columns), (end_rows, end_columns)


def grid_graph(
    costs: dict[tuple[int, int], FloatArray], shape: tuple[int, int]
) -> csr_array[np.float64, tuple[int, int]]:
    """Return the undirected graph of a grid.

    Parameters
    ----------
    costs
        For each step, the cost of its edges, in the shape that `edge_slices` cuts.
    shape
        Rows and columns of the grid; grid points are numbered row by row.
    """
    number = np.arange(shape[0] * shape[1]).reshape(shape)
    starts, ends, weights = [], [], []
    for step, cost in costs.items():
        start, end = edge_slices(step)
        starts.append(number[start].ravel())
        ends.append(number[end].ravel())
        weights.append(cost.ravel())
    start_all, end_all, weight = np.concatenate(starts), np.concatenate(ends), np.concatenate(weights)
    size = number.size
    both = (np.concatenate([weight, weight]), (np.r_[start_all, end_all], np.r_[end_all, start_all]))
    return coo_array(both, shape=(size, size)).tocsr()


def shortest_path(graph: csr_array[np.float64, tuple[int, int]], start: int, end: int) -> IntArray:
    """Return the grid points of the cheapest path, both ends included."""
    _, rows = dijkstra(graph, directed=True, indices=[start], return_predecessors=True)
    previous, path = rows[0], [end]
    while path[-1] != start:
        path.append(int(previous[path[-1]]))
        if path[-1] < 0:
            raise ValueError(f"no path over the grid from point {start} to point {end}")
    return np.array(path[::-1], dtype=np.intp)


def cheapest_tree(
    graph: csr_array[np.float64, tuple[int, int]], sources: IntArray
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return cost, predecessor (negative at a source) and nearest source of every grid point."""
    distance, previous, source = dijkstra(
        graph, directed=True, indices=sources, return_predecessors=True, min_only=True
    )
    return distance, previous.astype(np.intp), source.astype(np.intp)
