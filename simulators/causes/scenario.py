"""One rehearsal: a day's beginning, how long it lasts, and what goes wrong in it."""

from __future__ import annotations

from datetime import date as Date  # noqa: N812
from typing import Annotated, Literal

from msgspec import Meta, Struct

from config.catalogue.model import Name
from simulators.causes.events import Event, Timeline
from simulators.causes.fields import Duration
from simulators.causes.lines import Lines
from simulators.world.sky.climate import Climate

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

COMMON_YEAR = 2023
"""Any year without a 29 February: days of the year count from 1 to 365."""


class DayDemand(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much traffic the day has."""

    factor: Annotated[float, Meta(ge=0, le=3, description="a factor from 0 to 3")] = 1.0
    """All demand over that of a usual day [-]."""
    weekday: Weekday = "tue"

    @property
    def weekend(self) -> bool:
        """Whether it is a Saturday or a Sunday."""
        return self.weekday in {"sat", "sun"}


class ScenarioFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a scenario's file says; the times of events count from the start of the run."""

    title: Name
    about: Name
    time_of_day: Annotated[
        str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description='a time of day as "HH:MM"')
    ]
    """Local time of day at the start, for demand and sun."""
    date: Annotated[
        str,
        Meta(
            pattern=r"^((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))$",
            description='a day of the year as "MM-DD" (not 02-29)',
        ),
    ] = "04-15"
    """Month and day, for the season."""
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1, description="a whole number from 0 to 4294967295")]
    duration_s: Duration
    """How long the rehearsal lasts [s]."""
    demand: DayDemand = DayDemand()
    weather: Climate = Climate()
    event: tuple[Event, ...] = ()

    @property
    def time_of_day_s(self) -> float:
        """Local time of day at the start [s]."""
        hour, minute = self.time_of_day.split(":")
        return int(hour) * 3600.0 + int(minute) * 60.0

    @property
    def day_of_year(self) -> int:
        """Day of a year without a 29 February, from 1."""
        month, day = self.date.split("-")
        return Date(COMMON_YEAR, int(month), int(day)).timetuple().tm_yday


class Scenario(ScenarioFile, frozen=True, kw_only=True):
    """A scenario that was read, with the lines of its file, so that later problems name them too."""

    source: str = "scenario"
    """Name of the file."""
    lines: Lines = Lines({})

    @property
    def timeline(self) -> Timeline:
        """The events within the rehearsal."""
        return Timeline(dict(enumerate(self.event)), self.duration_s)
