"""Fundamental diagram and time–space picture of a road, out of what its detectors said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gwanje.pictures.detectors import DetectorSeries, RoadProfile

SPEED_MAP = "RdYlBu"
"""Red to blue: told apart by people who do not tell red from green."""
WAVES_KMH = (15.0, 20.0)
AROUND_M = 5_000.0
"""Road that is drawn beyond what happened on it [m]."""


@dataclass(frozen=True)
class Mark:
    """Something that happened on the road, to draw over the speeds.

    ``times_s`` and ``chainages_m`` are the corners of a line, or a single point.
    """

    label: str
    times_s: Sequence[float]
    chainages_m: Sequence[float]
    colour: str = "black"
    dashed: bool = False


def fundamental_diagram(series: DetectorSeries, columns: Sequence[int], title: str) -> Figure:
    """Draw flow and speed over density per lane, one point a sample."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    flow, speed = figure.subplots(1, 2)
    density = series.density_veh_km[:, columns].ravel()
    speeds = series.speed_kmh[:, columns].ravel()
    points = {"s": 5, "c": speeds, "cmap": SPEED_MAP, "vmin": 0.0, "vmax": 110.0, "linewidths": 0.0}
    flow.scatter(density, series.flow_veh_h[:, columns].ravel(), **points)
    drawn = speed.scatter(density, speeds, **points)
    for axes, name in ((flow, "flow [veh/h/lane]"), (speed, "speed [km/h]")):
        axes.set(xlabel="density = flow / speed [veh/km/lane]", ylabel=name, xlim=(0, 140))
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    figure.colorbar(drawn, ax=speed, label="speed [km/h]")
    figure.suptitle(title)
    return figure


def time_space(series: DetectorSeries, profile: RoadProfile, marks: Sequence[Mark], title: str) -> Figure:
    """Draw speed over time and chainage, travel upwards, with what happened and lines of the usual wave speeds."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.subplots()
    speed = series.speed_kmh[:, profile.columns].T
    middle = (profile.chainage_m[1:] + profile.chainage_m[:-1]) / 2
    edges = np.concatenate(([profile.chainage_m[0] - 200.0], middle, [profile.chainage_m[-1] + 200.0]))
    minutes = np.concatenate(([0.0], series.time_s)) / 60.0
    drawn = axes.pcolormesh(minutes, edges / 1000.0, speed, cmap=SPEED_MAP, vmin=0.0, vmax=110.0, shading="flat")
    figure.colorbar(drawn, ax=axes, label="speed [km/h]")
    for mark in marks:
        at, along = np.asarray(mark.times_s) / 60.0, np.asarray(mark.chainages_m) / 1000.0
        style = "--" if mark.dashed else "-"
        axes.plot(at, along, style, color=mark.colour, marker="x" if len(at) == 1 else "", label=mark.label)
    _wave_lines(axes, *_shown(edges, marks))
    axes.set(xlabel="minutes since the start", ylabel="chainage [km], travel upwards", title=title)
    axes.set_xlim(minutes[0], minutes[-1])
    axes.set_ylim(*(at_m / 1000.0 for at_m in _shown(edges, marks)))
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), loc="upper right", fontsize=8)
    return figure


def _shown(edges: NDArray[np.float64], marks: Sequence[Mark]) -> tuple[float, float]:
    """Return the stretch of road to draw: around what happened, or all of it [m]."""
    places = [at_m for mark in marks for at_m in mark.chainages_m]
    if not places:
        return float(edges[0]), float(edges[-1])
    return max(min(places) - AROUND_M, float(edges[0])), min(max(places) + AROUND_M, float(edges[-1]))


def _wave_lines(axes: Axes, low_m: float, high_m: float) -> None:
    """Two short lines in the lower left corner, to hold the fronts against."""
    span_m = 0.25 * (high_m - low_m)
    foot_m = low_m + 0.05 * span_m
    for place, speed_kmh in enumerate(WAVES_KMH):
        minutes = span_m / (speed_kmh / 3.6) / 60.0
        axes.plot(
            (2.0, 2.0 + minutes),
            ((foot_m + span_m) / 1000.0, foot_m / 1000.0),
            color="dimgrey",
            linewidth=1.2,
            linestyle=("-", ":")[place],
            label=f"{speed_kmh:.0f} km/h upstream",
        )
