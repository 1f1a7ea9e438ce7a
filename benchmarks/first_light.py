"""``gwanje up`` as a whole: time to the first live reading, memory, processor time, and what is left after Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from websockets.sync.client import ClientConnection, connect

_START_S = 120.0
_WATCH_S = 60.0
_STOP_S = 30.0
_MIB = 1024.0 * 1024.0


def run(watch_s: float = _WATCH_S) -> dict[str, float]:
    """Start everything on an empty data folder, then once more, and measure both.

    Returns
    -------
    dict
        ``first_*``: empty folder, region and database made; ``again_*``: the folder as it was left.
        ``*_page_s``: start to the page's first answer; ``*_reading_s``: start to the first live reading on the page's
        websocket; ``*_half_fresh_s``: start to half of all devices fresh. ``memory_pss_mib``, ``memory_rss_mib``: all
        processes together, shared pages counted once and in each. ``cpu_pct``: of one core, over ``watch_s`` after the
        start. ``stop_s``: Ctrl-C to the last process gone; ``left_processes``: how many are not.
    """
    with tempfile.TemporaryDirectory(prefix="gwanje-bench-") as folder:
        figures = {f"first_{name}": value for name, value in _measure(Path(folder), 0.0).items()}
        figures |= {
            name if name.startswith(("memory", "cpu", "stop", "left")) else f"again_{name}": value
            for name, value in _measure(Path(folder), watch_s).items()
        }
    return {name: value for name, value in figures.items() if not name.startswith(("first_memory", "first_cpu"))}


def _measure(folder: Path, watch_s: float) -> dict[str, float]:
    port = _free_port()
    command = [sys.executable, "-m", "gwanje", "up", "--data-dir", str(folder), "--port", str(port)]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        figures = _times(port, started, process)
        tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        figures |= _load(tree, watch_s)
        stopping = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(_STOP_S)
        _, alive = psutil.wait_procs(tree, timeout=5.0)
        return figures | {"stop_s": time.monotonic() - stopping, "left_processes": float(len(alive))}
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _times(port: int, started: float, process: subprocess.Popen[bytes]) -> dict[str, float]:
    socket_ = _page(port, started, process)
    page_s = time.monotonic() - started
    fresh: set[str] = set()
    known: set[str] = set()
    first_s = 0.0
    with socket_:
        while True:
            frame = json.loads(socket_.recv(timeout=_START_S))
            for device in frame.get("devices", ()):
                known.add(device["id"])
                (fresh.add if device["freshness"] == "fresh" else fresh.discard)(device["id"])
            if fresh and not first_s:
                first_s = time.monotonic() - started
            if known and len(fresh) >= len(known) / 2:
                return {
                    "page_s": page_s,
                    "reading_s": first_s,
                    "half_fresh_s": time.monotonic() - started,
                }


def _page(port: int, started: float, process: subprocess.Popen[bytes]) -> ClientConnection:
    while time.monotonic() - started < _START_S:
        if process.poll() is not None:
            raise RuntimeError(f"gwanje up ended with status {process.returncode}")
        try:
            return connect(f"ws://127.0.0.1:{port}/ws/operations", max_size=None)
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the page did not answer within {_START_S:g} s")


def _load(tree: Sequence[psutil.Process], watch_s: float) -> dict[str, float]:
    before = _cpu_s(tree)
    time.sleep(watch_s)
    spent_s = _cpu_s(tree) - before
    memory = [process.memory_full_info() for process in tree if process.is_running()]
    return {
        "cpu_pct": 100.0 * spent_s / watch_s if watch_s else 0.0,
        "memory_pss_mib": sum(one.pss for one in memory) / _MIB,
        "memory_rss_mib": sum(one.rss for one in memory) / _MIB,
    }


def _cpu_s(tree: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in tree if process.is_running()]
    return float(sum(one.user + one.system for one in times))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
