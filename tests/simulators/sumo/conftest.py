"""The small simulation, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.sumo.bridge import Prepared, prepare
from simulators.sumo.extra import installed
from tests.simulators.sumo.making import make_small


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small simulation."""
    if not installed():
        pytest.skip("the optional extra for SUMO is not installed")
    return make_small(tmp_path_factory.mktemp("sumo")).parent


@pytest.fixture(scope="session")
def prepared(folder: Path) -> Prepared:
    return prepare(folder / "small.sumocfg")
