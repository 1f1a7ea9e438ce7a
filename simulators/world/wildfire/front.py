"""A fire's front on a grid, by the level set method.

The front is where a field is zero: negative where it has burnt, positive where it has not, in metres of distance at
first. A front that runs outwards at the speed of an ellipse's support function obeys a Hamilton-Jacobi equation
(Osher & Sethian 1988; for fires Mallet, Keyes & Fendell 2009, doi 10.1016/j.camwa.2008.10.089). It is solved here in
its advective form with the velocity of the ellipse's point of that normal, second-order upwind differences (ENO,
minmod; Osher & Shu 1991) and Heun's method.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.world.wildfire.behaviour import Spread

Floats = NDArray[np.float64]

COURANT = 0.7
"""Share of a cell that the front may cross in one step of the scheme [-]."""


def advance(field: Floats, spread: Spread, dt_s: float, cell_m: float) -> Floats:
    """Return the field after a time; a fire never takes back what it has burnt.

    Parameters
    ----------
    field
        Distance to the front, negative inside, shape (row, column), row 0 in the south. [m]
    spread
        Ellipses of growth, arrays of that shape.
    dt_s
        Any length: it is cut into as many steps as the Courant condition asks for. [s]
    cell_m
        Width of a cell. [m]
    """
    fastest_m_s = float(spread.head_m_min.max(initial=0.0)) / 60.0
    steps = max(1, int(np.ceil(fastest_m_s * dt_s / (COURANT * cell_m))))
    step_s = dt_s / steps
    for _ in range(steps):
        first = field - step_s * _slope(field, spread, cell_m)
        second = first - step_s * _slope(first, spread, cell_m)
        field = np.minimum(0.5 * (field + second), field)
    return field


def _slope(field: Floats, spread: Spread, cell_m: float) -> Floats:
    """How fast the field falls: velocity of the front times the field's gradient [m/s]."""
    backward_x, forward_x = _one_sided(field, cell_m)
    backward_y, forward_y = (side.T for side in _one_sided(field.T, cell_m))
    normal_x, normal_y = 0.5 * (backward_x + forward_x), 0.5 * (backward_y + forward_y)
    steepness = np.hypot(normal_x, normal_y)
    steepness[steepness < 1e-9] = np.inf
    normal_x /= steepness
    normal_y /= steepness
    along = normal_x * spread.east + normal_y * spread.north
    across = normal_y * spread.east - normal_x * spread.north
    long2, short2 = spread.half_m_min**2, spread.flank_m_min**2
    reach = np.sqrt(long2 * along**2 + short2 * across**2)
    reach[reach < 1e-12] = np.inf
    forth = spread.drift_m_min + long2 * along / reach
    aside = short2 * across / reach
    east = (forth * spread.east - aside * spread.north) / 60.0
    north = (forth * spread.north + aside * spread.east) / 60.0
    east[np.isinf(steepness)] = 0.0
    north[np.isinf(steepness)] = 0.0
    return (
        np.maximum(east, 0.0) * backward_x
        + np.minimum(east, 0.0) * forward_x
        + (np.maximum(north, 0.0) * backward_y + np.minimum(north, 0.0) * forward_y)
    )


def _one_sided(field: Floats, cell_m: float) -> tuple[Floats, Floats]:
    """Backward and forward differences along rows, of second order where the field is smooth [-]."""
    padded = np.pad(field, ((0, 0), (2, 2)), mode="edge")
    step = np.diff(padded, axis=1)
    bend = np.diff(step, axis=1)
    left, right = bend[:, :-1], bend[:, 1:]
    half = 0.25 * (np.sign(left) + np.sign(right)) * np.minimum(np.abs(left), np.abs(right))
    backward = (step[:, 1:-2] + half[:, :-1]) / cell_m
    forward = (step[:, 2:-1] - half[:, 1:]) / cell_m
    return backward, forward
