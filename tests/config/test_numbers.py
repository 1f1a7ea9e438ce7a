"""Numbers: each with a unit and a source, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from config.numbers import THRESHOLDS, NumberError, load_numbers

GROUPS = sorted(path.stem for path in THRESHOLDS.glob("*.toml"))


@pytest.mark.parametrize("group", GROUPS)
def test_every_number_says_what_it_is_in_and_where_it_comes_from(group: str) -> None:
    numbers = load_numbers(group)
    assert numbers
    for name, number in numbers.items():
        assert number.unit, name
        assert len(number.source) > 8, name
        assert not (number.official and "own construction" in number.source), name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(THRESHOLDS, tmp_path / "own"))


def test_a_table_of_ones_own_is_read(folder: Path) -> None:
    path = folder / "alert.toml"
    path.write_text(path.read_text().replace("value = 6\n", "value = 2\n"))
    assert load_numbers("alert", folder)["signs_max"].value == 2.0
    assert load_numbers("alert")["signs_max"].value == 6.0


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("[a]\nvalue = 1\nunit = 'm'", "a: object missing required field `source`"),
        ("[a]\nvalue = 'x'\nunit = 'm'\nsource = 's'", "a.value: expected `float`, was `str`"),
        ("[a]\nvalue = nan\nunit = 'm'\nsource = 's'", "a.value: expected a finite number, was nan"),
        ("[a]\nvalue = -inf\nunit = 'm'\nsource = 's'", "a.value: expected a finite number, was -inf"),
        ("[a]\nvalue = 1\nunit = 'm'\nsource = 's'\nsorce = 's'", "a: object contains unknown field `sorce`"),
        ("a = 1", "a: expected `object`, was `int`"),
        ("[a", "expected TOML ("),
    ],
)
def test_what_is_wrong_is_named_with_file_and_entry(tmp_path: Path, content: str, text: str) -> None:
    (tmp_path / "alert.toml").write_text(content)
    with pytest.raises(NumberError) as caught:
        load_numbers("alert", tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/alert.toml: {text}")


def test_a_table_has_to_have_all_entries_and_no_others(folder: Path) -> None:
    path = folder / "alert.toml"
    text = path.read_text()
    path.write_text(text.replace("[signs_max]", "[sings_max]"))
    with pytest.raises(NumberError, match=r"alert\.toml: signs_max: expected a number, was missing"):
        load_numbers("alert", folder)
    path.unlink()
    with pytest.raises(NumberError, match=r"alert\.toml: expected a table of thresholds, was missing"):
        load_numbers("alert", folder)
