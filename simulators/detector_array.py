"""Field data of a detector array (NPZ) as the messages that its stations would have sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from config.catalogue.corridor import corridor_region
from config.catalogue.model import Catalogue, Name
from sensors.codec import encode
from sensors.observations import LaneSample, VdsObservation
from sensors.topics import Topic, format_topic
from simulators.errors import SimulatorError
from simulators.recording import Recorded

KMH_PER_MPH = 1.609344
GATEWAY = "field-data"
_ARRAYS = ("raw_speed_mph", "raw_occ_pct", "raw_vol_veh30s", "milemarker", "time_s")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Day that ``time_s`` counts from when the file does not say, in ``unix_time_col``, when it was."""


class DetectorArrayError(SimulatorError):
    """A file that is not a detector array."""


@dataclass(frozen=True)
class DetectorArray:
    """A detector array in the order of travel.

    Attributes
    ----------
    speed_kmh, occupancy_pct, volume : ndarray, shape (time, station, lane), float64
        NaN = not measured. [km/h], [%], [veh/period]
    milemarker : ndarray, shape (station,), float64
        [mi]
    times : tuple of datetime, of length time
        End of each period.
    period_s : float
        [s]
    """

    name: str
    speed_kmh: NDArray[np.float64]
    occupancy_pct: NDArray[np.float64]
    volume: NDArray[np.float64]
    milemarker: NDArray[np.float64]
    times: tuple[datetime, ...]
    period_s: float

    def catalogue(self, speed_limit_kmh: float) -> Catalogue:
        """Return the region that the array stands in: one road, one direction, distances real and shape schematic."""
        return corridor_region(
            id=self.name,
            name=Name(f"현장 자료 {self.name}", f"field data {self.name}"),
            milemarkers=self.milemarker,
            lanes=self.volume.shape[2],
            speed_limit_kmh=speed_limit_kmh,
            period_s=self.period_s,
        )

    def messages(self, catalogue: Catalogue) -> Iterator[Recorded]:
        """Give one gateway message a period, with every station that measured on any lane.

        Half vehicles, which come of averaging sources, are rounded to even; a lane without count or occupancy is left
        out, as a station would that has no reading of it.
        """
        district = catalogue.districts[0].id
        topic = format_topic(Topic(district, "vds", GATEWAY, "obs", gateway=True))
        ids = [station.id for station in catalogue.vds]
        for row, time in enumerate(self.times):
            observations = [
                VdsObservation(device=device, time=time, seq=row, period_s=self.period_s, lanes=lanes)
                for station, device in enumerate(ids)
                if (lanes := self._lanes(row, station))
            ]
            for start in range(0, len(observations), 1000):
                payload = encode(observations[start : start + 1000], "msgpack")
                yield Recorded(at=time, topic=topic, payload=payload)

    def _lanes(self, row: int, station: int) -> tuple[LaneSample, ...]:
        cells = zip(
            self.volume[row, station].tolist(),
            self.occupancy_pct[row, station].tolist(),
            self.speed_kmh[row, station].tolist(),
            strict=True,
        )
        return tuple(
            LaneSample(
                lane=lane,
                volume=round(volume),
                occupancy_pct=min(occupancy, 100.0),
                speed_kmh=None if np.isnan(speed) else round(speed, 3),
            )
            for lane, (volume, occupancy, speed) in enumerate(cells, start=1)
            if not (np.isnan(volume) or np.isnan(occupancy))
        )


def load_detector_array(path: Path) -> DetectorArray:
    """Read an NPZ file.

    Parameters
    ----------
    path
        With ``raw_speed_mph``, ``raw_occ_pct`` and ``raw_vol_veh30s`` of shape (lane, station, time), ``milemarker``
        (station,), ``time_s`` (time,), and optionally ``unix_time_col`` (time,). Traffic flows from high to low
        milemarker.

    Raises
    ------
    DetectorArrayError
        If the file cannot be read or an array is missing or of another shape.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name], dtype=np.float64) for name in file.files if name in _KNOWN}
    except (OSError, ValueError, BadZipFile, EOFError) as exc:
        raise DetectorArrayError(f"{path}: expected an NPZ file, was not one ({exc})") from None
    for name in _ARRAYS:
        if name not in arrays:
            raise DetectorArrayError(f"{path}: {name}: expected an array, was missing")
    n_station, n_time = len(arrays["milemarker"]), len(arrays["time_s"])
    for name in _ARRAYS[:3]:
        if arrays[name].ndim != 3 or arrays[name].shape[1:] != (n_station, n_time):
            raise DetectorArrayError(
                f"{path}: {name}: expected (lane, {n_station}, {n_time}), was {arrays[name].shape}"
            )
    if n_time < 2 or not (np.diff(arrays["time_s"]) > 0).all():
        raise DetectorArrayError(f"{path}: time_s: expected two or more rising times, was otherwise")
    travel = np.argsort(-arrays["milemarker"], kind="stable")
    speed, occupancy, volume = (np.moveaxis(arrays[name], 0, 2).transpose(1, 0, 2)[:, travel] for name in _ARRAYS[:3])
    return DetectorArray(
        name=path.stem.split("_")[0].lower() or "array",
        speed_kmh=speed * KMH_PER_MPH,
        occupancy_pct=occupancy,
        volume=volume,
        milemarker=arrays["milemarker"][travel],
        times=_times(arrays),
        period_s=float(np.median(np.diff(arrays["time_s"]))),
    )


_KNOWN = frozenset({*_ARRAYS, "unix_time_col"})


def _times(arrays: dict[str, NDArray[np.float64]]) -> tuple[datetime, ...]:
    first = arrays["unix_time_col"][0] if "unix_time_col" in arrays else _EPOCH.timestamp()
    start = datetime.fromtimestamp(float(first), UTC)
    offsets_s = arrays["time_s"] - arrays["time_s"][0]
    return tuple(start + timedelta(seconds=float(offset)) for offset in offsets_s)
