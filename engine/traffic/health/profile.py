"""What a station usually shows at a time of day: learnt as it goes, small."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.traffic.health.daily import local_time

Floats = NDArray[np.float64]

SLOTS = 96
"""Quarters of an hour of a day."""
QUANTITIES = 3
"""Flow per lane [veh/h/lane], density per lane [veh/km/lane], occupancy [%]."""


@dataclass(frozen=True)
class Profile:
    """Exponential means over the days.

    Attributes
    ----------
    usual : ndarray, shape (SLOTS, n_station, QUANTITIES), float32
        NaN where nothing was learnt.
    slot : int
        Quarter that is being gathered; -1 before the first.
    total : ndarray, shape (n_station, QUANTITIES), float64
    count : ndarray, shape (n_station,), float64
        Of the quarter so far.
    """

    usual: NDArray[np.float32]
    slot: int
    total: Floats
    count: Floats

    @classmethod
    def initial(cls, n_station: int, usual: NDArray[np.float32] | None = None) -> Profile:
        """Return an empty profile, or one from history of shape (SLOTS, n_station, QUANTITIES)."""
        empty = np.full((SLOTS, n_station, QUANTITIES), np.nan, dtype=np.float32)
        return cls(empty if usual is None else usual, -1, np.zeros((n_station, QUANTITIES)), np.zeros(n_station))

    def now(self, time_ns: int, utc_offset_s: float) -> NDArray[np.float32]:
        """Return what is usual at this time of day, shape (n_station, QUANTITIES)."""
        return np.asarray(self.usual[slot_of(time_ns, utc_offset_s)])


def slot_of(time_ns: int, utc_offset_s: float) -> int:
    """Return the quarter of the local day."""
    return int(local_time(time_ns, utc_offset_s)[1] * SLOTS // 86_400)


def learn(profile: Profile, values: Floats, time_ns: int, utc_offset_s: float, new_day_weight: float) -> Profile:
    """Take in one period.

    Parameters
    ----------
    profile : Profile
    values : ndarray, shape (n_station, QUANTITIES), float64
        Only what was measured; a row with a NaN is left out.
    time_ns : int
        [ns since 1970 UTC]
    utc_offset_s : float
        Local time less UTC. [s]
    new_day_weight : float
        Of a new day against all before, 0..1.

    Returns
    -------
    Profile
        A quarter goes into the profile when it is over.
    """
    slot = slot_of(time_ns, utc_offset_s)
    if slot != profile.slot:
        profile = _close(profile, slot, new_day_weight)
    good = np.asarray(~np.isnan(values).any(axis=1))
    return replace(
        profile,
        total=profile.total + np.where(good[:, None], values, 0.0),
        count=profile.count + good,
    )


def _close(profile: Profile, slot: int, new_day_weight: float) -> Profile:
    new = Profile(profile.usual, slot, np.zeros(profile.total.shape), np.zeros(profile.count.shape))
    seen = profile.count > 0
    if profile.slot < 0 or not seen.any():
        return new
    mean = profile.total[seen] / profile.count[seen][:, None]
    old = profile.usual[profile.slot][seen]
    # The one large array is copied four times an hour, so that states stay values.
    usual = profile.usual.copy()
    usual[profile.slot, seen] = np.where(np.isnan(old), mean, old + new_day_weight * (mean - old))
    return replace(new, usual=usual)
