"""Every kind of event, what each is called, and when it begins and ends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from simulators.causes.base import Cause, TimedCause
from simulators.causes.device import Fault
from simulators.causes.land import FalseDetection, Fire, SlopeCreep, WeakSlopes
from simulators.causes.road import Crash, Debris, SecondaryCrash, Surge, TunnelFire, WorkZone
from simulators.causes.sky import Fog, Storm, Wind

Event = (
    Crash
    | SecondaryCrash
    | TunnelFire
    | WorkZone
    | Debris
    | Surge
    | Storm
    | Fog
    | Wind
    | WeakSlopes
    | SlopeCreep
    | Fire
    | FalseDetection
    | Fault
)

EVENT_KINDS: dict[str, type[Cause]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Event)}
"""The word of the file to the type."""


def event_id(index: int, event: Cause) -> str:
    """Return by what an event is called: its name, or its kind and its place in the file, counted from 1."""
    return event.name or f"{event.kind}-{index + 1}"


@dataclass(frozen=True)
class Timeline:
    """Events by their place in the file, counted from 0, within one rehearsal.

    Attributes
    ----------
    events
        Those that could be read.
    duration_s
        How long the rehearsal lasts. [s]
    unread
        What the events that could not be read are called.
    """

    events: dict[int, Event]
    duration_s: float
    unread: frozenset[str] = frozenset()

    @cached_property
    def named(self) -> dict[str, Event]:
        """Events by what they are called."""
        return {event_id(index, event): event for index, event in self.events.items()}

    def span_s(self, event: Event) -> tuple[float, float]:
        """Return when an event begins and ends, the whole rehearsal for causes without a time [s]."""
        if isinstance(event, SecondaryCrash):
            primary = self.named.get(event.of)
            start = primary.at_s if isinstance(primary, TimedCause) else 0.0
            return start + event.after_s, start + event.after_s + event.duration_s
        if isinstance(event, TimedCause):
            return event.at_s, self.duration_s if event.duration_s is None else event.at_s + event.duration_s
        if isinstance(event, Wind):
            return event.at_s, event.at_s + event.over_s
        return 0.0, self.duration_s
