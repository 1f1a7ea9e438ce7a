"""Devices as the pages see them: which changed in a tick, and what to show of each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from config.catalogue.model import DeviceKind
from engine.findings import HazardLevel
from engine.freshness import NEVER, Freshness
from engine.slopes.level import SlopeState
from engine.step import EngineState
from engine.traffic.stations import CongestionLevel, StationState
from ingest.batching import Tick
from sensors.columns import Envelope, Floats, Received, from_ns, to_ns
from sensors.observations import Message, WeatherObservation
from sensors.registry import Registry
from storage.views import DeviceView

_FRESHNESS = {Freshness.FRESH: "fresh", Freshness.STALE: "stale", Freshness.UNKNOWN: "unknown"}
_CONGESTION: dict[CongestionLevel, str | None] = {level: level.name.lower() for level in CongestionLevel} | {
    CongestionLevel.UNKNOWN: None
}
_HAZARD = {level: level.name.lower() for level in HazardLevel}
_PICTURE = ("pan_deg", "tilt_deg", "zoom")
_NODE = ("pore_pressure_kpa", "battery_v", "rssi_dbm")
_WEATHER = ("temp_c", "rh_pct", "wind_kmh", "wind_deg", "visibility_m", "road_surface_c")


class Presenter:
    """Turns engine state into rows for the live view, for the devices that changed.

    It also remembers what the engine does not compute with: reported faults, and the newest values of weather stations,
    slope nodes and camera pictures.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._faults: dict[int, str] = {}
        self._extra: dict[int, dict[str, float | None]] = {}
        self._newest_ns: dict[int, int] = {}

    def everything(self, state: EngineState) -> dict[str, DeviceView]:
        """Return a row for every device."""
        return self._rows(range(len(self._registry)), state)

    def changes(self, before: EngineState, after: EngineState, tick: Tick) -> dict[str, DeviceView]:
        """Return rows for the devices that spoke, or whose freshness or level changed."""
        self._remember(tick)
        changed = after.freshness.state != before.freshness.state
        for envelope in _envelopes(tick):
            changed[envelope.device] = True
        start = self._registry.start["slope"]
        moved = np.flatnonzero(after.slopes.level != before.slopes.level)
        changed[start + moved] = True
        return self._rows(np.flatnonzero(changed).tolist(), after)

    def counts(self, state: EngineState) -> dict[str, float]:
        """Return how many devices are fresh, stale and unknown."""
        return {f"devices_{name}": float((state.freshness.state == code).sum()) for code, name in _FRESHNESS.items()}

    def _remember(self, tick: Tick) -> None:
        for station in tick.stations:
            self._note(station, station.message.fault, None)
        for status in tick.statuses:
            picture = {name: getattr(status.message, name, None) for name in _PICTURE}
            known = any(value is not None for value in picture.values())
            self._note(status, status.message.fault, picture if known else None)
        for weather in tick.weather:
            self._note(weather, None, {name: getattr(weather.message, name) for name in _WEATHER})
        slope = tick.batch.slope
        for place, device in enumerate(slope.envelope.device.tolist()):
            if self._is_newest(device, int(slope.envelope.time_ns[place])):
                self._extra[device] = {name: _shown(slope.values[name], place) for name in _NODE}

    def _note(self, item: Received[Message], fault: str | None, extra: dict[str, float | None] | None) -> None:
        if not self._is_newest(item.device, to_ns(item.message.time)):
            return
        if fault:
            self._faults[item.device] = fault
        elif not isinstance(item.message, WeatherObservation):
            self._faults.pop(item.device, None)
        if extra is not None:
            self._extra[item.device] = extra

    def _is_newest(self, device: int, time_ns: int) -> bool:
        """Tell whether a message is at least as new as what is shown: late ones change nothing."""
        if time_ns < self._newest_ns.get(device, NEVER):
            return False
        self._newest_ns[device] = time_ns
        return True

    def _rows(self, devices: Iterable[int], state: EngineState) -> dict[str, DeviceView]:
        return {self._registry.ids[device]: self._row(device, state) for device in devices}

    def _row(self, device: int, state: EngineState) -> DeviceView:
        freshness = state.freshness
        heard = freshness.time_ns[device] != NEVER
        level, values = self._computed(device, state)
        online = int(freshness.online[device])
        return DeviceView(
            id=self._registry.ids[device],
            freshness=_FRESHNESS[Freshness(int(freshness.state[device]))],  # type: ignore[arg-type]
            online=None if online < 0 else bool(online),
            fault=self._faults.get(device),
            level=level,
            time=from_ns(int(freshness.time_ns[device])) if heard else None,
            received=from_ns(int(freshness.received_ns[device])) if heard else None,
            values=values | self._extra.get(device, {}),
        )

    def _computed(self, device: int, state: EngineState) -> tuple[str | None, dict[str, float | None]]:
        if (row := self._row_of("vds", device)) is not None:
            return _station(state.stations, row)
        if (row := self._row_of("slope", device)) is not None:
            return _slope(state.slopes, row)
        return None, {}

    def _row_of(self, kind: DeviceKind, device: int) -> int | None:
        row = device - self._registry.start[kind]
        return row if 0 <= row < self._registry.count[kind] else None


def _envelopes(tick: Tick) -> tuple[Envelope, ...]:
    batch = tick.batch
    return (
        batch.vds.envelope,
        batch.slope.envelope,
        batch.weather.envelope,
        batch.bearings.envelope,
        batch.camera_events.envelope,
        batch.status.envelope,
    )


def _station(stations: StationState, row: int) -> tuple[str | None, dict[str, float | None]]:
    level = CongestionLevel(int(stations.level[row]))
    return _CONGESTION[level], {
        "speed_kmh": _shown(stations.speed_kmh, row),
        "flow_veh_h": _shown(stations.flow_veh_h, row, 0),
        "density_veh_km": _shown(stations.density_veh_km, row),
        "occupancy_pct": _shown(stations.occupancy_pct, row),
    }


def _slope(slopes: SlopeState, row: int) -> tuple[str | None, dict[str, float | None]]:
    level = int(slopes.level[row])
    return (_HAZARD[HazardLevel(level)] if level > 0 else None), {
        "tilt_rate_deg_h": _shown(slopes.rate_deg_h, row, 4),
        "rain_1h_mm": _shown(slopes.rain_1h_mm, row),
        "rain_24h_mm": _shown(slopes.rain_24h_mm, row),
        "rain_excess": _shown(slopes.rain_excess, row, 3),
    }


def _shown(column: Floats, row: int, digits: int = 1) -> float | None:
    value = float(column[row])
    return round(value, digits) if np.isfinite(value) else None
