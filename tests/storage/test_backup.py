"""Backup and restore: what comes back is what was there, or nothing was touched."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.backup import save_backup
from storage.backup_file import MANIFEST, Manifest
from storage.database import Connection, connect
from storage.errors import BackupError, StorageError
from storage.migrate import migrate, read_migrations
from storage.restore import restore_backup
from tests.storage.filling import contents, fill
from tests.storage.rows import NOW

pytestmark = pytest.mark.integration


@pytest.fixture
async def empty(empty_database_url: str) -> AsyncIterator[Connection]:
    async with await connect(empty_database_url) as opened:
        yield opened


async def saved(connection: Connection, folder: Path) -> Path:
    await fill(connection)
    await save_backup(connection, folder / "b.zip", NOW)
    return folder / "b.zip"


def names_in(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir())


async def test_every_table_comes_back_and_numbers_go_on(
    connection: Connection, empty: Connection, tmp_path: Path
) -> None:
    path = await saved(connection, tmp_path)
    parts: list[float] = []
    await restore_backup(empty, path, lambda frac, _what: parts.append(frac))
    before, after = await contents(connection), await contents(empty)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    assert after == before
    for one in (connection, empty):
        cursor = await one.execute(
            "INSERT INTO gwanje.audit (at, who, action, subject) VALUES (%s, 'lee', 'a', 's') RETURNING id", [NOW]
        )
        assert await cursor.fetchone() == (5,)
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    assert names_in(tmp_path) == ["b.zip"]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_rows_come_into_the_partitions_they_were_in(
    connection: Connection, empty: Connection, tmp_path: Path
) -> None:
    await restore_backup(empty, await saved(connection, tmp_path))
    query = b"SELECT tableoid::regclass::text, count(*) FROM gwanje.vds_lane GROUP BY 1 ORDER BY 1"
    cursor = await connection.execute(b"SELECT DISTINCT method FROM gwanje.series")
    if await cursor.fetchone() == ("native",):
        there, here = await connection.execute(query), await empty.execute(query)
        assert await here.fetchall() == await there.fetchall()


async def test_backup_is_of_one_instant(connection: Connection, database_url: str, tmp_path: Path) -> None:
    await fill(connection)
    before = await contents(connection)

    async def write_more() -> None:
        async with await connect(database_url) as other:
            await other.execute(b"INSERT INTO gwanje.device VALUES (99, 'x', 'vds', 'd')")
            await other.execute(b"INSERT INTO gwanje.audit (at, who, action, subject) VALUES (now(), 'x', 'x', 'x')")

    writing: list[asyncio.Task[None]] = []

    def begin(_frac: float, what: str) -> None:
        if what == "alert":
            writing.append(asyncio.ensure_future(write_more()))

    manifest = await save_backup(connection, tmp_path / "b.zip", NOW, begin)
    await writing[0]
    assert {table.name: table.n_row for table in manifest.tables} == {name: len(rows) for name, rows in before.items()}
    assert (await contents(connection))["device"] != before["device"]


@pytest.mark.parametrize("version", range(1, len(read_migrations()) + 1))
async def test_backup_of_every_version_is_brought_up(
    empty: Connection, connection: Connection, tmp_path: Path, version: int
) -> None:
    await migrate(empty, read_migrations()[:version])
    path = await saved(empty, tmp_path)
    before = await contents(empty)
    # Into a database of today's version without rows: it is made anew.
    await restore_backup(connection, path)
    after = await contents(connection)
    for table, rows in before.items():
        assert after[table] == rows or table == "rollup_mark"
    assert await migrate(connection) == []


async def test_database_with_rows_is_refused_and_stays(connection: Connection, tmp_path: Path) -> None:
    path = await saved(connection, tmp_path)
    before = await contents(connection)
    with pytest.raises(
        BackupError, match=r"expected one without rows of Gwanje, was one with rows in alert, .* others"
    ):
        await restore_backup(connection, path)
    assert await contents(connection) == before


def changed(source: Path, target: Path, **members: bytes | None) -> None:
    """Copy an archive with other bytes in some members; None leaves one out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = members.get(name.split("/")[-1].split(".")[0], old.read(name))
            if data is not None:
                new.writestr(name, data)


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"device": b"1\tvds-1\tvds\td\n"}, r"tables/device\.copy: expected \d+ bytes with SHA-256"),
        ({"device": None}, r"tables/device\.copy: expected in the file, was missing"),
        ({"manifest": None}, r"manifest\.json: expected in the file, was missing: the backup was not finished"),
        ({"manifest": b"{"}, r"manifest\.json: expected a manifest of a backup, was damaged"),
        ({"manifest": b'{"format": 2}'}, r"format: expected 1, was 2; a newer Gwanje"),
    ],
)
async def test_changed_file_is_refused_before_anything_is_done(
    connection: Connection, empty: Connection, tmp_path: Path, members: dict[str, bytes | None], problem: str
) -> None:
    changed(await saved(connection, tmp_path), tmp_path / "other.zip", **members)
    with pytest.raises(BackupError, match=problem):
        await restore_backup(empty, tmp_path / "other.zip")
    assert await contents(empty) == {}


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cut_or_flipped_file_brings_all_or_nothing(
    database_url: str, empty_database_url: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("b")

    async def play() -> None:
        async with await connect(database_url) as connection, await connect(empty_database_url) as empty:
            await connection.execute(b"INSERT INTO gwanje.device VALUES (1, 'a', 'vds', 'd') ON CONFLICT DO NOTHING")
            await save_backup(connection, folder / "b.zip", NOW)
            whole = (folder / "b.zip").read_bytes()
            place = data.draw(st.integers(0, len(whole) - 1))
            if data.draw(st.booleans()):
                (folder / "b.zip").write_bytes(whole[:place])
            else:
                bad = bytearray(whole)
                bad[place] ^= data.draw(st.integers(1, 255))
                (folder / "b.zip").write_bytes(bad)
            try:
                await restore_backup(empty, folder / "b.zip")
            except StorageError:
                rows = await contents(empty)
                assert not any(rows.values())
            else:
                assert await contents(empty) == await contents(connection)
                await empty.execute(b"DROP SCHEMA gwanje CASCADE")

    asyncio.run(play())


async def test_interrupted_restore_leaves_no_row_and_can_be_begun_again(
    connection: Connection, empty_database_url: str, tmp_path: Path
) -> None:
    path = await saved(connection, tmp_path)
    async with await connect(empty_database_url) as empty, await connect(empty_database_url) as other:

        def cut(_frac: float, what: str) -> None:
            if what == "filling vds_lane":
                raise ConnectionError("cut")

        with pytest.raises(ConnectionError):
            await restore_backup(empty, path, cut)
        assert not any((await contents(other)).values())
        await restore_backup(other, path)
        assert await contents(other) == await contents(connection)


async def test_rows_that_the_database_refuses_undo_all(
    connection: Connection, empty: Connection, tmp_path: Path
) -> None:
    path = await saved(connection, tmp_path)
    with zipfile.ZipFile(path) as archive:
        manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
    tables = [
        msgspec.structs.replace(table, columns=["key", "id", "kind", "nonsense"]) if table.name == "device" else table
        for table in manifest.tables
    ]
    text = msgspec.json.encode(msgspec.structs.replace(manifest, tables=tables))
    changed(path, tmp_path / "other.zip", manifest=text)
    with pytest.raises(BackupError, match='refused the backup and is empty as before: column "nonsense"'):
        await restore_backup(empty, tmp_path / "other.zip")
    assert not any((await contents(empty)).values())


async def test_newer_backup_and_unknown_checksum_are_refused(
    connection: Connection, empty: Connection, tmp_path: Path
) -> None:
    path = await saved(connection, tmp_path)
    with zipfile.ZipFile(path) as archive:
        manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
    first = msgspec.structs.replace(manifest.migrations[0], checksum="0")
    for migrations, problem in (
        ([*manifest.migrations, manifest.migrations[-1]], r"newer than this version of Gwanje: it has migration"),
        ([first, *manifest.migrations[1:]], r"migration 1 \(first_tables\) of the backup .* checksum differs"),
    ):
        text = msgspec.json.encode(msgspec.structs.replace(manifest, migrations=migrations))
        (tmp_path / "other.zip").unlink(missing_ok=True)
        changed(path, tmp_path / "other.zip", manifest=text)
        with pytest.raises(BackupError, match=problem):
            await restore_backup(empty, tmp_path / "other.zip")
    assert await contents(empty) == {}


async def test_what_cannot_be_saved_says_why_and_leaves_no_file(
    connection: Connection, empty: Connection, tmp_path: Path
) -> None:
    with pytest.raises(BackupError, match="holds nothing of Gwanje"):
        await save_backup(empty, tmp_path / "b.zip", NOW)
    assert names_in(tmp_path) == []
    with pytest.raises(BackupError, match="expected a file that can be written"):
        await save_backup(connection, tmp_path / "none" / "b.zip", NOW)
    (tmp_path / "b.zip").write_text("mine")
    with pytest.raises(BackupError, match="expected a name that is free"):
        await save_backup(connection, tmp_path / "b.zip", NOW)
    assert (tmp_path / "b.zip").read_text() == "mine"
    await empty.close()
    with pytest.raises(psycopg.OperationalError):
        await save_backup(empty, tmp_path / "c.zip", NOW)
    assert names_in(tmp_path) == ["b.zip"]
