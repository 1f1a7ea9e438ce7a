"""Typed messages to columns: what one tick of the engine takes in, one array per field.

Axis order is time or message first, then lane. A missing number is NaN. Device indices are those of the
`Registry`; ``row`` is the index within the kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sensors.observations import (
    CameraStatus,
    CctvEvent,
    DeviceStatus,
    Message,
    SlopeObservation,
    TowerEvent,
    WeatherObservation,
)
from sensors.unpacking import whole_times_ns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
M = TypeVar("M", bound=Message, covariant=True)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_ns(time: datetime) -> int:
    """Return nanoseconds since 1970-01-01 UTC, exactly; the unit is [ns]."""
    return (time - _EPOCH) // _MICROSECOND * 1_000


def from_ns(time_ns: int) -> datetime:
    """Return the aware UTC time of nanoseconds since 1970-01-01 UTC, to the microsecond."""
    return _EPOCH + timedelta(microseconds=int(time_ns) // 1_000)


class Received(NamedTuple, Generic[M]):
    """A message, who it is from and when it arrived."""

    device: int
    message: M
    received_ns: int


@dataclass(frozen=True)
class Envelope:
    """What every message has, as columns of shape (n_message,)."""

    device: Ints
    """Dense index over all kinds."""
    row: Ints
    """Index within the kind."""
    seq: Ints
    time_ns: Ints
    """Device time. [ns since 1970 UTC]"""
    received_ns: Ints
    """Arrival time. [ns since 1970 UTC]"""

    def __len__(self) -> int:
        return len(self.device)

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Envelope:
        """Return the rows that a mask or index selects."""
        return Envelope(
            self.device[which], self.row[which], self.seq[which], self.time_ns[which], self.received_ns[which]
        )


@dataclass(frozen=True)
class VdsColumns:
    """Samples of detection stations; lane columns have shape (n_message, n_lane), lane 1 first.

    A lane that was not reported is NaN in every lane column; ``speed_kmh`` and ``heavy`` are NaN also where the lane
    measured none.
    """

    envelope: Envelope
    period_s: Floats
    """Shape (n_message,). [s]"""
    fault: NDArray[np.bool_]
    """Shape (n_message,). True where the station calls itself faulty."""
    volume: Floats
    """[veh/period]"""
    speed_kmh: Floats
    occupancy_pct: Floats
    """0 to 100. [%]"""
    heavy: Floats
    """[veh/period]"""

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> VdsColumns:
        """Return the rows that a mask or index selects."""
        return VdsColumns(
            self.envelope.take(which),
            self.period_s[which],
            self.fault[which],
            self.volume[which],
            self.speed_kmh[which],
            self.occupancy_pct[which],
            self.heavy[which],
        )


SLOPE_FIELDS = (
    "rain_mm_total",
    "tilt_x_deg",
    "tilt_y_deg",
    "pore_pressure_kpa",
    "extension_mm",
    "battery_v",
    "rssi_dbm",
)
SOIL_DEPTHS = 3
WEATHER_FIELDS = (
    "temp_c",
    "rh_pct",
    "wind_kmh",
    "wind_deg",
    "rain_mm_total",
    "visibility_m",
    "road_surface_c",
)


ROAD_STATES = ("dry", "moist", "wet", "snow", "ice", "unknown")
"""What a weather station calls a road's surface; a code is a place in these."""
NO_ROAD_STATE = -1
"""Code of a station that says nothing of it."""


@dataclass(frozen=True)
class SlopeColumns:
    """Samples of landslide nodes; NaN = not reported.

    ``values`` has an entry for each of `SLOPE_FIELDS`, of shape (n_message,) and in the unit of its name's ending;
    ``soil_moisture_frac`` has shape (n_message, `SOIL_DEPTHS`), shallowest first.
    """

    envelope: Envelope
    values: dict[str, Floats]
    soil_moisture_frac: Floats

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> SlopeColumns:
        """Return the rows that a mask or index selects."""
        values = {name: column[which] for name, column in self.values.items()}
        return SlopeColumns(self.envelope.take(which), values, self.soil_moisture_frac[which])


@dataclass(frozen=True)
class WeatherColumns:
    """Samples of weather stations; NaN = not reported.

    ``values`` has an entry for each of `WEATHER_FIELDS`, of shape (n_message,) and in the unit of its name's ending;
    ``road_state`` is a place in `ROAD_STATES` or `NO_ROAD_STATE`.
    """

    envelope: Envelope
    values: dict[str, Floats]
    road_state: NDArray[np.int8]

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> WeatherColumns:
        """Return the rows that a mask or index selects."""
        values = {name: column[which] for name, column in self.values.items()}
        return WeatherColumns(self.envelope.take(which), values, self.road_state[which])


@dataclass(frozen=True)
class BearingColumns:
    """Bearings from watchtowers, shape (n_message,); azimuths in [0, 360), an elevation that was not given is NaN."""

    envelope: Envelope
    detection: tuple[str, ...]
    azimuth_deg: Floats
    azimuth_sigma_deg: Floats
    elevation_deg: Floats
    confidence: Floats


@dataclass(frozen=True)
class CameraEventColumns:
    """Findings of picture analysis, shape (n_message,); lane 0 = not said."""

    envelope: Envelope
    event: tuple[str, ...]
    confidence: Floats
    lane: Ints


@dataclass(frozen=True)
class StatusColumns:
    """States that devices report of themselves, shape (n_message,); an empty fault = none."""

    envelope: Envelope
    online: NDArray[np.bool_]
    fault: tuple[str, ...]
    fresh: NDArray[np.bool_]
    """False when the status speaks of an old camera frame: then the device lives but its picture does not. True for
    devices without a picture."""


@dataclass(frozen=True)
class Batch:
    """What arrived since the last tick, without duplicates."""

    vds: VdsColumns
    slope: SlopeColumns
    weather: WeatherColumns
    bearings: BearingColumns
    camera_events: CameraEventColumns
    status: StatusColumns

    def __len__(self) -> int:
        return sum(
            len(part.envelope)
            for part in (self.vds, self.slope, self.weather, self.bearings, self.camera_events, self.status)
        )


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _floats(values: list[float]) -> Floats:
    return np.array(values, dtype=np.float64)


def envelope(messages: Sequence[Received[Message]], start: int) -> Envelope:
    """Return the common columns; ``start`` is the first dense index of the kind (0 keeps rows dense over all)."""
    device = np.array([item.device for item in messages], dtype=np.int64)
    return Envelope(
        device=device,
        row=device - start,
        seq=np.array([item.message.seq for item in messages], dtype=np.int64),
        time_ns=np.array([to_ns(item.message.time) for item in messages], dtype=np.int64),
        received_ns=np.array([item.received_ns for item in messages], dtype=np.int64),
    )


def times_ns(messages: Sequence[Message]) -> Ints:
    """Return device times [ns since 1970 UTC], shape (n_message,), exactly; those beyond 64 bits become their ends."""
    times = list(map(_time_of, messages))
    parts = [_times_ns(times[start : start + _CHUNK]) for start in range(0, len(times), _CHUNK)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _times_ns(times: Sequence[datetime]) -> Ints:
    """Return some times.

    Notes
    -----
    A double holds microseconds exactly enough to be rounded right until 2038; later times go one by one.
    """
    whole = whole_times_ns(times)
    if whole is not None:
        return whole
    seconds = np.fromiter(map(datetime.timestamp, times), dtype=np.float64, count=len(times))
    if not -(2.0**31) < seconds.min() <= seconds.max() < 2.0**31:
        return np.array([min(max(to_ns(time), _FIRST_NS), _LAST_NS) for time in times], dtype=np.int64)
    return np.rint(seconds * 1e6).astype(np.int64) * 1_000


_CHUNK = 2_048
"""Times that are looked at together: one that takes another way costs only so many."""
_FIRST_NS, _LAST_NS = -(2**62), 2**63 - 1
_time_of = attrgetter("time")
_seq_of = attrgetter("seq")


def envelope_of(messages: Sequence[Message], device: Ints, time_ns: Ints, received_ns: Ints, start: int) -> Envelope:
    """Return the common columns of messages whose devices and times are arrays already."""
    return Envelope(
        device=device,
        row=device - start,
        seq=np.fromiter(map(_seq_of, messages), dtype=np.int64, count=len(messages)),
        time_ns=time_ns,
        received_ns=received_ns,
    )


def slope_grid(messages: Sequence[SlopeObservation], head: Envelope) -> SlopeColumns:
    """Columns of landslide samples; the first three depths of soil moisture are kept."""
    moisture = np.full((len(messages), SOIL_DEPTHS), np.nan)
    for place, message in enumerate(messages):
        depths = (message.soil_moisture_frac or ())[:SOIL_DEPTHS]
        moisture[place, : len(depths)] = [_number(value) for value in depths]
    return SlopeColumns(head, {name: _column(messages, name) for name in SLOPE_FIELDS}, moisture)


def slope_columns(items: Sequence[Received[SlopeObservation]], start: int) -> SlopeColumns:
    """Columns of landslide samples, as `slope_grid`."""
    return slope_grid([item.message for item in items], envelope(items, start))


def weather_grid(messages: Sequence[WeatherObservation], head: Envelope) -> WeatherColumns:
    """Columns of weather samples."""
    states = np.array([_ROAD_STATE_CODES[message.road_state] for message in messages], dtype=np.int8)
    return WeatherColumns(head, {name: _column(messages, name) for name in WEATHER_FIELDS}, states)


_ROAD_STATE_CODES: dict[str | None, int] = {state: code for code, state in enumerate(ROAD_STATES)}
_ROAD_STATE_CODES[None] = NO_ROAD_STATE


def weather_columns(items: Sequence[Received[WeatherObservation]], start: int) -> WeatherColumns:
    """Columns of weather samples, as `weather_grid`."""
    return weather_grid([item.message for item in items], envelope(items, start))


def _column(messages: Sequence[Message], name: str) -> Floats:
    return np.array(list(map(attrgetter(name), messages)), dtype=np.float64)


def bearing_columns(messages: Sequence[Received[TowerEvent]], start: int) -> BearingColumns:
    """Columns of watchtower bearings."""
    return BearingColumns(
        envelope=envelope(messages, start),
        detection=tuple(item.message.detection for item in messages),
        azimuth_deg=_floats([item.message.azimuth_deg for item in messages]) % 360.0,
        azimuth_sigma_deg=_floats([item.message.azimuth_sigma_deg for item in messages]),
        elevation_deg=_floats([_number(item.message.elevation_deg) for item in messages]),
        confidence=_floats([item.message.confidence for item in messages]),
    )


def camera_event_columns(messages: Sequence[Received[CctvEvent]], start: int) -> CameraEventColumns:
    """Columns of camera events."""
    return CameraEventColumns(
        envelope=envelope(messages, start),
        event=tuple(item.message.event for item in messages),
        confidence=_floats([item.message.confidence for item in messages]),
        lane=np.array([item.message.lane or 0 for item in messages], dtype=np.int64),
    )


def status_columns(messages: Sequence[Received[DeviceStatus]], max_frame_age_s: float) -> StatusColumns:
    """Columns of device states, of all kinds; ``row`` is the dense index.

    Parameters
    ----------
    messages
        States in the order of arrival.
    max_frame_age_s
        A camera frame farther than this from the device's own time, either way, is not fresh. [s]
    """
    return StatusColumns(
        envelope=envelope(messages, 0),
        online=np.array([item.message.online for item in messages], dtype=np.bool_),
        fault=tuple(item.message.fault or "" for item in messages),
        fresh=np.array([_has_fresh_frame(item.message, max_frame_age_s) for item in messages], dtype=np.bool_),
    )


def _has_fresh_frame(message: DeviceStatus, max_frame_age_s: float) -> bool:
    if not isinstance(message, CameraStatus) or message.frame_time is None:
        return True
    return abs((message.time - message.frame_time).total_seconds()) <= max_frame_age_s
