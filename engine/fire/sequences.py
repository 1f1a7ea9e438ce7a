"""Sequences: what one tower goes on seeing in one direction, many detections become one bearing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from engine.findings import Observation
from engine.region import TowerTable
from engine.thresholds import FireThresholds
from sensors.columns import BearingColumns

_NS = 1_000_000_000
_MAX_OBSERVATIONS = 20


@dataclass(frozen=True)
class Sequence:
    """Detections of one tower in one direction.

    Attributes
    ----------
    id : str
        Identifier of the first detection, after the tower's.
    row : int
        Of the tower.
    onset_ns, seen_ns : int
        Device time of the first and of the newest detection. [ns since 1970 UTC]
    east, north : float
        Sum of the unit vectors of all bearings, weighted by 1/sigma². [1/deg²]
    weight : float
        Sum of the weights. [1/deg²]
    doubt : float
        Product of (1 - confidence), but never less than what one tower leaves in doubt.
    count : int
        Number of detections.
    observations : tuple of Observation
        The newest of them.
    """

    id: str
    row: int
    onset_ns: int
    seen_ns: int
    east: float
    north: float
    weight: float
    doubt: float
    count: int
    observations: tuple[Observation, ...]

    @property
    def azimuth_deg(self) -> float:
        """Weighted mean bearing from true north. [deg]."""
        # Twice, because the remainder of a tiny negative angle is 360 itself.
        return float(np.degrees(np.arctan2(self.east, self.north)) % 360.0 % 360.0)

    @property
    def confidence(self) -> float:
        """Of all detections together: as if independent, up to what one tower can be sure of."""
        return 1.0 - self.doubt

    def sigma_deg(self, pose_sigma_deg: float) -> float:
        """Return the standard error of the mean bearing. [deg].

        Parameters
        ----------
        pose_sigma_deg : float
            Error of the tower's pose, common to all its detections, so that it does not average out. [deg]

        Notes
        -----
        √(p² + (s² - p²)/n) with p the pose's error, s² the (harmonic) mean variance of a single bearing and n their
        number. Own construction.
        """
        random_variance = max(self.count / self.weight - pose_sigma_deg**2, 0.0)
        return float(np.sqrt(pose_sigma_deg**2 + random_variance / self.count))


def follow_sequences(
    sequences: tuple[Sequence, ...],
    bearings: BearingColumns,
    now_ns: int,
    towers: TowerTable,
    thresholds: FireThresholds,
) -> tuple[Sequence, ...]:
    """Add bearings to the sequence of their tower that points the same way, and let go of those that fell silent.

    Parameters
    ----------
    sequences : tuple of Sequence
    bearings : BearingColumns
        Any number, in any order.
    now_ns : int
        Engine time. [ns since 1970 UTC]
    towers : TowerTable
    thresholds : FireThresholds
        ``sequence_deg`` apart is another sequence; ``window_s`` of silence ends one.

    Returns
    -------
    tuple of Sequence
        In order of their names.

    Source
    ------
    Own construction.
    """
    followed = list(sequences)
    envelope = bearings.envelope
    for place in np.lexsort((envelope.seq, envelope.row, envelope.time_ns)).tolist():
        row = int(envelope.row[place])
        azimuth = float(bearings.azimuth_deg[place])
        time_ns = int(envelope.time_ns[place])
        near = [
            (abs((azimuth - one.azimuth_deg + 180.0) % 360.0 - 180.0), position)
            for position, one in enumerate(followed)
            if one.row == row
        ]
        angle, position = min(near, default=(np.inf, -1))
        if angle > thresholds.sequence_deg.value:
            name = _new_name(f"{towers.ids[row]}-{bearings.detection[place]}", int(envelope.seq[place]), followed)
            followed.append(Sequence(name, row, time_ns, time_ns, 0.0, 0.0, 0.0, 1.0, 0, ()))
            position = len(followed) - 1
        one = followed[position]
        sigma = max(float(bearings.azimuth_sigma_deg[place]), float(towers.azimuth_sigma_deg[row]))
        weight = 1.0 / sigma**2
        seen = Observation(towers.ids[row], int(envelope.seq[place]))
        followed[position] = replace(
            one,
            seen_ns=max(one.seen_ns, time_ns),
            east=one.east + weight * float(np.sin(np.radians(azimuth))),
            north=one.north + weight * float(np.cos(np.radians(azimuth))),
            weight=one.weight + weight,
            doubt=max(
                one.doubt * (1.0 - float(bearings.confidence[place])), 1.0 - thresholds.one_tower_confidence.value
            ),
            count=one.count + 1,
            observations=(*one.observations, seen)[-_MAX_OBSERVATIONS:],
        )
    window_ns = int(thresholds.window_s.value * _NS)
    return tuple(sorted((one for one in followed if now_ns - one.seen_ns < window_ns), key=lambda one: one.id))


def _new_name(name: str, seq: int, followed: Iterable[Sequence]) -> str:
    """Tell apart two directions that a tower calls by one name."""
    return f"{name}-{seq}" if any(one.id == name for one in followed) else name
