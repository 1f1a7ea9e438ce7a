"""Slope nodes made by hand."""

from __future__ import annotations

import numpy as np

from config.catalogue.model import Name, SlopeNode
from simulators.world.ground.field import SlopeField
from simulators.world.happenings import Creep, WeakSlope


def slope_nodes(count: int, steepest_deg: float = 40.0) -> tuple[SlopeNode, ...]:
    """Slopes from 15 degrees to the steepest."""
    return tuple(
        SlopeNode(
            id=f"slope-{number:04d}", district="99110", position=(128.0 + 0.001 * number, 37.0),
            name=Name(ko="비탈", en="slope"), slope_deg=float(slope_deg), aspect_deg=90.0, height_m=60.0,
        )
        for number, slope_deg in enumerate(np.linspace(15.0, steepest_deg, count))
    )  # fmt: skip


def slope_field(count: int = 60, margin: float = 0.0, creeps: tuple[Creep, ...] = (), seed: int = 7) -> SlopeField:
    """Slopes that are all sound, or all weak by one margin."""
    weak = [WeakSlope(node, margin) for node in range(count)] if margin else []
    return SlopeField.build(slope_nodes(count), weak, creeps, seed)


def rain_on(field: SlopeField, rain_mm_h: float, hours: float, temp_c: float = 18.0, dt_s: float = 60.0) -> None:
    """Let it rain for some hours."""
    n = len(field)
    for _ in range(round(hours * 3_600.0 / dt_s)):
        field.step(dt_s, np.full(n, rain_mm_h), np.full(n, temp_c))
