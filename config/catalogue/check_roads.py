"""Links that agree with their lines and with each other, and devices that stand where they say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from config.catalogue.errors import Problem
from config.catalogue.files import FILES, NOUNS
from config.catalogue.geometry import GEOD, distances_along_m, positions_along
from config.catalogue.model import Camera, Catalogue, Link, Sign, VdsStation

# Own construction: room for a line drawn with fewer points than the survey, and for carriageways beside the node.
LENGTH_TOLERANCE_FRAC = 0.01
LENGTH_TOLERANCE_M = 2.0
JOINT_TOLERANCE_M = 5.0
NODE_TOLERANCE_M = 100.0
DEVICE_TOLERANCE_M = 250.0


def check_roads(catalogue: Catalogue) -> Iterator[Problem]:
    """Yield a problem for everything about links, and devices on links, that does not fit together."""
    links = {link.id: link for link in catalogue.links}
    nodes = {node.id: node.position for node in catalogue.nodes}
    usable = set()
    for link in catalogue.links:
        problems = list(_check_link(link))
        yield from problems
        if not problems:
            usable.add(link.id)
    ends = [(link, index, node) for link in catalogue.links for index, node in ((0, "from_node"), (-1, "to_node"))]
    for link, index, field in ends:
        node = nodes.get(getattr(link, field))
        if node is None or not link.line:
            continue
        distance_m = GEOD.inv(*node, *link.line[index])[2]
        if distance_m > NODE_TOLERANCE_M:
            what = "starts" if index == 0 else "ends"
            problem = (
                f"expected a node where the line {what} (within {NODE_TOLERANCE_M:g} m), was {distance_m:.0f} m off"
            )
            yield _problem("links", link.id, field, problem)
    yield from _check_chainage(catalogue.links)
    for kind in ("vds", "cctv", "sign"):
        yield from _check_devices(kind, getattr(catalogue, kind), links, usable)


def _problem(name: str, identifier: str, field: str, problem: str) -> Problem:
    return Problem(FILES[name], identifier, field, problem, NOUNS[name])


def _check_link(link: Link) -> Iterator[Problem]:
    if link.from_node == link.to_node:
        yield _problem("links", link.id, "to_node", "expected another node than from_node, was the same")
    if len(link.line) < 2:
        yield _problem("links", link.id, "geometry", f"expected at least 2 positions, was {len(link.line)}")
        return
    length_m = float(distances_along_m(link.line)[-1])
    if not abs(link.length_m - length_m) <= LENGTH_TOLERANCE_M + LENGTH_TOLERANCE_FRAC * length_m:
        problem = f"expected the length of the line, {length_m:.1f} m, within 1 %, was {link.length_m:g}"
        yield _problem("links", link.id, "length_m", problem)


def _check_chainage(links: tuple[Link, ...]) -> Iterator[Problem]:
    runs: dict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in links:
        runs[link.road, link.direction].append(link)
    for run in runs.values():
        run.sort(key=lambda link: link.chainage_m)
        for before, link in pairwise(run):
            if before.to_node != link.from_node:
                problem = (
                    f"expected {before.to_node}, where the link before it on road {link.road} {link.direction} "
                    f"({before.id}) ends, was {link.from_node}"
                )
                yield _problem("links", link.id, "from_node", problem)
            expected_m = before.chainage_m + before.length_m
            if abs(link.chainage_m - expected_m) > JOINT_TOLERANCE_M + LENGTH_TOLERANCE_FRAC * before.length_m:
                problem = (
                    f"expected {expected_m:.1f}, the end of the link before it on road {link.road} "
                    f"{link.direction} ({before.id}), was {link.chainage_m:g}"
                )
                yield _problem("links", link.id, "chainage_m", problem)


def _check_devices(
    kind: str, devices: tuple[VdsStation | Camera | Sign, ...], links: dict[str, Link], usable: set[str]
) -> Iterator[Problem]:
    by_link: dict[str, list[tuple[VdsStation | Camera | Sign, float]]] = defaultdict(list)
    for device in devices:
        if (device.link is None) != (device.offset_m is None):
            yield _problem(kind, device.id, "offset_m", "expected link and offset_m both or neither, was one of them")
        if device.link is None or device.offset_m is None or device.link not in links:
            continue
        link = links[device.link]
        if not 0 <= device.offset_m <= link.length_m:
            problem = f"expected a distance on link {link.id}, 0 to {link.length_m:g}, was {device.offset_m:g}"
            yield _problem(kind, device.id, "offset_m", problem)
        elif link.id in usable:
            by_link[link.id].append((device, device.offset_m))
        if isinstance(device, VdsStation) and device.lanes != link.lanes:
            problem = f"expected the {link.lanes} lanes of link {link.id}, was {device.lanes}"
            yield _problem(kind, device.id, "lanes", problem)
    for identifier, standing in by_link.items():
        expected = positions_along(links[identifier].line, [offset_m for _, offset_m in standing])
        actual = np.array([device.position for device, _ in standing])
        distances_m = GEOD.inv(expected[:, 0], expected[:, 1], actual[:, 0], actual[:, 1])[2]
        for (device, offset_m), distance_m in zip(standing, distances_m, strict=True):
            if distance_m > DEVICE_TOLERANCE_M:
                problem = (
                    f"expected a position within {DEVICE_TOLERANCE_M:g} m of link {identifier} at {offset_m:g} m, "
                    f"was {distance_m:.0f} m off"
                )
                yield _problem(kind, device.id, "geometry", problem)
