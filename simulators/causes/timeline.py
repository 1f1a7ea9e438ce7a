"""Times and references between the events of one scenario, without a region."""

from __future__ import annotations

from simulators.causes.base import Cause, TimedCause
from simulators.causes.device import Fault
from simulators.causes.events import Event, Timeline, event_id
from simulators.causes.land import FalseDetection, Fire, WeakSlopes
from simulators.causes.lines import KeyPath
from simulators.causes.problems import Report
from simulators.causes.road import Crash, Debris, LaneCause, SecondaryCrash, TunnelFire, WorkZone
from simulators.causes.sky import Fog, Storm, Wind

CLOSING = (Crash, Debris, WorkZone, TunnelFire)
"""Events that have a queue behind them which a secondary crash can run into."""
PLACED = (Crash, Debris, WorkZone, TunnelFire, Storm, Fog, Fire)
"""Events that have a place which devices can be near to."""
Kinds = tuple[type[Cause], ...]


def check_timeline(timeline: Timeline, report: Report) -> None:
    """Note names used twice, references that lead nowhere, and times that cannot be."""
    _check_names(timeline, report)
    for index, event in timeline.events.items():
        path: KeyPath = ("event", index)
        _check_times(event, timeline.duration_s, path, report)
        match event:
            case SecondaryCrash():
                primary = _refer(event.of, CLOSING, timeline, (*path, "of"), report)
                if isinstance(primary, TimedCause):
                    _check_secondary(event, primary, timeline.duration_s, path, report)
            case LaneCause() if event.near is not None:
                _refer(event.near, (Fog, Storm), timeline, (*path, "near"), report)
            case WeakSlopes() if event.under is not None:
                _refer(event.under, (Storm,), timeline, (*path, "under"), report)
            case Fault() | FalseDetection() if event.near is not None:
                _refer(event.near, PLACED, timeline, (*path, "near"), report)
            case _:
                pass


def _check_names(timeline: Timeline, report: Report) -> None:
    first: dict[str, int] = {}
    for index, event in timeline.events.items():
        name = event_id(index, event)
        other = first.setdefault(name, index)
        if other != index:
            line = report.lines.of(("event", other))
            what = "" if event.name else ", what an event without a name is called"
            report.add(("event", index, "name"), f"expected another name than that of line {line}, was {name!r}{what}")


def _refer(name: str, kinds: Kinds, timeline: Timeline, path: KeyPath, report: Report) -> Event | None:
    wanted = " or ".join(str(kind.__struct_config__.tag) for kind in kinds)
    found = timeline.named.get(name)
    if name in timeline.unread and found is None:
        return None
    if found is None:
        known = ", ".join(key for key, event in timeline.named.items() if isinstance(event, kinds)) or "none"
        report.add(path, f"expected the name of a {wanted} (there are: {known}), was {name!r}")
        return None
    if not isinstance(found, kinds):
        report.add(path, f"expected the name of a {wanted}, was {name!r}, a {found.kind}")
        return None
    return found


def _check_times(event: Event, duration_s: float, path: KeyPath, report: Report) -> None:
    if isinstance(event, TimedCause | Wind) and event.at_s >= duration_s:
        report.add((*path, "at_s"), f"expected before the end of the rehearsal at {duration_s:g} s, was {event.at_s:g}")
        return
    if isinstance(event, TimedCause) and event.duration_s is not None and event.at_s + event.duration_s > duration_s:
        report.add(
            (*path, "duration_s"),
            f"expected an end by that of the rehearsal at {duration_s:g} s (leave it out to last until then), "
            f"was {event.duration_s:g} from {event.at_s:g} on",
        )
    if isinstance(event, Wind) and event.at_s + event.over_s > duration_s:
        report.add(
            (*path, "over_s"),
            f"expected a change that is over by the end of the rehearsal at {duration_s:g} s, was {event.over_s:g} "
            f"from {event.at_s:g} on",
        )
    if isinstance(event, Fire) and event.attack_s is not None:
        end_s = duration_s if event.duration_s is None else event.at_s + event.duration_s
        if not event.at_s <= event.attack_s <= end_s:
            report.add(
                (*path, "attack_s"),
                f"expected between the fire's beginning at {event.at_s:g} s and its end at {end_s:g} s, "
                f"was {event.attack_s:g}",
            )


def _check_secondary(
    event: SecondaryCrash, primary: TimedCause, duration_s: float, path: KeyPath, report: Report
) -> None:
    start_s = primary.at_s + event.after_s
    primary_end_s = duration_s if primary.duration_s is None else primary.at_s + primary.duration_s
    if start_s >= primary_end_s:
        report.add(
            (*path, "after_s"),
            f"expected while {event.of} lasts, less than {primary_end_s - primary.at_s:g} s after its beginning, "
            f"was {event.after_s:g}",
        )
    elif start_s + event.duration_s > duration_s:
        report.add(
            (*path, "duration_s"),
            f"expected an end by that of the rehearsal at {duration_s:g} s, was {event.duration_s:g} from "
            f"{start_s:g} on",
        )
