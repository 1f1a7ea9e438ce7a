"""A small region, made once: the default recipe on a coarse grid with few of everything."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from config.catalogue.generate.plan import Plan, load_plan, scaled_recipe
from config.catalogue.generate.recipe import Counts, Recipe, load_recipe
from config.catalogue.generate.region import generate_region
from config.catalogue.model import Catalogue
from config.catalogue.prepare import REGIONS_FOLDER
from config.catalogue.save import save_region


@pytest.fixture(scope="session")
def default_recipe() -> Recipe:
    return load_recipe(REGIONS_FOLDER / "default" / "recipe.toml")


@pytest.fixture(scope="session")
def small_recipe(default_recipe: Recipe) -> Recipe:
    return msgspec.structs.replace(
        default_recipe,
        id="small",
        terrain=msgspec.structs.replace(default_recipe.terrain, step_m=700.0),
        vds_spacing_m=8_000.0,
        counts=Counts(vds=60, cctv=12, sign=10, slope=12, tower=4, weather=6, villages=15, shelters=20, cells=30),
    )


@pytest.fixture(scope="session")
def small_region(small_recipe: Recipe) -> Catalogue:
    return generate_region(small_recipe)


@pytest.fixture(scope="session")
def default_region(default_recipe: Recipe) -> Catalogue:
    return generate_region(default_recipe)


@pytest.fixture(scope="session")
def plan() -> Plan:
    return load_plan(REGIONS_FOLDER / "national" / "plan.toml")


@pytest.fixture(scope="session")
def part_recipe(plan: Plan) -> Recipe:
    """Return the recipe of a twenty-fifth of the country, on a coarser grid."""
    recipe = scaled_recipe(0.04, plan)
    return msgspec.structs.replace(recipe, terrain=msgspec.structs.replace(recipe.terrain, step_m=500.0))


@pytest.fixture(scope="session")
def part_region(part_recipe: Recipe) -> Catalogue:
    return generate_region(part_recipe)


@pytest.fixture(scope="session")
def saved(small_region: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "small"
    save_region(small_region, folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """Return a fresh copy of the small region's files, to be damaged."""
    return Path(shutil.copytree(saved, tmp_path / "region"))
