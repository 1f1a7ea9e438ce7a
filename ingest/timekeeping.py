"""When a tick is due, what belongs to it, and what time it is: by the wall, or by the devices of a replay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from ingest.intake import Accepted, Intake
from sensors.columns import from_ns, to_ns


class Due(NamedTuple):
    """One tick."""

    accepted: Sequence[Accepted]
    now_ns: int


class Timekeeper(Protocol):
    """Decides about ticks."""

    def now(self) -> datetime:
        """Return engine time."""

    async def next_tick(self) -> Due:
        """Wait until a tick is due."""

    def arrived(self, *, hazard: bool) -> None:
        """Say that something was put into the intake."""


class WallTicks:
    """A tick every so often, and at once when a hazard arrives.

    Parameters
    ----------
    intake
        Whose queues are emptied, hazards first.
    clock
        Aware UTC.
    interval_s
        Time between ticks. [s]
    telemetry_per_tick
        Messages of detectors taken at once; what is left waits for the next tick.
    """

    def __init__(
        self,
        intake: Intake,
        clock: Callable[[], datetime],
        interval_s: float,
        telemetry_per_tick: int = 10_000,
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._interval_s = interval_s
        self._telemetry_per_tick = telemetry_per_tick
        self._wake = asyncio.Event()
        self._last_ns = 0

    def now(self) -> datetime:
        """Return the wall's time, which here never goes back."""
        return from_ns(max(to_ns(self._clock()), self._last_ns))

    def arrived(self, *, hazard: bool) -> None:
        """Wake at once for a hazard; telemetry waits for its tick."""
        if hazard:
            self._wake.set()

    async def next_tick(self) -> Due:
        """Wait for the interval or a hazard, then take what arrived."""
        try:
            async with asyncio.timeout(self._interval_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()
        intake = self._intake
        hazards = intake.drain(intake.hazard, len(intake.hazard))
        telemetry = intake.drain(intake.telemetry, self._telemetry_per_tick)
        self._last_ns = to_ns(self.now())
        return Due([*hazards, *telemetry], self._last_ns)


class DeviceTicks:
    """Ticks by the devices' own time: for replays, as fast as the messages come, and the same each time.

    The time is the newest device time seen so far. A tick ends when a message arrives that belongs to a later interval,
    so its content depends on the order of the messages alone; only when nothing arrives for ``idle_s`` is what waits
    taken as it stands. All messages have to come through one session, in one quality of service, to keep their order.

    Parameters
    ----------
    intake
        Whose one queue is emptied in order.
    interval_s
        Length of a tick in device time. [s]
    idle_s
        Wall time without a message after which an unfinished tick is taken. [s]
    """

    def __init__(self, intake: Intake, interval_s: float, idle_s: float = 1.0) -> None:
        self._intake = intake
        self._interval_ns = int(interval_s * 1e9)
        self._idle_s = idle_s
        self._watermark_ns = 0
        self._pending: list[Accepted] = []
        self._wake = asyncio.Event()

    def now(self) -> datetime:
        """Return the newest device time so far."""
        return from_ns(self._watermark_ns)

    def arrived(self, *, hazard: bool) -> None:
        """Look at what arrived; here hazards and telemetry are equal, for the order is what counts."""
        del hazard
        self._wake.set()

    async def next_tick(self) -> Due:
        """Wait until a message of a later interval closes the tick."""
        while True:
            while self._intake.hazard:
                newest_ns = _newest_ns(self._intake.hazard[0])
                later = max(newest_ns, self._watermark_ns)
                if self._pending and later // self._interval_ns > self._watermark_ns // self._interval_ns:
                    return self._close()
                self._watermark_ns = later
                self._pending.append(self._intake.hazard.popleft())
            try:
                async with asyncio.timeout(self._idle_s if self._pending else None):
                    await self._wake.wait()
            except TimeoutError:
                return self._close()
            self._wake.clear()

    def _close(self) -> Due:
        accepted, self._pending = self._pending, []
        return Due(accepted, self._watermark_ns)


def _newest_ns(accepted: Accepted) -> int:
    return max((to_ns(item.message.time) for item in accepted.observations), default=0)
