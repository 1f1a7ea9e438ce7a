"""``gwanje backup`` and ``gwanje restore`` on outside and embedded databases."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from gwanje.cli import main
from gwanje.embedded.postgres import EmbeddedPostgres
from gwanje.sole import SoleUse
from storage.database import connect
from tests.storage.filling import contents, fill

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GWANJE_"):
            monkeypatch.delenv(name)


async def contents_of(url: str) -> dict[str, list[Any]]:
    async with await connect(url) as connection:
        return await contents(connection)


async def fill_at(url: str) -> None:
    async with await connect(url) as connection:
        await fill(connection)


async def contents_in(folder: Path) -> dict[str, list[Any]]:
    server = EmbeddedPostgres(folder / "postgresql", durable=False)
    try:
        return await contents_of(await server.start())
    finally:
        await server.stop()


def test_from_outside_into_the_embedded_database_and_back(
    database_url: str, empty_database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill_at(database_url))
    before = asyncio.run(contents_of(database_url))
    first, second, folder = str(tmp_path / "1.zip"), str(tmp_path / "2.zip"), tmp_path / "data"
    assert main(["backup", first, "--database-url", database_url]) == 0
    assert f"tables in {first}" in capsys.readouterr().out
    assert main(["restore", first, "--data-dir", str(folder)]) == 0
    assert f"{sum(map(len, before.values()))} rows of {len(before)} tables" in capsys.readouterr().out
    assert asyncio.run(contents_in(folder)) == before

    async def while_it_runs() -> None:
        server = EmbeddedPostgres(folder / "postgresql", durable=False)
        await server.start()
        try:
            assert await asyncio.to_thread(main, ["backup", second, "--data-dir", str(folder)]) == 0
        finally:
            await server.stop()

    asyncio.run(while_it_runs())
    assert main(["restore", second, "--database-url", empty_database_url]) == 0
    assert asyncio.run(contents_of(empty_database_url)) == before
    capsys.readouterr()
    assert main(["restore", second, "--data-dir", str(folder)]) == 1
    assert "expected one without rows of Gwanje" in capsys.readouterr().err


def test_what_is_wrong_is_one_line(database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.zip").write_text("not an archive")
    target, nowhere = str(tmp_path / "b.zip"), str(tmp_path / "none")
    for arguments, problem in (
        (["backup", target, "--data-dir", nowhere], "expected a data folder with a database, was none"),
        (["backup", target, "--database-url", "postgresql://g:secret@127.0.0.1:1/g"], "cannot reach"),
        (["restore", str(tmp_path / "none.zip")], "expected a file from gwanje backup, was no file"),
        (["restore", str(tmp_path / "text.zip"), "--database-url", database_url], "was cut off or another file"),
    ):  # fmt: skip
        assert main(arguments) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert problem in lines[0]
        assert "secret" not in lines[0]
    assert not (tmp_path / "none").exists()


def test_restore_beside_a_running_control_room_is_refused(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gwanje.sole._PATIENCE_S", 0.1)
    assert main(["backup", str(tmp_path / "b.zip"), "--database-url", database_url]) == 0

    async def beside() -> int:
        async with SoleUse(lambda: database_url).held():
            arguments = ["restore", str(tmp_path / "b.zip"), "--database-url", database_url]
            return await asyncio.to_thread(main, arguments)

    assert asyncio.run(beside()) == 1
    assert "in use by another gwanje" in capsys.readouterr().err
