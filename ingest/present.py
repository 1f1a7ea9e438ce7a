"""Devices as the pages see them: which changed in a tick, and what to show of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from config.catalogue.model import DEVICE_KINDS, DeviceKind
from engine.findings import HazardLevel
from engine.freshness import NEVER, Freshness
from engine.slopes.level import SlopeState
from engine.step import EngineState
from engine.traffic.stations import CongestionLevel, StationState
from ingest.batching import Tick
from sensors.columns import Envelope, Floats, Ints, Received, from_ns, to_ns
from sensors.observations import DeviceStatus
from sensors.registry import Registry
from storage.views import DeviceView

_Computed = tuple[str | None, dict[str, float | None]]
"""Level and values."""
_NOTHING: _Computed = (None, {})
# By number, as the engine's arrays have them: an IntEnum is found by its number.
_FRESHNESS: dict[int, str] = {Freshness.FRESH: "fresh", Freshness.STALE: "stale", Freshness.UNKNOWN: "unknown"}
_CONGESTION: dict[int, str | None] = {level: level.name.lower() for level in CongestionLevel} | {
    CongestionLevel.UNKNOWN: None
}
_HAZARD: dict[int, str] = {level: level.name.lower() for level in HazardLevel}
_PICTURE = ("pan_deg", "tilt_deg", "zoom")
_KEPT: dict[DeviceKind, tuple[str, ...]] = {
    "slope": ("pore_pressure_kpa", "battery_v", "rssi_dbm"),
    "weather": ("temp_c", "rh_pct", "wind_kmh", "wind_deg", "visibility_m", "road_surface_c"),
}
_DIGITS = 1


class Presenter:
    """Turns engine state into rows for the live view, for the devices that changed.

    It also remembers what the engine does not compute with: reported faults, and the newest values of weather stations,
    slope nodes and camera pictures.

    Notes
    -----
    A row costs some microseconds of Python, so that under a flood of samples only so many are made at a time: those
    whose freshness or level changed first, the others in turn. What waits is made of the newest state, so nothing
    becomes stale by waiting.
    """

    def __init__(self, registry: Registry) -> None:
        count = len(registry)
        self._registry = registry
        self._faults: dict[int, str] = {}
        self._has_fault = np.zeros(count, dtype=np.bool_)
        self._pictures: dict[int, dict[str, float | None]] = {}
        self._newest_ns = np.full(count, NEVER, dtype=np.int64)
        self._latest: dict[DeviceKind, dict[str, Floats]] = {
            kind: {name: np.full(registry.count[kind], np.nan) for name in names} for kind, names in _KEPT.items()
        }
        self._heard = np.zeros(count, dtype=np.bool_)
        self._pending = np.zeros(count, dtype=np.bool_)
        self._urgent = np.zeros(count, dtype=np.bool_)
        self._next = 0

    def everything(self, state: EngineState) -> dict[str, DeviceView]:
        """Return a row for every device."""
        return self._rows(range(len(self._registry)), state)

    def note(self, before: EngineState, after: EngineState, tick: Tick) -> None:
        """Note the devices that spoke, or whose freshness or level changed."""
        self._remember(tick)
        for envelope in _envelopes(tick):
            self._pending[envelope.device] = True
        self._urgent |= after.freshness.state != before.freshness.state
        start = self._registry.start["slope"]
        self._urgent[start + np.flatnonzero(after.slopes.level != before.slopes.level)] = True

    @property
    def waiting(self) -> int:
        """Devices whose row is to be made anew."""
        return int((self._pending | self._urgent).sum())

    def changes(self, state: EngineState, most: int) -> dict[str, DeviceView]:
        """Return the rows of at most so many of the devices noted, and forget that they were."""
        urgent = np.flatnonzero(self._urgent)[:most]
        self._urgent[urgent] = False
        self._pending[urgent] = False
        waiting = np.flatnonzero(self._pending)
        # In turn from where it stopped last time, so that none waits for ever.
        turned = np.roll(waiting, -int(np.searchsorted(waiting, self._next)))[: most - len(urgent)]
        self._pending[turned] = False
        if len(turned):
            self._next = int(turned[-1]) + 1
        return self._rows(np.sort(np.concatenate([urgent, turned])).tolist(), state)

    def counts(self, state: EngineState) -> dict[str, float]:
        """Return how many devices are fresh, stale and unknown."""
        return {f"devices_{name}": float((state.freshness.state == code).sum()) for code, name in _FRESHNESS.items()}

    def _remember(self, tick: Tick) -> None:
        self._remember_stations(tick)
        batch = tick.batch
        for kind, columns in (("weather", batch.weather), ("slope", batch.slope)):
            newest = self._take_newest(columns.envelope)
            row = columns.envelope.row[newest]
            for name, latest in self._latest[kind].items():  # type: ignore[index]
                latest[row] = columns.values[name][newest]
            self._heard[columns.envelope.device[newest]] = True
        for status in tick.statuses:
            self._remember_status(status)

    def _remember_stations(self, tick: Tick) -> None:
        vds = tick.batch.vds
        newest = self._take_newest(vds.envelope)
        device, time_ns = vds.envelope.device[newest], vds.envelope.time_ns[newest]
        told = vds.fault[newest]
        for gone in device[self._has_fault[device] & ~told].tolist():
            del self._faults[gone]
            self._has_fault[gone] = False
        for one, at_ns in zip(device[told].tolist(), time_ns[told].tolist(), strict=True):
            self._faults[one] = tick.faults[one, at_ns]
            self._has_fault[one] = True

    def _remember_status(self, status: Received[DeviceStatus]) -> None:
        device, time_ns = status.device, to_ns(status.message.time)
        if time_ns < self._newest_ns[device]:
            return
        self._newest_ns[device] = time_ns
        self._faults.pop(device, None)
        if status.message.fault:
            self._faults[device] = status.message.fault
        self._has_fault[device] = bool(status.message.fault)
        picture = {name: getattr(status.message, name, None) for name in _PICTURE}
        if any(value is not None for value in picture.values()):
            self._pictures[device] = picture

    def _take_newest(self, envelope: Envelope) -> Ints:
        """Return the places of each device's newest sample, if it is not older than what is shown; note its time."""
        order = np.lexsort((envelope.time_ns, envelope.device))
        device = envelope.device[order]
        last = order[np.append(device[1:] != device[:-1], True)] if len(order) else order
        newest = last[envelope.time_ns[last] >= self._newest_ns[envelope.device[last]]]
        self._newest_ns[envelope.device[newest]] = envelope.time_ns[newest]
        return newest

    def _rows(self, devices: Sequence[int], state: EngineState) -> dict[str, DeviceView]:
        """Make rows; what the engine has of all these devices is taken out of its arrays in one go."""
        freshness, ids, faults = state.freshness, self._registry.ids, self._faults
        place = np.array(devices, dtype=np.int64)
        columns = (freshness.state, freshness.online, freshness.time_ns, freshness.received_ns)
        computed = self._computed(place, state)
        rows = {}
        for device, fresh, online, time_ns, received_ns in zip(
            devices, *(column[place].tolist() for column in columns), strict=True
        ):
            heard = time_ns != NEVER
            level, values = computed.get(device, _NOTHING)
            rows[ids[device]] = DeviceView(
                id=ids[device],
                freshness=_FRESHNESS[fresh],  # type: ignore[arg-type]
                online=None if online < 0 else bool(online),
                fault=faults.get(device),
                level=level,
                time=from_ns(time_ns) if heard else None,
                received=from_ns(received_ns) if heard else None,
                values=values | self._kept(device),
            )
        return rows

    def _kept(self, device: int) -> dict[str, float | None]:
        kept = dict(self._pictures.get(device, {}))
        if self._heard[device]:
            kind = DEVICE_KINDS[self._registry.kind[device]]
            row = device - self._registry.start[kind]
            kept |= {name: _shown_one(latest, row, _DIGITS) for name, latest in self._latest[kind].items()}
        return kept

    def _computed(self, place: Ints, state: EngineState) -> dict[int, _Computed]:
        """Return what the engine computed, by device, of those that it computes something for."""
        stations, slopes = self._of_kind("vds", place), self._of_kind("slope", place)
        of_stations = _stations(state.stations, stations - self._registry.start["vds"])
        of_slopes = _slopes(state.slopes, slopes - self._registry.start["slope"])
        return dict(zip(stations.tolist(), of_stations, strict=True)) | dict(
            zip(slopes.tolist(), of_slopes, strict=True)
        )

    def _of_kind(self, kind: DeviceKind, place: Ints) -> Ints:
        """Return those that are of a kind."""
        start = self._registry.start[kind]
        return place[(place >= start) & (place < start + self._registry.count[kind])]


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


def _stations(stations: StationState, row: Ints) -> Iterator[_Computed]:
    columns = zip(
        _shown(stations.speed_kmh, row),
        _shown(stations.flow_veh_h, row, 0),
        _shown(stations.density_veh_km, row),
        _shown(stations.occupancy_pct, row),
        strict=True,
    )
    for level, (speed, flow, density, occupancy) in zip(stations.level[row].tolist(), columns, strict=True):
        yield (
            _CONGESTION[level],
            {"speed_kmh": speed, "flow_veh_h": flow, "density_veh_km": density, "occupancy_pct": occupancy},
        )


def _slopes(slopes: SlopeState, row: Ints) -> Iterator[_Computed]:
    columns = zip(
        _shown(slopes.rate_deg_h, row, 4),
        _shown(slopes.rain_1h_mm, row),
        _shown(slopes.rain_24h_mm, row),
        _shown(slopes.rain_excess, row, 3),
        strict=True,
    )
    for level, (rate, hour, day, excess) in zip(slopes.level[row].tolist(), columns, strict=True):
        yield (
            _HAZARD[level] if level > 0 else None,
            {"tilt_rate_deg_h": rate, "rain_1h_mm": hour, "rain_24h_mm": day, "rain_excess": excess},
        )


def _shown(column: Floats, row: Ints, digits: int = 1) -> list[float | None]:
    values = column[row]
    # Rounded as Python does, correctly in decimals; numpy's own is not always.
    return [
        round(value, digits) if finite else None
        for value, finite in zip(values.tolist(), np.isfinite(values).tolist(), strict=True)
    ]


def _shown_one(column: Floats, row: int, digits: int = 1) -> float | None:
    value = float(column[row])
    return round(value, digits) if np.isfinite(value) else None
