"""Fields of an event that exclude or need each other."""

from __future__ import annotations

from simulators.causes.base import Cause
from simulators.causes.device import FITS, SIZED, Fault
from simulators.causes.land import FalseDetection, Fire, SlopeCreep, WeakSlopes
from simulators.causes.lines import KeyPath
from simulators.causes.problems import Report
from simulators.causes.road import LaneCause, Surge, TunnelFire, WorkZone
from simulators.causes.sky import Fog, Storm


def check_combination(event: Cause, path: KeyPath, report: Report) -> None:
    """Note which fields of an event cannot stand together or alone."""
    match event:
        case LaneCause():
            _at_most_one(event, ("place", "link", "near"), path, report)
            _both(event, "link", "offset_m", path, report)
        case WorkZone():
            _at_most_one(event, ("place", "link"), path, report)
            _both(event, "link", "offset_m", path, report)
        case TunnelFire():
            _at_most_one(event, ("place", "link"), path, report)
        case Surge():
            _at_most_one(event, ("place", "road"), path, report)
        case Storm() | Fog():
            _exactly_one(event, ("over", "lon_deg"), path, report, "over, or lon_deg and lat_deg")
            _both(event, "lon_deg", "lat_deg", path, report)
        case WeakSlopes():
            _exactly_one(event, ("nodes", "count"), path, report, "nodes or count")
            _weak(event, path, report)
        case SlopeCreep():
            _exactly_one(event, ("node", "place"), path, report, "node or place")
        case Fire():
            _both(event, "lon_deg", "lat_deg", path, report)
            _at_most_one(event, ("toward", "lon_deg"), path, report)
        case FalseDetection():
            _at_most_one(event, ("place", "tower", "near"), path, report)
        case Fault():
            _fault(event, path, report)
        case _:
            pass


def _given(event: Cause, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if getattr(event, name) is not None]


def _at_most_one(event: Cause, names: tuple[str, ...], path: KeyPath, report: Report) -> None:
    given = _given(event, names)
    if len(given) > 1:
        report.add((*path, given[1]), f"expected at most one of {', '.join(names)}, was {' and '.join(given)}")


def _exactly_one(event: Cause, names: tuple[str, ...], path: KeyPath, report: Report, choice: str) -> None:
    given = _given(event, names)
    if len(given) != 1:
        field = given[1] if given else names[0]
        report.add((*path, field), f"expected {choice}, was {' and '.join(given) or 'neither'}")


def _both(event: Cause, first: str, second: str, path: KeyPath, report: Report) -> None:
    given = _given(event, (first, second))
    if len(given) == 1:
        missing = second if given == [first] else first
        report.add((*path, missing), f"expected it together with {given[0]}, was missing")


def _weak(event: WeakSlopes, path: KeyPath, report: Report) -> None:
    if event.nodes is not None:
        if event.under is not None:
            report.add((*path, "under"), "expected it with count only, was together with nodes")
        for place, node in enumerate(event.nodes):
            if node in event.nodes[:place]:
                report.add((*path, "nodes", place), f"expected each node once, was {node!r} again")
    elif event.count is not None and event.under is not None and event.count > event.among:
        report.add((*path, "count"), f"expected at most among = {event.among}, was {event.count}")


def _fault(event: Fault, path: KeyPath, report: Report) -> None:
    _exactly_one(event, ("device", "devices"), path, report, "device or devices")
    amounts = _given(event, ("share", "count"))
    if event.devices is not None:
        if len(amounts) != 1:
            field = amounts[1] if amounts else "share"
            report.add(
                (*path, field), f"expected devices with share or count, was {' and '.join(amounts) or 'neither'}"
            )
        for place, kind in enumerate(event.devices):
            if kind in event.devices[:place]:
                report.add((*path, "devices", place), f"expected each kind once, was {kind!r} again")
            if kind not in FITS[event.fault]:
                text = f"expected a kind that can have the fault {event.fault} ({', '.join(FITS[event.fault])})"
                report.add((*path, "devices", place), f"{text}, was {kind!r}")
    elif amounts and event.device is not None:
        report.add((*path, amounts[0]), "expected it with devices only, was together with device")
    if event.near is not None and event.count is None:
        report.add((*path, "near"), "expected it with devices and count only, was without count")
    _fault_value(event, path, report)


def _fault_value(event: Fault, path: KeyPath, report: Report) -> None:
    where = (*path, "value")
    value = event.value
    if event.fault not in SIZED:
        if value is not None:
            report.add(where, f"expected no value with the fault {event.fault}, was {value}")
    elif value is None:
        report.add(where, f"expected the size of the fault {event.fault}, was missing")
    elif event.fault == "missed_lane" and not (value == int(value) and 1 <= value <= 8):
        report.add(where, f"expected the number of a lane from 1 to 8, was {value}")
    elif event.fault == "dead_pixels" and not 0 < value <= 1:
        report.add(where, f"expected a share of the pixels greater than 0 and at most 1, was {value}")
    elif event.fault in {"noise", "spike"} and value <= 0:
        report.add(where, f"expected a number greater than 0, was {value}")
    elif value == 0:
        report.add(where, "expected a number other than 0, was 0")
