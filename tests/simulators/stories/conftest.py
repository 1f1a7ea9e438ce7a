from __future__ import annotations

import pytest

from config.catalogue.model import Catalogue
from config.catalogue.prepare import prepare_region


@pytest.fixture(scope="session")
def region(request: pytest.FixtureRequest) -> Catalogue:
    # Kept between runs: making the region takes seconds.
    assert request.config.cache is not None
    return prepare_region("default", request.config.cache.mkdir("regions"))
