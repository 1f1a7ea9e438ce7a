"""How long a link takes, by when it is entered: predicted speeds, and queues before a loss of capacity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.network.graph import Network

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOREVER_S = 1e9
"""Stands for an end that is not known. [s]"""
_LEAST_VEH_S = 1e-6


@dataclass(frozen=True)
class Losses:
    """Closures and losses of capacity, columns of shape (n_loss,).

    Attributes
    ----------
    link : ndarray, int64
    from_s, until_s : ndarray, float64
        From now; negative = began before. ``inf`` = end not known. [s]
    capacity_left : ndarray, float64
        0 = closed, 1 = nothing lost.
    """

    link: Ints
    from_s: Floats
    until_s: Floats
    capacity_left: Floats

    def __len__(self) -> int:
        return len(self.link)

    @classmethod
    def none(cls) -> Losses:
        """Return no losses."""
        nothing = np.empty(0)
        return cls(np.empty(0, dtype=np.int64), nothing, nothing, nothing)

    @classmethod
    def of(cls, link: int, capacity_left: float, from_s: float, until_s: float) -> Losses:
        """Return one loss."""
        return cls(np.array([link]), np.array([float(from_s)]), np.array([float(until_s)]), np.array([capacity_left]))


@dataclass(frozen=True)
class LinkTimes:
    """Travel time of every link by the time at which it is entered, between slices linear, after the last constant.

    Attributes
    ----------
    slice_s : float
        [s]
    travel_s : ndarray, shape (n_slice, n_link), float64
        On entering at ``k * slice_s`` from now. Who enters later never leaves earlier (FIFO). [s]
    losses : Losses
    arriving_veh_s : ndarray, shape (n_loss,), float64
        Demand at each loss. 0 where it is not known: then nobody stands in front of one. [veh/s]
    capacity_veh_s : ndarray, shape (n_loss,), float64
        Of its link without the loss. [veh/s]
    """

    slice_s: float
    travel_s: Floats
    losses: Losses
    arriving_veh_s: Floats
    capacity_veh_s: Floats

    def leave_s(self, link: Ints, enter_s: Floats) -> Floats:
        """Return when those leave links who enter them at some time.

        Parameters
        ----------
        link : ndarray, shape (n,), int64
        enter_s : ndarray, shape (n,), float64
            From now, >= 0 or ``inf``. [s]

        Returns
        -------
        ndarray, shape (n,), float64
            ``inf`` where nobody gets through. [s]
        """
        for place in np.argsort(self.losses.from_s, kind="stable").tolist():
            here = link == self.losses.link[place]
            if here.any():
                enter_s = enter_s.copy()
                enter_s[here] += self._queue_s(place, enter_s[here])
        last = len(self.travel_s) - 1
        place = np.minimum(enter_s / self.slice_s, float(last))
        low = place.astype(np.int64)
        high = np.minimum(low + 1, last)
        flat, n_link = self.travel_s.reshape(-1), self.travel_s.shape[1]
        before = flat[low * n_link + link]
        leave = enter_s + before + (place - low) * (flat[high * n_link + link] - before)
        return np.asarray(np.where(leave >= FOREVER_S, np.inf, leave))

    def _queue_s(self, place: int, at_s: Floats) -> Floats:
        return queue_delay_s(
            at_s,
            from_s=float(self.losses.from_s[place]),
            until_s=float(self.losses.until_s[place]),
            arriving_veh_s=float(self.arriving_veh_s[place]),
            left_veh_s=float(self.losses.capacity_left[place] * self.capacity_veh_s[place]),
            capacity_veh_s=float(self.capacity_veh_s[place]),
        )


def queue_delay_s(
    at_s: Floats,
    *,
    from_s: float,
    until_s: float,
    arriving_veh_s: float,
    left_veh_s: float,
    capacity_veh_s: float,
) -> Floats:
    """Return how long one waits in the point queue before a bottleneck that lasts for a time.

    Parameters
    ----------
    at_s : ndarray, shape (n,), float64
        When one gets there. [s]
    from_s, until_s : float
        When the loss lasts; ``inf`` = end not known. [s]
    arriving_veh_s : float
        Demand, constant. [veh/s]
    left_veh_s, capacity_veh_s : float
        Served meanwhile, >= 0, and afterwards, > 0. [veh/s]

    Returns
    -------
    ndarray, shape (n,), float64
        ``FOREVER_S`` or more where nobody is served any more. [s]

    Notes
    -----
    The queue grows by demand less service from ``from_s`` on and is empty before it. Who arrives at t leaves when the
    queue of then has been served: Q/μ if that is before ``until_s``, else the rest of it at full capacity. Who arrives
    later never leaves earlier.

    Source
    ------
    Deterministic point queue: Newell (1982), "Applications of Queueing Theory", ch. 2; the closed form is own work.
    """
    until_s = min(until_s, FOREVER_S)
    left_veh_s = min(max(left_veh_s, 0.0), capacity_veh_s)
    during = (at_s >= from_s) & (at_s < until_s)
    after = (at_s >= until_s) & (at_s < FOREVER_S)
    growth = max(arriving_veh_s - left_veh_s, 0.0)
    standing = growth * (np.clip(at_s, from_s, until_s) - from_s)
    change = arriving_veh_s - capacity_veh_s
    later = np.maximum(standing + change * np.where(after, at_s - until_s, 0.0), 0.0)
    rest_s = np.where(during, until_s - at_s, 0.0)
    if left_veh_s > _LEAST_VEH_S:
        within = standing <= left_veh_s * rest_s
        slow_s = standing / left_veh_s
    else:
        within, slow_s = np.zeros(at_s.shape, dtype=np.bool_), np.zeros(at_s.shape)
    then_s = rest_s + (standing - left_veh_s * rest_s) / capacity_veh_s
    return np.asarray(
        np.where(during, np.where(within, slow_s, then_s), np.where(after, later / capacity_veh_s, 0.0)),
        dtype=np.float64,
    )


def link_times(
    network: Network,
    speed_kmh: Floats | None = None,
    *,
    slice_s: float,
    min_speed_kmh: float,
    losses: Losses | None = None,
    flow_veh_h: Floats | None = None,
) -> LinkTimes:
    """Make link times of predicted speeds and of losses of capacity.

    Parameters
    ----------
    network : Network
    speed_kmh : ndarray, shape (n_slice, n_link), float64, optional
        Present and predicted. NaN, 0 or less = not known: free flow; above free flow counts as free flow. [km/h]
    slice_s : float
        [s]
    min_speed_kmh : float
        Nothing is slower. [km/h]
    losses : Losses, optional
        Unordered, several a link allowed.
    flow_veh_h : ndarray, shape (n_link,), float64, optional
        Demand of each link. NaN = not known: then only closures delay. [veh/h]

    Returns
    -------
    LinkTimes

    Raises
    ------
    ValueError
        If the speeds do not have a column a link.
    """
    free_s = network.free_s
    if speed_kmh is None:
        speed_kmh = np.full((1, len(network)), np.nan)
    if speed_kmh.ndim != 2 or speed_kmh.shape[1] != len(network) or not len(speed_kmh):
        raise ValueError(f"speed_kmh: expected shape (slice, {len(network)}), was {speed_kmh.shape}")
    known = np.isfinite(speed_kmh) & (speed_kmh > 0)
    speed = np.where(known, np.clip(np.where(known, speed_kmh, 1.0), min_speed_kmh, None), network.free_kmh)
    travel = np.maximum(network.length_m / (speed / 3.6), free_s)
    for place in range(1, len(travel)):
        travel[place] = np.maximum(travel[place], travel[place - 1] - slice_s)
    given = Losses.none() if losses is None else losses
    flow = np.zeros(len(given)) if flow_veh_h is None else np.nan_to_num(flow_veh_h[given.link], nan=0.0)
    return LinkTimes(slice_s, travel, given, flow / 3600.0, network.capacity_veh_h[given.link] / 3600.0)
