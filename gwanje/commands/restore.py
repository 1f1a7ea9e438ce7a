"""``gwanje restore``: a backup into an empty database."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import psycopg

from gwanje.database_of import database_of
from gwanje.errors import CommandError
from gwanje.progress import show_part
from gwanje.running import settings_from
from gwanje.sole import SoleUse
from storage.backup_file import Manifest
from storage.database import connect
from storage.errors import StorageError
from storage.restore import restore_backup


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, help="a file from gwanje backup")
    parser.add_argument("--database-url", help="an empty PostgreSQL; without it the embedded one of the data folder")
    parser.add_argument("--data-dir", help="folder of the embedded database; the user's data folder without it")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Check the file and fill the database."""
    settings = settings_from(parsed)
    if not parsed.file.is_file():
        raise CommandError(f"{parsed.file}: expected a file from gwanje backup, was no file")

    async def program() -> Manifest:
        async with (
            database_of(settings, make=True) as dsn,
            SoleUse(lambda: dsn).held(),
            await connect(dsn, application_name="gwanje restore", statement_timeout_s=0) as connection,
        ):
            return await restore_backup(connection, parsed.file, show_part)

    try:
        manifest = asyncio.run(program())
    except StorageError as exc:
        raise CommandError(str(exc)) from None
    except psycopg.Error as exc:
        raise CommandError(
            f"the database was lost during the restore and holds none of its rows ({' '.join(str(exc).split())})"
        ) from None
    rows = sum(table.n_row for table in manifest.tables)
    print(f"{rows:,} rows of {len(manifest.tables)} tables as they were at {manifest.created.isoformat()}")
    return 0
