"""The journal of a running system: its folder, and the bridge from its thread to the loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from config.catalogue.digest import catalogue_digest
from config.catalogue.model import Catalogue
from config.settings import Settings
from storage.checkpoints import take_over
from storage.database import Connection
from storage.journal.log import Journal
from storage.journal.model import JournalLimits


class SystemJournal:
    """A journal that tells the running loop what is safe.

    Parameters
    ----------
    settings, catalogue
        Of the system.

    Raises
    ------
    JournalError
        If the folder cannot be used.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_durable: Callable[[int], None] = lambda _position: None
        megabyte = 1 << 20
        limits = JournalLimits(
            keep_bytes=settings.journal_keep_mb * megabyte,
            most_bytes=settings.journal_most_mb * megabyte,
            min_free_bytes=settings.journal_min_free_mb * megabyte,
        )
        self.journal = Journal(
            settings.journal_path, region=region_name(catalogue), on_durable=self._tell, limits=limits
        )
        self.journal.open()

    def listen(self, on_durable: Callable[[int], None]) -> None:
        """Call back in the loop whenever more is safe."""
        self._on_durable = on_durable

    async def position_in(self, connection: Connection) -> int:
        """Return up to where the database has this journal; a session that a killed process left is ended first.

        The connection holds the journal until it is closed: give one of its own.

        A journal that ends before what the database has of it was put back to an earlier time, or lost a part: it goes
        on under another identity, so that nothing new passes for stored.
        """
        position = await take_over(connection, self.journal.identity)
        if position is not None and position > self.journal.end:
            self.journal.begin_anew()
            return self.journal.end
        return 0 if position is None else position

    def close(self) -> None:
        """Write what waits and let the folder go."""
        self.journal.close()

    def _tell(self, position: int) -> None:
        """Pass on from the journal's thread; after the loop's end nobody listens any more."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._on_durable, position)


def region_name(catalogue: Catalogue) -> str:
    """Return name and digest of a region, by which a record says what it is to be read with."""
    return f"{catalogue.id} {catalogue_digest(catalogue)}"
