"""The parts of a running system as processes that can be killed and started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import httpx
import psutil

from gwanje.embedded.lifeline import LIFELINE_VARIABLE
from gwanje.embedded.postgres import EmbeddedPostgres
from tests.fix_system import free_port

_READY_WITHIN_S = 40.0
_LOOK_S = 0.02


class System:
    """``gwanje serve`` on the same ports after every start.

    Parameters
    ----------
    folder
        For its data and its log.
    region
        Folder of the region.
    database_url, mqtt_url
        What it works on; without the second it brings a broker of its own.
    **settings
        Others, by their names.

    Attributes
    ----------
    started_s
        Of each start: from the process being made until it says that it is ready. [s]
    """

    def __init__(self, folder: Path, region: Path, database_url: str, mqtt_url: str = "", **settings: str) -> None:
        self.port, self.mqtt_port = free_port(), free_port()
        self.started_s: list[float] = []
        self.kills = 0
        self._log = folder / "system.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GWANJE_")},
            "GWANJE_REGION": str(region),
            "GWANJE_DATABASE_URL": database_url,
            "GWANJE_MQTT_URL": mqtt_url,
            "GWANJE_PORT": str(self.port),
            "GWANJE_MQTT_PORT": str(self.mqtt_port),
            "GWANJE_DATA_DIR": str(folder),
            **{f"GWANJE_{name.upper()}": value for name, value in settings.items()},
        }
        self._process: asyncio.subprocess.Process | None = None
        self._lifeline: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-3_000:]

    @property
    def memory_mib(self) -> float:
        assert self._process is not None
        return float(psutil.Process(self._process.pid).memory_info().rss / 2**20)

    async def start(self) -> None:
        """Start it; a start that fails, for the database may be down, is tried again until it is ready."""
        began_s = time.monotonic()
        end_s = began_s + _READY_WITHIN_S
        self._process = None
        async with httpx.AsyncClient(timeout=2.0) as http:
            while time.monotonic() < end_s:
                if self._process is None or self._process.returncode is not None:
                    began_s = time.monotonic()
                    self._process = await self._spawned()
                try:
                    if (await http.get(f"{self.url}/readyz")).status_code == 200:
                        self.started_s.append(time.monotonic() - began_s)
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(_LOOK_S)
        raise AssertionError(f"the system was not ready within {_READY_WITHIN_S:g} s:\n{self.said}")

    async def _spawned(self) -> asyncio.subprocess.Process:
        """Start it on a lifeline, so that it ends with whoever runs the test, even when that is killed."""
        self._cut_lifeline()
        theirs, self._lifeline = os.pipe()
        try:
            with self._log.open("ab") as log:
                return await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "gwanje", "serve"),
                    env={**self._environment, LIFELINE_VARIABLE: str(theirs)},
                    pass_fds=(theirs,),
                    stdout=log,
                    stderr=log,
                )
        finally:
            os.close(theirs)

    def _cut_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """End it with a signal and return its status; 0 when it was never started."""
        if self._process is None:
            return 0
        self.kills += number == signal.SIGKILL
        if self._process.returncode is None:
            self._process.send_signal(number)
        status = await self._process.wait()
        self._cut_lifeline()
        return status

    async def freeze(self, seconds: float) -> None:
        """Stop it in the middle of whatever it is doing, for a while."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._process.send_signal(signal.SIGCONT)


class Store:
    """An embedded PostgreSQL that is durable, and can be killed with everything that belongs to it."""

    def __init__(self, folder: Path) -> None:
        self.server = EmbeddedPostgres(folder / "postgres", durable=True)
        self.kills = 0

    async def start(self) -> str:
        return str(await self.server.start())

    async def kill(self) -> None:
        """Kill the postmaster and its children at once."""
        number = self.server.pid
        assert number is not None, (
            "the database: expected to run before it is killed, did not"
        )  # None would be ourselves
        self.kills += 1
        postmaster = psutil.Process(number)
        for process in (*postmaster.children(recursive=True), postmaster):
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        await self.server.wait()


class Mosquitto:
    """The public broker on a port of its own, with a store on disk.

    It writes that store when it ends in good order and now and then, but not before it acknowledges: what it had taken
    and not passed on is lost with a kill, whoever stands behind it. So it is restarted here and never killed.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.restarts = 0
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @staticmethod
    def program() -> str | None:
        """Return where it is, or None when it is not on this machine."""
        return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

    async def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises
        ------
        AssertionError
            If it does not.
        """
        program = self.program()
        assert program is not None, "mosquitto: expected on this machine, was not"
        store = self._folder / "mosquitto"
        store.mkdir(exist_ok=True)
        config = self._folder / "mosquitto.conf"
        # As the same user: it would else change to one who may not write where the test's files are.
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"max_queued_messages 0\nmax_inflight_messages 0\npersistence true\npersistence_location {store}/\n",
            encoding="utf-8",
        )
        self._process = await asyncio.create_subprocess_exec(
            program, "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        end_s = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < end_s:
            assert self._process.returncode is None, f"mosquitto: expected to run, ended {self._process.returncode}"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(_LOOK_S)
                continue
            writer.close()
            await writer.wait_closed()
            return
        raise AssertionError(f"mosquitto: expected to listen within {_READY_WITHIN_S:g} s, did not")

    async def stop(self) -> None:
        """End it in good order."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def restart(self) -> None:
        self.restarts += 1
        await self.stop()
        await self.start()
