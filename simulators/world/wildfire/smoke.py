"""Smoke of a fire: how high and how far it stands, and how thick it lies on the ground downwind.

Rise: Briggs 1975, "Plume rise predictions" (neutral air, two-thirds law, bent over by the wind). Dilution: Gaussian
plume with Briggs' open-country spreads for neutral stability (as in EPA-454/B-95-003b, ISC3, volume II, table 1-1).
The plume is that of the present wind: a shift of the wind turns all of it at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.world.wildfire.fire import QUANTUM_S, RATE_MEMORY_S, Wildfire
from simulators.world.wildfire.fuel import CELL_M

Floats = NDArray[np.float64]

HEAT_MJ_KG = 18.0
"""Heat of combustion of forest fuel, low (Byram 1959; 300 TFC·ROS of FBP is the same) [MJ/kg]."""
CONVECTED_SHARE = 0.55
"""Part of the heat that goes into the plume; the rest is radiated and dries fuel: usual values 0.4 to 0.8 [-]."""
AIR_DENSITY_KG_M3, AIR_HEAT_J_KG_K, AIR_TEMPERATURE_K = 1.2, 1_005.0, 288.0
BUOYANCY_M4_S3_MW = 9.81e6 / (np.pi * AIR_DENSITY_KG_M3 * AIR_HEAT_J_KG_K * AIR_TEMPERATURE_K)
"""Buoyancy flux per heat that goes into the plume (Briggs 1969) [m⁴/s³/MW]."""
MIXED_LAYER_M = 1_500.0
"""No plume rises above it: top of the mixed layer on a spring afternoon; own construction [m]."""
CALM_M_S = 1.5
"""Least speed at which smoke drifts; own construction [m/s]."""
ENTRAINMENT = 0.5
"""Radius of a bent plume per height it has risen: 0.4 to 0.6 (Briggs 1975) [-]."""
PARTICLES_KG_KG = 0.014
"""Fine particles per fuel: 93 − 90·MCE g/kg for forest (Janhäll, Andreae & Pöschl 2010, doi 10.5194/acp-10-1427-2010)
at a combustion efficiency MCE of 0.88 [kg/kg]."""
EXTINCTION_M2_KG = 4_500.0
"""Of fresh wood smoke in visible light, within the 3.8 to 5 m²/g of reviews (Reid et al. 2005) [m²/kg]."""
SMOULDERING_SHARE = 0.3
"""Part of the smoke that has no lift and stays at the ground; own construction [-]."""
SEEN_DEPTH = 0.1
"""Optical depth through the plume from which it stands out against the sky; own construction [-]."""
KOSCHMIEDER = 3.0
"""Visibility times extinction for the 5 % contrast of the meteorological optical range (WMO-No. 8) [-]."""
CLEAR_M = 20_000.0
"""Visibility that no smoke lowers [m]."""
BASE_M = 500.0
"""Parts of the front this near have one plume [m]."""
MOST_BASES = 8
POINTS = 7
"""Points along each plume that are looked at; the first is its foot."""


class Plumes(NamedTuple):
    """Smoke of one fire at one instant; arrays of shape (base,) or (base, point).

    Attributes
    ----------
    east_m, north_m : ndarray, shape (base, point)
        Points along each plume, in the plane of the fire's grid. [m]
    height_m : ndarray, shape (base, point)
        Of the axis above the ground of the base. [m]
    radius_m : ndarray, shape (base, point)
        Of what can be made out of the plume. [m]
    weight : ndarray, shape (base,)
        Part of the smoke from each base; the sum is 1.
    ground_m : ndarray, shape (base,)
        Height of each base above sea level. [m]
    particles_kg_s : float
        Fine particles from all bases. [kg/s]
    wind_m_s : float
        Speed of the drift. [m/s]
    toward : ndarray, shape (2,)
        Where it drifts to, unit vector east and north.
    width_m : ndarray, shape (base,)
        Extent of the burning ground of each base across the wind. [m]
    """

    east_m: Floats
    north_m: Floats
    height_m: Floats
    radius_m: Floats
    weight: Floats
    ground_m: Floats
    particles_kg_s: float
    wind_m_s: float
    toward: Floats
    width_m: Floats


def plumes(fire: Wildfire) -> Plumes | None:
    """Return the smoke of a fire as it is now, None when there is none."""
    if fire.air is None or fire.out or fire.consumption_kg_s <= 0.0:
        return None
    east, north, amount = _burning(fire)
    wind_m_s = max(fire.air.wind_kmh / 3.6, CALM_M_S)
    course = np.radians(fire.air.wind_deg + 180.0)
    toward = np.array([np.sin(course), np.cos(course)])
    base_east, base_north, weight, width = _bases(east, north, amount, toward)
    consumed = fire.consumption_kg_s * weight
    flux = BUOYANCY_M4_S3_MW * HEAT_MJ_KG * CONVECTED_SHARE * consumed
    widest = EXTINCTION_M2_KG * consumed * PARTICLES_KG_KG / (2.0 * wind_m_s * SEEN_DEPTH)
    seen_m = _visible_length_m(widest, flux, wind_m_s, width)
    drifted_m = wind_m_s * (fire.steps * QUANTUM_S)
    along = np.minimum(seen_m, drifted_m)[:, np.newaxis] * np.linspace(0.0, 1.0, POINTS) ** 2
    height = rise_m(along, flux[:, np.newaxis], wind_m_s)
    axis = fire.grid.axis_m
    row = np.clip(np.rint((base_north - axis[0]) / CELL_M).astype(np.int64), 0, len(axis) - 1)
    column = np.clip(np.rint((base_east - axis[0]) / CELL_M).astype(np.int64), 0, len(axis) - 1)
    return Plumes(
        east_m=base_east[:, np.newaxis] + along * toward[0],
        north_m=base_north[:, np.newaxis] + along * toward[1],
        height_m=height,
        radius_m=np.minimum(0.5 * width[:, np.newaxis] + ENTRAINMENT * height, widest[:, np.newaxis]),
        weight=weight,
        ground_m=fire.grid.elevation_m[row, column].astype(np.float64),
        particles_kg_s=fire.consumption_kg_s * PARTICLES_KG_KG,
        wind_m_s=wind_m_s,
        toward=toward,
        width_m=width,
    )


def rise_m(along_m: ArrayLike, flux_m4_s3: ArrayLike, wind_m_s: float) -> Floats:
    """Return how high a bent plume has risen at distances downwind (Briggs 1975, neutral) [m].

    Parameters
    ----------
    along_m
        Distance downwind. [m]
    flux_m4_s3
        Buoyancy flux, of a shape that broadcasts with it. [m⁴/s³]
    wind_m_s
        Greater than 0. [m/s]
    """
    flux = np.asarray(flux_m4_s3, dtype=np.float64)
    final_m = np.where(flux < 55.0, 49.0 * flux**0.625, 119.0 * flux**0.4)
    reached = np.minimum(np.asarray(along_m, dtype=np.float64), final_m)
    rise: Floats = np.minimum(1.6 * np.cbrt(flux) * np.cbrt(reached) ** 2 / wind_m_s, MIXED_LAYER_M)
    return rise


def ground_visibility_m(fire: Wildfire, smoke: Plumes | None, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
    """Return the visibility in the smoke at ground level.

    Parameters
    ----------
    fire
        The smoke's.
    smoke
        Of `plumes`.
    lon_deg, lat_deg
        Places of one shape. [deg]

    Returns
    -------
    ndarray
        Of that shape; `CLEAR_M` where there is no smoke. Haze and fog are not in it. [m]
    """
    lon, lat = np.broadcast_arrays(np.asarray(lon_deg, dtype=np.float64), np.asarray(lat_deg, dtype=np.float64))
    if smoke is None:
        return np.full(lon.shape, CLEAR_M)
    east, north = fire.grid.frame.to_plane(lon, lat)
    density = np.zeros(lon.shape)
    for base in range(len(smoke.weight)):
        apart_east, apart_north = east - smoke.east_m[base, 0], north - smoke.north_m[base, 0]
        half_m = 0.5 * float(smoke.width_m[base])
        # The source is as deep as it is wide: smoke begins at its upwind edge.
        along = apart_east * smoke.toward[0] + apart_north * smoke.toward[1] + half_m
        across = apart_north * smoke.toward[0] - apart_east * smoke.toward[1]
        x = np.clip(along, 1.0, 3.0e4)
        sigma_y = 0.08 * x / np.sqrt(1.0 + 1.0e-4 * x) + 0.5 * half_m + 5.0
        sigma_z = 0.06 * x / np.sqrt(1.0 + 1.5e-3 * x) + 2.0
        flux = BUOYANCY_M4_S3_MW * HEAT_MJ_KG * CONVECTED_SHARE * smoke.particles_kg_s / PARTICLES_KG_KG
        lofted = np.exp(-0.5 * (rise_m(x, flux * smoke.weight[base], smoke.wind_m_s) / sigma_z) ** 2)
        ground = SMOULDERING_SHARE + (1.0 - SMOULDERING_SHARE) * lofted
        strength = smoke.particles_kg_s * smoke.weight[base] / (np.pi * sigma_y * sigma_z * smoke.wind_m_s)
        reached = (along > 0.0) & (along < smoke.wind_m_s * fire.steps * QUANTUM_S)
        density += np.where(reached, strength * ground * np.exp(-0.5 * (across / sigma_y) ** 2), 0.0)
    visibility: Floats = KOSCHMIEDER / (density * EXTINCTION_M2_KG + KOSCHMIEDER / CLEAR_M)
    return visibility


def _burning(fire: Wildfire) -> tuple[Floats, Floats, Floats]:
    """Places of what burns and how much of it, fresh ground the most, shape (place,)."""
    cells = fire.burning_cells()
    if len(cells.age_s) == 0:
        return np.zeros(1), np.zeros(1), np.ones(1)
    east, north = fire.grid.frame.to_plane(cells.lon_deg, cells.lat_deg)
    return east, north, np.exp(-cells.age_s / RATE_MEMORY_S)


def _bases(east: Floats, north: Floats, amount: Floats, toward: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Gather what burns into few bases: middles, weights and widths across the wind, shape (base,)."""
    key = np.rint(east / BASE_M).astype(np.int64) * 10_000 + np.rint(north / BASE_M).astype(np.int64)
    _, group = np.unique(key, return_inverse=True)
    total = np.bincount(group, amount)
    middle_east = np.bincount(group, amount * east) / total
    middle_north = np.bincount(group, amount * north) / total
    across = (north - middle_north[group]) * toward[0] - (east - middle_east[group]) * toward[1]
    width = np.sqrt(12.0 * np.bincount(group, amount * across**2) / total) + CELL_M / 2.0
    chosen = np.argsort(-total, kind="stable")[:MOST_BASES]
    weight = total[chosen] / total[chosen].sum()
    return middle_east[chosen], middle_north[chosen], weight, width[chosen]


def _visible_length_m(widest_m: Floats, flux: Floats, wind_m_s: float, width_m: Floats) -> Floats:
    """Return how far downwind each plume can be made out, shape (base,) [m].

    The optical depth through a plume of radius r that carries E kg/s is k·E/(2·r·u), with uniform smoke inside:
    ``widest_m`` is the radius at which it falls to `SEEN_DEPTH`.
    """
    risen = np.maximum(widest_m - 0.5 * width_m, 0.0) / ENTRAINMENT
    length = (risen * wind_m_s / (1.6 * np.cbrt(np.maximum(flux, 1e-9)))) ** 1.5
    return np.clip(length, CELL_M / 2.0, 15_000.0)
