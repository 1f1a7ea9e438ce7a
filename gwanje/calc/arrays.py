"""Detector arrays in NPZ files: what the calculations read."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engine.traffic.direction import travel_direction
from engine.traffic.frame import Series
from engine.traffic.layout import Layout
from gwanje.errors import CommandError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KMH_PER_MPH = 1.609344
M_PER_MILE = 1609.344
_NAMES = {
    "speed": ("raw_speed_mph", "speed_mph"),
    "occupancy": ("raw_occ_pct", "occ_pct"),
    "volume": ("raw_vol_veh30s", "vol_veh30s", "raw_vol_veh", "vol_veh"),
}
DIRECTIONS = ("auto", "rising", "falling")


@dataclass(frozen=True)
class ArrayFile:
    """A detector array as it lies in its file.

    Attributes
    ----------
    speed_mph, occupancy_pct, volume : ndarray, shape (lane, station, time), float64
        NaN = not measured; a quantity that the file does not have is all NaN. [mph], [%], [veh/period]
    milemarker : ndarray, shape (station,), float64
        In the order of the file. [mi]
    time_s : ndarray, shape (time,), float64
        End of each period, rising. [s]
    period_s : float
        Median step of the times. [s]
    """

    path: Path
    speed_mph: Floats
    occupancy_pct: Floats
    volume: Floats
    milemarker: Floats
    time_s: Floats
    period_s: float
    shape: tuple[int, ...]
    """Of the speeds in the file: (lane, station, time), or (station, time) where it has no lanes."""


@dataclass(frozen=True)
class Corridor:
    """A detector array in the order of travel, in our units.

    ``layout.row`` leads from the stations of ``series`` to those of the file; ``milemarker`` is in the order of
    ``series``. ``rising`` says which way the traffic goes, ``how`` whence that is known.
    """

    series: Series
    layout: Layout
    milemarker: Floats
    time_s: Floats
    rising: bool
    how: str

    def miles(self, chainage_m: Floats) -> Floats:
        """Return the milemarkers of chainages, of any shape; the unit is [mi]."""
        way = 1.0 if self.rising else -1.0
        return np.asarray(self.milemarker[0] + way * (chainage_m - self.layout.chainage_m[0]) / M_PER_MILE)


def read_array(path: Path) -> ArrayFile:
    """Read a detector array.

    Parameters
    ----------
    path
        NPZ with speeds ``raw_speed_mph``, occupancies ``raw_occ_pct`` and volumes ``raw_vol_veh30s`` of shape (lane,
        station, time) or (station, time), any of the last two absent; ``milemarker`` (station,), ``time_s`` (time,).

    Raises
    ------
    CommandError
        If it cannot be read or an array is missing or does not fit; the message names the array and what was expected.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in file.files}
    except FileNotFoundError:
        raise CommandError(f"{path}: expected an NPZ file, was missing") from None
    except (OSError, ValueError, BadZipFile, EOFError) as exc:
        raise CommandError(f"{path}: expected an NPZ file, was not one ({exc})") from None
    milemarker, time_s = _axis(path, arrays, "milemarker"), _axis(path, arrays, "time_s")
    rising = np.diff(time_s) > 0
    if len(time_s) < 2 or not rising.all():
        raise CommandError(f"{path}: time_s: expected two or more rising times, was otherwise")
    speed = _lanes(path, arrays, "speed", len(milemarker), len(time_s))
    if speed is None:
        raise CommandError(f"{path}: {_NAMES['speed'][0]}: expected an array, was missing")
    occupancy = _lanes(path, arrays, "occupancy", len(milemarker), len(time_s))
    volume = _lanes(path, arrays, "volume", len(milemarker), len(time_s))
    for kind, lanes in (("occupancy", occupancy), ("volume", volume)):
        if lanes is not None and lanes.shape != speed.shape:
            raise CommandError(f"{path}: {_NAMES[kind][0]}: expected {speed.shape} as the speeds, was {lanes.shape}")
    nothing = np.full(speed.shape, np.nan)
    return ArrayFile(
        path=path,
        speed_mph=speed,
        occupancy_pct=nothing if occupancy is None else occupancy,
        volume=nothing if volume is None else volume,
        milemarker=milemarker,
        time_s=time_s,
        period_s=float(np.median(np.diff(time_s))),
        shape=tuple(arrays[next(name for name in _NAMES["speed"] if name in arrays)].shape),
    )


def add_direction(parser: argparse.ArgumentParser) -> None:
    """Declare the option that says which way the traffic goes."""
    parser.add_argument(
        "--direction",
        choices=DIRECTIONS,
        default="auto",
        help="milemarkers in the direction of travel; auto looks which way jams and platoons move",
    )


def corridor_of(array: ArrayFile, direction: str, speed_limit_kmh: float) -> Corridor:
    """Put an array in the order of travel; what is negative or not finite was not measured.

    Parameters
    ----------
    array
    direction
        One of ``DIRECTIONS``.
    speed_limit_kmh
        Of the whole road. [km/h]
    """
    speed, occupancy, volume = (
        np.ascontiguousarray(np.where(np.isfinite(lanes) & (lanes >= 0), lanes, np.nan).transpose(2, 1, 0))
        for lanes in (array.speed_mph * KMH_PER_MPH, array.occupancy_pct, array.volume)
    )
    position_m = array.milemarker * M_PER_MILE
    if direction == "auto":
        rising, how = travel_direction(speed, volume, position_m, array.time_s)
    else:
        rising, how = direction == "rising", "given"
    chainage_m = position_m - position_m.min() if rising else position_m.max() - position_m
    layout = Layout.along(chainage_m, speed.shape[2], speed_limit_kmh)
    series = Series(
        time_ns=np.round(array.time_s * 1e9).astype(np.int64),
        period_s=array.period_s,
        volume=volume[:, layout.row],
        speed_kmh=speed[:, layout.row],
        occupancy_pct=occupancy[:, layout.row],
    )
    return Corridor(series, layout, array.milemarker[layout.row], array.time_s, rising, how)


def _axis(path: Path, arrays: dict[str, NDArray[np.generic]], name: str) -> Floats:
    if name not in arrays:
        raise CommandError(f"{path}: {name}: expected an array, was missing")
    axis = arrays[name]
    if axis.ndim != 1 or axis.dtype.kind not in "fiu" or not len(axis):
        raise CommandError(f"{path}: {name}: expected one row of numbers, was {axis.dtype} of shape {axis.shape}")
    numbers = axis.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise CommandError(
            f"{path}: {name}: expected finite numbers, was not finite at {_first(~np.isfinite(numbers))}"
        )
    return numbers


def _lanes(path: Path, arrays: dict[str, NDArray[np.generic]], kind: str, n_station: int, n_time: int) -> Floats | None:
    name = next((name for name in _NAMES[kind] if name in arrays), None)
    if name is None:
        return None
    lanes = arrays[name]
    if lanes.ndim == 2:
        lanes = lanes[None]
    if lanes.ndim != 3 or lanes.shape[1:] != (n_station, n_time) or lanes.dtype.kind not in "fiu":
        raise CommandError(
            f"{path}: {name}: expected numbers of shape (lane, {n_station}, {n_time}), was {lanes.dtype} of shape "
            f"{lanes.shape}"
        )
    return lanes.astype(np.float64)


def _first(where: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(where)[0])
