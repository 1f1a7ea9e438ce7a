"""From stations to links: which station speaks for how much of which link, as one sparse matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.traffic.layout import Layout
from engine.traffic.state import represented_m

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LinkTable:
    """Stretches of road, any number, in any order; shape (n_link,).

    Attributes
    ----------
    corridor : ndarray, int64
        As in `Layout`.
    start_m, end_m : ndarray, float64
        Chainage, end after start; links of one corridor do not overlap. [m]
    """

    corridor: Ints
    start_m: Floats
    end_m: Floats

    def __len__(self) -> int:
        return len(self.corridor)


@dataclass(frozen=True)
class StationLinks:
    """Metres of each link for which each station speaks.

    Attributes
    ----------
    overlap_m : csr_array, shape (n_link, n_station), float64
        [m]
    length_m : ndarray, shape (n_link,), float64
        Of the links. [m]
    """

    overlap_m: sparse.csr_array
    length_m: Floats


@dataclass(frozen=True)
class LinkState:
    """Arrays of shape (n_link,), float64; NaN where too little of the link is known.

    Attributes
    ----------
    known_share : ndarray
        Part of the length for which a station with a value speaks, 0..1. [1]
    flow_veh_h, density_veh_km : ndarray
        Mean over the length. [veh/h], [veh/km]
    speed_kmh : ndarray
        Space mean, flow over density: what the link's vehicles do on average; weighs a queue by those in it. [km/h]
    travel_time_s : ndarray
        Of one vehicle over the whole link, with the part that is not known as slow as the known part: lengths over
        speeds add, so the mean is harmonic by length. NaN also where a stretch stands still. [s]
    """

    known_share: Floats
    flow_veh_h: Floats
    density_veh_km: Floats
    speed_kmh: Floats
    travel_time_s: Floats


def station_links(
    layout: Layout, links: LinkTable, reach_m: float, split: Literal["halves", "thirds"] = "halves"
) -> StationLinks:
    """Lay stations over links.

    Parameters
    ----------
    layout : Layout
    links : LinkTable
    reach_m : float
        No station speaks for more than so much on either side. [m]
    split : {"halves", "thirds"}
        Halves: the road between two stations belongs to the nearer. Thirds: the middle third belongs to both, half and
        half.

    Returns
    -------
    StationLinks

    Raises
    ------
    ValueError
        If links overlap or end before they start.

    Source
    ------
    Halves: usual practice. Thirds: as IRIS does for travel times.
    """
    length_m = links.end_m - links.start_m
    order = np.lexsort((links.start_m, links.corridor))
    corridor, start, end = links.corridor[order], links.start_m[order], links.end_m[order]
    if (length_m < 0).any() or ((corridor[1:] == corridor[:-1]) & (start[1:] < end[:-1])).any():
        raise ValueError("links: expected ends after starts and no overlaps, was otherwise")
    station, first, last, weight = _pieces(layout, reach_m, split)
    # One axis for all corridors: searching it finds the links of all pieces at once.
    ends = np.concatenate((layout.chainage_m, links.start_m, links.end_m, [0.0]))
    low, width = ends.min() - reach_m - 1.0, np.ptp(ends) + 2.0 * reach_m + 2.0
    base = corridor * width - low
    base_piece = layout.corridor[station] * width - low
    from_link = np.searchsorted(base + end, base_piece + first, side="right")
    to_link = np.searchsorted(base + start, base_piece + last, side="left")
    count = np.maximum(to_link - from_link, 0)
    piece = np.repeat(np.arange(len(station)), count)
    link = np.repeat(from_link, count) + np.arange(len(piece)) - np.repeat(np.cumsum(count) - count, count)
    shared_m = np.minimum(last[piece], end[link]) - np.maximum(first[piece], start[link])
    keep = (shared_m > 0) & (corridor[link] == layout.corridor[station[piece]])
    piece, link, shared_m = piece[keep], link[keep], shared_m[keep]
    overlap = sparse.coo_array(
        (shared_m * weight[piece], (order[link], station[piece])), shape=(len(links), len(layout))
    )
    return StationLinks(overlap.tocsr(), length_m)


def link_state(
    links: StationLinks, flow_veh_h: Floats, density_veh_km: Floats, speed_kmh: Floats, least_share: float = 0.5
) -> LinkState:
    """Give every link its values, by one multiplication.

    Parameters
    ----------
    links : StationLinks
    flow_veh_h, density_veh_km, speed_kmh : ndarray, shape (n_station,), float64
        NaN = unknown; a speed of NaN with a density of zero is an empty road. [veh/h], [veh/km], [km/h]
    least_share : float
        A link of which less is known is unknown, 0..1. [1]

    Returns
    -------
    LinkState

    Source
    ------
    Generalised flow and density over a stretch: Edie (1963).
    """
    counted = ~np.isnan(flow_veh_h) & ~np.isnan(density_veh_km)
    moving = speed_kmh > 0
    columns = np.column_stack(
        (
            counted,
            np.where(counted, flow_veh_h, 0.0),
            np.where(counted, density_veh_km, 0.0),
            moving,
            np.divide(3.6, speed_kmh, out=np.zeros(len(speed_kmh)), where=moving),
            counted & ~moving & (density_veh_km > 0),
        )
    )
    known_m, flow, density, moving_m, seconds, standing_m = np.asarray(links.overlap_m @ columns).T
    nothing = np.full(len(links.length_m), np.nan)
    long = links.length_m > 0
    share = np.divide(known_m, links.length_m, out=np.zeros(len(nothing)), where=long)
    known = long & (share >= least_share) & (known_m > 0)
    timed = long & (moving_m >= least_share * links.length_m) & (moving_m > 0) & (standing_m == 0)
    mean_flow = np.divide(flow, known_m, out=nothing.copy(), where=known)
    mean_density = np.divide(density, known_m, out=nothing.copy(), where=known)
    return LinkState(
        known_share=np.minimum(share, 1.0),
        flow_veh_h=mean_flow,
        density_veh_km=mean_density,
        speed_kmh=np.divide(mean_flow, mean_density, out=nothing.copy(), where=known & (density > 0)),
        travel_time_s=np.divide(seconds * links.length_m, moving_m, out=nothing.copy(), where=timed),
    )


def _pieces(layout: Layout, reach_m: float, split: Literal["halves", "thirds"]) -> tuple[Ints, Floats, Floats, Floats]:
    """Return stretches of road with the station that speaks for them and its weight there."""
    place = np.arange(len(layout), dtype=np.int64)
    up_m, down_m = represented_m(layout, reach_m)
    at = layout.chainage_m
    first, last = at - up_m, at + down_m
    if split == "halves":
        return place, first, last, np.ones(len(place))
    # Towards a neighbour: to a third of the way alone, on to two thirds half and half.
    has_up, has_down = layout.up >= 0, layout.down >= 0
    near_first = np.where(has_up, at - np.minimum(up_m * 2 / 3, reach_m), first)
    near_last = np.where(has_down, at + np.minimum(down_m * 2 / 3, reach_m), last)
    gap_down = np.where(has_down & (layout.gap_m / 2 <= reach_m), layout.gap_m, 0.0)
    gap_up = np.zeros(len(place))
    gap_up[has_up] = gap_down[layout.up[has_up]]
    # Where the gap is wider than what both reach, there is no middle third to share.
    near_first = np.where(gap_up > 0, near_first, first)
    near_last = np.where(gap_down > 0, near_last, last)
    return (
        np.concatenate((place, place, place)),
        np.concatenate((near_first, at - gap_up * 2 / 3, at + gap_down / 3)),
        np.concatenate((near_last, at - gap_up / 3, at + gap_down * 2 / 3)),
        np.concatenate((np.ones(len(place)), np.full(2 * len(place), 0.5))),
    )
