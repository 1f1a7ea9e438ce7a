"""Which rows a message asks for, and where they stand: one place for what devices say and what is looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

from storage.database import Connection
from tests.faults.ledger import Key

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Body = dict[str, Any]
"""Fields of a message of one device."""


def micros(time: datetime) -> int:
    """Return a time as the database keeps it. [µs since 1970 UTC]"""
    return (time - _EPOCH) // _MICROSECOND


@dataclass(frozen=True)
class Table:
    """Where messages of one kind end up."""

    asked: Callable[[Body], Iterable[tuple[int, float]]]
    """Lane, 0 where there is none, and value of each row that a message asks for; a row with another is a wrong one."""
    query: LiteralString
    """Device, time, lane and value of all rows."""

    def keys(self, body: Body) -> list[Key]:
        """Return what the rows of a message are known by."""
        return [(body["device"], micros(body["time"]), lane, value) for lane, value in self.asked(body)]

    async def stored(self, connection: Connection) -> list[Key]:
        """Return what is in the table, each row as often as it is there."""
        cursor = await connection.execute(self.query)
        return [(device, micros(time), lane, value) for device, time, lane, value in await cursor.fetchall()]


def _of_lanes(body: Body) -> Iterable[tuple[int, float]]:
    return ((one["lane"], float(one["volume"])) for one in body["lanes"])


def _events(kind: LiteralString) -> Table:
    return Table(
        asked=lambda body: [(0, body["seq"])],
        query="SELECT d.id, e.time, 0, e.seq FROM gwanje.device_event e JOIN gwanje.device d ON d.key = e.device"
        f" WHERE e.stream = 'event' AND e.kind = '{kind}'",
    )


TABLES: dict[tuple[str, str], Table] = {
    ("vds", "obs"): Table(
        asked=_of_lanes,
        query="SELECT d.id, r.time, r.lane, r.volume FROM gwanje.vds_lane r JOIN gwanje.device d ON d.key = r.device",
    ),
    ("slope", "obs"): Table(
        asked=lambda body: [(0, body["pore_pressure_kpa"])],
        query="SELECT d.id, r.time, 0, r.pore_pressure_kpa FROM gwanje.slope_reading r"
        " JOIN gwanje.device d ON d.key = r.device",
    ),
    ("weather", "obs"): Table(
        asked=lambda body: [(0, body["visibility_m"])],
        query="SELECT d.id, r.time, 0, r.visibility_m FROM gwanje.weather_reading r"
        " JOIN gwanje.device d ON d.key = r.device",
    ),
    ("cctv", "event"): _events("cctv"),
    ("tower", "event"): _events("tower"),
}
"""By kind and stream."""
