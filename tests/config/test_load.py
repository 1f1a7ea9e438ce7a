"""Whatever is wrong with a region's files, the error names the file, the row and the field, all of them at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.catalogue.errors import CatalogueError, Problem, RegionNotFoundError
from config.catalogue.load import load_region

Rows = list[dict[str, Any]]


def _edit(folder: Path, table: str, change: Callable[[Rows], None]) -> None:
    path = folder / f"{table}.geojson"
    collection = json.loads(path.read_text())
    change(collection["features"])
    path.write_text(json.dumps(collection))


def _edit_toml(folder: Path, old: str, new: str) -> None:
    path = folder / "region.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def _problems(folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(CatalogueError) as caught:
        load_region(folder)
    lines = str(caught.value).splitlines()[1:]
    assert lines[:50] == [str(problem) for problem in caught.value.problems][:50]
    return caught.value.problems


def _set(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(feature: dict[str, Any]) -> None:
        feature["properties"][field] = value

    return change


def _drop(field: str) -> Callable[[dict[str, Any]], None]:
    return lambda feature: feature["properties"].pop(field)


def _geometry(member: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(feature: dict[str, Any]) -> None:
        feature["geometry"][member] = value

    return change


def _scale(field: str, factor: float) -> Callable[[dict[str, Any]], None]:
    def change(feature: dict[str, Any]) -> None:
        feature["properties"][field] *= factor

    return change


def _open_ring(feature: dict[str, Any]) -> None:
    feature["geometry"]["coordinates"][0].pop()


def _cross_ring(feature: dict[str, Any]) -> None:
    feature["geometry"]["coordinates"] = [[[128.5, 37.5], [128.6, 37.6], [128.6, 37.5], [128.5, 37.6], [128.5, 37.5]]]


def _more_lanes(feature: dict[str, Any]) -> None:
    feature["properties"]["lanes"] += 1


@pytest.mark.parametrize(
    ("table", "change", "field", "expected"),
    [
        ("links", _set("colour", "red"), "colour", "expected no such field"),
        ("links", _drop("lanes"), "lanes", "expected int, was missing"),
        ("links", _set("lanes", "two"), "lanes", "expected int, was 'two'"),
        ("links", _set("direction", "left"), "direction", "expected one of up, down, was 'left'"),
        ("links", _set("lanes", 0), "lanes", "expected from 1 to 16, was 0"),
        ("links", _set("speed_limit_kmh", 0), "speed_limit_kmh", "expected above 0 to 200, was 0"),
        ("links", _set("to_node", "9999999999"), "to_node", "expected the id of a node, was '9999999999'"),
        ("links", _set("road", "E1"), "road", "expected the id of a road, was 'E1'"),
        ("links", _set("district", "11111"), "district", "expected the id of a district, was '11111'"),
        ("links", _scale("length_m", 1.2), "length_m", "expected the length of the line"),
        ("links", _geometry("type", "Point"), "geometry", "expected a LineString, was 'Point'"),
        ("links", _geometry("coordinates", [[128.5, 37.5, 3], [128.6, 37.6]]), "geometry", "of length 2"),
        ("nodes", _set("kind", "roundabout"), "kind", "expected one of junction, interchange, end, shape"),
        ("vds", _set("link", "9999999999"), "link", "expected the id of a link"),
        ("vds", _set("offset_m", 90_000), "offset_m", "expected a distance on link"),
        ("vds", _more_lanes, "lanes", "lanes of link"),
        ("vds", _set("period_s", 0), "period_s", "expected above 0 to 3600, was 0"),
        ("vds", _geometry("coordinates", [127.0, 37.5]), "geometry", "expected positions inside the region's bbox"),
        ("vds", _geometry("coordinates", [128.41, 38.09]), "geometry", "expected a position within 250 m of link"),
        ("cctv", _set("offset_m", None), "offset_m", "expected link and offset_m both or neither"),
        ("cctv", _set("name", {"ko": "카메라"}), "name", "expected .en, was missing"),
        ("cctv", _set("name", {"ko": " ", "en": "Camera"}), "name.ko", "expected 1 to 100 characters, was ' '"),
        ("sign", _set("colour", "rainbow"), "colour", "expected one of monochrome, limited, full"),
        ("slope", _set("slope_deg", 91.0), "slope_deg", "expected from 0 to 90, was 91"),
        ("tower", _set("azimuth_sigma_deg", 0), "azimuth_sigma_deg", "expected above 0 to 90, was 0"),
        ("weather", _set("ground_elevation_m", None), "ground_elevation_m", "expected float, was None"),
        ("villages", _set("population", -1), "population", "expected from 0"),
        ("villages", _set("population", 12.5), "population", "expected int, was 12.5"),
        ("shelters", _set("capacity", True), "capacity", "expected int, was True"),
        ("cells", _set("beamwidth_deg", 400), "beamwidth_deg", "expected above 0 to 360, was 400"),
        ("cells", _set("position", [128.5, 37.5]), "position", "expected it to be the geometry"),
        ("districts", _open_ring, "geometry", "expected a closed ring"),
        ("districts", _cross_ring, "geometry", "expected a ring that does not cross itself"),
    ],
)
def test_damaged_row_is_named(
    folder: Path, table: str, change: Callable[[dict[str, Any]], None], field: str, expected: str
) -> None:
    damaged: dict[str, str] = {}

    def damage(rows: Rows) -> None:
        damaged["id"] = rows[3]["properties"]["id"]
        change(rows[3])

    _edit(folder, table, damage)
    found = [problem for problem in _problems(folder) if problem.field == field and problem.file == f"{table}.geojson"]
    assert {problem.id for problem in found} == {damaged["id"]}
    assert expected in found[0].problem


def test_text_of_a_problem_is_one_plain_line(folder: Path) -> None:
    _edit(folder, "links", lambda rows: rows[0]["properties"].update(to_node="9999999999"))
    identifier = json.loads((folder / "links.geojson").read_text())["features"][0]["properties"]["id"]
    with pytest.raises(CatalogueError) as caught:
        load_region(folder)
    line = f"links.geojson: link {identifier}: field to_node: expected the id of a node, was '9999999999'"
    assert line in str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("table", "identifier", "expected"),
    [("nodes", "99110", "expected ten digits"), ("links", "A110000001", "expected ten digits"),
     ("tower", "탑-1", "expected 1 to 48 of"), ("vds", "x" * 49, "expected 1 to 48 of")],
)  # fmt: skip
def test_identifier_that_does_not_fit(folder: Path, table: str, identifier: str, expected: str) -> None:
    _edit(folder, table, lambda rows: rows[0]["properties"].update(id=identifier))
    found = [problem for problem in _problems(folder) if problem.field == "id"]
    assert [(problem.id, problem.file) for problem in found] == [(identifier, f"{table}.geojson")]
    assert expected in found[0].problem


def test_identifier_twice_in_a_file(folder: Path) -> None:
    _edit(folder, "cells", lambda rows: rows[1]["properties"].update(id=rows[0]["properties"]["id"]))
    (problem,) = _problems(folder)
    assert (problem.file, problem.field) == ("cells.geojson", "id")
    assert "once in the file" in problem.problem


def test_identifier_shared_by_two_kinds_of_device(folder: Path) -> None:
    _edit(folder, "cctv", lambda rows: rows[0]["properties"].update(id="twin-1"))
    _edit(folder, "tower", lambda rows: rows[0]["properties"].update(id="twin-1"))
    (problem,) = _problems(folder)
    assert (problem.file, problem.id, problem.field) == ("tower.geojson", "twin-1", "id")
    assert "cctv.geojson" in problem.problem


def test_missing_identifier_is_told_by_the_number_of_the_row(folder: Path) -> None:
    _edit(folder, "villages", lambda rows: rows[2]["properties"].pop("id"))
    (problem,) = _problems(folder)
    assert (problem.id, problem.field) == ("#3", "id")


def test_links_that_are_not_joined_and_chainage_that_jumps(folder: Path) -> None:
    changed: dict[str, str] = {}

    def damage(rows: Rows) -> None:
        second, third = (row["properties"] for row in rows[1:3])
        changed.update(second=second["id"], third=third["id"])
        second["from_node"] = third["to_node"]
        third["chainage_m"] += 300.0

    _edit(folder, "links", damage)
    found = {(problem.id, problem.field) for problem in _problems(folder)}
    assert (changed["second"], "from_node") in found
    assert (changed["third"], "chainage_m") in found


def test_reference_to_a_damaged_row_is_not_reported_too(folder: Path) -> None:
    _edit(folder, "links", lambda rows: rows[0]["properties"].update(lanes="two"))
    problems = _problems(folder)
    assert {problem.file for problem in problems} == {"links.geojson"}


def test_all_problems_are_reported_and_the_text_is_capped(folder: Path) -> None:
    def damage(rows: Rows) -> None:
        for row in rows:
            row["properties"]["lanes"] = 0

    _edit(folder, "links", damage)
    _edit(folder, "cells", lambda rows: rows[0]["properties"].update(range_m=-1))
    with pytest.raises(CatalogueError) as caught:
        load_region(folder)
    files = {problem.file for problem in caught.value.problems}
    assert {"links.geojson", "cells.geojson"} <= files
    lines = str(caught.value).splitlines()
    assert len(lines) == 52
    assert lines[-1] == f"… and {len(caught.value.problems) - 50} more"


@pytest.mark.parametrize(
    ("old", "new", "field", "expected"),
    [
        ("format = 1", "format = 2", "format", "expected 1, was 2"),
        ("format = 1", 'format = "1"', "format", "expected int, was '1'"),
        ("synthetic = true\n", "", "synthetic", "was missing"),
        ("synthetic = true", "synthetic = true\nowner = 'x'", "owner", "expected no such field"),
        ("Asia/Seoul", "Asia/Nowhere", "timezone", "expected an IANA time zone"),
        ("bbox = [128.4,", "bbox = [129.4,", "bbox", "expected west < east"),
        ("bbox = [128.4,", "bbox = [128.3,", "terrain", "expected a grid that covers bbox"),
        ("[terrain]\n", "[terrain]\ndatum = 'x'\n", "terrain", "expected no field"),
    ],
)
def test_damaged_header(folder: Path, old: str, new: str, field: str, expected: str) -> None:
    _edit_toml(folder, old, new)
    found = [problem for problem in _problems(folder) if problem.field == field]
    assert [(problem.file, problem.id) for problem in found] == [("region.toml", "")]
    assert expected in found[0].problem


def test_damaged_road(folder: Path) -> None:
    _edit_toml(folder, 'rank = "expressway"', 'rank = "motorway"')
    (problem,) = _problems(folder)
    assert str(problem).startswith("region.toml: road E991: field rank: expected one of expressway, national, local")


def test_broken_header_does_not_hide_broken_rows(folder: Path) -> None:
    (folder / "region.toml").write_text("format = ")
    _edit(folder, "cells", lambda rows: rows[0]["properties"].update(range_m=-1))
    assert [problem.file for problem in _problems(folder)] == ["region.toml", "cells.geojson"]


@pytest.mark.parametrize("table", ["districts", "nodes", "links"])
def test_missing_file_is_one_problem_not_one_for_every_reference_into_it(folder: Path, table: str) -> None:
    (folder / f"{table}.geojson").unlink()
    assert [problem.file for problem in _problems(folder)] == [f"{table}.geojson"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"type":"FeatureCollection"}', b"\xff\xfe"])
def test_file_that_is_no_collection(folder: Path, content: bytes) -> None:
    (folder / "shelters.geojson").write_bytes(content)
    (problem,) = _problems(folder)
    assert problem.file == "shelters.geojson"
    assert "expected a GeoJSON FeatureCollection" in problem.problem


def test_other_coordinate_system_is_refused(folder: Path) -> None:
    path = folder / "shelters.geojson"
    collection = json.loads(path.read_text())
    collection["crs"] = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::5186"}}
    path.write_text(json.dumps(collection))
    (problem,) = _problems(folder)
    assert (problem.file, problem.field) == ("shelters.geojson", "crs")
    collection["crs"]["properties"]["name"] = "urn:ogc:def:crs:OGC:1.3:CRS84"
    path.write_text(json.dumps(collection))
    assert load_region(folder).shelters


def test_missing_and_unknown_files(folder: Path) -> None:
    (folder / "sign.geojson").rename(folder / "signs.geojson")
    found = {problem.file: problem.problem for problem in _problems(folder)}
    assert "was missing" in found["sign.geojson"]
    assert "expected no such file" in found["signs.geojson"]


def test_terrain_that_does_not_fit_its_header(folder: Path) -> None:
    values = np.load(folder / "terrain.npy")
    for wrong, expected in ((values[1:], "expected shape"), (values.astype(np.float64), "int16")):
        np.save(folder / "terrain.npy", wrong)
        (problem,) = _problems(folder)
        assert problem.file == "terrain.npy"
        assert expected in problem.problem
    (folder / "terrain.npy").write_bytes(b"not an array")
    (problem,) = _problems(folder)
    assert "expected a NumPy array file" in problem.problem


def test_terrain_without_its_header(folder: Path) -> None:
    text = (folder / "region.toml").read_text()
    head, rest = text.split("[terrain]")
    (folder / "region.toml").write_text(head + rest[rest.index("[[roads]]") :])
    (problem,) = _problems(folder)
    assert (problem.file, problem.field) == ("region.toml", "terrain")


def test_folder_without_a_region(tmp_path: Path) -> None:
    with pytest.raises(RegionNotFoundError, match=r"region\.toml"):
        load_region(tmp_path)
