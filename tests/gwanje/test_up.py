"""``gwanje up`` from start to end: ready, answering, and gone without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from tests.fix_system import Running
from tests.gwanje.polling import eventually

pytestmark = pytest.mark.integration


class Up:
    """``gwanje up`` on a small region, and every process that belongs to it."""

    def __init__(self, folder: Path, region_folder: Path, scenario: str = "calm", *more: str) -> None:
        self.running = Running(0, 0)
        self.output = folder / "up.log"
        self._arguments = ["--region", str(region_folder), "--data-dir", str(folder / "data"), "--scenario", scenario]
        self._arguments += more
        self._data = str(folder / "data")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GWANJE_")}
        with self.output.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gwanje", "up", "--port", "0", *self._arguments),
                env=environment,
                stdout=output,
                stderr=output,
            )
        await eventually(lambda: "citizens" in self.said, "ready", 60.0)
        self.running = Running(int(re.findall(r"dashboard  http://127\.0\.0\.1:(\d+)", self.said)[0]), 0)

    @property
    def said(self) -> str:
        text = self.output.read_text(errors="replace")
        assert self._process is not None
        assert self._process.returncode is None or "ready in" in text, text
        return text

    @property
    def parent(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def processes(self) -> list[psutil.Process]:
        """Return all that runs for this data folder: by command line, environment or ancestry."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                told = [*process.cmdline(), process.environ().get("GWANJE_DATA_DIR", "")]
                if process.status() != psutil.STATUS_ZOMBIE and any(self._data in part for part in told):
                    found.append(process)
        return found

    async def leave(self) -> None:
        """Kill what still runs."""
        if self._process is not None and self._process.returncode is None:
            await self.end(signal.SIGKILL)
        await eventually(lambda: not self.processes(), "no process left", 30.0)

    async def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        async with asyncio.timeout(40):
            return await self._process.wait()


@pytest.fixture
async def up(tmp_path: Path, region_folder: Path) -> AsyncIterator[Up]:
    async with gone_afterwards(Up(tmp_path, region_folder)) as made:
        yield made


@contextlib.asynccontextmanager
async def gone_afterwards(made: Up) -> AsyncIterator[Up]:
    try:
        yield made
    finally:
        # Shown by pytest when the test failed: the temporary folder may be gone by then.
        for log in (made.output, *sorted(made.output.parent.glob("data/**/logs/*.log"))):
            sys.stderr.write(f"--- {log.name}\n{log.read_text(errors='replace')[-3_000:]}\n")
        await made.leave()


async def test_it_comes_up_answers_and_leaves_nothing_behind_however_it_ends(up: Up) -> None:
    await up.start()
    assert up.parent.memory_info().rss < 60_000_000
    async with up.running.http() as http:
        assert (await http.get("/readyz")).status_code == 200
        page = await http.get("/")
        assert page.status_code in {200, 404}  # the page itself is there when it was built
        region = (await http.get("/api/v1/region")).json()
        assert region["id"] == "small"
    async with up.running.page() as view:
        await eventually(
            lambda: sum(one["freshness"] == "fresh" for one in view.rows["devices"].values()) > 20, "devices", 40.0
        )
    assert f"dashboard  {up.running.url}" in up.said
    assert "stop with Ctrl-C" in up.said

    assert len(up.processes()) > 5
    await up.end(signal.SIGKILL)
    await eventually(lambda: not up.processes(), "no process left", 20.0)

    await up.start()
    assert await up.end(signal.SIGINT) == 0
    assert up.processes() == []
    assert up.said.rstrip().endswith("gwanje  stopped")
    with pytest.raises(httpx.ConnectError):
        async with up.running.http() as http:
            await http.get("/healthz")


async def test_a_part_that_dies_comes_back_without_the_others(up: Up) -> None:
    await up.start()
    before = {process.pid for process in up.processes()}
    served = next(process for process in up.processes() if process.cmdline()[-1:] == ["serve"] and _is_python(process))
    served.kill()
    await eventually(lambda: "system     restarting: was killed by SIGKILL" in up.said, "the restart said")
    # What listens is kept meanwhile: who comes now waits for the new process instead of being turned away.
    async with up.running.http() as http:
        assert (await http.get("/healthz")).status_code == 200
    await eventually(lambda: up.said.count("system     up") == 2, "the system up again", 40.0)
    async with up.running.page() as view:
        await eventually(
            lambda: any(one["freshness"] == "fresh" for one in view.rows["devices"].values()), "devices", 40.0
        )
    kept = before & {process.pid for process in up.processes()}
    assert up.parent.pid in kept
    assert len(kept) >= len(before) - 2
    assert await up.end(signal.SIGTERM) == 0
    assert up.processes() == []


async def test_a_rehearsal_runs_faster_than_time_from_end_to_end(tmp_path: Path, region_folder: Path) -> None:
    async with gone_afterwards(Up(tmp_path, region_folder, "crash", "--speed", "20")) as up:
        before = datetime.now(UTC)
        await up.start()
        assert "20 times as fast" in up.said
        assert (tmp_path / "data" / "rehearsal").is_dir()
        async with up.running.page() as view:
            # The crash comes after two minutes: six seconds here. A camera tells of it soon after.
            await eventually(lambda: view.rows["situations"], "a situation", 40.0)
            fresh = [one for one in view.rows["devices"].values() if one["freshness"] == "fresh"]
            assert len(fresh) > 20
            spent_s = (datetime.now(UTC) - before).total_seconds()
            newest = max(datetime.fromisoformat(one["time"]) for one in fresh if one["time"])
            ahead_s = (newest - before).total_seconds()
        assert 120.0 < ahead_s <= 20.0 * spent_s
        assert await up.end(signal.SIGTERM) == 0


def _is_python(process: psutil.Process) -> bool:
    return "launcher.py" not in " ".join(process.cmdline())
