"""One detection period of all stations at once, lane by lane, and the sums over the lanes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.traffic.stations import aggregate_lanes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_EMPTY_VEH_KM = 1e-3


@dataclass(frozen=True)
class Frame:
    """What the lanes measured in one period; stations in the order of a `Layout`.

    Attributes
    ----------
    time_ns : int
        End of the period. [ns since 1970 UTC]
    period_s : float
        [s]
    volume, speed_kmh, occupancy_pct : ndarray, shape (n_station, n_lane), float64
        NaN = not measured, or no such lane. [veh/period], [km/h], [%]
    """

    time_ns: int
    period_s: float
    volume: Floats
    speed_kmh: Floats
    occupancy_pct: Floats


@dataclass(frozen=True)
class Series:
    """Many periods of the same stations: arrays of shape (time, station, lane), as in `Frame`.

    ``time_ns`` has shape (time,), int64, and rises; gaps are gaps, not rows of NaN.
    """

    time_ns: Ints
    period_s: float
    volume: Floats
    speed_kmh: Floats
    occupancy_pct: Floats

    def __len__(self) -> int:
        return len(self.time_ns)

    def frames(self) -> Iterator[Frame]:
        """Give one period after the other."""
        for place, time_ns in enumerate(self.time_ns.tolist()):
            yield Frame(time_ns, self.period_s, self.volume[place], self.speed_kmh[place], self.occupancy_pct[place])


@dataclass(frozen=True)
class StationFrame:
    """One period summed over the lanes, arrays of shape (n_station,).

    Attributes
    ----------
    time_ns : int
        End of the period. [ns since 1970 UTC]
    period_s : float
        [s]
    lanes_used : ndarray, int64
        Lanes that reported.
    flow_veh_h_lane, density_veh_km_lane : ndarray, float64
        Per lane that reported. NaN when none did. [veh/h/lane], [veh/km/lane]
    speed_kmh : ndarray, float64
        Flow over density, which is the flow-weighted harmonic mean of the lanes; where lanes measured speeds and no
        counts, their plain harmonic mean. NaN when nothing moved. [km/h]
    occupancy_pct : ndarray, float64
        Mean of the lanes. NaN when none reported. [%]
    substituted : ndarray, bool
        A number here was not measured here and now.
    """

    time_ns: int
    period_s: float
    lanes_used: Ints
    flow_veh_h_lane: Floats
    density_veh_km_lane: Floats
    speed_kmh: Floats
    occupancy_pct: Floats
    substituted: NDArray[np.bool_]


def station_frame(frame: Frame, effective_length_m: float, standing_occupancy_pct: float) -> StationFrame:
    """Sum a period over its lanes.

    Parameters
    ----------
    frame : Frame
    effective_length_m, standing_occupancy_pct : float
        As for `aggregate_lanes`. [m], [%]

    Returns
    -------
    StationFrame
        Nothing marked as substituted.

    Source
    ------
    As `aggregate_lanes`.
    """
    n_station = len(frame.volume)
    flow, density, occupancy = aggregate_lanes(
        frame.volume,
        frame.speed_kmh,
        frame.occupancy_pct,
        np.full(n_station, frame.period_s),
        effective_length_m,
        standing_occupancy_pct,
    )
    used = (~np.isnan(frame.volume)).sum(axis=1)
    lanes = np.maximum(used, 1)
    speed = np.divide(flow, density, out=_speeds_alone(frame), where=density > _EMPTY_VEH_KM)
    return StationFrame(
        time_ns=frame.time_ns,
        period_s=frame.period_s,
        lanes_used=used,
        flow_veh_h_lane=flow / lanes,
        density_veh_km_lane=density / lanes,
        speed_kmh=speed,
        occupancy_pct=occupancy,
        substituted=np.zeros(n_station, dtype=bool),
    )


def _speeds_alone(frame: Frame) -> Floats:
    """Return the harmonic mean of the lanes where a station measures no counts; NaN elsewhere."""
    moving = frame.speed_kmh > 0
    count = np.where(np.isnan(frame.volume).all(axis=1), moving.sum(axis=1), 0)
    pace = np.divide(1.0, frame.speed_kmh, out=np.zeros(frame.speed_kmh.shape), where=moving).sum(axis=1)
    return np.asarray(np.divide(count, pace, out=np.full(len(count), np.nan), where=count > 0))
