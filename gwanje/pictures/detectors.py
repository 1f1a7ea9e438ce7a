"""What detection stations said in a recording, as arrays over time and station."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, median_filter

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


def release_wave_kmh(
    series: DetectorSeries, profile: RoadProfile, *, standing_kmh: float = 15.0, released_kmh: float = 22.0
) -> float | None:
    """Return how fast the front travels upstream at which the densest queue of a road begins to discharge.

    At each station that stood for five minutes or more: the end of its longest stand, when the speed, smoothed over
    five samples, first passes ``released_kmh`` afterwards. The longest run of neighbouring stations that were released
    one after the other upstream gives the speed, by least squares of chainage over time. Own construction, after the
    downstream jam front of constant speed (Treiber & Kesting 2013, section 5.5).

    Parameters
    ----------
    series
        Samples.
    profile
        The road.
    standing_kmh, released_kmh
        Speeds below and above which a station stands and is released. [km/h]

    Returns
    -------
    float or None
        Positive = upstream; None when fewer than three neighbouring stations were released in a row. [km/h]
    """
    released_s = np.array([
        _released_s(series.speed_kmh[:, column], series.period_s, standing_kmh, released_kmh)
        for column in profile.columns
    ])  # fmt: skip
    best: list[int] = []
    row: list[int] = []
    for station in range(len(released_s) - 1, -1, -1):
        in_turn = bool(row) and released_s[station] > released_s[row[-1]]
        row = [] if np.isnan(released_s[station]) else [*row, station] if in_turn else [station]
        best = max(best, row, key=len)
    if len(best) < 3:
        return None
    slope_m_s = float(np.polyfit(released_s[best], profile.chainage_m[best], 1)[0])
    return -slope_m_s * 3.6


def _released_s(speed_kmh: Floats, period_s: float, standing_kmh: float, released_kmh: float) -> float:
    """End of the longest stand of a station, NaN when it never stood for five minutes or was never released [s]."""
    known = np.where(np.isnan(speed_kmh), np.inf, speed_kmh)
    smooth = median_filter(known, size=5, mode="nearest")
    stands, count = label(smooth < standing_kmh)
    if not count:
        return float("nan")
    lengths = np.bincount(stands)[1:]
    if lengths.max() * period_s < 300.0:
        return float("nan")
    last = int(np.flatnonzero(stands == int(lengths.argmax()) + 1)[-1])
    after = np.flatnonzero(smooth[last:] > released_kmh)
    return float("nan") if len(after) == 0 else (last + int(after[0]) + 1) * period_s
