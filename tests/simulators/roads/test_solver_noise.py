from __future__ import annotations

import numpy as np
import pytest

from simulators.world.roads.loading import Flows, Loading
from simulators.world.roads.model import RoadModel
from tests.simulators.region import small_region


def test_tiny_negative_flows_of_the_solver_do_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = Loading.flows

    def noisy(self: Loading, trips: np.ndarray) -> Flows:
        flows = exact(self, trips)
        # The mix of a cell divides by the sum over commodities: here that of two that nearly cancel out.
        flows.chain[0], flows.chain[1:] = -1e-16, 0.0
        return flows

    model = RoadModel.build(small_region(), time_of_day_s=9 * 3_600.0, seed=1, warm_up_s=0.0)
    monkeypatch.setattr(Loading, "flows", noisy)
    loaded = RoadModel(model.plan, 1.0, 1, 0.0, 9 * 3_600.0, True)
    assert loaded.vehicles_total == 0.0
    for step in range(60):
        loaded.step(5.0, 9 * 3_600.0 + 5.0 * step)
    assert np.all(loaded.state.vehicles >= 0.0)
    assert loaded.vehicles_total == pytest.approx(loaded.state.entered - loaded.state.left)
