"""What detection stations said in a recording, as arrays over time and station."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import Catalogue
from sensors.codec import decode
from sensors.errors import DecodeError
from sensors.observations import VdsObservation
from sensors.topics import parse_topic
from simulators.recording import Recorded

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DetectorSeries:
    """Samples of stations, put into the period that they end in.

    Attributes
    ----------
    ids : tuple of str, of length station
    start
        Begin of the first period.
    period_s
        Length of a period. [s]
    flow_veh_h : ndarray, shape (time, station)
        Flow per lane, mean over the lanes that were told; NaN where no sample came. [veh/h/lane]
    speed_kmh : ndarray, shape (time, station)
        Mean speed of the vehicles counted, arithmetic over vehicles; NaN where none was. [km/h]
    occupancy_pct : ndarray, shape (time, station)
        Mean over lanes. [%]
    """

    ids: tuple[str, ...]
    start: datetime
    period_s: float
    flow_veh_h: Floats
    speed_kmh: Floats
    occupancy_pct: Floats

    @property
    def time_s(self) -> Floats:
        """End of each period after `start`, shape (time,) [s]."""
        return np.asarray((np.arange(len(self.flow_veh_h)) + 1.0) * self.period_s, dtype=np.float64)

    @property
    def density_veh_km(self) -> Floats:
        """Density per lane as flow over speed, shape (time, station); NaN without vehicles [veh/km/lane]."""
        density: Floats = self.flow_veh_h / self.speed_kmh
        return density


def read_detectors(messages: Iterable[Recorded], catalogue: Catalogue, start: datetime) -> DetectorSeries:
    """Collect the samples of all stations.

    Parameters
    ----------
    messages
        Of a recording; what is no sample of a station of the region, or cannot be read, is passed over.
    catalogue
        The region; the longest of its stations' periods is the period.
    start
        Begin of the first period; samples before it are left out.

    Raises
    ------
    ValueError
        If there is no sample at all.
    """
    place = {station.id: index for index, station in enumerate(catalogue.vds)}
    period_s = max((station.period_s for station in catalogue.vds), default=30.0)
    rows: list[tuple[int, int, float, float, float]] = []
    for message in messages:
        for sample in _samples(message):
            index = place.get(sample.device)
            row = int(((sample.time - start).total_seconds() - 1e-3) // period_s)
            if index is None or row < 0 or not sample.lanes:
                continue
            volume = sum(lane.volume for lane in sample.lanes)
            moving = sum(lane.volume * lane.speed_kmh for lane in sample.lanes if lane.speed_kmh is not None)
            rows.append((
                row,
                index,
                volume * 3600.0 / sample.period_s / len(sample.lanes),
                moving / volume if volume else np.nan,
                sum(lane.occupancy_pct for lane in sample.lanes) / len(sample.lanes),
            ))  # fmt: skip
    if not rows:
        raise ValueError("messages: expected samples of detection stations of this region, was none")
    table = np.array(rows, dtype=np.float64)
    at = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    columns = []
    for values in table[:, 2:].T:
        column = np.full((int(table[:, 0].max()) + 1, len(place)), np.nan)
        column[at] = values
        columns.append(column)
    flow, speed, occupancy = columns
    return DetectorSeries(tuple(place), start, period_s, flow, speed, occupancy)


def _samples(message: Recorded) -> list[VdsObservation]:
    try:
        if parse_topic(message.topic).kind != "vds":
            return []
        decoded = decode(message.topic, message.payload).messages
    except (DecodeError, ValueError):
        return []
    return [one for one in decoded if isinstance(one, VdsObservation)]


@dataclass(frozen=True)
class RoadProfile:
    """The stations of one road and direction in the order of travel.

    Attributes
    ----------
    columns : ndarray, shape (station,), int64
        Places in the series' columns.
    chainage_m : ndarray, shape (station,)
        Distance from the start of the road in the direction of travel. [m]
    """

    road: str
    direction: str
    columns: NDArray[np.int64]
    chainage_m: Floats


def road_profile(catalogue: Catalogue, road: str, direction: str) -> RoadProfile:
    """Return the stations of a road and direction.

    Raises
    ------
    ValueError
        If it has fewer than two.
    """
    links = {link.id: link for link in catalogue.links if link.road == road and link.direction == direction}
    found = sorted(
        (links[station.link].chainage_m + station.offset_m, index)
        for index, station in enumerate(catalogue.vds)
        if station.link in links
    )
    if len(found) < 2:
        raise ValueError(f"road {road}, direction {direction}: expected two stations or more, was {len(found)}")
    chainage, columns = zip(*found, strict=True)
    return RoadProfile(road, direction, np.array(columns, dtype=np.int64), np.array(chainage, dtype=np.float64))


def wave_speed_kmh(
    series: DetectorSeries, profile: RoadProfile, *, congested_kmh: float = 50.0, longest_s: float = 1200.0
) -> Floats:
    """Return how fast changes of speed travel upstream between neighbouring stations in congestion.

    For each pair of stations of which both are congested for ten minutes or more: the lag of the greatest correlation
    of their detrended speeds, between 0 and ``longest_s``, from the downstream station to the upstream one. Own
    construction, after the usual cross-correlation of detector series (Treiber & Kesting 2013, section 5.5).

    Parameters
    ----------
    series
        Samples.
    profile
        The road.
    congested_kmh
        Below it a station is congested. [km/h]
    longest_s
        Longest lag. [s]

    Returns
    -------
    ndarray, shape (pair,)
        Positive = upstream; only pairs whose correlation is above 0.5. [km/h]
    """
    speed = series.speed_kmh[:, profile.columns]
    speed = np.where(np.isnan(speed), np.nanmax(speed, initial=0.0), speed)
    most = int(longest_s / series.period_s)
    least = int(600.0 / series.period_s)
    found = []
    for upstream, downstream in zip(range(speed.shape[1] - 1), range(1, speed.shape[1]), strict=True):
        both = np.flatnonzero((speed[:, upstream] < congested_kmh) & (speed[:, downstream] < congested_kmh))
        if len(both) < least:
            continue
        first, last = int(both[0]), int(both[-1]) + 1
        window = slice(max(first - most, 0), last)
        up, down = (_detrended(speed[window, place]) for place in (upstream, downstream))
        count = len(up)
        scores = [
            float(np.corrcoef(up[lag:], down[: count - lag])[0, 1]) if count - lag >= least else -1.0
            for lag in range(1, most)
        ]
        best = int(np.nanargmax(scores)) + 1 if scores else 0
        if best and scores[best - 1] > 0.5:
            distance_m = profile.chainage_m[downstream] - profile.chainage_m[upstream]
            found.append(distance_m / (best * series.period_s) * 3.6)
    return np.array(found)


def _detrended(values: Floats) -> Floats:
    return np.diff(values, prepend=values[:1])
