"""Adaptive smoothing: speeds between detectors and periods, filtered along the waves that carry them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from engine.thresholds import Sourced
from engine.traffic.layout import Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_KMH_PER_M_S = 3.6
_EDGE = 1e-6
"""A neighbour at exactly the reach is in it, whatever the last digit of its place says. [m, s]"""


@dataclass(frozen=True)
class SmoothingParameters:
    """Of the adaptive smoothing method; symbols of the papers in brackets."""

    sigma_m: Sourced
    """Width along the road (σ)."""
    tau_s: Sourced
    """Width in time (τ)."""
    free_wave_kmh: Sourced
    """Speed of news in free traffic, downstream (c_free)."""
    jam_wave_kmh: Sourced
    """Speed of news in jams, upstream and therefore negative (c_cong)."""
    threshold_kmh: Sourced
    """Between jam and free (V_thr)."""
    transition_kmh: Sourced
    """Width of the change between both (ΔV)."""
    reach_m: Sourced
    """Nothing farther away counts."""
    reach_s: Sourced
    """Nothing longer ago or ahead counts."""
    empty_kmh: Sourced
    """Where nothing was measured within reach."""


def smooth(speed_kmh: Floats, time_s: Floats, layout: Layout, parameters: SmoothingParameters) -> Floats:
    """Smooth a whole recording at its own stations and times; looks ahead as far as it looks back.

    Parameters
    ----------
    speed_kmh : ndarray, shape (time, station, lane), float64
        NaN = not measured. Lanes are smoothed each for itself. [km/h]
    time_s : ndarray, shape (time,), float64
        Rising. [s]
    layout : Layout
        Of the stations.
    parameters : SmoothingParameters

    Returns
    -------
    ndarray, shape (time, station, lane), float64
        ``empty_kmh`` where nothing was measured within reach. [km/h]

    Notes
    -----
    φ = exp(-|Δx|/σ - |Δt - Δx/c|/τ) for each of both wave speeds c; v_free and v_cong are the weighted means;
    w = ½ (1 + tanh((V_thr - min(v_free, v_cong)) / ΔV)); v = w v_cong + (1 - w) v_free.

    Source
    ------
    Treiber and Helbing (2002); with the parameters of the published I-24 field equal to it within rounding.
    """
    known = ~np.isnan(speed_kmh)
    value = np.where(known, speed_kmh, 0.0)
    waves = (parameters.free_wave_kmh.value, parameters.jam_wave_kmh.value)
    sums = [np.zeros(speed_kmh.shape) for _ in waves]
    weights = [np.zeros(speed_kmh.shape) for _ in waves]
    n_time = len(time_s)
    reach_s = parameters.reach_s.value + _EDGE
    for target, source in _neighbours(layout, parameters.reach_m.value):
        apart_m = layout.chainage_m[source] - layout.chainage_m[target]
        for shift in _shifts(time_s, reach_s):
            first, stop = max(0, -shift), min(n_time, n_time - shift)
            ahead_s = time_s[first + shift : stop + shift] - time_s[first:stop]
            if np.ptp(ahead_s) < _EDGE:
                ahead_s = ahead_s[:1]
            within = (np.abs(ahead_s) <= reach_s)[:, None]
            for place, wave_kmh in enumerate(waves):
                weight = np.where(within, _weight(apart_m[None, :], ahead_s[:, None], wave_kmh, parameters), 0.0)
                weight = np.broadcast_to(weight, (stop - first, len(target)))[:, :, None]
                sums[place][first:stop, target] += weight * value[first + shift : stop + shift, source]
                weights[place][first:stop, target] += weight * known[first + shift : stop + shift, source]
    empty = parameters.empty_kmh.value
    free, jam = (
        np.divide(total, weight, out=np.full(total.shape, empty), where=weight > 0)
        for total, weight in zip(sums, weights, strict=True)
    )
    return _blend(free, jam, parameters)


@dataclass(frozen=True)
class LiveKernel:
    """Weights of the causal form, computed once.

    Attributes
    ----------
    corridor : ndarray, shape (n_cell,), int64
    chainage_m : ndarray, shape (n_cell,), float64
        Middle of each cell, corridor after corridor in the order of travel. [m]
    free, jam : tuple of csr_array, shape (n_cell, n_station)
        By age of the period: 0 is the newest.
    """

    corridor: Ints
    chainage_m: Floats
    free: tuple[csr_array, ...]
    jam: tuple[csr_array, ...]


def live_kernel(layout: Layout, cell_m: float, period_s: float, parameters: SmoothingParameters) -> LiveKernel:
    """Return the weights with which the newest periods give the present speed of every cell.

    Parameters
    ----------
    layout : Layout
    cell_m : float
        Cells reach from the first to the last station of each corridor. [m]
    period_s : float
        [s]
    parameters : SmoothingParameters
    """
    corridor, middle_m = _cells(layout, cell_m)
    cell, station = _within(corridor, middle_m, layout, parameters.reach_m.value)
    apart_m = layout.chainage_m[station] - middle_m[cell]
    shape = (len(middle_m), len(layout))
    matrices: list[list[csr_array]] = [[], []]
    for age in range(int((parameters.reach_s.value + _EDGE) // period_s) + 1):
        for place, wave_kmh in enumerate((parameters.free_wave_kmh.value, parameters.jam_wave_kmh.value)):
            weight = _weight(apart_m, np.float64(-age * period_s), wave_kmh, parameters)
            matrices[place].append(csr_array((weight, (cell, station)), shape=shape))
    return LiveKernel(corridor, middle_m, tuple(matrices[0]), tuple(matrices[1]))


def live_field(ring: Floats, kernel: LiveKernel, parameters: SmoothingParameters) -> Floats:
    """Return the present speed of every cell from the newest periods alone.

    Parameters
    ----------
    ring : ndarray, shape (n_age, n_station), float64
        Station speeds, newest first, as many as the kernel has ages. NaN = not measured. [km/h]
    kernel : LiveKernel
    parameters : SmoothingParameters

    Returns
    -------
    ndarray, shape (n_cell,), float64
        NaN where nothing was measured within reach. [km/h]

    Source
    ------
    As `smooth`, with weights for the past only; own construction.
    """
    known = ~np.isnan(ring)
    value = np.where(known, ring, 0.0)
    fields = []
    for matrices in (kernel.free, kernel.jam):
        total, weight = np.zeros(len(kernel.chainage_m)), np.zeros(len(kernel.chainage_m))
        for age, matrix in enumerate(matrices):
            total += matrix @ value[age]
            weight += matrix @ known[age].astype(np.float64)
        fields.append(np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0))
    return _blend(fields[0], fields[1], parameters)


def _blend(free: Floats, jam: Floats, parameters: SmoothingParameters) -> Floats:
    slower = np.minimum(free, jam)
    share = 0.5 * (1.0 + np.tanh((parameters.threshold_kmh.value - slower) / parameters.transition_kmh.value))
    return np.asarray(share * jam + (1.0 - share) * free)


def _weight(apart_m: Floats, ahead_s: Floats | np.float64, wave_kmh: float, parameters: SmoothingParameters) -> Floats:
    late_s = ahead_s - apart_m / (wave_kmh / _KMH_PER_M_S)
    return np.asarray(np.exp(-np.abs(apart_m) / parameters.sigma_m.value - np.abs(late_s) / parameters.tau_s.value))


def _neighbours(layout: Layout, reach_m: float) -> list[tuple[Ints, Ints]]:
    """Return pairs of stations within reach, one list of targets a rank, so that each target is in it once."""
    place = np.arange(len(layout), dtype=np.int64)
    pairs = [(place, place)]
    for rank in range(1, len(layout)):
        target, source = place[:-rank], place[rank:]
        near = (layout.corridor[target] == layout.corridor[source]) & (
            np.abs(layout.chainage_m[source] - layout.chainage_m[target]) <= reach_m + _EDGE
        )
        if not near.any():
            break
        pairs += [(target[near], source[near]), (source[near], target[near])]
    return pairs


def _shifts(time_s: Floats, reach_s: float) -> list[int]:
    """Return the differences of index that may lie within reach in time."""
    if len(time_s) < 2:
        return [0]
    most = 0
    while most + 1 < len(time_s) and (time_s[most + 1 :] - time_s[: -most - 1] <= reach_s).any():
        most += 1
    return list(range(-most, most + 1))


def _cells(layout: Layout, cell_m: float) -> tuple[Ints, Floats]:
    corridors, middles = [], []
    for start, stop in zip(layout.starts[:-1].tolist(), layout.starts[1:].tolist(), strict=True):
        first, last = layout.chainage_m[start], layout.chainage_m[stop - 1]
        count = max(1, int(np.ceil((last - first) / cell_m - _EDGE)))
        middles.append(first + (np.arange(count) + 0.5) * (last - first) / count)
        corridors.append(np.full(count, layout.corridor[start], dtype=np.int64))
    if not middles:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    return np.concatenate(corridors), np.concatenate(middles)


def _within(corridor: Ints, middle_m: Floats, layout: Layout, reach_m: float) -> tuple[Ints, Ints]:
    """Return all pairs of a cell and a station of its corridor within reach."""
    if not len(layout):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    low = min(float(layout.chainage_m.min()), float(middle_m.min()))
    # One axis for all corridors, wide enough between them that none reaches into the next.
    span = max(float(layout.chainage_m.max()), float(middle_m.max())) - low + 2.0 * reach_m + 1.0
    stations = layout.corridor * span + (layout.chainage_m - low)
    cells = corridor * span + (middle_m - low)
    first = np.searchsorted(stations, cells - reach_m - _EDGE, side="left")
    stop = np.searchsorted(stations, cells + reach_m + _EDGE, side="right")
    count = stop - first
    cell = np.repeat(np.arange(len(cells), dtype=np.int64), count)
    offset = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    return cell, (np.repeat(first, count) + offset).astype(np.int64)
