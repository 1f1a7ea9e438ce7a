"""What is saved is read back as it was, and the same catalogue gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.catalogue.load import load_region
from config.catalogue.model import Catalogue, District, Name, Terrain, Village
from config.catalogue.save import save_region
from tests.config.comparing import assert_same

RING = ((128.0, 37.0), (129.0, 37.0), (129.0, 38.0), (128.0, 38.0), (128.0, 37.0))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip)
NAMES = st.builds(Name, TEXT, TEXT)


def test_load_after_save_is_the_same(small_region: Catalogue, saved: Path) -> None:
    assert_same(load_region(saved), small_region)


def test_same_catalogue_gives_the_same_bytes(small_region: Catalogue, saved: Path, tmp_path: Path) -> None:
    save_region(small_region, tmp_path)
    files = sorted(path.name for path in saved.iterdir())
    assert files == sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == 14
    for name in files:
        assert (tmp_path / name).read_bytes() == (saved / name).read_bytes(), name


@settings(max_examples=40, deadline=None)
@given(
    name=NAMES,
    places=st.lists(
        st.tuples(NAMES, st.floats(128, 129), st.floats(37, 38), st.integers(0, 10**6)), max_size=4
    ),
    population=st.integers(0, 10**7),
)  # fmt: skip
def test_any_text_and_position_survives(
    name: Name, places: list[tuple[Name, float, float, int]], population: int
) -> None:
    catalogue = Catalogue(
        id="any",
        name=name,
        timezone="UTC",
        synthetic=False,
        bbox=(128.0, 37.0, 129.0, 38.0),
        districts=(District(id="99001", name=name, population=population, boundary=RING),),
        villages=tuple(
            Village(id=f"v-{index}", district="99001", name=village, position=(lon, lat), population=people)
            for index, (village, lon, lat, people) in enumerate(places)
        ),
    )
    with TemporaryDirectory() as folder:
        save_region(catalogue, Path(folder))
        assert_same(load_region(Path(folder)), catalogue)


def test_terrain_of_an_earlier_region_does_not_stay(small_region: Catalogue, tmp_path: Path) -> None:
    save_region(small_region, tmp_path)
    flat = msgspec.structs.replace(small_region, terrain=None)
    save_region(flat, tmp_path)
    assert_same(load_region(tmp_path), flat)


@pytest.mark.parametrize("value", [0.5, np.nan, 40_000.0])
def test_elevation_that_int16_cannot_hold_is_refused(small_region: Catalogue, tmp_path: Path, value: float) -> None:
    grid = np.zeros((2, 3), dtype=np.float32)
    grid[1, 2] = value
    terrain = Terrain(west_deg=128.0, south_deg=37.0, step_lon_deg=1.0, step_lat_deg=1.0, elevation_m=grid)
    with pytest.raises(ValueError, match=r"elevation_m\[1, 2\]: expected whole metres"):
        save_region(msgspec.structs.replace(small_region, terrain=terrain), tmp_path / "new")
    assert not (tmp_path / "new").exists()
