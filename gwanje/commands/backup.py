"""``gwanje backup``: all that the database holds into one file, while everything goes on."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import psycopg

from gwanje.database_of import database_of
from gwanje.errors import CommandError
from gwanje.pace import utc_now
from gwanje.progress import show_part
from gwanje.running import settings_from
from storage.backup import save_backup
from storage.backup_file import Manifest
from storage.database import connect
from storage.errors import StorageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, help="where to write, by custom NAME.zip; must not be there yet")
    parser.add_argument("--database-url", help="PostgreSQL; without it the embedded one of the data folder")
    parser.add_argument("--data-dir", help="folder of the embedded database; the user's data folder without it")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Write the file."""
    settings = settings_from(parsed)

    async def program() -> Manifest:
        async with (
            database_of(settings, make=False) as dsn,
            await connect(dsn, application_name="gwanje backup", statement_timeout_s=0) as connection,
        ):
            return await save_backup(connection, parsed.file, utc_now(), show_part)

    try:
        manifest = asyncio.run(program())
    except StorageError as exc:
        raise CommandError(str(exc)) from None
    except psycopg.Error as exc:
        raise CommandError(f"the database was lost during the backup ({' '.join(str(exc).split())})") from None
    rows = sum(table.n_row for table in manifest.tables)
    print(f"{rows:,} rows of {len(manifest.tables)} tables in {parsed.file}, {parsed.file.stat().st_size:,} bytes")
    return 0
