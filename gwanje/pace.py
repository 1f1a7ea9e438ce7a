"""What time it is: the wall's, or a rehearsal's, which runs faster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from config.settings import Settings
from gwanje.errors import CommandError


def utc_now() -> datetime:
    """Return the wall's time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class PacedClock:
    """Time that was the wall's at an instant and has run at a multiple of its speed since.

    Processes that are given the same instant and speed have the same time without speaking to each other.
    """

    start: datetime
    speed: float
    wall: Callable[[], datetime] = utc_now

    def __call__(self) -> datetime:
        """Return the time, aware UTC."""
        return self.start + (self.wall() - self.start) * self.speed


def since_now(settings: Settings) -> Settings:
    """Return settings whose fast time, if they ask for one, starts now unless they say when."""
    if settings.clock_speed == 1.0 or settings.clock_start:
        return settings
    return msgspec.structs.replace(settings, clock_start=utc_now().isoformat())


def clock_of(settings: Settings) -> Callable[[], datetime]:
    """Return the clock that settings ask for.

    Raises
    ------
    CommandError
        If time shall run fast and ``clock_start`` does not say since when.
    """
    if settings.clock_speed == 1.0:
        return utc_now
    try:
        start = datetime.fromisoformat(settings.clock_start)
    except ValueError:
        start = None
    if start is None or start.utcoffset() is None:
        raise CommandError(
            f"GWANJE_CLOCK_START: expected an RFC 3339 time with its offset, was {settings.clock_start!r}; "
            "it says since when time runs at GWANJE_CLOCK_SPEED"
        )
    return PacedClock(start.astimezone(UTC), settings.clock_speed)
