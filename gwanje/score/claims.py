"""What was said in a run as claims to be compared: each situation speaks of as many kinds of hazard as its findings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np
import shapely

from gwanje.rehearsal.said_records import SaidFinding, SaidSituation
from gwanje.score.model import Claims, shapes
from gwanje.score.plane import Plane
from gwanje.score.tolerances import Hazard

_OF_RULE: dict[str, Hazard] = {
    "traffic.congestion": "queue",
    "traffic.incident": "incident",
    "slope.level": "slope",
    "fire.position": "fire",
    "fire.bearing": "fire",
}
_OF_EVENT: dict[str, Hazard] = {
    "stopped_vehicle": "incident",
    "wrong_way": "incident",
    "pedestrian": "incident",
    "debris": "incident",
    "queue": "queue",
    "smoke": "fire",
}
"""What each kind of camera event claims. Of fog and flooding the truth says nothing, so they are not scored."""
CAMERA_RULE = "traffic.camera_event"
_BEARING = "fire.bearing"


def hazard_of(finding: SaidFinding) -> Hazard | None:
    """Return what kind of hazard a finding claims, or None when it is one that is not scored."""
    if finding.rule == CAMERA_RULE:
        return _OF_EVENT.get(finding.detail)
    return _OF_RULE.get(finding.rule)


def claims_of(said: Iterable[SaidSituation], hazard: Hazard, plane: Plane, start: datetime) -> Claims:
    """Return what situations said about one kind of hazard.

    Parameters
    ----------
    said
        Wordings, in any order.
    hazard
    plane
    start
        Of the run.
    """
    situations: dict[str, int] = {}
    findings: dict[str, int] = {}
    devices: dict[str, set[str]] = {}
    rows: list[tuple[int, int, float, SaidFinding]] = []
    for wording in said:
        time_s = (wording.time - start).total_seconds()
        for finding in wording.findings:
            if finding.active and hazard_of(finding) == hazard:
                place = situations.setdefault(wording.id, len(situations))
                devices.setdefault(wording.id, set()).update(finding.devices)
                rows.append((place, findings.setdefault(finding.id, len(findings)), time_s, finding))
    is_queue = hazard == "queue"
    said_findings = [row[3] for row in rows]
    points = plane.metres([(one.lon_deg, one.lat_deg) for one in said_findings])
    ends = np.full((len(rows), 2, 2), np.nan)
    places: list[object] = []
    for number, one in enumerate(said_findings):
        if len(one.line) >= 2 and (is_queue or one.rule == _BEARING):
            line = plane.metres(one.line)
            ends[number] = line[[0, -1]] if is_queue else np.nan
            places.append(shapely.LineString(line))
        else:
            if one.line and is_queue:
                ends[number] = plane.metres(one.line)[0]
            places.append(shapely.Point(points[number]))
    return Claims(
        hazard=hazard,
        situations=tuple(situations),
        devices=tuple(frozenset(devices[name]) for name in situations),
        situation=np.array([row[0] for row in rows], dtype=np.int64),
        finding=np.array([row[1] for row in rows], dtype=np.int64),
        time_s=np.array([row[2] for row in rows], dtype=np.float64),
        level=np.array([one.level for one in said_findings], dtype=np.int64),
        placed=np.array([one.rule != _BEARING for one in said_findings], dtype=np.bool_),
        slack_m=np.array([one.ellipse.semi_major_m if one.ellipse else 0.0 for one in said_findings], dtype=np.float64),
        road=np.array([one.subject if ":" in one.subject else "" for one in said_findings], dtype=np.str_),
        shapes=shapes(places),
        tails=ends[:, 0],
        heads=ends[:, 1],
    )
