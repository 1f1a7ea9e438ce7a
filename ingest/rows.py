"""Columns of a tick to the rows of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import DEVICE_KINDS, DeviceKind
from sensors.columns import Received, SlopeColumns, VdsColumns, WeatherColumns, from_ns
from sensors.observations import DeviceStatus, Message, SignAck
from sensors.registry import Registry
from storage.series import ROAD_STATE_MISSING, ROAD_STATES, SOIL_DEPTHS, SeriesRows
from storage.writer_batches import DeviceEvent

Keys = NDArray[np.int32]
"""Key of each device in the database by dense index."""
_ROAD_STATE_CODES = {state: code for code, state in enumerate(ROAD_STATES)} | {None: ROAD_STATE_MISSING}


def vds_rows(vds: VdsColumns, quality: NDArray[np.int16], keys: Keys) -> SeriesRows:
    """Return a row for each lane that was reported."""
    reported = ~np.isnan(vds.volume)
    n_message, n_lane = reported.shape
    numbers = np.arange(1, n_lane + 1, dtype=np.int16)
    if reported.all():  # nearly always: then there is nothing to pick

        def of_message(column: NDArray[Any]) -> NDArray[Any]:
            return np.repeat(column, n_lane)

        def of_lane(column: NDArray[Any]) -> NDArray[Any]:
            return column.reshape(-1)

        lane = np.tile(numbers, n_message)
    else:
        message, place = np.nonzero(reported)

        def of_message(column: NDArray[Any]) -> NDArray[Any]:
            return column[message]

        def of_lane(column: NDArray[Any]) -> NDArray[Any]:
            return column[message, place]

        lane = numbers[place]
    head = vds.envelope
    return SeriesRows(
        "vds_lane",
        {
            "time": of_message(head.time_ns),
            "received": of_message(head.received_ns),
            "device": of_message(keys[head.device]),
            "period_s": of_message(vds.period_s.astype(np.float32)),
            "volume": of_lane(vds.volume).astype(np.float32),
            "speed_kmh": of_lane(vds.speed_kmh).astype(np.float32),
            "occupancy_pct": of_lane(vds.occupancy_pct).astype(np.float32),
            "heavy": of_lane(vds.heavy).astype(np.float32),
            "lane": lane,
            "quality": of_lane(quality),
        },
    )


def slope_rows(slope: SlopeColumns, keys: Keys) -> SeriesRows:
    """Return a row for each sample of a landslide node."""
    count = len(slope.envelope)
    moisture = np.full((count, SOIL_DEPTHS), np.nan, dtype=np.float32)
    moisture[:, : slope.soil_moisture_frac.shape[1]] = slope.soil_moisture_frac
    return SeriesRows(
        "slope_reading",
        {
            "time": slope.envelope.time_ns,
            "received": slope.envelope.received_ns,
            "device": keys[slope.envelope.device],
            **{name: column.astype(np.float32) for name, column in slope.values.items()},
            "soil_moisture_frac": moisture,
            "quality": np.zeros(count, dtype=np.int16),
        },
    )


def weather_rows(weather: WeatherColumns, road_states: Sequence[str | None], keys: Keys) -> SeriesRows:
    """Return a row for each sample of a weather station."""
    return SeriesRows(
        "weather_reading",
        {
            "time": weather.envelope.time_ns,
            "received": weather.envelope.received_ns,
            "device": keys[weather.envelope.device],
            **{name: column.astype(np.float32) for name, column in weather.values.items()},
            "road_state": np.array([_ROAD_STATE_CODES[state] for state in road_states], dtype=np.int16),
            "quality": np.zeros(len(road_states), dtype=np.int16),
        },
    )


def event_row(item: Received[Message], registry: Registry, keys: Keys) -> DeviceEvent:
    """Return the row of an event, a state or an answer."""
    kind: DeviceKind = DEVICE_KINDS[registry.kind[item.device]]
    message = item.message
    stream = "status" if isinstance(message, DeviceStatus) else "ack" if isinstance(message, SignAck) else "event"
    return DeviceEvent(
        time=message.time,
        received=from_ns(item.received_ns),
        device=int(keys[item.device]),
        kind=kind,
        stream=stream,
        seq=message.seq,
        payload=msgspec.json.encode(message),
    )
