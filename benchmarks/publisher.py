"""Devices that send as fast as sockets take it: ``python -m benchmarks.publisher``, a plan as JSON on standard input.

Messages are rows of a byte matrix of fixed width, in which only number, time and packet identifier change from round to
round, so that making them costs next to nothing and every one is different. Speaks plain MQTT 3.1.1 on blocking
sockets, several connections in turn. Prints what was sent as JSON when it is told to end (standard input closes), or
after ``seconds``.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.mqtt.encode import encode, encode_publish
from ingest.mqtt.packets import Connect

Bytes = NDArray[np.uint8]
FIRST_SEQ = 1_000_000_000
_TIME = "2026-01-01T00:00:00.000000Z"
_CHUNK = 512


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send.

    Attributes
    ----------
    rate
        Messages a second over all connections; 0 for as many as go. [1/s]
    batch
        Observations in a gateway's message; 0 for messages of single stations.
    window
        Messages of one connection that wait for their PUBACK, at QoS 1.
    """

    port: int
    stations: list[str]
    district: str
    lanes: int
    qos: int = 0
    rate: float = 0.0
    batch: int = 0
    packed: bool = False
    connections: int = 4
    window: int = 2_000
    seconds: float = 0.0
    first_seq: int = FIRST_SEQ
    name: str = "bench"


class Matrix:
    """Messages of equal length as rows, with the places of what changes."""

    def __init__(self, plan: Plan, stations: list[str]) -> None:
        size = plan.batch or 1
        groups = [stations[at : at + size] for at in range(0, len(stations) - size + 1, size)]
        rows = [self._message(plan, number, group) for number, group in enumerate(groups)]
        self.count = len(rows)
        self.per_message = size
        self.bytes: Bytes = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(self.count, -1).copy()
        first = rows[0]
        self._times = _places(first, _TIME.encode())
        self._seqs = _places(first, _seq(plan, FIRST_SEQ))
        self._packed = plan.packed
        self._id_at = first.index(b"/obs") + 4 if plan.qos else None
        if not len(self._times) == len(self._seqs) == size:
            raise RuntimeError("publisher: expected a number and a time for each observation, were others")

    @staticmethod
    def _message(plan: Plan, number: int, group: list[str]) -> bytes:
        lanes = [
            {"lane": lane, "volume": 12, "speed_kmh": 88.5, "occupancy_pct": 7.25} for lane in range(1, plan.lanes + 1)
        ]
        bodies: list[dict[str, Any]] = [
            {"device": one, "time": _TIME, "seq": FIRST_SEQ, "period_s": 30.0, "lanes": lanes} for one in group
        ]
        library: Any = msgspec.msgpack if plan.packed else msgspec.json
        payload = library.encode(bodies if plan.batch else bodies[0])
        where = f"_gateway/g{number:05d}" if plan.batch else group[0]
        topic = f"gwanje/v1/{plan.district}/vds/{where}/obs".encode()
        return encode_publish(topic, payload, plan.qos, packet_id=1 if plan.qos else 0)

    def stamp(self, rows: slice, seq: int, now: datetime) -> None:
        """Write number and time into some rows."""
        text = now.isoformat(timespec="microseconds").replace("+00:00", "Z").encode()
        digits = seq.to_bytes(4, "big") if self._packed else b"%010d" % seq
        part = self.bytes[rows]
        for place in self._times:
            part[:, place : place + len(text)] = np.frombuffer(text, dtype=np.uint8)
        for place in self._seqs:
            part[:, place : place + len(digits)] = np.frombuffer(digits, dtype=np.uint8)

    def identify(self, rows: slice, first_id: int) -> None:
        """Write packet identifiers, from one on."""
        if self._id_at is not None:
            part = self.bytes[rows]
            ids = (np.arange(first_id, first_id + len(part)) - 1) % 65_535 + 1
            part[:, self._id_at] = ids >> 8
            part[:, self._id_at + 1] = ids & 255


class Connection:
    """One device's socket with its share of the stations."""

    def __init__(self, plan: Plan, number: int) -> None:
        self._plan = plan
        self._matrix = Matrix(plan, plan.stations[number :: plan.connections])
        self._socket = socket.create_connection(("127.0.0.1", plan.port))
        self._socket.sendall(encode(Connect(f"{plan.name}-{number}", keep_alive_s=0)))
        if self._socket.recv(4)[3:4] != b"\0":
            raise RuntimeError("publisher: the broker did not accept the connection")
        self._row = 0
        self._seq = plan.first_seq
        self._odd = 0
        self.sent = 0
        self.acknowledged = 0

    @property
    def per_message(self) -> int:
        """Observations in one message."""
        return self._matrix.per_message

    def send(self, most: int) -> int:
        """Send up to so many messages, fewer when the window is full; return how many."""
        if self._plan.qos:
            self._take_acks(0.0)
            most = min(most, self._plan.window - (self.sent - self.acknowledged))
        stop = min(self._row + most, self._matrix.count)
        if stop <= self._row:
            return 0
        rows = slice(self._row, stop)
        self._matrix.stamp(rows, self._seq, datetime.now(UTC))
        self._matrix.identify(rows, self.sent % 65_535 + 1)
        self._socket.sendall(self._matrix.bytes[rows].tobytes())
        count = stop - self._row
        self.sent += count
        self._row = stop % self._matrix.count
        self._seq += self._row == 0
        return count

    def _take_acks(self, wait_s: float) -> None:
        while select.select([self._socket], [], [], wait_s)[0]:
            data = self._socket.recv(65_536)
            if not data:
                raise RuntimeError("publisher: the broker closed the connection")
            self._odd += len(data)
            self.acknowledged += self._odd // 4
            self._odd %= 4
            wait_s = 0.0

    def finish(self, wait_s: float) -> None:
        """Wait for the acknowledgements that are missing."""
        end_s = time.monotonic() + wait_s
        while self._plan.qos and self.acknowledged < self.sent and time.monotonic() < end_s:
            self._take_acks(0.1)


def run(plan: Plan) -> dict[str, float]:
    """Send until told to end; return what was sent and acknowledged."""
    connections = [Connection(plan, number) for number in range(plan.connections)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    started_s = time.monotonic()
    sent = 0
    while not select.select([sys.stdin], [], [], 0.0)[0]:
        elapsed_s = time.monotonic() - started_s
        if plan.seconds and elapsed_s >= plan.seconds:
            break
        allowed = int(plan.rate * elapsed_s) - sent if plan.rate else _CHUNK * plan.connections * 4
        if allowed <= 0:
            time.sleep(0.001)
            continue
        each = min(max(allowed // plan.connections, 1), _CHUNK * 4)
        now_sent = sum(one.send(each) for one in connections)
        sent += now_sent
        if not now_sent:
            time.sleep(0.0005)
    spent_s = time.monotonic() - started_s
    for one in connections:
        one.finish(30.0)
    return {
        "sent": float(sent),
        "acknowledged": float(sum(one.acknowledged for one in connections)),
        "seconds": spent_s,
        "observations": float(sent * connections[0].per_message),
    }


def _places(data: bytes, what: bytes) -> list[int]:
    found, at = [], data.find(what)
    while at >= 0:
        found.append(at)
        at = data.find(what, at + 1)
    return found


def _seq(plan: Plan, seq: int) -> bytes:
    return seq.to_bytes(4, "big") if plan.packed else b"%d" % seq


if __name__ == "__main__":
    line = sys.stdin.readline()
    print(json.dumps(run(msgspec.json.decode(line, type=Plan))))
