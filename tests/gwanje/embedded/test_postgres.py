"""The embedded server: from nothing, after every kind of end, and when it cannot be."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from gwanje.embedded.errors import EmbeddedPostgresError
from gwanje.embedded.postgres import EmbeddedPostgres
from gwanje.embedded.postgres_binaries import find_binaries
from gwanje.embedded.postgres_cluster import Cluster
from gwanje.embedded.supervise import PartSpec, Supervisor
from tests.gwanje.embedded.processes import eventually, gone, working_in

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
PARENT = """
import asyncio, sys
from pathlib import Path
from gwanje.embedded.postgres import EmbeddedPostgres
async def parent():
    server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
    print(await server.start(), server.pid, flush=True)
    await server.wait()
asyncio.run(parent())
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that was started and stopped once."""

    async def make() -> None:
        server = EmbeddedPostgres(folder, durable=False)
        async with await psycopg.AsyncConnection.connect(await server.start()) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        await server.stop()

    folder = tmp_path_factory.mktemp("made") / "data"
    asyncio.run(make())
    return folder


@pytest.fixture
def data_dir(made: Path, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    shutil.copytree(made, folder)
    yield folder
    assert working_in(folder / "cluster") == []


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(data_dir, durable=False)
    yield server
    await server.stop()


async def answer(dsn: str) -> object:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        row = await (await connection.execute("SELECT answer FROM kept")).fetchone()
    return row and row[0]


def kill_and_reap(parent: subprocess.Popen[str]) -> None:
    parent.kill()
    parent.communicate()


def start_parent(data_dir: Path) -> tuple[subprocess.Popen[str], str, int]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(data_dir)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert parent.stdout is not None
    dsn, pid = parent.stdout.readline().split()
    return parent, dsn, int(pid)


async def test_starts_again_with_its_data(server: EmbeddedPostgres) -> None:
    for _ in range(2):
        assert await answer(await server.start()) == 42
        assert server.dsn == await server.start()
        await server.stop()
        assert server.pid is None
    await server.stop()


async def test_only_loopback_and_only_with_the_password(server: EmbeddedPostgres, data_dir: Path) -> None:
    dsn = await server.start()
    password = (data_dir / "password").read_text()
    assert len(password) >= 32
    assert stat.S_IMODE((data_dir / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE((data_dir / "cluster").stat().st_mode) == 0o700
    for wrong in (dsn.replace(password, "wrong"), dsn.replace(f":{password}", "")):
        with pytest.raises(psycopg.OperationalError, match="password"):
            await psycopg.AsyncConnection.connect(wrong, passfile="/dev/null")
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories'),"
            " current_setting('server_encoding'), (SELECT datcollate FROM pg_database WHERE datname = 'gwanje')"
        )
        assert await cursor.fetchone() == ("127.0.0.1", "", "UTF8", "C")
    assert password not in (data_dir / "postgres.log").read_text()


async def test_killed_server_is_noticed_and_recovers(server: EmbeddedPostgres) -> None:
    port = None
    for _ in range(3):
        dsn = await server.start()
        assert port in {None, dsn}
        port = dsn
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert await server.wait() == "was killed by SIGKILL"
    assert await answer(await server.start()) == 42


async def test_supervisor_brings_it_back(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, durable=False)
    supervisor = Supervisor([PartSpec("database", server, first_delay_s=0.01)])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        await supervisor.wait_started()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            while supervisor.statuses["database"].restarts == 0:  # noqa: ASYNC110  polls a process
                await asyncio.sleep(0.01)
        assert await answer(server.dsn) == 42
        supervisor.request_stop()


def test_no_process_is_left_when_the_parent_is_killed(data_dir: Path) -> None:
    parent, _, pid = start_parent(data_dir)
    assert pid in working_in(data_dir / "cluster")
    kill_and_reap(parent)
    eventually(lambda: gone(pid) and not working_in(data_dir / "cluster"))


async def test_orphan_is_stopped_by_the_next_start(server: EmbeddedPostgres, data_dir: Path) -> None:
    parent, _, orphan = start_parent(data_dir)
    psutil.Process(orphan).parent().kill()
    kill_and_reap(parent)
    assert not gone(orphan)
    assert await answer(await server.start()) == 42
    assert gone(orphan)
    assert server.pid != orphan


async def test_start_right_after_parent_and_server_were_killed(server: EmbeddedPostgres, data_dir: Path) -> None:
    parent, _, pid = start_parent(data_dir)
    os.kill(pid, signal.SIGKILL)
    kill_and_reap(parent)
    assert await answer(await server.start()) == 42


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


async def test_stale_pid_file_that_names_another_process(
    server: EmbeddedPostgres, data_dir: Path, stranger: subprocess.Popen[bytes]
) -> None:
    lock = f"{stranger.pid}\n{data_dir}/cluster\n1700000000\n5432\n\n127.0.0.1\n        1         1\nready\n"
    (data_dir / "cluster" / "postmaster.pid").write_text(lock)
    assert await answer(await server.start()) == 42
    assert stranger.poll() is None


async def test_garbage_in_the_pid_file(server: EmbeddedPostgres, data_dir: Path) -> None:
    (data_dir / "cluster" / "postmaster.pid").write_text("")
    assert await answer(await server.start()) == 42


async def test_running_server_of_another_process_is_left_alone(server: EmbeddedPostgres, data_dir: Path) -> None:
    parent, dsn, pid = start_parent(data_dir)
    try:
        with pytest.raises(EmbeddedPostgresError, match=f"in use by another Gwanje \\(process {parent.pid}\\)"):
            await server.start()
        assert not gone(pid)
        assert await answer(dsn) == 42
    finally:
        kill_and_reap(parent)
    eventually(lambda: not working_in(data_dir / "cluster"))


async def test_taken_port_is_given_up_for_another(server: EmbeddedPostgres) -> None:
    first = await server.start()
    await server.stop()
    port = int(first.rsplit(":", 1)[1].split("/")[0])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert await server.start() != first
        assert await answer(server.dsn) == 42


async def test_port_lost_at_the_last_moment(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1]])
        real = sys.modules["gwanje.embedded.postgres"].free_port
        monkeypatch.setattr(
            "gwanje.embedded.postgres.free_port", lambda preferred: next(ports, None) or real(preferred)
        )
        assert await answer(await server.start()) == 42


async def test_unfinished_initialisation_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "cluster.new" / "base").mkdir(parents=True)
    server = EmbeddedPostgres(tmp_path, durable=False)
    try:
        await server.start()
        assert not (tmp_path / "cluster.new").exists()
    finally:
        await server.stop()


async def test_cancelled_start_leaves_no_process(server: EmbeddedPostgres, data_dir: Path) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.03):
            await server.start()
    eventually(lambda: not working_in(data_dir / "cluster"))
    assert await answer(await server.start()) == 42


async def test_server_that_does_not_come_up_is_explained(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, settings={"shared_buffers": "nonsense"})
    with pytest.raises(
        EmbeddedPostgresError, match=r"ended with exit status 1; its log .* invalid value for parameter"
    ):
        await server.start()


async def test_server_that_takes_too_long_is_explained(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, start_timeout_s=0.02)
    with pytest.raises(EmbeddedPostgresError, match=r"did not answer within 0\.02 s"):
        await server.start()
    eventually(lambda: not working_in(data_dir / "cluster"))


async def test_other_version_of_the_data_is_explained(server: EmbeddedPostgres, data_dir: Path) -> None:
    (data_dir / "cluster" / "PG_VERSION").write_text("9\n")
    with pytest.raises(
        EmbeddedPostgresError, match=r"made by PostgreSQL 9, which is not on this machine \(found: \d+ in"
    ):
        await server.start()


async def test_lost_password_is_explained(server: EmbeddedPostgres, data_dir: Path) -> None:
    (data_dir / "password").unlink()
    with pytest.raises(EmbeddedPostgresError, match=r"password is missing, .* restore the file or move"):
        await server.start()


async def test_folder_that_is_no_database_is_explained(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    with pytest.raises(EmbeddedPostgresError, match="is not a PostgreSQL data directory"):
        await EmbeddedPostgres(tmp_path).start()


async def test_folder_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedPostgresError, match=r"cannot be used for the database \(Not a directory\)"):
        await EmbeddedPostgres(tmp_path / "file" / "data").start()


async def test_full_disk_is_explained_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=5_000_000))
    with pytest.raises(EmbeddedPostgresError, match="the disk is full: a new database needs 150 MB, 5 MB are free"):
        await EmbeddedPostgres(tmp_path).start()
    assert not (tmp_path / "cluster").exists()


def test_full_disk_in_the_log_is_explained(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    assert "is full: make room and start again" in server._log_hint("PANIC:  could not write: No space left on device")


async def test_address_needs_a_start(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    with pytest.raises(EmbeddedPostgresError, match="was not started"):
        _ = server.dsn
    with pytest.raises(EmbeddedPostgresError, match="was not started"):
        await server.wait()


def test_named_folder_wins_and_must_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_binaries()
    assert found.major >= 15
    monkeypatch.setenv("GWANJE_POSTGRES_BIN", str(found.folder))
    assert find_binaries(found.major) == found
    with pytest.raises(EmbeddedPostgresError, match=f"made by PostgreSQL 99, .* {found.major} in {found.folder}"):
        find_binaries(99)
    monkeypatch.setenv("GWANJE_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(EmbeddedPostgresError, match="GWANJE_POSTGRES_BIN: expected a folder with postgres and initdb"):
        find_binaries()


def test_machine_without_postgresql_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GWANJE_POSTGRES_BIN", raising=False)
    monkeypatch.setattr("gwanje.embedded.postgres_binaries._folders", lambda: iter(()))
    with pytest.raises(EmbeddedPostgresError, match=r"no PostgreSQL 15 or later on this machine .* install"):
        find_binaries()


@pytest.mark.skipif(os.geteuid() != 0, reason="only for root")
async def test_root_without_user_namespaces_is_explained(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwanje.embedded.postgres_cluster._UNSHARE", ("false",))
    with pytest.raises(EmbeddedPostgresError, match="refuses to run as root"):
        await EmbeddedPostgres(data_dir).start()


def test_lock_is_given_back(tmp_path: Path) -> None:
    one, two = Cluster(tmp_path), Cluster(tmp_path)
    one.take()
    with pytest.raises(EmbeddedPostgresError, match="in use"):
        two.take()
    one.release()
    two.take()
    two.release()
