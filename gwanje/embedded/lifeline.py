"""Child processes that end when their parent does, even when it is killed with ``kill -9``.

Every child holds the reading end of a pipe whose writing end only the parent has; the kernel closes that end with the
parent, so it works wherever there are pipes. Programs that know nothing of it (PostgreSQL) run under
``launcher.py``, which watches the pipe for them; our own processes watch it themselves with `watch_lifeline`.

A process that is *forked* without an ``exec`` (``multiprocessing`` with the method ``fork``) would keep the writing
end open: use ``spawn``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

LIFELINE_VARIABLE = "GWANJE_LIFELINE_FD"
LOG_MAX_BYTES = 8_000_000

_LAUNCHER = Path(__file__).with_name("launcher.py")
_LAUNCHER_SLACK_S = 5.0


class Stop(NamedTuple):
    """One step of stopping a process: a signal, and how long to wait for its effect."""

    number: signal.Signals
    grace_s: float


GENTLE_STOP: tuple[Stop, ...] = (Stop(signal.SIGTERM, 5.0),)


class Child:
    """A child process on a lifeline. Made by `spawn`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        lifeline: int,
        stops: Sequence[Stop],
        launched: bool,
    ) -> None:
        self._process = process
        self._lifeline: int | None = lifeline
        self._stops = tuple(stops)
        self._launched = launched

    @property
    def pid(self) -> int:
        """Process id of the child; of its launcher when it has one."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the child has not been seen to end."""
        return self._process.returncode is None

    @property
    def succeeded(self) -> bool:
        """Whether the child ended with exit status 0."""
        return self._process.returncode == 0

    async def wait(self) -> str:
        """Wait until the child ends, and return how it did, in words."""
        status = await self._process.wait()
        self._cut()
        return describe_exit(status)

    async def stop(self) -> str:
        """Stop the child as gently as it allows, and return how it ended.

        A launched program is stopped by its launcher, along the same path as when the parent dies.
        """
        if self._launched:
            self._cut()
            if await self._ended_within(sum(stop.grace_s for stop in self._stops) + _LAUNCHER_SLACK_S):
                return await self.wait()
        else:
            for number, grace_s in self._stops:
                self._send(number)
                if await self._ended_within(grace_s):
                    return await self.wait()
        self._send(signal.SIGKILL)
        return await self.wait()

    async def _ended_within(self, grace_s: float) -> bool:
        try:
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _cut(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None


async def spawn(
    command: Sequence[str | Path],
    *,
    watches: Literal["launcher", "itself"] = "launcher",
    stops: Sequence[Stop] = GENTLE_STOP,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    hand_down: Sequence[int] = (),
) -> Child:
    """Start a child process that ends when this one does.

    Parameters
    ----------
    command
        Program and arguments.
    watches
        Who watches the lifeline: a small launcher around the program, or the program itself by `watch_lifeline`.
    stops
        Signals to stop it with, in order; SIGKILL follows the last.
    log
        File that standard output and error are appended to; kept under about twice 8 MB when a launcher watches. None:
        the parent's own.
    environment
        The whole environment of the child. None: the parent's.
    cwd
        Working directory. None: the parent's.
    hand_down
        File descriptors that the child has under the same numbers.

    Raises
    ------
    OSError
        If the program (or the Python interpreter of the launcher) cannot be started, or the log not be opened.
    """
    reading, writing = os.pipe()
    launched = watches == "launcher"
    variables = dict(os.environ if environment is None else environment)
    arguments = [str(part) for part in command]
    if launched:
        described = ",".join(f"{stop.number.name.removeprefix('SIG')}:{stop.grace_s}" for stop in stops)
        log_name = "-" if log is None else str(log)
        prefix = [sys.executable, "-I", "-S", str(_LAUNCHER), str(reading), described, log_name, str(LOG_MAX_BYTES)]
        arguments = prefix + arguments
    else:
        variables[LIFELINE_VARIABLE] = str(reading)
    output: int | None = None
    try:
        output = None if log is None else os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # A session of its own keeps Ctrl-C of the terminal away: the parent decides the order of stopping.
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=variables,
            cwd=cwd,
            pass_fds=(reading, *hand_down),
            start_new_session=True,
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
        if output is not None:
            os.close(output)
    return Child(process, writing, stops, launched)


def watch_lifeline(on_parent_gone: Callable[[], None]) -> bool:
    """Call back, once and on the running event loop, when the parent process has gone.

    Parameters
    ----------
    on_parent_gone
        Called without arguments; it should begin an orderly end.

    Returns
    -------
    bool
        False when this process was not started with a lifeline; nothing is watched then.

    Raises
    ------
    ValueError
        If the variable GWANJE_LIFELINE_FD does not name an open file descriptor.
    """
    text = os.environ.pop(LIFELINE_VARIABLE, None)  # a grandchild has another descriptor under this number
    if text is None:
        return False
    try:
        descriptor = int(text)
        os.set_inheritable(descriptor, False)
        os.set_blocking(descriptor, False)
    except (ValueError, OSError):
        raise ValueError(f"{LIFELINE_VARIABLE}: expected an open file descriptor, was {text!r}") from None
    loop = asyncio.get_running_loop()

    def readable() -> None:
        try:
            if os.read(descriptor, 4096):
                return
        except BlockingIOError:
            return
        loop.remove_reader(descriptor)
        os.close(descriptor)
        on_parent_gone()

    loop.add_reader(descriptor, readable)
    return True


def describe_exit(status: int) -> str:
    """Say in words how a process ended, from its return code or, under a launcher, from 128 plus a signal number."""
    number = -status if status < 0 else status - 128
    if number > 0:
        try:
            return f"was killed by {signal.Signals(number).name}"
        except ValueError:
            pass
    return "ended normally" if status == 0 else f"ended with exit status {status}"
