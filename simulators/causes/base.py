"""What every cause of a scenario has."""

from __future__ import annotations

from msgspec import Struct

from config.catalogue.model import Name
from simulators.causes.fields import AtSeconds, Duration, EventName


class Cause(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of every event of a scenario."""

    name: EventName | None = None
    """By which other events and the record of the run call it."""
    title: Name | None = None
    """What a trainer calls it; shown to nobody who is being trained."""

    @property
    def kind(self) -> str:
        """The word that the file uses for this kind of event."""
        tag = self.__struct_config__.tag
        return str(tag)


class TimedCause(Cause, frozen=True, kw_only=True):
    """Base of events with a beginning and an end of their own."""

    at_s: AtSeconds
    """Beginning, from the start of the run [s]."""
    duration_s: Duration | None = None
    """How long it lasts, until the end of the rehearsal when not given [s]."""
