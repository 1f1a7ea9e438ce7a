"""Supervision of parts: order, restarts, stopping."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from gwanje.embedded.errors import PartFailedError, ProcessEndedError
from gwanje.embedded.supervise import Part, PartSpec, PartStatus, ProcessPart, Supervisor


class FakePart:
    """Ends when told to; start fails with the problems given."""

    def __init__(self, name: str, journal: list[str], problems: list[str] | None = None) -> None:
        self.name, self.journal, self.problems = name, journal, problems or []
        self.ended: asyncio.Future[str] | None = None
        self.stop_blocks = False
        self.start_blocks = False

    async def start(self) -> None:
        if self.problems:
            problem = self.problems.pop(0)
            if problem:
                raise RuntimeError(problem)
        if self.start_blocks:
            await asyncio.Event().wait()
        self.journal.append(f"start {self.name}")
        self.ended = asyncio.get_running_loop().create_future()

    async def wait(self) -> str:
        assert self.ended is not None
        return await asyncio.shield(self.ended)

    async def stop(self) -> None:
        self.journal.append(f"stop {self.name}")
        if self.stop_blocks:
            await asyncio.Event().wait()

    def die(self, reason: str) -> None:
        assert self.ended is not None
        self.ended.set_result(reason)


def spec(part: Part, name: str, **given: float) -> PartSpec:
    return PartSpec(name, part, **{"first_delay_s": 0.001, "longest_delay_s": 0.004, **given})  # type: ignore[arg-type]


class Watch:
    """Collects statuses and waits for one."""

    def __init__(self) -> None:
        self.seen: list[PartStatus] = []
        self._news = asyncio.Event()

    def __call__(self, status: PartStatus) -> None:
        self.seen.append(status)
        self._news.set()

    async def until(self, **wanted: object) -> PartStatus:
        async with asyncio.timeout(10):
            while True:
                for status in self.seen:
                    if all(getattr(status, name) == value for name, value in wanted.items()):
                        return status
                self._news.clear()
                await self._news.wait()


async def test_start_in_order_and_stop_in_reverse() -> None:
    journal: list[str] = []
    supervisor = Supervisor([spec(FakePart(name, journal), name) for name in "abc"])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        await supervisor.wait_started()
        assert [status.state for status in supervisor.statuses.values()] == ["up"] * 3
        supervisor.request_stop()
    assert journal == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]
    assert list(supervisor.statuses.values()) == [PartStatus(name, "down", "stopped") for name in "abc"]


async def test_dead_part_is_started_again_and_the_reason_kept() -> None:
    watch, part = Watch(), FakePart("a", [], ["", "no disk", "no disk"])
    supervisor = Supervisor([spec(part, "a")], on_change=watch)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        await supervisor.wait_started()
        part.die("was killed by SIGKILL")
        await watch.until(state="restarting", reason="was killed by SIGKILL")
        await watch.until(state="restarting", reason="no disk")
        again = await watch.until(state="up", restarts=1)
        assert again.reason == "no disk"
        supervisor.request_stop()
    assert [status.state for status in watch.seen] == ["starting", "up", "restarting", "restarting", "up", "down"]


async def test_part_that_fails_and_fails_is_down_but_still_tried() -> None:
    watch, part = Watch(), FakePart("a", [], ["", *["no"] * 7])
    supervisor = Supervisor([spec(part, "a", down_after=3)], on_change=watch)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        await supervisor.wait_started()
        part.die("gone")
        await watch.until(state="down", reason="no")
        await watch.until(state="up", restarts=1)
        supervisor.request_stop()


async def test_restarts_slow_down() -> None:
    loop = asyncio.get_running_loop()
    watch, part = Watch(), FakePart("a", [], ["", *["no"] * 4])
    supervisor = Supervisor([spec(part, "a", first_delay_s=0.01, longest_delay_s=0.04)], on_change=watch)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        await supervisor.wait_started()
        begin = loop.time()
        part.die("gone")
        await watch.until(state="up", restarts=1)
        supervisor.request_stop()
    # 10 + 20 + 40 + 40 + 40 ms
    assert loop.time() - begin >= 0.149


async def test_first_start_that_fails_stops_what_was_started() -> None:
    journal: list[str] = []
    parts = [FakePart("a", journal), FakePart("b", journal, ["no such folder"]), FakePart("c", journal)]
    supervisor = Supervisor([spec(part, part.name) for part in parts])
    with pytest.raises(PartFailedError, match=r"^b did not start: no such folder$"):
        await supervisor.run()
    assert journal == ["start a", "stop b", "stop a"]
    assert supervisor.statuses["c"].state == "down"


@pytest.mark.parametrize("cancel", [True, False])
async def test_stop_while_a_part_is_starting(cancel: bool) -> None:
    journal: list[str] = []
    slow = FakePart("b", journal)
    slow.start_blocks = True
    watch = Watch()
    supervisor = Supervisor([spec(FakePart("a", journal), "a"), spec(slow, "b")], on_change=watch)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(supervisor.run())
        await watch.until(name="b", state="starting")
        if cancel:
            running.cancel()
        else:
            supervisor.request_stop()
    assert journal == ["start a", "stop b", "stop a"]


async def test_part_that_does_not_stop_holds_up_nobody() -> None:
    journal: list[str] = []
    stuck = FakePart("b", journal)
    stuck.stop_blocks = True
    supervisor = Supervisor([spec(FakePart("a", journal), "a"), spec(stuck, "b", stop_timeout_s=0.01)])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        await supervisor.wait_started()
        supervisor.request_stop()
    assert journal[-2:] == ["stop b", "stop a"]
    assert supervisor.statuses["b"].reason == "did not stop within 0.01 s"


def test_names_must_differ() -> None:
    with pytest.raises(ValueError, match="specs: expected different names, were a, a"):
        Supervisor([spec(FakePart("a", []), "a"), spec(FakePart("a", []), "a")])


@pytest.mark.integration
async def test_killed_process_is_started_again() -> None:
    watch = Watch()
    part = ProcessPart([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], watches="itself")
    supervisor = Supervisor([spec(part, "sleeper")], on_change=watch)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.run())
        await supervisor.wait_started()
        first = part.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert (await watch.until(state="up", restarts=1)).reason == "was killed by SIGKILL"
        assert part.pid not in {first, None}
        supervisor.request_stop()
    assert part.pid is None


@pytest.mark.integration
async def test_process_is_up_when_it_is_ready() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    async def fails() -> None:
        raise ConnectionError("no answer")

    with pytest.raises(ProcessEndedError, match="ended with exit status 3"):
        await ProcessPart(["sh", "-c", "exit 3"], ready=never).start()
    part = ProcessPart(["sleep", "600"], ready=fails)
    with pytest.raises(ConnectionError, match="no answer"):
        await part.start()
    assert part.pid is None
