"""How far a local journal is contained in the tables: written with the rows, read at the start.

A commit whose confirmation was lost cannot be told from one that failed by looking at the connection. The position can
tell: it stands in the table exactly when the rows do. For that to hold, nobody else may be about to commit for the same
journal, so a writer holds an advisory lock of the journal, and whoever takes over ends the session that has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from storage.database import Connection

_CLASS = 0x676A
_END_MS = 5_000
_HOLDERS = """
SELECT pg_terminate_backend(pid, %s) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid() AND objsubid = 2
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid::bigint = %s AND objid::bigint = hashtext(%s)::bigint & 4294967295
"""
_SAVE = """
INSERT INTO gwanje.journal_checkpoint AS old (journal, position, updated) VALUES (%s, %s, %s)
ON CONFLICT (journal) DO UPDATE
SET position = greatest(old.position, excluded.position), updated = greatest(old.updated, excluded.updated)
"""


class Checkpoint(NamedTuple):
    """Everything of a journal before a position is in the tables.

    Attributes
    ----------
    journal
        Name of the journal, a new one for each journal that begins at 0: positions never go back.
    position
        Offset in the journal since its beginning, not negative. [bytes]
    """

    journal: str
    position: int


async def read_checkpoint(connection: Connection, journal: str) -> int | None:
    """Return the position that is contained in the tables; None when the journal was never written from."""
    cursor = await connection.execute(
        "SELECT position FROM gwanje.journal_checkpoint WHERE journal = %s", [journal], prepare=False
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def take_over(connection: Connection, journal: str) -> int | None:
    """Become the one writer of a journal for as long as the connection lives, and return its settled position.

    A session that an earlier writer left behind is ended; what it committed until then counts.

    Parameters
    ----------
    connection
        In autocommit mode, outside of a transaction: the position is read after the earlier session has ended.
    journal
        Name of the journal.

    Returns
    -------
    int or None
        As `read_checkpoint`.
    """
    await connection.execute(_HOLDERS, [_END_MS, _CLASS, journal], prepare=False)
    await connection.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [_CLASS, journal], prepare=False)
    return await read_checkpoint(connection, journal)


async def save_checkpoints(connection: Connection, checkpoints: Iterable[Checkpoint], now: datetime) -> None:
    """Note the farthest position of each journal, inside the caller's transaction; none ever goes back."""
    for journal, position in farthest(checkpoints).items():
        await connection.execute(_SAVE, [journal, position, now])


def farthest(checkpoints: Iterable[Checkpoint]) -> dict[str, int]:
    """Return the farthest position of each journal."""
    positions: dict[str, int] = {}
    for journal, position in checkpoints:
        positions[journal] = max(position, positions.get(journal, position))
    return positions


class Ledger:
    """What a writer knows of its journals, so that a group of unknown fate is written exactly once."""

    def __init__(self) -> None:
        self._positions: dict[str, int | None] = {}
        self._owner: Connection | None = None
        self._owned: set[str] = set()

    async def is_stored(self, connection: Connection, checkpoints: Iterable[Checkpoint]) -> bool:
        """Whether a group is in the tables already; takes over its journals on a new connection.

        Only a position that this writer moved itself says so: a group is never passed over because of what an earlier
        run left. Without checkpoints nobody can tell, and the answer is False.
        """
        if connection is not self._owner:
            self._owner, self._owned = connection, set()
        stored = False
        for journal, position in farthest(checkpoints).items():
            if journal in self._owned:
                continue
            there = await take_over(connection, journal)
            self._owned.add(journal)
            if journal in self._positions:
                before = self._positions[journal]
                stored |= there is not None and (before is None or before < position) and there >= position
            self._positions[journal] = there
        return stored

    def stored(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Remember that a group was committed."""
        for journal, position in farthest(checkpoints).items():
            self._positions[journal] = max(position, self._positions.get(journal) or 0)
