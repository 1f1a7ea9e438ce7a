"""What the store needs now and then: partitions ahead, roll-ups, retention, profiles. Each when it is due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from config.holidays import load_holidays
from storage.database import Connection
from storage.partitions import ensure_partitions
from storage.profiles import update_profiles
from storage.retention import RetentionPolicy, apply_retention
from storage.rollups import update_rollups

PROFILE_WEEKS = 8


class Task(NamedTuple):
    """Something to do every so often."""

    name: str
    every: timedelta
    do: Callable[[Connection, datetime], Awaitable[object]]


class Upkeep:
    """Does what is due; call `step` every few seconds.

    Parameters
    ----------
    policy
        How long rows are kept.
    timezone
        Of the region, an IANA name.
    """

    def __init__(self, policy: RetentionPolicy, timezone: str = "Asia/Seoul") -> None:
        self._policy = policy
        self._timezone = timezone
        self._done: dict[str, datetime] = {}
        self.tasks = (
            Task("partitions", timedelta(hours=1), ensure_partitions),
            Task("rollups", timedelta(minutes=1), self._rollups),
            Task("retention", timedelta(hours=6), self._retention),
            Task("profiles", timedelta(days=1), self._profiles),
        )

    async def step(self, connection: Connection, now: datetime) -> list[str]:
        """Do what is due.

        Parameters
        ----------
        connection
            In autocommit mode.
        now
            The present time, aware; the time in the rows goes by the same clock.

        Returns
        -------
        list of str
            Names of what was done. What raises is tried again at the next step.
        """
        names = []
        for task in self.tasks:
            last = self._done.get(task.name)
            # A clock that was set back makes everything due.
            if last is None or not last <= now < last + task.every:
                await task.do(connection, now)
                self._done[task.name] = now
                names.append(task.name)
        return names

    async def _rollups(self, connection: Connection, now: datetime) -> None:
        await update_rollups(connection, now, self._policy.oldest_rollup(now))

    async def _retention(self, connection: Connection, now: datetime) -> None:
        await apply_retention(connection, now, self._policy)

    async def _profiles(self, connection: Connection, now: datetime) -> None:
        cursor = await connection.execute("SELECT max(computed) FROM gwanje.vds_profile")
        row = await cursor.fetchone()
        # They are much work: a start does not compute them again that another one did today.
        if row is not None and row[0] is not None and now - timedelta(days=1) < row[0] <= now:
            return
        today = now.astimezone(ZoneInfo(self._timezone)).date()
        holidays = load_holidays(today - timedelta(weeks=PROFILE_WEEKS, days=1), today)
        await update_profiles(connection, now, weeks=PROFILE_WEEKS, timezone=self._timezone, holidays=holidays)
