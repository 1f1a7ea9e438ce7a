"""Networks made by hand, without SUMO and for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.catalogue.geometry import GEOD
from config.catalogue.model import Coordinate
from simulators.sumo.example import build_network
from simulators.sumo.extra import installed, program
from simulators.sumo.network import Edge, Network

needs_sumo = pytest.mark.skipif(not installed(), reason="the optional extra for SUMO is not installed")
WEST, SOUTH = 128.0, 37.0


def spot(east_m: float, north_m: float) -> Coordinate:
    lon, lat, _ = GEOD.fwd(WEST, SOUTH, 90.0, east_m)
    lon, lat, _ = GEOD.fwd(lon, lat, 0.0, north_m)
    return (lon, lat)


def make_edge(
    identifier: str,
    ends: tuple[str, str],
    line: tuple[tuple[float, float], tuple[float, float]],
    *,
    following: tuple[str, ...] = (),
    lanes: tuple[int, ...] = (2, 1, 0),
    limit_kmh: float = 100.0,
    name: str = "",
    kind: str = "",
    lead_m: float = 10.0,
) -> Edge:
    """A straight edge between places in metres; its lanes begin and end ``lead_m`` from the nodes."""
    positions = (spot(*line[0]), spot(*line[1]))
    azimuth_deg, _, length_m = GEOD.inv(*positions[0], *positions[1])
    return Edge(
        id=identifier,
        name=name,
        kind=kind,
        from_node=ends[0],
        to_node=ends[1],
        lanes=lanes,
        speed_limit_kmh=limit_kmh,
        length_m=length_m - 2 * lead_m,
        line=positions,
        line_m=length_m,
        lead_m=lead_m,
        shape_m=length_m - 2 * lead_m,
        enters_deg=azimuth_deg,
        leaves_deg=azimuth_deg,
        following=following,
    )


def make_network(*edges: Edge) -> Network:
    nodes = {edge.from_node: edge.line[0] for edge in edges} | {edge.to_node: edge.line[-1] for edge in edges}
    return Network(Path("hand.net.xml"), {edge.id: edge for edge in edges}, nodes, False, 0)


def straight_road(name: str = "Road", kilometres: int = 3) -> Network:
    """Both directions of a road of 1 km edges towards the east: e0, e1 … and back w0, w1 …."""
    edges = []
    for step in range(kilometres):
        here, there = (1_000.0 * step, 0.0), (1_000.0 * (step + 1), 0.0)
        east = (f"e{step + 1}",) if step + 1 < kilometres else ()
        west = (f"w{step - 1}",) if step else ()
        turn = (f"w{step}",) if step + 1 == kilometres else ()
        edges.append(
            make_edge(f"e{step}", (f"n{step}", f"n{step + 1}"), (here, there), following=east + turn, name=name)
        )
        edges.append(make_edge(f"w{step}", (f"n{step + 1}", f"n{step}"), (there, here), following=west, name=name))
    return make_network(*edges)


NODES = """<nodes>
    <node id="a" x="0" y="0"/><node id="b" x="900" y="0"/><node id="c" x="1800" y="100"/><node id="d" x="900" y="-400"/>
</nodes>"""
EDGES = """<edges>
    <edge id="ab" from="a" to="b" numLanes="2" speed="25" name="Long road"/>
    <edge id="bc" from="b" to="c" numLanes="2" speed="25" name="Long road"/>
    <edge id="-bc" from="c" to="b" numLanes="2" speed="25" name="Long road"/>
    <edge id="-ab" from="b" to="a" numLanes="2" speed="25" name="Long road"/>
    <edge id="db" from="d" to="b" numLanes="1" speed="13.9" priority="1" name="Side road"/>
    <edge id="walk" from="d" to="a" numLanes="1" speed="2" allow="pedestrian"/>
</edges>"""
ROUTES = """<routes>
    <vType id="car" vClass="passenger" length="4.5"/>
    <vType id="lorry" vClass="truck" length="12"/>
    <vType id="van" vClass="delivery" length="6"/>
    <route id="east" edges="ab bc"/><route id="west" edges="-bc -ab"/><route id="side" edges="db bc"/>
    <flow id="e" type="car" route="east" begin="0" end="600" probability="0.35" departLane="random"/>
    <flow id="l" type="lorry" route="east" begin="0" end="600" probability="0.08" departLane="random"/>
    <flow id="w" type="car" route="west" begin="0" end="600" probability="0.2" departLane="random"/>
    <flow id="s" type="van" route="side" begin="0" end="600" probability="0.05"/>
</routes>"""
LOOPS = """<additional>
    <inductionLoop id="A0" lane="ab_0" pos="400" period="30" file="e1.xml"/>
    <e1Detector id="A1" lane="ab_1" pos="403" period="30" file="e1.xml"/>
    <inductionLoop id="B0" lane="bc_0" pos="-450" period="30" file="e1.xml" length="2"/>
    <inductionLoop id="B1" lane="bc_1" pos="-450" period="30" file="e1.xml" length="2"/>
    <inductionLoop id="B1lorries" lane="bc_1" pos="-450" period="30" file="e1.xml" vTypes="lorry"/>
    <inductionLoop id="C1" lane="-bc_1" pos="300" period="30" file="e1.xml"/>
    <inductionLoop id="S" lane="db_0" pos="200" period="30" file="e1.xml"/>
    <inductionLoop id="W" lane="walk_0" pos="50" period="30" file="NUL"/>
</additional>"""
SETTINGS = """<configuration>
    <input><net-file value="small.net.xml"/><route-files value="small.rou.xml"/>
    <additional-files value="small.add.xml"/></input>
    <time><begin value="100"/><end value="400"/><step-length value="0.5"/></time>
</configuration>"""


def make_small(folder: Path) -> Path:
    """Write and build a small simulation of 300 s, and return its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, text in (
        ("nod.xml", NODES),
        ("edg.xml", EDGES),
        ("rou.xml", ROUTES),
        ("add.xml", LOOPS),
        ("sumocfg", SETTINGS),
    ):
        (folder / f"small.{suffix}").write_text(text)
    build_network(program("netconvert"), folder, "small")
    return folder / "small.sumocfg"
