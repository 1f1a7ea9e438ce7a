"""A region is generated once, kept, and made anew when what was kept is damaged."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from config.catalogue import prepare
from config.catalogue.errors import CatalogueError, RegionNotFoundError, RegionScaleError
from config.catalogue.generate import region as generator
from config.catalogue.generate.plan import Scale
from config.catalogue.generate.recipe import Progress, Recipe
from config.catalogue.model import Catalogue
from config.catalogue.prepare import REGIONS_FOLDER, parse_scale, prepare_region, region_names
from tests.config.comparing import assert_same


@pytest.fixture
def recipe_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    folder.mkdir()
    text = (REGIONS_FOLDER / "default" / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(text.replace("step_m = 220.0", "step_m = 900.0"))
    return folder


def test_generates_once_and_loads_afterwards(
    recipe_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    told: list[tuple[float, str]] = []
    first = prepare_region(str(recipe_folder), cache, progress=lambda frac, what: told.append((frac, what)))
    assert first.synthetic
    fractions = [frac for frac, _ in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert len({what for _, what in told}) > 5
    (kept,) = cache.iterdir()
    assert kept.name.startswith("default-")

    def refuse(recipe: Recipe, progress: Progress) -> Catalogue:
        raise AssertionError("generated again")

    monkeypatch.setattr(generator, "generate_region", refuse)
    told.clear()
    again = prepare_region(str(recipe_folder), cache, progress=lambda frac, what: told.append((frac, what)))
    assert_same(again, first)
    assert told == []


@pytest.mark.parametrize(
    ("name", "scale", "identifier"),
    [("default", "national", "national"), ("national", 1, "national"), ("national", 0.25, "national-250")],
)
def test_scale_makes_a_country_or_a_part_of_it(
    name: str, scale: Scale, identifier: str, small_region: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Recipe] = []

    def generate(recipe: Recipe, progress: Progress) -> Catalogue:
        made.append(recipe)
        return small_region

    monkeypatch.setattr(generator, "generate_region", generate)
    prepare_region(name, tmp_path, scale=scale)
    prepare_region(name, tmp_path, scale=scale)
    (recipe,) = made
    assert recipe.id == identifier
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith(f"{identifier}-")


def test_only_a_country_has_a_scale(recipe_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RegionScaleError, match=r"scale: expected 1 for region .*, was 0\.5"):
        prepare_region(str(recipe_folder), tmp_path, scale=0.5)


@pytest.mark.parametrize(("text", "scale"), [("1", 1), ("national", "national"), ("0.25", 0.25), ("25%", 0.25)])
def test_scale_is_read(text: str, scale: Scale) -> None:
    assert parse_scale(text) == scale


@pytest.mark.parametrize("text", ["", "2", "0.001", "100%", "-1", "nan", "half", "inf"])
def test_wrong_scale_says_what_there_is(text: str) -> None:
    with pytest.raises(RegionScaleError, match=r"scale: expected 1, national, or a share of it from 0\.02"):
        parse_scale(text)


def test_changed_recipe_or_generator_is_another_region(
    recipe_folder: Path, small_region: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "generate_region", lambda recipe, progress: small_region)
    cache = tmp_path / "cache"
    prepare_region(str(recipe_folder), cache)
    recipe = recipe_folder / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("seed = 991", "seed = 992"))
    prepare_region(str(recipe_folder), cache)
    monkeypatch.setattr(prepare, "GENERATOR_VERSION", prepare.GENERATOR_VERSION + 1)
    prepare_region(str(recipe_folder), cache)
    assert len(list(cache.iterdir())) == 3


def test_damaged_copy_is_made_anew(
    recipe_folder: Path, small_region: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "generate_region", lambda recipe, progress: small_region)
    cache = tmp_path / "cache"
    prepare_region(str(recipe_folder), cache)
    (kept,) = cache.iterdir()
    (kept / "links.geojson").write_bytes(b"")
    assert_same(prepare_region(str(recipe_folder), cache), small_region)


def test_failure_leaves_nothing_behind(recipe_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(recipe: Recipe, progress: Progress) -> Catalogue:
        raise ValueError("no path over the grid")

    monkeypatch.setattr(generator, "generate_region", fail)
    cache = tmp_path / "cache"
    with pytest.raises(ValueError, match="no path"):
        prepare_region(str(recipe_folder), cache)
    assert list(cache.iterdir()) == []


def test_second_process_that_comes_late_takes_what_the_first_made(
    recipe_folder: Path, small_region: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "generate_region", lambda recipe, progress: small_region)
    cache, other = tmp_path / "cache", tmp_path / "other"
    prepare_region(str(recipe_folder), other)
    (made,) = other.iterdir()

    def meanwhile(recipe: Recipe, progress: Progress) -> Catalogue:
        shutil.copytree(made, cache / made.name)
        return small_region

    monkeypatch.setattr(generator, "generate_region", meanwhile)
    assert_same(prepare_region(str(recipe_folder), cache), small_region)
    assert [path.name for path in cache.iterdir()] == [made.name]


def test_path_of_a_region_folder_is_loaded(folder: Path, small_region: Catalogue, tmp_path: Path) -> None:
    assert_same(prepare_region(str(folder), tmp_path / "unused"), small_region)
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize("name", ["atlantis", "", "default ", "ㄱ"])
def test_unknown_name_lists_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(RegionNotFoundError, match="expected one of default"):
        prepare_region(name, tmp_path)
    assert "default" in region_names()


def test_unknown_path(tmp_path: Path) -> None:
    with pytest.raises(RegionNotFoundError, match=r"expected a folder with region\.toml, recipe\.toml or plan\.toml"):
        prepare_region(f"{tmp_path}{os.sep}nowhere", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("seed = 991", "seed = -1", "seed"),
        ("seed = 991\n", "", "seed"),
        ("shore = 0.78", "shore = 2.0", "terrain"),
        ('"mireu-ic", "hanui-jct"', '"mireu-ic", "nowhere"', "roads.E991.route"),
        ('town = "99110"', 'town = "99119"', "hubs.hanui.town"),
        ('id = "99120"', 'id = "99110"', "districts"),
        ("extent = [128.4,", "extent = [130.4,", "extent"),
        ("at = [0.0, 0.44]", "at = [0.1, 0.44]", "hubs.west-expressway.at"),
    ],
)
def test_wrong_recipe_names_the_field(recipe_folder: Path, tmp_path: Path, old: str, new: str, field: str) -> None:
    recipe = recipe_folder / "recipe.toml"
    text = recipe.read_text()
    assert old in text
    recipe.write_text(text.replace(old, new, 1))
    with pytest.raises(CatalogueError) as caught:
        prepare_region(str(recipe_folder), tmp_path / "cache")
    assert field in {problem.field for problem in caught.value.problems}
    assert {problem.file for problem in caught.value.problems} == {"recipe.toml"}
