"""Configurations, loops and incidents: what is read, and what is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.sumo import extra
from simulators.sumo.configuration import read_configuration
from simulators.sumo.errors import SumoError, SumoFileError, SumoMissingError
from simulators.sumo.incidents import read_incidents, upstream_edges
from simulators.sumo.loops import Loop, group_loops, place_loops, read_loops, write_loops
from simulators.sumo.roads import find_roads
from tests.simulators.sumo.making import straight_road

NETWORK = straight_road()


def configured(folder: Path, body: str) -> Path:
    (folder / "a.net.xml").write_text("<net/>")
    path = folder / "a.sumocfg"
    path.write_text(f"<configuration>{body}</configuration>")
    return path


def test_a_configuration_is_read_with_its_synonyms(tmp_path: Path) -> None:
    path = configured(tmp_path, '<input><n value="a.net.xml"/></input><b value="01:00:00"/><e value="3700"/>')
    read = read_configuration(path)
    assert (read.begin_s, read.end_s, read.step_s, read.duration_s) == (3_600.0, 3_700.0, 1.0, 100.0)
    assert read.net == tmp_path / "a.net.xml"
    assert not read.sets_teleport


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "net-file: expected one network, was None"),
        ('<net-file value="b.net.xml"/>', "net-file: expected a file, was b.net.xml"),
        ('<net-file value="a.net.xml"/><step-length value="0"/>', "step-length: expected a time above 0 s, was 0"),
        ('<net-file value="a.net.xml"/><begin value="9"/><end value="8"/>', "end: expected a time after begin"),
        ('<net-file value="a.net.xml"/><begin value="soon"/>', "begin: expected seconds or .*, was 'soon'"),
    ],
)
def test_a_wrong_configuration_says_what(tmp_path: Path, body: str, problem: str) -> None:
    with pytest.raises(SumoError, match=problem):
        read_configuration(configured(tmp_path, body))


def test_what_is_no_configuration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sumocfg"
    with pytest.raises(SumoError, match="expected a SUMO configuration, was no file"):
        read_configuration(path)
    path.write_text("net-file: a")
    with pytest.raises(SumoError, match="was not XML"):
        read_configuration(path)


def loops_of(folder: Path, *elements: str) -> tuple[tuple[Loop, ...], int]:
    path = folder / "a.add.xml"
    path.write_text("<additional>" + "".join(elements) + "</additional>")
    return read_loops([path], NETWORK)


def test_loops_of_lanes_beside_each_other_are_a_station(tmp_path: Path) -> None:
    loops, left_out = loops_of(
        tmp_path,
        '<inductionLoop id="r" lane="e0_0" pos="500"/>',
        '<e1Detector id="l" lane="e0_2" pos="504"/>',
        '<inductionLoop id="again" lane="e0_2" pos="506"/>',
        '<inductionLoop id="m" lane="e0_1" pos="-400"/>',
        '<inductionLoop id="bus" lane="e0_7" pos="1"/>',
        '<inductionLoop id="far" lane="e1_0" pos="5000" friendlyPos="true"/>',
    )
    assert left_out == 1
    groups, doubled = group_loops(loops)
    assert doubled == 1
    assert [[loop.id for loop in group.loops] for group in groups] == [["l", "r"], ["m"], ["far"]]
    assert groups[2].pos_m == NETWORK.edges["e1"].length_m


@pytest.mark.parametrize(
    ("element", "problem"),
    [
        ('<inductionLoop id="x" lane="e0" pos="1"/>', "'x': lane: expected an edge, .*, was 'e0'"),
        ('<inductionLoop id="x" lane="e0_0"/>', "pos: expected a number of metres, was None"),
        ('<inductionLoop id="x" lane="e0_0" pos="2000"/>', "pos: expected a place on the lane, 0 to 980"),
    ],
)
def test_a_wrong_loop_says_what(tmp_path: Path, element: str, problem: str) -> None:
    with pytest.raises(SumoError, match=problem):
        loops_of(tmp_path, element)


@given(every_m=st.floats(50.0, 5_000.0))
def test_placed_loops_lie_on_their_lanes_and_evenly(every_m: float) -> None:
    roads = find_roads(NETWORK)
    if every_m / 2 >= 3_000.0:
        return
    groups, doubled = group_loops(place_loops(roads, every_m, 60.0))
    assert doubled == 0
    for group in groups:
        edge = NETWORK.edges[group.edge]
        assert 9.9 <= group.pos_m <= edge.length_m - 9.9
        assert [loop.lane for loop in group.loops] == [2, 1, 0]
    expected = 2 * int((3_000.0 - every_m / 2) // every_m + 1)
    assert abs(len(groups) - expected) <= 2


def test_loops_written_are_read_again(tmp_path: Path) -> None:
    placed = place_loops(find_roads(NETWORK), 400.0, 60.0)
    write_loops(placed, tmp_path / "b.add.xml", 30.0)
    assert read_loops([tmp_path / "b.add.xml"], NETWORK) == (placed, 0)


def test_loops_are_refused_where_there_is_no_place() -> None:
    with pytest.raises(SumoError, match="limit above 120 km/h, was none"):
        place_loops(find_roads(NETWORK), 500.0, 120.0)
    with pytest.raises(SumoError, match="50 m or more, was 5"):
        place_loops(find_roads(NETWORK), 5.0, 60.0)


GOOD = '[[incident]]\nedge = "e1"\nlanes = [2, 1]\npos_m = 500.0\nat_s = 60\nduration_s = 300\n'


def refused(folder: Path, text: str) -> tuple[str, ...]:
    path = folder / "i.toml"
    path.write_text(text)
    with pytest.raises(SumoFileError) as caught:
        read_incidents(path, NETWORK, 3_600.0)
    return caught.value.problems


def test_incidents_are_read(tmp_path: Path) -> None:
    path = tmp_path / "i.toml"
    path.write_text(GOOD)
    (incident,) = read_incidents(path, NETWORK, 3_600.0)
    assert (incident.id, incident.edge, incident.lanes, incident.at_s) == ("incident-1", "e1", (2, 1), 60.0)
    assert upstream_edges(NETWORK, "e1") == ("e1", "e0")


@pytest.mark.parametrize(
    ("change", "line", "problem"),
    [
        (('"e1"', '"e9"'), 2, "edge: expected an edge of hand.net.xml that cars use, was 'e9'"),
        (("[2, 1]", "[3]"), 3, "lanes: expected different ones of lanes 0, 1, 2 of edge e1, was [3]"),
        (("[2, 1]", "[]"), 3, "lanes: expected array of length >= 1, was []"),
        (("500.0", "-1.0"), 4, "pos_m: expected a place on the lane, 1 to 980, was -1"),
        (("60", "-5"), 5, "at_s: expected float >= 0.0, was -5"),
        (("60", "4000"), 5, "at_s: expected a time before the end of the run (3600 s), was 4000"),
        (("300", "0"), 6, "duration_s: expected float > 0.0, was 0"),
        (("duration_s", "duration"), 6, "duration: expected one of edge, lanes"),
        (("at_s = 60", "at_s = 'x'"), 5, "at_s: expected float, was 'x'"),
    ],
)
def test_a_wrong_incident_says_line_and_field(tmp_path: Path, change: tuple[str, str], line: int, problem: str) -> None:
    problems = refused(tmp_path, "# one\n" + GOOD.replace(*change))
    assert any(f"i.toml: line {line + 1}: incident[0].{problem}"[:90] in one for one in problems), problems


def test_every_problem_comes_at_once(tmp_path: Path) -> None:
    problems = refused(
        tmp_path, GOOD + GOOD.replace("e1", "e9").replace("[2, 1]", "[0]") + GOOD.replace("500.0", "9e9")
    )
    assert len(problems) == 3
    assert "expected lanes that are free at that time, was [1, 2] as in incident-1" in problems[-1]
    assert "expected TOML, was not" in refused(tmp_path, "[[incident]\n")[0]


def test_without_the_extra_it_says_which_to_install() -> None:
    with pytest.raises(SumoMissingError, match=r"pip install 'gwanje\[sumo\]'"):
        extra.package("no_such_package_of_sumo")
