"""Devices that do not tell the truth: what scripted faults make of readings, clocks and connections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.world.chance import Keys, normal, uniform
from simulators.world.happenings import DeviceFault, FaultKind
from simulators.world.seeds import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Number = TypeVar("Number", np.float64, np.int64)

SPIKE_SHARE = 0.05
"""Share of the readings that carry a spike while a device has that fault; own construction [-]."""
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
_SHIFTING: tuple[FaultKind, ...] = ("offset", "noise", "spike")
_DISTORTING: tuple[FaultKind, ...] = (*_SHIFTING, "stuck", "zero")


@dataclass(frozen=True)
class Quantity:
    """How faults reach one quantity; its limits are those of the wire format, not of what is plausible."""

    low: float = -1e9
    high: float = 1e9
    shifts: bool = False
    """Whether `offset`, `noise` and `spike` reach it: only what the device is there to measure, because the size of a
    fault is one number in one unit."""
    holds: bool = True
    """Whether `stuck` and `zero` reach it."""
    zero: float = 0.0
    """What a dead sensor says."""
    turns: bool = False
    """Whether it is an angle that begins again at `high`."""


QUANTITIES: dict[str, Quantity] = {
    # Detection stations. Where no vehicle is seen none has a speed. Faults shift the speed [km/h].
    "volume": Quantity(0.0, 10_000.0),
    "heavy": Quantity(0.0, 10_000.0),
    "speed_kmh": Quantity(0.0, shifts=True, zero=math.nan),
    "occupancy_pct": Quantity(0.0, 100.0),
    # Slope nodes. Faults shift both tilts [deg]; a stuck or dead node still knows its own battery and radio.
    "rain_mm_total": Quantity(0.0),
    "tilt_x_deg": Quantity(-180.0, 180.0, shifts=True),
    "tilt_y_deg": Quantity(-180.0, 180.0, shifts=True),
    "soil_moisture_frac": Quantity(0.0, 1.0),
    "pore_pressure_kpa": Quantity(),
    "extension_mm": Quantity(),
    "battery_v": Quantity(0.0, holds=False),
    "rssi_dbm": Quantity(-200.0, 30.0, holds=False),
    # Weather stations. Faults shift the air temperature [°C].
    "temp_c": Quantity(-100.0, 100.0, shifts=True),
    "rh_pct": Quantity(0.0, 100.0),
    "wind_kmh": Quantity(0.0),
    "wind_deg": Quantity(0.0, 360.0),
    "visibility_m": Quantity(0.0),
    "road_surface_c": Quantity(-100.0, 120.0),
    # Watchtowers. Faults shift the bearing [deg].
    "azimuth_deg": Quantity(0.0, 360.0, shifts=True, turns=True),
    "elevation_deg": Quantity(-90.0, 90.0),
    "confidence": Quantity(0.0, 1.0),
}
"""Every reading that faults can reach, by the name of its field on the wire."""


@dataclass(frozen=True)
class FaultTable:
    """Every fault of a run.

    Parameters
    ----------
    faults
        In any order. Those of a device that nobody asks for have no effect.
    seed
        Seed of the run, at least 0.

    Raises
    ------
    ValueError
        If a fault is of an unknown kind, ends before it begins, or has a size that makes no sense for its kind.
    """

    faults: Sequence[DeviceFault]
    seed: int

    def __post_init__(self) -> None:
        for number, fault in enumerate(self.faults):
            problem = _problem(fault)
            if problem:
                raise ValueError(f"faults[{number}].{problem}")

    def of(self, device_ids: Sequence[str]) -> DeviceFaults:
        """Return the faults of some devices, which are numbered from 0 in the given order.

        Raises
        ------
        ValueError
            If a device is named twice.
        """
        return DeviceFaults(self, device_ids)


@dataclass(frozen=True)
class _OfKind:
    """Faults of one kind, sorted by device and by their begin: those of device ``i`` begin at ``start[i]``."""

    start: Ints
    count: Ints
    most: int
    from_s: Floats
    until_s: Floats
    value: Floats


class DeviceFaults:
    """Faults of a fixed set of devices.

    Devices are given by their places in that set: ``which``, integers of shape (n,); ``at_s`` is the instant of
    each, shape (n,) or one for all. [s] The answers depend on seed, device, instant and quantity only, except that a
    stuck value is the first that was asked for since its fault began. Where two faults of one kind overlap in a device
    the one that began last counts.
    """

    def __init__(self, table: FaultTable, device_ids: Sequence[str]) -> None:
        place = {device: index for index, device in enumerate(device_ids)}
        if len(place) != len(device_ids):
            twice = next(device for index, device in enumerate(device_ids) if place[device] != index)
            raise ValueError(f"device_ids: expected each device once, was {twice!r} twice")
        own = sorted((fault for fault in table.faults if fault.device in place), key=lambda fault: fault.from_s)
        self._n = len(place)
        self._kinds: dict[FaultKind, _OfKind] = {}
        for kind in FAULT_KINDS:
            chosen = [fault for fault in own if fault.kind == kind]
            if chosen:
                self._kinds[kind] = self._sorted(chosen, place)
        self._keys: Keys = np.zeros(self._n, dtype=np.uint64)
        for device in {fault.device for fault in own}:
            self._keys[place[device]] = stream(table.seed, "fault", device).integers(2**63, dtype=np.uint64)
        self._distorts = any(kind in self._kinds for kind in _DISTORTING)
        self._kept: dict[str, tuple[Floats, Bools]] = {}

    def _sorted(self, chosen: list[DeviceFault], place: dict[str, int]) -> _OfKind:
        chosen = sorted(chosen, key=lambda fault: place[fault.device])
        count = np.bincount([place[fault.device] for fault in chosen], minlength=self._n).astype(np.int64)
        return _OfKind(
            start=np.concatenate(([0], np.cumsum(count)[:-1])).astype(np.int64),
            count=count,
            most=int(count.max()),
            from_s=np.array([fault.from_s for fault in chosen], dtype=np.float64),
            until_s=np.array([fault.until_s for fault in chosen], dtype=np.float64),
            value=np.array([fault.value for fault in chosen], dtype=np.float64),
        )

    def __bool__(self) -> bool:
        """Whether any of the devices ever has a fault."""
        return bool(self._kinds)

    def active(self, kind: FaultKind, which: ArrayLike, at_s: ArrayLike) -> Bools:
        """Return which of the devices have a fault of a kind, shape (n,)."""
        return self._number(kind, *_rows(which, at_s)) >= 0

    def spans(self, kind: FaultKind, device: int) -> tuple[tuple[float, float], ...]:
        """Return when one device has faults of a kind: begins and ends, in order of the begins; the unit is [s]."""
        faults = self._kinds.get(kind)
        if faults is None:
            return ()
        own = slice(faults.start[device], faults.start[device] + faults.count[device])
        return tuple(zip(faults.from_s[own].tolist(), faults.until_s[own].tolist(), strict=True))

    def value(self, kind: FaultKind, which: ArrayLike, at_s: ArrayLike) -> Floats:
        """Return the size of each device's fault of a kind, NaN where it has none, shape (n,)."""
        number = self._number(kind, *_rows(which, at_s))
        sizes = np.full(len(number), np.nan)
        faulty = number >= 0
        if faulty.any():
            sizes[faulty] = self._kinds[kind].value[number[faulty]]
        return sizes

    def silent(self, which: ArrayLike, at_s: ArrayLike) -> Bools:
        """Return which of the devices say nothing, by a `dropout` or because they are `silent`, shape (n,)."""
        if "dropout" not in self._kinds and "silent" not in self._kinds:
            return np.zeros(np.size(which), dtype=np.bool_)
        return self.active("dropout", which, at_s) | self.active("silent", which, at_s)

    def clock_offset_s(self, which: ArrayLike, at_s: ArrayLike) -> Floats:
        """Return how far ahead each clock is, negative when it is behind, shape (n,); the unit is [s]."""
        return self._value_or_0("clock_offset", which, at_s)

    def missed_lane(self, which: ArrayLike, at_s: ArrayLike) -> Ints:
        """Return the number of the lane that each station does not see, 1 at the median, 0 for none, shape (n,)."""
        return self._value_or_0("missed_lane", which, at_s).astype(np.int64)

    def distort(self, quantity: str, which: ArrayLike, at_s: ArrayLike, values: NDArray[Number]) -> NDArray[Number]:
        """Return what the devices read instead of the truth.

        An `offset` is added; `noise` is normal with the fault's size as standard deviation; a `spike` of the
        fault's size is added to one reading in twenty. What comes out is held when the device is `stuck`: each value
        as it was at the first instant asked for since that fault began. A `zero` wins over everything. Which of them
        reach a quantity is in `QUANTITIES`. Own construction throughout.

        Parameters
        ----------
        quantity
            Name of its field on the wire, a key of `QUANTITIES`.
        which, at_s
            Devices and instants; instants of one device may not go back while it is stuck.
        values
            True readings, shape (n,) or (n, lane), NaN where there is none: that stays so under offset, noise and
            spike, and is held when stuck.

        Returns
        -------
        ndarray
            As `values`: the same array when nothing is faulty, else a copy, within the limits of the wire format.

        Raises
        ------
        ValueError
            If the quantity is unknown, the shapes do not match, or a stuck quantity changes its number of lanes.
        """
        rule = QUANTITIES.get(quantity)
        if rule is None:
            raise ValueError(f"quantity: expected one of {', '.join(QUANTITIES)}, was {quantity!r}")
        if not self._distorts:
            return values
        rows, instants = _rows(which, at_s)
        if values.ndim not in {1, 2} or len(values) != len(rows):
            raise ValueError(f"values: expected shape ({len(rows)},) or ({len(rows)}, lane), was {values.shape}")
        read = values.reshape(len(rows), -1).astype(np.float64)
        changed = self._shift(quantity, rule, rows, instants, read) if rule.shifts else False
        if rule.holds:
            changed |= self._hold(quantity, rows, instants, read)
            dead = self._number("zero", rows, instants) >= 0
            read[dead] = rule.zero
            changed |= bool(dead.any())
        return read.reshape(values.shape).astype(values.dtype) if changed else values

    def _value_or_0(self, kind: FaultKind, which: ArrayLike, at_s: ArrayLike) -> Floats:
        if kind not in self._kinds:
            return np.zeros(np.size(which))
        return np.nan_to_num(self.value(kind, which, at_s))

    def _number(self, kind: FaultKind, which: Ints, at_s: Floats) -> Ints:
        """Return the place of each device's active fault in the arrays of the kind, -1 for none, shape (n,)."""
        number = np.full(len(which), -1, dtype=np.int64)
        faults = self._kinds.get(kind)
        if faults is None:
            return number
        for turn in range(faults.most):
            has = np.flatnonzero(faults.count[which] > turn)
            candidate = faults.start[which[has]] + turn
            now = (faults.from_s[candidate] <= at_s[has]) & (at_s[has] < faults.until_s[candidate])
            number[has[now]] = candidate[now]
        return number

    def _shift(self, quantity: str, rule: Quantity, which: Ints, at_s: Floats, read: Floats) -> bool:
        touched = np.zeros(len(which), dtype=np.bool_)
        for kind in _SHIFTING:
            number = self._number(kind, which, at_s)
            rows = np.flatnonzero(number >= 0)
            if len(rows) == 0:
                continue
            size = self._kinds[kind].value[number[rows], np.newaxis]
            keys, instants, columns = self._keys[which[rows]], at_s[rows], read.shape[1]
            if kind == "offset":
                read[rows] += size
            elif kind == "noise":
                read[rows] += size * normal(keys, instants, f"noise {quantity}", columns)
            else:
                read[rows] += size * (uniform(keys, instants, f"spike {quantity}", columns) < SPIKE_SHARE)
            touched[rows] = True
        if not touched.any():
            return False
        span = rule.high - rule.low
        bounded = (read[touched] - rule.low) % span + rule.low if rule.turns else read[touched]
        read[touched] = np.clip(bounded, rule.low, rule.high)
        return True

    def _hold(self, quantity: str, which: Ints, at_s: Floats, read: Floats) -> bool:
        number = self._number("stuck", which, at_s)
        rows = np.flatnonzero(number >= 0)
        if len(rows) == 0:
            return False
        columns = read.shape[1]
        if quantity not in self._kept:
            n_fault = len(self._kinds["stuck"].value)
            self._kept[quantity] = (np.zeros((n_fault, columns)), np.zeros(n_fault, dtype=np.bool_))
        kept, known = self._kept[quantity]
        if kept.shape[1] != columns:
            raise ValueError(f"values: expected {kept.shape[1]} lanes of {quantity} as before, was {columns}")
        rows = rows[np.argsort(at_s[rows], kind="stable")]
        held, first = np.unique(number[rows], return_index=True)
        new = ~known[held]
        kept[held[new]] = read[rows[first[new]]]
        known[held] = True
        read[rows] = kept[number[rows]]
        return True


def _rows(which: ArrayLike, at_s: ArrayLike) -> tuple[Ints, Floats]:
    devices = np.atleast_1d(np.asarray(which, dtype=np.int64))
    return devices, np.broadcast_to(np.asarray(at_s, dtype=np.float64), devices.shape)


def _problem(fault: DeviceFault) -> str | None:
    if fault.kind not in FAULT_KINDS:
        return f"kind: expected one of {', '.join(FAULT_KINDS)}, was {fault.kind!r}"
    if not fault.from_s < fault.until_s:
        return f"until_s: expected a time after from_s = {fault.from_s}, was {fault.until_s}"
    if not math.isfinite(fault.value):
        return f"value: expected a number, was {fault.value}"
    if fault.kind == "noise" and fault.value < 0:
        return f"value: expected a spread of at least 0, was {fault.value}"
    if fault.kind == "missed_lane" and not (fault.value == int(fault.value) and 1 <= fault.value <= 16):
        return f"value: expected the number of a lane, 1 to 16, was {fault.value}"
    if fault.kind == "dead_pixels" and not 0 <= fault.value <= 1:
        return f"value: expected a share of the face, 0 to 1, was {fault.value}"
    return None
