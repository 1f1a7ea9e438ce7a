"""Accepted messages to what a tick needs: the engine's batch, the rows to store, the tokens to acknowledge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import DEVICE_KINDS, DeviceKind
from config.numbers import Number
from ingest.dedup import Deduplicator
from ingest.inbox import Accepted
from sensors.columns import (
    Batch,
    Floats,
    Received,
    SlopeColumns,
    VdsColumns,
    WeatherColumns,
    bearing_columns,
    camera_event_columns,
    from_ns,
    slope_columns,
    status_columns,
    to_ns,
    vds_columns,
    weather_columns,
)
from sensors.observations import (
    CctvEvent,
    DeviceStatus,
    Message,
    SignAck,
    SlopeObservation,
    TowerEvent,
    VdsObservation,
    WeatherObservation,
)
from sensors.registry import Registry
from storage.series import ROAD_STATE_MISSING, ROAD_STATES, SOIL_DEPTHS, SeriesRows
from storage.writer_batches import DeviceEvent

IMPLAUSIBLE_SPEED = 1
IMPLAUSIBLE_FLOW = 2
REPORTED_FAULT = 4
"""Bits of ``quality`` in the tables."""


@dataclass(frozen=True)
class Tick:
    """What arrived for one tick, without duplicates."""

    batch: Batch
    series: tuple[SeriesRows, ...]
    events: tuple[DeviceEvent, ...]
    acks: tuple[Received[SignAck], ...]
    statuses: tuple[Received[DeviceStatus], ...]
    stations: tuple[Received[VdsObservation], ...]
    weather: tuple[Received[WeatherObservation], ...]


class Batcher:
    """Sorts messages by type, drops duplicates and builds columns.

    Parameters
    ----------
    registry
        Devices of the region.
    keys : ndarray, shape (n_device,), int32
        Keys of the devices in the database.
    plausibility
        Numbers of ``config/thresholds/plausibility.toml``.
    """

    def __init__(self, registry: Registry, keys: NDArray[np.int32], plausibility: dict[str, Number]) -> None:
        self.deduplicator = Deduplicator(len(registry))
        self._registry = registry
        self._keys = keys
        self._speed_max_kmh = plausibility["speed_kmh_max"].value
        self._flow_max_veh_h = plausibility["flow_veh_h_lane_max"].value
        self._max_frame_age_s = plausibility["max_frame_age_s"].value
        self._n_lane = int(registry.lanes.max(initial=1))

    def build(self, accepted: Sequence[Accepted]) -> Tick:
        """Build a tick from messages in order of arrival."""
        sorted_by_type: dict[type[Message], list[Received[Any]]] = {}
        for item in self._without_duplicates(accepted):
            sorted_by_type.setdefault(type(item.message), []).append(item)

        def of(*kinds: type[Message]) -> list[Received[Any]]:
            return [item for kind, items in sorted_by_type.items() if issubclass(kind, kinds) for item in items]

        start = self._registry.start
        stations = of(VdsObservation)
        vds = vds_columns(stations, start["vds"], self._n_lane)
        believed, quality = self._plausible(vds)
        slope = slope_columns(of(SlopeObservation), start["slope"])
        weather_messages = of(WeatherObservation)
        weather = weather_columns(weather_messages, start["weather"])
        statuses = of(DeviceStatus)
        batch = Batch(
            vds=believed,
            slope=slope,
            weather=weather,
            bearings=bearing_columns(of(TowerEvent), start["tower"]),
            camera_events=camera_event_columns(of(CctvEvent), start["cctv"]),
            status=status_columns(statuses, self._max_frame_age_s),
        )
        series = (
            self._vds_rows(vds, quality),
            self._slope_rows(slope),
            self._weather_rows(weather, [item.message.road_state for item in weather_messages]),
        )
        return Tick(
            batch=batch,
            series=tuple(rows for rows in series if len(rows)),
            events=tuple(self._event(item) for item in of(TowerEvent, CctvEvent, DeviceStatus, SignAck)),
            acks=tuple(of(SignAck)),
            statuses=tuple(statuses),
            stations=tuple(stations),
            weather=tuple(weather_messages),
        )

    def _without_duplicates(self, accepted: Sequence[Accepted]) -> list[Received[Message]]:
        items = [item for one in accepted for item in one.observations]
        if not items:
            return []
        table = np.array([(item.device, item.message.seq, to_ns(item.message.time)) for item in items], dtype=np.int64)
        fresh = self.deduplicator.fresh(*table.T)
        return [item for item, new in zip(items, fresh.tolist(), strict=True) if new]

    def _plausible(self, vds: VdsColumns) -> tuple[VdsColumns, NDArray[np.int16]]:
        """Keep from the engine what no road can bring; the tables keep it, with its mark."""
        fast = vds.speed_kmh > self._speed_max_kmh
        dense = vds.volume * 3600.0 > self._flow_max_veh_h * vds.period_s[:, None]
        quality = fast * IMPLAUSIBLE_SPEED + dense * IMPLAUSIBLE_FLOW + vds.fault[:, None] * REPORTED_FAULT
        doubtful = fast | dense

        def kept(column: Floats) -> Floats:
            return np.where(doubtful, np.nan, column)

        believed = VdsColumns(
            envelope=vds.envelope,
            period_s=vds.period_s,
            fault=vds.fault,
            volume=kept(vds.volume),
            speed_kmh=kept(vds.speed_kmh),
            occupancy_pct=kept(vds.occupancy_pct),
            heavy=kept(vds.heavy),
        )
        return believed, quality.astype(np.int16)

    def _vds_rows(self, vds: VdsColumns, quality: NDArray[np.int16]) -> SeriesRows:
        message, lane = np.nonzero(~np.isnan(vds.volume))
        return SeriesRows(
            "vds_lane",
            {
                "time": vds.envelope.time_ns[message],
                "received": vds.envelope.received_ns[message],
                "device": self._keys[vds.envelope.device[message]],
                "period_s": vds.period_s[message].astype(np.float32),
                "volume": vds.volume[message, lane].astype(np.float32),
                "speed_kmh": vds.speed_kmh[message, lane].astype(np.float32),
                "occupancy_pct": vds.occupancy_pct[message, lane].astype(np.float32),
                "heavy": vds.heavy[message, lane].astype(np.float32),
                "lane": (lane + 1).astype(np.int16),
                "quality": quality[message, lane],
            },
        )

    def _slope_rows(self, slope: SlopeColumns) -> SeriesRows:
        count = len(slope.envelope)
        moisture = np.full((count, SOIL_DEPTHS), np.nan, dtype=np.float32)
        moisture[:, : slope.soil_moisture_frac.shape[1]] = slope.soil_moisture_frac
        return SeriesRows(
            "slope_reading",
            {
                "time": slope.envelope.time_ns,
                "received": slope.envelope.received_ns,
                "device": self._keys[slope.envelope.device],
                **{name: column.astype(np.float32) for name, column in slope.values.items()},
                "soil_moisture_frac": moisture,
                "quality": np.zeros(count, dtype=np.int16),
            },
        )

    def _weather_rows(self, weather: WeatherColumns, road_states: list[str | None]) -> SeriesRows:
        codes = [ROAD_STATE_MISSING if state is None else ROAD_STATES.index(state) for state in road_states]
        return SeriesRows(
            "weather_reading",
            {
                "time": weather.envelope.time_ns,
                "received": weather.envelope.received_ns,
                "device": self._keys[weather.envelope.device],
                **{name: column.astype(np.float32) for name, column in weather.values.items()},
                "road_state": np.array(codes, dtype=np.int16),
                "quality": np.zeros(len(codes), dtype=np.int16),
            },
        )

    def _event(self, item: Received[Message]) -> DeviceEvent:
        kind: DeviceKind = DEVICE_KINDS[self._registry.kind[item.device]]
        message = item.message
        stream = "status" if isinstance(message, DeviceStatus) else "ack" if isinstance(message, SignAck) else "event"
        return DeviceEvent(
            time=message.time,
            received=from_ns(item.received_ns),
            device=int(self._keys[item.device]),
            kind=kind,
            stream=stream,
            seq=message.seq,
            payload=msgspec.json.encode(message),
        )
