"""Children end with their parent, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gwanje.embedded.lifeline import Stop, describe_exit, spawn, watch_lifeline
from tests.gwanje.embedded.processes import eventually, gone

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
SLEEPER = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable, "-I", "-S", "-c",
    "import signal, time\nfor s in (2, 3, 15): signal.signal(s, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\ntime.sleep(600)",
]  # fmt: skip
PARENT = """
import asyncio, sys
from pathlib import Path
from gwanje.embedded.lifeline import spawn, Stop, watch_lifeline
async def parent():
    child = await spawn({command!r}, watches={watches!r}, stops={stops}, log=Path({log!r}))
    print(child.pid, flush=True)
    await child.wait()
asyncio.run(parent())
"""
WATCHER = [
    sys.executable, "-c",
    "import asyncio\nfrom gwanje.embedded.lifeline import watch_lifeline\n"
    "async def main():\n    gone = asyncio.Event()\n    assert watch_lifeline(gone.set)\n"
    "    print('watching', flush=True)\n    await gone.wait()\n    print('parent gone', flush=True)\n"
    "asyncio.run(main())",
]  # fmt: skip


def start_parent(
    tmp_path: Path, command: list[str], watches: str, stops: str = "()"
) -> tuple[subprocess.Popen[str], int]:
    script = PARENT.format(command=command, watches=watches, stops=stops, log=str(tmp_path / "log"))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


@pytest.mark.parametrize(
    ("command", "stops"),
    [(SLEEPER, "(Stop(15, 60),)"), (STUBBORN, "(Stop(2, 0.05), Stop(15, 0.05))")],
    ids=["gentle", "stubborn"],
)
def test_launched_child_ends_when_the_parent_is_killed(tmp_path: Path, command: list[str], stops: str) -> None:
    stops = stops.replace("(2,", "(__import__('signal').SIGINT,").replace("(15,", "(__import__('signal').SIGTERM,")
    parent, launcher = start_parent(tmp_path, command, "launcher", stops)
    try:
        eventually(lambda: bool(psutil.Process(launcher).children()))
        child = psutil.Process(launcher).children()[0].pid
        if command is STUBBORN:
            eventually(lambda: "deaf" in (tmp_path / "log").read_text())
        assert not gone(child)
    finally:
        parent.kill()
        parent.communicate()
    eventually(lambda: gone(child) and gone(launcher))


def test_own_child_is_told_when_the_parent_is_killed(tmp_path: Path) -> None:
    parent, child = start_parent(tmp_path, WATCHER, "itself")
    try:
        eventually(lambda: "watching" in (tmp_path / "log").read_text())
        assert not gone(child)
    finally:
        parent.kill()
        parent.communicate()
    eventually(lambda: gone(child))
    assert (tmp_path / "log").read_text() == "watching\nparent gone\n"


async def test_exit_of_the_program_is_passed_on(tmp_path: Path) -> None:
    for command, words in {
        ("true",): "ended normally",
        ("sh", "-c", "exit 7"): "ended with exit status 7",
        ("sh", "-c", "kill -9 $$"): "was killed by SIGKILL",
        ("/no/such/program",): "ended with exit status 127",
    }.items():
        assert await (await spawn(command, log=tmp_path / "log")).wait() == words
    assert "/no/such/program: No such file or directory" in (tmp_path / "log").read_text()


async def test_signals_to_the_launcher_reach_the_program(tmp_path: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        child = await spawn(SLEEPER)
        eventually(lambda: bool(psutil.Process(child.pid).children()))  # noqa: B023
        os.kill(child.pid, number)
        how = await child.wait()
        assert number.name in how or how == "ended with exit status 1"


async def test_stop_right_after_the_start_is_not_lost() -> None:
    for _ in range(5):
        child = await spawn(SLEEPER, stops=(Stop(signal.SIGTERM, 60.0),))
        async with asyncio.timeout(30):
            assert await child.stop() == "was killed by SIGTERM"


@pytest.mark.parametrize("watches", ["launcher", "itself"])
async def test_stop_goes_from_gentle_to_kill(tmp_path: Path, watches: str) -> None:
    child = await spawn(
        STUBBORN, watches=watches, stops=(Stop(signal.SIGINT, 0.05), Stop(signal.SIGTERM, 0.05)), log=tmp_path / "log"
    )
    eventually(lambda: "deaf" in (tmp_path / "log").read_text())
    assert child.running
    assert await child.stop() == "was killed by SIGKILL"
    assert await child.stop() == "was killed by SIGKILL"
    assert not child.running


async def test_no_descriptor_is_left_behind() -> None:
    process = psutil.Process()
    await (await spawn(["true"])).wait()
    before = process.num_fds()
    for _ in range(3):
        await (await spawn(["true"])).wait()
        with pytest.raises(FileNotFoundError):
            await spawn(["/no/such/program"], watches="itself")
    assert process.num_fds() == before


async def test_without_a_lifeline_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GWANJE_LIFELINE_FD", raising=False)
    assert not watch_lifeline(lambda: None)
    monkeypatch.setenv("GWANJE_LIFELINE_FD", "9999")
    with pytest.raises(ValueError, match="GWANJE_LIFELINE_FD: expected an open file descriptor, was '9999'"):
        watch_lifeline(lambda: None)


async def test_log_is_kept_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwanje.embedded.lifeline.LOG_MAX_BYTES", 1_000)
    log = tmp_path / "log"
    log.write_bytes(b"x" * 5_000 + b"end")
    child = await spawn(SLEEPER, log=log)
    eventually(lambda: log.stat().st_size == 0)
    assert (tmp_path / "log.1").read_bytes() == b"x" * 997 + b"end"
    await child.stop()


def test_exits_in_words() -> None:
    assert [describe_exit(status) for status in (0, 3, -15, 128 + 11, 255)] == [
        "ended normally",
        "ended with exit status 3",
        "was killed by SIGTERM",
        "was killed by SIGSEGV",
        "ended with exit status 255",
    ]
