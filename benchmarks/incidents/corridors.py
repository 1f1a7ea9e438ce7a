"""The corridors of a corpus as the detectors get them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from msgspec import MsgspecError

from benchmarks.incidents.labels import M_PER_MILE, Labels, read_labels
from gwanje.calc.arrays import Corridor, corridor_of, read_array
from gwanje.errors import CommandError

SPACINGS = {"500m": 1, "1km": 2}
"""Every so manieth station is kept."""


@dataclass(frozen=True)
class Labelled:
    """A corridor and what happened on it."""

    name: str
    corridor: Corridor
    labels: Labels
    step: int
    """Every so manieth station of the file is there."""

    def chainage_m(self, mile: float) -> float:
        """Return the chainage of a milemarker, 0 at the first station [m]."""
        first = float(self.corridor.milemarker[0])
        return (mile - first) * M_PER_MILE * (1.0 if self.labels.rising else -1.0)

    @property
    def km_h(self) -> float:
        """Watched length times time [km·h]."""
        return float(self.corridor.layout.chainage_m[-1]) / 1_000.0 * self.labels.hours


def names(folders: list[Path], prefix: str) -> list[Path]:
    """Return the arrays of folders whose names begin so and that have labels, sorted.

    Raises
    ------
    CommandError
        If there are none.
    """
    found = [
        path
        for folder in folders
        for path in sorted(folder.rglob(f"{prefix}*.npz"))
        if path.with_suffix(".json").exists()
    ]
    if not found:
        raise CommandError(f"{', '.join(map(str, folders))}: expected {prefix}*.npz with labels beside them, was none")
    return found


def load(path: Path, spacing: str) -> Labelled:
    """Read a corridor at a spacing of its stations.

    Raises
    ------
    CommandError
        If the array or the labels cannot be read.
    """
    array, step = read_array(path), SPACINGS[spacing]
    try:
        labels = read_labels(path.with_suffix(".json"))
    except (OSError, MsgspecError) as exc:
        raise CommandError(f"{path.with_suffix('.json')}: expected labels, was not ({exc})") from None
    kept = np.argsort(array.milemarker)[::step]
    array = replace(
        array,
        speed_mph=array.speed_mph[:, kept],
        occupancy_pct=array.occupancy_pct[:, kept],
        volume=array.volume[:, kept],
        milemarker=array.milemarker[kept],
    )
    corridor = corridor_of(array, "rising" if labels.rising else "falling", labels.limit_kmh)
    return Labelled(path.stem, corridor, labels, step)


def each(paths: list[Path], spacing: str) -> Iterator[Labelled]:
    """Read corridors one after the other."""
    for path in paths:
        yield load(path, spacing)
