"""One day of I-24 through the engine: recurrent queues begin late in it, and nothing is there before."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.region import PointTable, Region, StationTable, TowerTable
from engine.step import EngineState, step
from ingest.thresholds import load_thresholds
from sensors.codec import decode
from sensors.columns import Received, to_ns
from sensors.lanes import vds_columns
from simulators.detector_array import DetectorArray, load_detector_array
from tests.engine.builders import batch

FILE = Path(__file__).parents[3] / "shared" / "data" / "traffic" / "i24" / "i24_rds_first_1001.npz"
SPEED_LIMIT_KMH = 112.654
"""70 mph."""
METRES_PER_MILE = 1609.344

pytestmark = [
    pytest.mark.field_data,
    pytest.mark.skipif(not FILE.exists(), reason="../shared/data is absent"),
    pytest.mark.timeout(300),
]


def _region(array: DetectorArray, ids: tuple[str, ...]) -> Region:
    n = len(ids)
    nothing = np.empty(0)
    road = StationTable(
        ids=ids,
        corridor=np.zeros(n, dtype=np.int64),
        corridor_names=("I-24 west",),
        chainage_m=(array.milemarker[0] - array.milemarker) * METRES_PER_MILE,
        speed_limit_kmh=np.full(n, SPEED_LIMIT_KMH),
        lanes=np.full(n, array.volume.shape[2], dtype=np.int64),
        lon_deg=-86.5 - (array.milemarker[0] - array.milemarker) * 0.018,
        lat_deg=np.full(n, 36.0),
    )
    return Region(
        stations=road,
        cameras=PointTable((), nothing, nothing),
        slopes=PointTable((), nothing, nothing),
        towers=TowerTable((), nothing, nothing, nothing, nothing),
        period_s=np.full(n, array.period_s),
    )


class Day:
    """The file as batches, one a period, decoded from the messages that stations would have sent."""

    def __init__(self) -> None:
        array = load_detector_array(FILE)
        catalogue = array.catalogue(SPEED_LIMIT_KMH)
        ids = tuple(station.id for station in catalogue.vds)
        self.region = _region(array, ids)
        self.milemarker = dict(zip(ids, array.milemarker.tolist(), strict=True))
        self.start_ns = to_ns(array.times[0])
        index = {device: row for row, device in enumerate(ids)}
        self.batches = []
        for recorded in array.messages(catalogue):
            now_ns = to_ns(recorded.at)
            members = decode(recorded.topic, recorded.payload).messages
            received = [Received(index[member.device], member, now_ns) for member in members]
            self.batches.append((now_ns, batch(vds=vds_columns(received, 0, array.volume.shape[2]))))

    def run(self):
        thresholds = load_thresholds()
        state, findings, slowest_s = EngineState.initial(self.region), [], 0.0
        for now_ns, arrived in self.batches:
            started = time.perf_counter()
            state, found = step(state, arrived, now_ns, self.region, thresholds)
            slowest_s = max(slowest_s, time.perf_counter() - started)
            findings.append(found)
        return findings, slowest_s

    def seconds(self, time_ns: int) -> float:
        return (time_ns - self.start_ns) / 1e9


@pytest.fixture(scope="module")
def day():
    return Day()


@pytest.fixture(scope="module")
def told(day):
    started = time.perf_counter()
    findings, slowest_s = day.run()
    elapsed_s = time.perf_counter() - started
    mean_ms = elapsed_s / len(findings) * 1e3
    print(f"{len(findings)} steps of 49 stations: mean {mean_ms:.2f} ms, slowest {slowest_s * 1e3:.1f} ms")
    return findings


def test_the_day_is_whole(day):
    assert len(day.batches) == 1001
    assert sum(len(arrived.vds.envelope) for _, arrived in day.batches) > 48_000


def test_there_is_no_queue_before_the_morning(day, told):
    early = [
        (day.seconds(one.onset_ns), one.devices)
        for found in told
        for one in found
        if day.seconds(one.updated_ns) < 14_000
    ]
    assert early == []


def test_the_recurrent_queues_are_found_where_they_are(day, told):
    late = [one for found in told for one in found if day.seconds(one.updated_ns) > 25_600 and one.active]
    jammed = {day.milemarker[device] for one in late for device in one.devices}
    assert {mile for mile in jammed if 56.0 <= mile <= 61.0}
    assert late
    devices_in_stretch = [mile for mile in day.milemarker.values() if 56.0 <= mile <= 61.0]
    assert len({mile for mile in jammed if 56.0 <= mile <= 61.0}) >= len(devices_in_stretch) / 2


def test_each_queue_opens_once_and_closes_once(told):
    story: dict[str, list[bool]] = {}
    for found in told:
        for one in found:
            story.setdefault(one.id, []).append(one.active)
    for actives in story.values():
        assert actives == sorted(actives, reverse=True)


def test_stop_and_go_waves_are_not_each_a_queue(told):
    assert len({one.id for found in told for one in found}) <= 20


def test_a_second_run_gives_the_same_bytes(day, told):
    again, _ = day.run()
    assert msgspec.json.encode(again) == msgspec.json.encode(told)
