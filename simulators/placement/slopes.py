"""Which slopes are weak or creep."""

from __future__ import annotations

import numpy as np

from simulators.causes.land import SlopeCreep
from simulators.causes.land import WeakSlopes as WeakCause
from simulators.placement.setting import NowhereError, Setting
from simulators.placement.skies import rain_sum_mm
from simulators.world.happenings import Creep, Storm, WeakSlope
from simulators.world.seeds import stream


def place_weak(
    event: WeakCause, name: str, storm: Storm | None, taken: set[int], setting: Setting
) -> tuple[WeakSlope, ...]:
    """Choose weak slopes.

    Parameters
    ----------
    event
        Nodes by identifier, or how many of those above a road.
    name
        What the event is called, for the draw.
    storm
        The storm ``under`` which they lie: then of the ``among`` nodes that it wets most.
    taken
        Nodes that are weak already; takes the new ones as well.
    setting
        Region.

    Returns
    -------
    tuple of WeakSlope
        In the catalogue's order; above different links as far as there are enough.

    Raises
    ------
    NowhereError
        If too few nodes stand above a road.
    """
    nodes = setting.catalogue.slope
    if event.nodes is not None:
        index_of = {node.id: index for index, node in enumerate(nodes)}
        unknown = [node for node in event.nodes if node not in index_of]
        if unknown:
            raise NowhereError("nodes", f"expected slope nodes of region {setting.catalogue.id}, was {unknown[0]!r}")
        chosen = [index_of[node] for node in event.nodes]
    else:
        chosen = _draw(event, name, storm, taken, setting)
    again = [nodes[index].id for index in chosen if index in taken]
    if again:
        raise NowhereError("nodes", f"expected nodes that are not weak already, was {again[0]!r}")
    taken.update(chosen)
    return tuple(WeakSlope(index, event.margin_frac) for index in sorted(chosen))


def _draw(event: WeakCause, name: str, storm: Storm | None, taken: set[int], setting: Setting) -> list[int]:
    nodes = setting.catalogue.slope
    pool = np.arange(len(nodes))
    where = f"in region {setting.catalogue.id}"
    if storm is not None:
        wet = rain_sum_mm(storm, setting, setting.nodes_xy)
        pool = np.argsort(-wet, kind="stable")[: event.among]
        where = f"among the {len(pool)} nodes nearest to the path of {storm.id}"
    above = [int(index) for index in pool if nodes[index].link is not None and int(index) not in taken]
    count = event.count or 0
    if len(above) < count:
        raise NowhereError("count", f"expected {count} sound nodes above a road {where}, was {len(above)}")
    drawn = [above[place] for place in stream(setting.seed, "weak slopes", name).permutation(len(above))]
    links: set[str | None] = set()
    first: list[int] = []
    for index in drawn:
        if nodes[index].link not in links:
            links.add(nodes[index].link)
            first.append(index)
    return [*first, *(index for index in drawn if index not in first)][:count]


def place_creep(event: SlopeCreep, name: str, span_s: tuple[float, float], setting: Setting) -> Creep:
    """Find the node that creeps: by its identifier, or drawn from those above a road.

    Raises
    ------
    NowhereError
        If there is none.
    """
    nodes = setting.catalogue.slope
    fit = [index for index, node in enumerate(nodes) if (event.node in {None, node.id}) and (event.node or node.link)]
    if not fit:
        wanted = f"the slope node {event.node}" if event.node else "a slope node above a road"
        field = "node" if event.node else "place"
        raise NowhereError(field, f"expected {wanted}; region {setting.catalogue.id} has none")
    chosen = fit[int(stream(setting.seed, "creep", name).integers(len(fit)))]
    return Creep(chosen, event.rate_deg_h, span_s[0], span_s[1])
