"""Which sequences of different towers belong to one fire: they have to meet in one place."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from engine.fire.position import CHI2_95_TWO, WGS84, Fix, PositionLimits, locate, wrap_deg
from engine.fire.sequences import Sequence
from engine.region import TowerTable
from engine.thresholds import FireThresholds
from sensors.columns import Floats, Ints


@dataclass(frozen=True)
class Group:
    """Sequences of different towers that meet in one place.

    Attributes
    ----------
    sequences : tuple of Sequence
        At least two.
    fix : Fix
    sites : int
        Places that they are seen from; towers nearer to each other than the shortest baseline are one place.
    """

    sequences: tuple[Sequence, ...]
    fix: Fix
    sites: int

    @property
    def merit(self) -> tuple[float, ...]:
        """More places first; then the bearings that agree better; then the smaller ellipse."""
        freedom = max(len(self.sequences) - 2, 1)
        return (self.sites, -round(self.fix.chi2 / freedom, 6), -round(self.fix.ellipse.semi_major_m, 3))


@dataclass(frozen=True)
class _Lines:
    """Bearings as columns of shape (n,), in the order of the sequences."""

    row: Ints
    lon_deg: Floats
    lat_deg: Floats
    azimuth_deg: Floats
    sigma_deg: Floats
    range_m: Floats


@dataclass(frozen=True)
class _Candidate:
    members: tuple[int, ...]
    fix: Fix


def group_sequences(sequences: Many[Sequence], towers: TowerTable, thresholds: FireThresholds) -> list[Group]:
    """Part sequences into fires: grow pairs that meet, keep the best, go on with what is left.

    Parameters
    ----------
    sequences : sequence of Sequence
        In any order.
    towers : TowerTable
    thresholds : FireThresholds

    Returns
    -------
    list of Group
        Best first. A tower is in a group at most once, a sequence in one group at most.

    Notes
    -----
    n towers that see m fires have bearings that cross at up to m²n(n - 1)/2 places, of which m are fires. Three towers
    tell which: at a true one all bearings agree. With two towers and several fires nothing does, and the pair with the
    smaller ellipse goes first.

    Source
    ------
    Own construction.
    """
    sequences = sorted(sequences, key=lambda one: one.id)
    lines = _lines(sequences, towers, thresholds)
    limits = PositionLimits(thresholds.min_crossing_deg.value, thresholds.min_baseline_m.value, lines.range_m)
    pairs = {
        pair: fix
        for pair in combinations(range(len(sequences)), 2)
        if lines.row[pair[0]] != lines.row[pair[1]] and (fix := _locate(pair, lines, limits)) is not None
    }
    left = np.ones(len(sequences), dtype=np.bool_)
    candidates: list[_Candidate] = []
    groups: list[Group] = []
    while True:
        for pair in sorted(pairs, key=lambda pair: (pairs[pair].ellipse.semi_major_m, pair)):
            # A pair inside a candidate would grow to the same one.
            if not any(set(pair) <= set(candidate.members) for candidate in candidates):
                candidates.append(_grown(_Candidate(pair, pairs[pair]), left, lines, limits, thresholds))
        if not candidates:
            return groups
        built = [_group(candidate, sequences, lines, thresholds) for candidate in candidates]
        best = max(range(len(built)), key=lambda place: (built[place].merit, candidates[place].members))
        groups.append(built[best])
        gone = set(candidates[best].members)
        left[list(gone)] = False
        pairs = {pair: fix for pair, fix in pairs.items() if gone.isdisjoint(pair)}
        candidates = [candidate for candidate in candidates if gone.isdisjoint(candidate.members)]


def _lines(sequences: Many[Sequence], towers: TowerTable, thresholds: FireThresholds) -> _Lines:
    row = np.array([one.row for one in sequences], dtype=np.int64)
    return _Lines(
        row=row,
        lon_deg=towers.lon_deg[row],
        lat_deg=towers.lat_deg[row],
        azimuth_deg=np.array([one.azimuth_deg for one in sequences], dtype=np.float64),
        sigma_deg=np.array([one.sigma_deg(float(towers.azimuth_sigma_deg[one.row])) for one in sequences]),
        range_m=np.minimum(towers.range_m[row], thresholds.max_range_m.value),
    )


def _locate(members: tuple[int, ...], lines: _Lines, limits: PositionLimits) -> Fix | None:
    which = np.array(members)
    limits = PositionLimits(limits.min_crossing_deg, limits.min_baseline_m, lines.range_m[which])
    fix = locate(lines.lon_deg[which], lines.lat_deg[which], lines.azimuth_deg[which], lines.sigma_deg[which], limits)
    return fix if isinstance(fix, Fix) else None


def _grown(
    pair: _Candidate, left: NDArray[np.bool_], lines: _Lines, limits: PositionLimits, thresholds: FireThresholds
) -> _Candidate:
    """Take in the bearing that passes nearest, as long as all of them agree."""
    grown = pair
    gate = thresholds.gate_sigmas.value
    while True:
        others = np.flatnonzero(left & ~np.isin(lines.row, lines.row[list(grown.members)]))
        if len(others) == 0:
            return grown
        mismatch = _mismatch(others, grown.fix, lines)
        nearest = int(mismatch.argmin())
        if mismatch[nearest] > gate:
            return grown
        members = tuple(sorted((*grown.members, int(others[nearest]))))
        fix = _locate(members, lines, limits)
        if fix is None or fix.chi2 > gate**2 * (len(members) - 2):
            return grown
        grown = _Candidate(members, fix)


def _mismatch(which: NDArray[np.intp], fix: Fix, lines: _Lines) -> Floats:
    """Return how many sigma bearings pass beside a position, its own error across the line of sight included."""
    there_lon, there_lat = np.full(len(which), fix.lon_deg), np.full(len(which), fix.lat_deg)
    azimuth, _, range_m = WGS84.inv(lines.lon_deg[which], lines.lat_deg[which], there_lon, there_lat)
    residual = np.abs(wrap_deg(lines.azimuth_deg[which] - np.asarray(azimuth)))
    slant = np.radians(np.asarray(azimuth) - fix.ellipse.azimuth_deg)
    across_m = np.hypot(fix.ellipse.semi_major_m * np.sin(slant), fix.ellipse.semi_minor_m * np.cos(slant))
    position_deg = np.degrees(np.arctan2(across_m / np.sqrt(CHI2_95_TWO), np.maximum(range_m, 1.0)))
    mismatch: Floats = residual / np.hypot(lines.sigma_deg[which], position_deg)
    return np.where(np.asarray(range_m) > lines.range_m[which], np.inf, mismatch)


def _group(candidate: _Candidate, sequences: Many[Sequence], lines: _Lines, thresholds: FireThresholds) -> Group:
    members = tuple(sequences[place] for place in candidate.members)
    return Group(members, candidate.fix, _sites(candidate.members, lines, thresholds.min_baseline_m.value))


def _sites(members: tuple[int, ...], lines: _Lines, min_baseline_m: float) -> int:
    if len(members) == 2:
        return 2
    which = np.array(members)
    second, first = np.tril_indices(len(members), -1)
    lon, lat = lines.lon_deg[which], lines.lat_deg[which]
    _, _, apart_m = WGS84.inv(lon[first], lat[first], lon[second], lat[second])
    beside_earlier = np.unique(second[np.asarray(apart_m) < min_baseline_m])
    return len(members) - len(beside_earlier)
