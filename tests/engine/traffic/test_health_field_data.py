"""A day of I-24: what is faulty in it is found, its traffic, empty lanes and jams are left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.traffic.health.reasons import Reason
from engine.traffic.health.substitute import Way
from engine.traffic.health.watch import watch
from gwanje.calc.arrays import corridor_of, read_array
from tests.engine.builders import TRAFFIC
from tests.engine.traffic.roads import FILL, HEALTH

FILE = Path(__file__).parents[4] / "shared" / "data" / "traffic" / "i24" / "i24_rds_first_1001.npz"
LOCAL_START_S = 5 * 3600.0

pytestmark = [
    pytest.mark.field_data,
    pytest.mark.skipif(not FILE.exists(), reason="../shared/data is absent"),
]


@pytest.fixture(scope="module")
def corridor():
    return corridor_of(read_array(FILE), "falling", 112.654)


@pytest.fixture(scope="module")
def day(corridor):
    return list(watch(corridor.series, corridor.layout, HEALTH, FILL, TRAFFIC, LOCAL_START_S))


def test_the_faults_that_are_there_and_no_others(corridor, day):
    ever = np.bitwise_or.reduce(np.stack([one.health.reasons for one in day]), axis=0)
    found = {
        (float(corridor.milemarker[station]), lane + 1): Reason(int(ever[station, lane]))
        for station, lane in np.argwhere(ever).tolist()
    }
    assert found == {
        (55.5, 4): Reason.NO_DATA | Reason.LOW_SAMPLES,
        (58.6, 1): Reason.SWAPPED,
        (58.6, 3): Reason.SWAPPED,
        (58.8, 4): Reason.ZERO_OCCUPANCY,
    }


def test_nearly_everything_is_measured(day):
    ways = np.stack([one.substituted.way for one in day])
    assert np.mean(ways <= Way.LENGTH) > 0.98
    assert not (ways == Way.UNKNOWN).any()
