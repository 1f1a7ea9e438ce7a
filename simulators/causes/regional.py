"""What a scenario names, against the region that it is to happen in."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from config.catalogue.model import DEVICE_KINDS, Catalogue, DeviceKind, Link, VdsStation
from simulators.causes.device import FITS, Fault
from simulators.causes.events import Event
from simulators.causes.land import FalseDetection, Fire, SlopeCreep, WeakSlopes
from simulators.causes.lines import KeyPath
from simulators.causes.overlap import check_claims, claims_of, length_m
from simulators.causes.problems import Problem, Report
from simulators.causes.road import Crash, Debris, Surge, TunnelFire, WorkZone
from simulators.causes.scenario import Scenario
from simulators.causes.sky import Fog, Storm


def check_against(scenario: Scenario, catalogue: Catalogue) -> list[Problem]:
    """Return what a scenario names that the region does not have, or has otherwise.

    Parameters
    ----------
    scenario
        Read without problems.
    catalogue
        Region.

    Returns
    -------
    list of Problem
        In the order of the file; empty when all named places and devices exist and have room for what is asked.
    """
    report = Report(scenario.source, scenario.lines)
    known = _Known(catalogue, report)
    for index, event in enumerate(scenario.event):
        _check(event, ("event", index), known)
    check_claims(claims_of(scenario.timeline, known.lanes_of), report)
    return sorted(report.found)


class _Known:
    """The identifiers of a region."""

    def __init__(self, catalogue: Catalogue, report: Report) -> None:
        self.region = catalogue.id
        self.report = report
        self.bbox = catalogue.bbox
        self.links = {link.id: link for link in catalogue.links}
        self.roads = {road.id for road in catalogue.roads}
        self.nodes = {node.id for node in catalogue.slope}
        self.towers = {tower.id for tower in catalogue.tower}
        self.stations = {station.id: station for station in catalogue.vds}
        self.counts = {kind: len(catalogue.devices(kind)) for kind in DEVICE_KINDS}
        self.devices: dict[str, DeviceKind] = {
            device.id: kind for kind in DEVICE_KINDS for device in catalogue.devices(kind)
        }

    def lanes_of(self, link: str) -> int | None:
        """Lanes of a link, None when there is no such link."""
        found = self.links.get(link)
        return None if found is None else found.lanes

    def identifier(self, value: str, known: Iterable[str], noun: str, path: KeyPath) -> bool:
        """Whether the region has it; a problem with the nearest spelling when it has not."""
        names = list(known)
        if value in names:
            return True
        close = get_close_matches(value, names, 1)
        hint = f" (nearest: {close[0]})" if close else ""
        self.report.add(path, f"expected a {noun} of region {self.region}{hint}, was {value!r}")
        return False

    def position(self, lon_deg: float | None, lat_deg: float | None, path: KeyPath) -> None:
        """Note a place outside the region."""
        west, south, east, north = self.bbox
        if lon_deg is not None and not west <= lon_deg <= east:
            self.report.add((*path, "lon_deg"), f"expected within the region, {west:g} to {east:g}, was {lon_deg:g}")
        if lat_deg is not None and not south <= lat_deg <= north:
            self.report.add((*path, "lat_deg"), f"expected within the region, {south:g} to {north:g}, was {lat_deg:g}")


def _check(event: Event, path: KeyPath, known: _Known) -> None:
    match event:
        case Crash() | Debris() | WorkZone() if event.link is not None:
            if known.identifier(event.link, known.links, "link", (*path, "link")):
                _check_lanes(event, known.links[event.link], path, known.report)
        case TunnelFire() if event.link is not None:
            there = known.identifier(event.link, known.links, "link", (*path, "link"))
            if there and not known.links[event.link].tunnel:
                known.report.add((*path, "link"), f"expected a link in a tunnel, was {event.link!r} in the open")
        case Surge() if event.road is not None:
            known.identifier(event.road, known.roads, "road", (*path, "road"))
        case Fire() | Storm() | Fog():
            known.position(event.lon_deg, event.lat_deg, path)
        case WeakSlopes() if event.nodes is not None:
            for place, node in enumerate(event.nodes):
                known.identifier(node, known.nodes, "slope node", (*path, "nodes", place))
        case SlopeCreep() if event.node is not None:
            known.identifier(event.node, known.nodes, "slope node", (*path, "node"))
        case FalseDetection():
            if event.tower is not None:
                known.identifier(event.tower, known.towers, "watchtower", (*path, "tower"))
            elif not known.towers:
                known.report.add((*path, "kind"), f"expected a watchtower in region {known.region}, was none")
        case Fault():
            _check_fault(event, path, known)
        case _:
            pass


def _check_lanes(event: Crash | Debris | WorkZone, link: Link, path: KeyPath, report: Report) -> None:
    if event.lanes_blocked > link.lanes:
        text = f"expected at most the {link.lanes} lanes of link {link.id}, was {event.lanes_blocked}"
        report.add((*path, "lanes_blocked"), text)
    offset_m = event.offset_m or 0.0
    if offset_m >= link.length_m:
        text = f"expected less than the {link.length_m:g} m of link {link.id}, was {offset_m:g}"
        report.add((*path, "offset_m"), text)
    elif offset_m + length_m(event) > link.length_m:
        field = "length_m" if isinstance(event, WorkZone) else "offset_m"
        text = f"expected {length_m(event):g} m of room before the end of link {link.id} at {link.length_m:g} m"
        report.add((*path, field), f"{text}, was {link.length_m - offset_m:g} m from offset_m = {offset_m:g} on")


def _check_fault(event: Fault, path: KeyPath, known: _Known) -> None:
    if event.devices is not None:
        total = sum(known.counts[kind] for kind in event.devices)
        if total == 0 or (event.count or 0) > total:
            text = f"expected devices that region {known.region} has ({total} of these kinds)"
            known.report.add(
                (*path, "devices"), f"{text}, was {event.count or 'a share'} of {', '.join(event.devices)}"
            )
    if event.device is None or not known.identifier(event.device, known.devices, "device", (*path, "device")):
        return
    kind = known.devices[event.device]
    if kind not in FITS[event.fault]:
        fits = ", ".join(FITS[event.fault])
        text = f"expected a fault that a device of kind {kind} can have, was {event.fault} (of {fits})"
        known.report.add((*path, "fault"), text)
    station: VdsStation | None = known.stations.get(event.device)
    if event.fault == "missed_lane" and station is not None and (event.value or 0.0) > station.lanes:
        text = f"expected one of the {station.lanes} lanes of station {station.id}, was {event.value:g}"
        known.report.add((*path, "value"), text)
