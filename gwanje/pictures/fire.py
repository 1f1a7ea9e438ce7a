"""A forest fire on the ground: where it was at which time, what it reached, where it was said to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LightSource
from matplotlib.figure import Figure

from config.catalogue.model import Catalogue, Coordinate, Terrain
from simulators.truth.records import Fire, FireReach, FireSample

MOST_RINGS = 12
MARGIN_DEG = 0.015
KM_PER_DEG = 111.2


@dataclass(frozen=True)
class SaidPlace:
    """A position that was said, and how long after the ignition that was [s]."""

    position: Coordinate
    after_s: float


def fire_picture(
    fire: Fire,
    samples: Sequence[FireSample],
    reaches: Sequence[FireReach],
    said: Sequence[SaidPlace],
    catalogue: Catalogue,
    title: str,
) -> Figure:
    """Draw perimeters over the terrain with roads, villages and towers, and the area over time.

    Raises
    ------
    ValueError
        If the fire never had a perimeter.
    """
    rings = [one for one in samples if len(one.perimeter) >= 4]
    if not rings:
        raise ValueError(f"fire {fire.id}: expected a perimeter at some time, was none")
    chosen = [rings[int(place)] for place in np.unique(np.linspace(0, len(rings) - 1, MOST_RINGS).astype(int))]
    figure = Figure(figsize=(13, 6.5), layout="constrained")
    ground, area = figure.subplots(1, 2, width_ratios=(3, 2))
    outer = np.array(rings[-1].perimeter)
    west, south = outer.min(axis=0) - MARGIN_DEG
    east, north = outer.max(axis=0) + MARGIN_DEG
    if catalogue.terrain is not None:
        _hills(ground, catalogue.terrain)
    _map(ground, catalogue)
    last_s = (rings[-1].time - fire.ignition).total_seconds()
    for sample in chosen:
        lon, lat = np.array(sample.perimeter).T
        after_s = (sample.time - fire.ignition).total_seconds()
        colour = (0.95, 0.75 * (1.0 - after_s / max(last_s, 1.0)), 0.0)
        ground.plot(lon, lat, color=colour, linewidth=1.4, label=f"{after_s / 60.0:.0f} min")
    ground.plot(fire.lon_deg, fire.lat_deg, "k*", markersize=11, label="ignition")
    for place in said:
        ground.plot(*place.position, "b+", markersize=12, label=f"said after {place.after_s / 60.0:.1f} min")
    ground.set(xlim=(west, east), ylim=(south, north), xlabel="longitude", ylabel="latitude", title=title)
    ground.set_aspect(1.0 / np.cos(np.radians(fire.lat_deg)))
    ground.legend(loc="upper left", fontsize=7)
    hours = [(one.time - fire.ignition).total_seconds() / 3600.0 for one in samples]
    area.plot(hours, [one.area_ha for one in samples], color="tab:red")
    for reach in reaches:
        if reach.target_kind == "village":
            at = (reach.time - fire.ignition).total_seconds() / 3600.0
            area.axvline(at, color="black", linestyle="--", label=f"reaches {_village(catalogue, reach.target)}")
    links = [(one.time - fire.ignition).total_seconds() / 3600.0 for one in reaches if one.target_kind == "link"]
    if links:
        area.axvline(min(links), color="dimgrey", linestyle=":", label="reaches a road")
    area.set(xlabel="hours since the ignition", ylabel="burnt area [ha]", ylim=(0, None))
    area.grid(alpha=0.3)
    if area.get_legend_handles_labels()[1]:
        area.legend(fontsize=8)
    return figure


def _village(catalogue: Catalogue, village: str) -> str:
    return next((one.name.en for one in catalogue.villages if one.id == village), village)


def _hills(axes: Axes, terrain: Terrain) -> None:
    height = np.asarray(terrain.elevation_m, dtype=np.float64)
    rows, columns = height.shape
    dy_m = terrain.step_lat_deg * KM_PER_DEG * 1000.0
    dx_m = terrain.step_lon_deg * KM_PER_DEG * 1000.0 * np.cos(np.radians(terrain.south_deg))
    shade = LightSource(azdeg=315, altdeg=40).hillshade(height, vert_exag=1.0, dx=dx_m, dy=dy_m)
    west, south = terrain.west_deg, terrain.south_deg
    extent = (west, west + (columns - 1) * terrain.step_lon_deg, south, south + (rows - 1) * terrain.step_lat_deg)
    axes.imshow(shade, cmap="Greys_r", extent=extent, origin="lower", alpha=0.45, aspect="auto", vmin=0.0, vmax=1.1)


def _map(axes: Axes, catalogue: Catalogue) -> None:
    ranks = {road.id: road.rank for road in catalogue.roads}
    for link in catalogue.links:
        lon, lat = np.array(link.line).T
        axes.plot(lon, lat, color="0.25", linewidth=1.6 if ranks[link.road] == "expressway" else 0.7)
    for village in catalogue.villages:
        axes.plot(*village.position, "s", color="tab:green", markersize=5)
        axes.annotate(village.name.en, village.position, fontsize=7, clip_on=True)
    for tower in catalogue.tower:
        axes.plot(*tower.position, "^", color="tab:blue", markersize=7)
