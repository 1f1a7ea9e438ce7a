"""Where a vehicle burns in a tunnel."""

from __future__ import annotations

from config.catalogue.model import Link
from simulators.causes.road import TunnelFire
from simulators.placement.setting import NowhereError, Setting
from simulators.placement.spots import runs
from simulators.world.happenings import Closure


def place_tunnel_fire(
    event: TunnelFire, name: str, span_s: tuple[float, float], setting: Setting
) -> tuple[Closure, ...]:
    """Close a tunnel, and its other tube as well if the event says so.

    Parameters
    ----------
    event
        A link of the tunnel, or the longest one.
    name
        Identifier of the closure of the tube's first link, behind which its queue forms; the others are
        ``name.2``, … and those of the other tube ``name.opposite``, ``name.opposite.2``, …
    span_s
        When it begins and ends. [s]
    setting
        Region.

    Raises
    ------
    NowhereError
        If there is no such tunnel, or no other tube.
    """
    tube = find_tunnel(event.link, setting)
    tubes = [(name, tube)]
    if event.both_directions:
        opposite = other_tube(tube, setting)
        if not opposite:
            raise NowhereError(
                "both_directions",
                f"expected a tunnel with another tube, was that of link {tube[0].id} (false closes one direction)",
            )
        tubes.append((f"{name}.opposite", opposite))
    return tuple(
        Closure(
            id=identifier if place == 0 else f"{identifier}.{place + 1}",
            cause="tunnel_fire",
            link=link.id,
            offset_m=0.0,
            length_m=link.length_m,
            lanes=frozenset(range(1, link.lanes + 1)),
            from_s=span_s[0],
            until_s=span_s[1],
        )
        for identifier, links in tubes
        for place, link in enumerate(links)
    )


def find_tunnel(link: str | None, setting: Setting) -> tuple[Link, ...]:
    """Return the links of a tunnel in order of travel: of the one around a link, or of the longest one.

    The longest one is that of an expressway, of another road only when no expressway has any, and one with a way around
    it if there is any; of both directions, that of the lower identifier.

    Raises
    ------
    NowhereError
        If there is no such tunnel.
    """
    tunnels = _tunnels(setting)
    if link is not None:
        for links in tunnels:
            if any(row.id == link for row in links):
                return links
        raise NowhereError("link", f"expected a link in a tunnel of region {setting.catalogue.id}, was {link!r}")
    if not tunnels:
        raise NowhereError("place", f"expected a tunnel; region {setting.catalogue.id} has none")
    ranks = {road.id: road.rank for road in setting.catalogue.roads}

    def order(links: tuple[Link, ...]) -> tuple[bool, float, str]:
        # Both tubes of one tunnel differ by metres: to the hundred they are alike.
        return ranks[links[0].road] != "expressway", -(sum(row.length_m for row in links) // 100.0), links[0].id

    ordered = sorted(tunnels, key=order)
    best = [links for links in ordered if ranks[links[0].road] == ranks[ordered[0][0].road]]
    return next((links for links in best if has_way_around(links, setting)), ordered[0])


def has_way_around(tube: tuple[Link, ...], setting: Setting) -> bool:
    """Return whether roads lead from one end of a tunnel to the other when both tubes are closed."""
    shut = {link.id for link in (*tube, *other_tube(tube, setting))}
    beside: dict[str, list[str]] = {}
    for link in setting.catalogue.links:
        if link.id not in shut:
            beside.setdefault(link.from_node, []).append(link.to_node)
            beside.setdefault(link.to_node, []).append(link.from_node)
    found, ahead = {tube[0].from_node}, [tube[0].from_node]
    while ahead:
        new = [node for node in beside.get(ahead.pop(), []) if node not in found]
        found.update(new)
        ahead += new
    return tube[-1].to_node in found


def other_tube(tube: tuple[Link, ...], setting: Setting) -> tuple[Link, ...]:
    """Return the links of the same tunnel in the other direction, none when there is none."""
    ends = {node for link in tube for node in (link.from_node, link.to_node)}
    for links in _tunnels(setting):
        if links[0].road == tube[0].road and links[0].direction != tube[0].direction:
            beside = tuple(row for row in links if {row.from_node, row.to_node} <= ends)
            if beside:
                return beside
    return ()


def _tunnels(setting: Setting) -> list[tuple[Link, ...]]:
    return [route.links[first : last + 1] for route in setting.routes for first, last in runs(route.tunnel)]
