"""What benchmarks of the whole system share: a region, a broker and a system pinned to processors, senders, figures."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil
from pyproj import Geod

from benchmarks.publisher import Plan
from config.catalogue.model import Catalogue, District, Link, Name, Node, Road, SlopeNode, Tower, VdsStation
from config.catalogue.save import save_region
from gwanje.embedded.postgres import EmbeddedPostgres

DISTRICT = "99990"
LANES = 4
SYSTEM_CORE, OTHER_CORE = {0}, {1}
_WEST, _SOUTH = 127.5, 36.5
_PER_LINK = 10
_WGS84 = Geod(ellps="WGS84")
_MIB = 1024.0 * 1024.0
_MOSQUITTO = ("mosquitto", "/usr/sbin/mosquitto")


def machine_facts() -> dict[str, Any]:
    """Return what the figures depend on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in _text("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_mib": round(psutil.virtual_memory().total / _MIB),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_1min": os.getloadavg()[0],
    }


def _text(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text()
    return ""


def region(n_station: int, n_slope: int = 100, n_tower: int = 4, lanes: int = LANES) -> Catalogue:
    """Return one straight expressway with ten stations a link, slopes beside it and towers above."""
    n_link = -(-n_station // _PER_LINK)
    step = 0.9 / n_link
    places = [(_WEST + step * number, _SOUTH + 0.2) for number in range(n_link + 1)]
    links = [f"{DISTRICT}{number + 1:05d}" for number in range(n_link)]
    nodes = [f"{DISTRICT}{number + 50_001:05d}" for number in range(n_link + 1)]
    length_m = float(_WGS84.inv(*places[0], *places[1])[2])
    east = _WEST + 1.0
    return Catalogue(
        id="bench",
        name=Name("측정 지역", "Benchmark region"),
        timezone="Asia/Seoul",
        synthetic=True,
        bbox=(_WEST - 0.1, _SOUTH - 0.1, east + 0.1, _SOUTH + 0.6),
        districts=(
            District(
                id=DISTRICT,
                name=Name("측정군", "Benchmark County"),
                population=1_000,
                boundary=(
                    (_WEST - 0.1, _SOUTH - 0.1), (east + 0.1, _SOUTH - 0.1), (east + 0.1, _SOUTH + 0.6),
                    (_WEST - 0.1, _SOUTH + 0.6), (_WEST - 0.1, _SOUTH - 0.1),
                ),
            ),
        ),
        roads=(Road(id="B1", number="B1", name=Name("측정선", "Benchmark Expressway"), rank="expressway"),),
        nodes=tuple(Node(id=one, position=at) for one, at in zip(nodes, places, strict=True)),
        links=tuple(
            Link(
                id=links[number], district=DISTRICT, road="B1", direction="up", from_node=nodes[number],
                to_node=nodes[number + 1], lanes=lanes, speed_limit_kmh=100.0, length_m=length_m,
                chainage_m=length_m * number, line=(places[number], places[number + 1]),
            )
            for number in range(n_link)
        ),
        vds=tuple(
            VdsStation(
                id=f"v{number:05d}", district=DISTRICT, position=(_WEST + step * number / _PER_LINK, places[0][1]),
                link=links[number // _PER_LINK], offset_m=length_m * (number % _PER_LINK) / _PER_LINK, lanes=lanes,
            )
            for number in range(n_station)
        ),
        slope=tuple(
            SlopeNode(
                id=f"s{number:05d}", district=DISTRICT,
                position=(_WEST + 0.9 * number / max(n_slope, 1), _SOUTH + 0.21),
                name=Name(f"사면 {number}", f"Slope {number}"), slope_deg=35.0, aspect_deg=180.0, height_m=20.0,
            )
            for number in range(n_slope)
        ),
        tower=tuple(
            Tower(
                id=f"t{number:05d}", district=DISTRICT, position=(_WEST + 0.2 * number, _SOUTH + 0.3),
                name=Name(f"감시탑 {number}", f"Tower {number}"), ground_elevation_m=500.0, mast_m=20.0,
                azimuth_sigma_deg=0.5, range_m=20_000.0,
            )
            for number in range(n_tower)
        ),
    )  # fmt: skip


class Rig:
    """A broker, a database and a system, each a process of its own, until the end of a ``with``.

    Parameters
    ----------
    catalogue
        The region.
    database
        Whether there is one that takes rows; without, rows wait in the journal.
    settings
        More of the system's, as for the environment but without the prefix.
    """

    def __init__(self, catalogue: Catalogue, **settings: str) -> None:
        self.stations = [one.id for one in catalogue.vds]
        self.lanes = catalogue.links[0].lanes
        self._catalogue = catalogue
        self._settings = settings
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Rig:
        with contextlib.ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gwanje-bench-")))
            save_region(self._catalogue, self.folder / "region")
            self.database = EmbeddedPostgres(self.folder / "postgresql")
            self._loop = stack.enter_context(asyncio.Runner())
            self.database_url = str(self._loop.run(self.database.start()))
            stack.callback(lambda: self._loop.run(self.database.stop()))
            self.mqtt_port = stack.enter_context(_mosquitto(self.folder))
            self.port = free_port()
            self.system = self._start()
            stack.callback(self.stop_system)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GWANJE_")} | {
            "GWANJE_REGION": str(self.folder / "region"),
            "GWANJE_DATABASE_URL": self.database_url,
            "GWANJE_MQTT_URL": f"mqtt://127.0.0.1:{self.mqtt_port}",
            "GWANJE_PORT": str(self.port),
            "GWANJE_DATA_DIR": str(self.folder),
            **{f"GWANJE_{name.upper()}": value for name, value in self._settings.items()},
        }
        with (self.folder / "system.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gwanje", "serve"], env=environment, stdout=log, stderr=log
            )
        psutil.Process(process.pid).cpu_affinity(sorted(SYSTEM_CORE))
        end_s = time.monotonic() + 60.0
        while time.monotonic() < end_s:
            if process.poll() is not None:
                raise RuntimeError((self.folder / "system.log").read_text()[-2_000:])
            with contextlib.suppress(OSError):
                if self.figures().get("session_telemetry_connected"):
                    return process
            time.sleep(0.1)
        raise RuntimeError("the system did not come up within 60 s")

    def stop_system(self) -> None:
        """End the system; harmless when it has ended."""
        if self.system.poll() is None:
            self.system.terminate()
            try:
                self.system.wait(20.0)
            except subprocess.TimeoutExpired:
                self.system.kill()
                self.system.wait()

    def stop_database(self) -> None:
        """Take the database away."""
        self._loop.run(self.database.stop())

    def start_database(self) -> None:
        """Bring it back, where it was."""
        if self._loop.run(self.database.start()) != self.database_url:
            raise RuntimeError("the database came back on another port")

    def figures(self) -> dict[str, float]:
        """Return the system's figures by name, without prefix and ``_total``; buckets keep their bound."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20.0) as reply:
            lines = reply.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name.removeprefix("gwanje_").removesuffix("_total"): float(value) for name, value in pairs}

    @property
    def memory_mib(self) -> float:
        """Resident memory of the system [MiB]."""
        return float(psutil.Process(self.system.pid).memory_info().rss / _MIB)

    def cpu_s(self) -> float:
        """Return the processor time that the system has used [s]."""
        times = psutil.Process(self.system.pid).cpu_times()
        return float(times.user + times.system)

    @contextlib.contextmanager
    def sending(self, **plan: Any) -> Iterator[Sender]:
        """Send in a process of its own until the end of the ``with``; see `benchmarks.publisher.Plan`."""
        sender = Sender(self.plan(**plan))
        try:
            yield sender
        finally:
            sender.end()

    def plan(self, **plan: Any) -> Plan:
        """Return what to send to this broker, as the stations of this region."""
        own = {"port": self.mqtt_port, "stations": self.stations, "district": DISTRICT, "lanes": self.lanes}
        return msgspec.convert(own | plan, Plan)


class Sender:
    """A publishing process."""

    def __init__(self, plan: Plan) -> None:
        self.sent: dict[str, float] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.publisher"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        psutil.Process(self._process.pid).cpu_affinity(sorted(OTHER_CORE))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(plan) + b"\n")
        self._process.stdin.flush()
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("the publisher did not start")

    def end(self) -> dict[str, float]:
        """Stop sending and return what was sent."""
        if not self.sent:
            out, _ = self._process.communicate(timeout=90.0)
            self.sent = json.loads(out.decode().splitlines()[-1])
        return self.sent


@contextlib.contextmanager
def _mosquitto(folder: Path) -> Iterator[int]:
    program = next((found for name in _MOSQUITTO if (found := shutil.which(name))), None)
    if program is None:
        raise RuntimeError("mosquitto is not installed: this benchmark needs it as the outside broker")
    port = free_port()
    file = folder / "mosquitto.conf"
    file.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n"
        "max_inflight_messages 0\nmax_queued_bytes 0\nlog_type error\nuser root\n"
    )
    with (folder / "mosquitto.log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(file)], stdout=log, stderr=log)
    psutil.Process(process.pid).cpu_affinity(sorted(OTHER_CORE))
    try:
        end_s = time.monotonic() + 10.0
        while time.monotonic() < end_s:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10.0)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rate_of(before: dict[str, float], after: dict[str, float], name: str, seconds: float) -> float:
    """Return how fast a figure grew [1/s]."""
    return (after[name] - before[name]) / seconds


def quantile_s(before: dict[str, float], after: dict[str, float], frac: float) -> float:
    """Return a quantile of the observations' ages in the state that came between two looks, in seconds.

    Interpolated within its class of the histogram; the upper bound of the last one stands for everything beyond.
    """
    edges: list[tuple[float, float]] = []
    for name, value in after.items():
        if name.startswith("state_age_seconds_bucket"):
            bound = name.split('"')[1]
            edges.append((float("inf") if bound == "+Inf" else float(bound), value - before.get(name, 0.0)))
    edges.sort()
    wanted = frac * edges[-1][1]
    low_s, below = 0.0, 0.0
    for bound_s, count in edges:
        if count >= wanted and count > below:
            if bound_s == float("inf"):
                return low_s
            return low_s + (bound_s - low_s) * (wanted - below) / (count - below)
        low_s, below = bound_s, count
    return low_s


def median(values: Sequence[float]) -> float:
    """Return the middle value."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]
