"""Run one program for as long as the parent process lives.

A script, not a module to import: started as ``python -I -S launcher.py LIFELINE_FD STOPS LOG_PATH LOG_MAX_BYTES PROGRAM
[ARG...]``, and kept to a few small standard modules so that it costs little memory.

The parent holds the writing end of a pipe whose reading end is ``LIFELINE_FD``. However the parent ends, ``kill -9``
included, the kernel closes its end, the launcher reads the end of file and stops the program: the signals of
``STOPS`` (``INT:10,QUIT:5`` is SIGINT, 10 s, SIGQUIT, 5 s), then SIGKILL. SIGINT, SIGTERM and SIGQUIT sent to the
launcher are passed on. It exits with the program's status, or 128 plus the number of the signal that ended it.

When ``LOG_PATH`` is not ``-``, the file is moved aside to ``LOG_PATH.1`` by copying whenever it passes
``LOG_MAX_BYTES``; the program must have it open for appending.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
LOG_CHECK_S = 30.0
RESTORED = (*FORWARDED, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)


def _stops(text: str) -> list[tuple[signal.Signals, float]]:
    """Read ``INT:10,QUIT:5`` and end it with SIGKILL."""
    stops = []
    for part in filter(None, text.split(",")):
        name, _, grace_s = part.partition(":")
        stops.append((signal.Signals[f"SIG{name}"], float(grace_s)))
    return [*stops, (signal.SIGKILL, 3600.0)]


def _start(command: list[str]) -> int:
    """Start the program and return its number, with the signals that are forwarded still held back."""
    # A signal that comes before the program has its own handlers must end it, not be lost in ours.
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        for number in RESTORED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        os.execvp(command[0], command)  # noqa: S606  the command comes from our own parent
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _bound_log(path: str, max_bytes: int) -> None:
    try:
        if os.stat(path).st_size <= max_bytes:  # noqa: PTH116  pathlib would double the launcher's imports
            return
        with open(path, "rb") as log, open(f"{path}.1", "wb") as previous:  # noqa: PTH123
            log.seek(-max_bytes, os.SEEK_END)
            previous.write(log.read(max_bytes))
        os.truncate(path, 0)
    except OSError:
        return


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _watch(pid: int, lifeline: int, wake: int, stops: list[tuple[signal.Signals, float]], log: tuple[str, int]) -> int:
    """Wait for the program; stop it when the lifeline ends. Return its wait status."""
    waiting_on = [lifeline, wake]
    next_stop: float | None = None
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if log[0] != "-":
            _bound_log(*log)
        timeout_s = LOG_CHECK_S if next_stop is None else max(0.0, next_stop - time.monotonic())
        ready, _, _ = select.select(waiting_on, [], [], timeout_s)
        if wake in ready:
            os.read(wake, 4096)
        if lifeline in ready and not os.read(lifeline, 4096):
            waiting_on.remove(lifeline)
            next_stop = time.monotonic()
        if next_stop is not None and time.monotonic() >= next_stop:
            number, grace_s = stops.pop(0)
            _signal(pid, number)
            next_stop = time.monotonic() + grace_s


def main(arguments: list[str]) -> int:
    """Run the program and return the launcher's exit status."""
    lifeline, stops, log, command = int(arguments[0]), _stops(arguments[1]), arguments[2], arguments[4:]
    os.set_inheritable(lifeline, False)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    pid = 0

    def forward(number: int, _frame: object) -> None:
        if pid:
            _signal(pid, number)

    for number in FORWARDED:
        signal.signal(number, forward)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    pid = _start(command)
    # Only now does the handler know whom to forward to.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    status = _watch(pid, lifeline, wake_read, stops, (log, int(arguments[3])))
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
