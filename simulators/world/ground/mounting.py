"""Which sensors each slope node has, and how they sit in the ground. Own construction after usual practice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.catalogue.model import SlopeNode
from simulators.world.seeds import stream

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GAUGE_SHARE, PROBE_SHARE, DEEP_PROBE_SHARE, PIEZOMETER_SHARE, EXTENSOMETER_SHARE = 0.92, 0.85, 0.75, 0.65, 0.33
"""Shares of the nodes that have a rain gauge, moisture probes, the deepest of these, a piezometer, an extensometer."""


@dataclass(frozen=True)
class Mounting:
    """Sensors of the nodes, each of shape (node,) unless said otherwise."""

    rod_mm: Floats
    """Length of the rod that the tilt sensor is on."""
    tilt_deg: Floats
    """Shape (node, 2). How the node was put in."""
    downhill: Floats
    """Shape (node, 2). Unit vector of downhill in the node's axes."""
    drift_deg_c: Floats
    """Shape (node, 2). Apparent tilt per degree of warming; for a buried unit."""
    has_gauge: Bools
    has_probe: Bools
    """Shape (node, 3). Moisture probes, from above."""
    has_piezometer: Bools
    has_extensometer: Bools
    catch: Floats
    """Share of the rain that the gauge catches."""

    @classmethod
    def draw(cls, nodes: Sequence[SlopeNode], seed: int) -> Mounting:
        """Draw how nodes were put in by hand, each from its own stream."""
        n = len(nodes)
        u = np.array([stream(seed, "mounting", node.id).random(8) for node in nodes]).reshape(n, 8)
        z = np.array([stream(seed, "mounting", node.id, "normal").standard_normal(4) for node in nodes]).reshape(n, 4)
        angle = 2 * np.pi * u[:, 0]
        probed = u[:, 2] < PROBE_SHARE
        deep = u[:, 3] < DEEP_PROBE_SHARE
        return cls(
            rod_mm=500.0 + 400.0 * u[:, 1],
            tilt_deg=0.4 * z[:, :2],
            downhill=np.stack([np.cos(angle), np.sin(angle)], axis=1),
            drift_deg_c=0.0004 * z[:, 2:],
            has_gauge=u[:, 4] < GAUGE_SHARE,
            has_probe=np.stack([probed, probed, probed & deep], axis=1),
            has_piezometer=u[:, 5] < PIEZOMETER_SHARE,
            has_extensometer=u[:, 6] < EXTENSOMETER_SHARE,
            catch=0.9 + 0.12 * u[:, 7],
        )
