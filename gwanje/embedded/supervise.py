"""Keep named parts running: start in order, restart with backoff, stop in reverse order.

What a part is does not matter here: anything that can be started, waited for and stopped. `ProcessPart` is a plain
child process; `gwanje.embedded.postgres.EmbeddedPostgres` is a part as it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from gwanje.embedded.errors import PartFailedError, ProcessEndedError
from gwanje.embedded.lifeline import GENTLE_STOP, Child, Stop, spawn

PartState = Literal["starting", "up", "restarting", "down"]


class Part(Protocol):
    """What a supervisor runs."""

    async def start(self) -> object:
        """Bring the part up, and return when it is ready; raise an exception when it cannot."""

    async def wait(self) -> str:
        """Return, in words, how the part ended, once it has."""

    async def stop(self) -> object:
        """End the part; harmless when it has ended."""


@dataclass(frozen=True, slots=True)
class PartSpec:
    """A part under its name, with the bounds of its supervision.

    Attributes
    ----------
    first_delay_s, longest_delay_s
        Wait before the first restart, doubled with each failure in a row up to the longest. [s]
    steady_after_s
        Time up after which earlier failures are forgotten. [s]
    down_after
        Failures in a row after which the state is ``down`` instead of ``restarting``; it is tried further all the same.
    stop_timeout_s
        How long stopping may take before it is given up. [s]
    """

    name: str
    part: Part
    first_delay_s: float = 0.2
    longest_delay_s: float = 30.0
    steady_after_s: float = 30.0
    down_after: int = 5
    stop_timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class PartStatus:
    """State of one part.

    Attributes
    ----------
    reason
        Why the part is not up, or why it was restarted last; None when it never failed.
    restarts
        How often it came up again.
    """

    name: str
    state: PartState
    reason: str | None = None
    restarts: int = 0


class Supervisor:
    """Runs parts until it is told to stop or is cancelled.

    Parameters
    ----------
    specs
        The parts, in the order of starting.
    on_change
        Called with the new status at every change; must not block.

    Raises
    ------
    ValueError
        If two parts have one name.
    """

    def __init__(
        self,
        specs: Sequence[PartSpec],
        *,
        on_change: Callable[[PartStatus], None] | None = None,
    ) -> None:
        names = [spec.name for spec in specs]
        if len(set(names)) != len(names):
            raise ValueError(f"specs: expected different names, were {', '.join(names)}")
        self._specs = tuple(specs)
        self._on_change = on_change
        self._statuses = {spec.name: PartStatus(spec.name, "down", "not started") for spec in specs}
        self._stopping = asyncio.Event()
        self._all_up = asyncio.Event()

    @property
    def statuses(self) -> Mapping[str, PartStatus]:
        """Status of every part by name, in the order of starting."""
        return dict(self._statuses)

    def request_stop(self) -> None:
        """Ask `run` to stop the parts and return."""
        self._stopping.set()

    async def wait_started(self) -> None:
        """Wait until every part has come up once."""
        await self._all_up.wait()

    async def run(self) -> None:
        """Start the parts in order and keep them up; stop them in reverse order at the end.

        Returns after `request_stop`, or ends with the cancellation of its task; the parts are stopped either way.

        Raises
        ------
        PartFailedError
            If a part does not come up at the first start; those before it have been stopped.
        """
        started: list[PartSpec] = []
        watches: list[asyncio.Task[None]] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                stopping = tasks.create_task(self._stopping.wait())
                for spec in self._specs:
                    started.append(spec)
                    if not await self._first_start(spec, stopping):
                        break
                    watches.append(tasks.create_task(self._keep_up(spec)))
                else:
                    self._all_up.set()
                await stopping
                for watch in watches:
                    watch.cancel()
        except BaseExceptionGroup as group:
            failures = group.subgroup(PartFailedError)
            if failures is not None:
                raise failures.exceptions[0] from None
            raise
        finally:
            for spec in reversed(started):
                await self._stop(spec)

    async def _first_start(self, spec: PartSpec, stopping: asyncio.Task[Literal[True]]) -> bool:
        """Start a part; False when a stop is asked for before it is up."""
        self._set(spec, "starting", None)
        async with asyncio.TaskGroup() as tasks:
            starting = tasks.create_task(self._try_start(spec))
            await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                return False
            problem = starting.result()
        if problem is not None:
            raise PartFailedError(spec.name, problem)
        self._set(spec, "up", None)
        return True

    async def _keep_up(self, spec: PartSpec) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            since = loop.time()
            reason = await spec.part.wait()
            failures = 1 if loop.time() - since >= spec.steady_after_s else failures + 1
            while True:
                self._set(spec, "restarting" if failures < spec.down_after else "down", reason)
                await asyncio.sleep(min(spec.first_delay_s * 2.0 ** min(failures - 1, 30), spec.longest_delay_s))
                problem = await self._try_start(spec)
                if problem is None:
                    break
                reason = problem
                failures += 1
            status = self._statuses[spec.name]
            self._set(spec, "up", reason, restarts=status.restarts + 1)

    async def _try_start(self, spec: PartSpec) -> str | None:
        try:
            await spec.part.start()
        except Exception as error:  # a part may fail in any way; it is tried again
            return str(error) or type(error).__name__
        return None

    async def _stop(self, spec: PartSpec) -> None:
        reason = "stopped"
        try:
            async with asyncio.timeout(spec.stop_timeout_s):
                await spec.part.stop()
        except TimeoutError:
            reason = f"did not stop within {spec.stop_timeout_s:g} s"
        except Exception as error:  # the other parts still have to be stopped
            reason = f"did not stop: {error}"
        self._set(spec, "down", reason)

    def _set(self, spec: PartSpec, state: PartState, reason: str | None, restarts: int | None = None) -> None:
        before = self._statuses[spec.name]
        status = replace(before, state=state, reason=reason, restarts=before.restarts if restarts is None else restarts)
        self._statuses[spec.name] = status
        if status != before and self._on_change is not None:
            self._on_change(status)


class ProcessPart:
    """A child process as a part of a `Supervisor`.

    Parameters
    ----------
    command
        Program and arguments.
    ready
        Awaited after the process is started; returns once it is ready, raises when it is not. Cut short when the
        process ends before.
    watches, stops, log, environment, hand_down
        As for `gwanje.embedded.lifeline.spawn`.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        ready: Callable[[], Awaitable[object]] | None = None,
        watches: Literal["launcher", "itself"] = "launcher",
        stops: Sequence[Stop] = GENTLE_STOP,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        hand_down: Sequence[int] = (),
    ) -> None:
        self._command = tuple(command)
        self._ready = ready
        self._watches: Literal["launcher", "itself"] = watches
        self._stops = tuple(stops)
        self._log = log
        self._environment = environment
        self._hand_down = tuple(hand_down)
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """Process id, of the launcher when there is one; None when it does not run."""
        return self._child.pid if self._child is not None and self._child.running else None

    async def start(self) -> None:
        """Start the process and wait until it is ready.

        Raises
        ------
        OSError
            If the program cannot be started.
        ProcessEndedError
            If it ends before it is ready.
        """
        await self.stop()
        child = await spawn(
            self._command,
            watches=self._watches,
            stops=self._stops,
            log=self._log,
            environment=self._environment,
            hand_down=self._hand_down,
        )
        self._child = child
        if self._ready is None:
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                ready = tasks.create_task(_as_coroutine(self._ready))
                ended = tasks.create_task(child.wait())
                await asyncio.wait((ready, ended), return_when=asyncio.FIRST_COMPLETED)
                if not ready.done():
                    ready.cancel()
                ended.cancel()
        except BaseExceptionGroup as group:
            await self.stop()
            raise group.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise
        if ready.cancelled():
            raise ProcessEndedError(await child.wait())

    async def wait(self) -> str:
        """Return, in words, how the process ended, once it has."""
        return "was not started" if self._child is None else await self._child.wait()

    async def stop(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop()


async def _as_coroutine(ready: Callable[[], Awaitable[object]]) -> None:
    await ready()
