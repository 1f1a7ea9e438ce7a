"""What picture analysis reports: held as a finding while it goes on being seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np

from engine.findings import Finding, HazardLevel, Observation, ReceiptLine, Rule
from engine.region import PointTable
from engine.thresholds import Sourced, TrafficThresholds
from sensors.columns import CameraEventColumns

_NS = 1_000_000_000
_MAX_OBSERVATIONS = 20
EVENT_LEVELS = {
    "wrong_way": HazardLevel.ALERT,
    "flooding": HazardLevel.ALERT,
    "stopped_vehicle": HazardLevel.CAUTION,
    "pedestrian": HazardLevel.CAUTION,
    "debris": HazardLevel.CAUTION,
    "smoke": HazardLevel.CAUTION,
    "low_visibility": HazardLevel.ATTENTION,
    "queue": HazardLevel.ATTENTION,
}
"""Own construction: by whether somebody may be hit within the minute, or has to slow down."""


@dataclass(frozen=True)
class CameraTrack:
    """One kind of event that one camera goes on seeing; times are device times in ns since 1970 UTC."""

    row: int
    event: str
    onset_ns: int
    seen_ns: int
    doubt: float
    """Product of (1 - confidence) of all reports, but never less than what one camera leaves in doubt."""
    lanes: tuple[int, ...]
    reports: int
    observations: tuple[Observation, ...]
    """The newest of them."""
    finding: Finding | None


def follow_camera_events(
    tracks: tuple[CameraTrack, ...],
    events: CameraEventColumns,
    now_ns: int,
    cameras: PointTable,
    thresholds: TrafficThresholds,
    report_every_s: Sourced,
) -> tuple[tuple[CameraTrack, ...], list[Finding]]:
    """Take in camera events and let go of those that were not seen for ``camera_hold_s``.

    Parameters
    ----------
    tracks : tuple of CameraTrack
    events : CameraEventColumns
        Any number, in any order.
    now_ns : int
        Engine time. [ns since 1970 UTC]
    cameras : PointTable
    thresholds : TrafficThresholds
        A track speaks when its joint confidence reaches ``camera_confidence``.
    report_every_s : Sourced

    Returns
    -------
    tracks : tuple of CameraTrack
    findings : list of Finding
        Those that opened or ended, and those that were reported anew and whose turn it is to be repeated.

    Source
    ------
    Own construction: reports are joined as if independent, up to what one camera can be sure of, for they are not.
    """
    known = {(track.row, track.event): track for track in tracks}
    for place in np.lexsort((events.envelope.seq, events.envelope.row, events.envelope.time_ns)).tolist():
        row, event = int(events.envelope.row[place]), events.event[place]
        time_ns = int(events.envelope.time_ns[place])
        seen = Observation(cameras.ids[row], int(events.envelope.seq[place]))
        lane = int(events.lane[place])
        track = known.get((row, event)) or CameraTrack(row, event, time_ns, time_ns, 1.0, (), 0, (), None)
        known[row, event] = replace(
            track,
            seen_ns=max(track.seen_ns, time_ns),
            doubt=max(
                track.doubt * (1.0 - float(events.confidence[place])), 1.0 - thresholds.one_camera_confidence.value
            ),
            lanes=tuple(sorted({*track.lanes, lane} - {0})),
            reports=track.reports + 1,
            observations=(*track.observations, seen)[-_MAX_OBSERVATIONS:],
        )
    kept: list[CameraTrack] = []
    findings: list[Finding] = []
    for _, track in sorted(known.items()):
        if now_ns - track.seen_ns >= thresholds.camera_hold_s.value * _NS:
            if track.finding is not None:
                findings.append(msgspec.structs.replace(track.finding, active=False, updated_ns=now_ns))
            continue
        finding = _finding(track, now_ns, cameras, thresholds)
        if finding is not None and _worth_saying(track.finding, finding, report_every_s):
            findings.append(finding)
            track = replace(track, finding=finding)  # noqa: PLW2901
        kept.append(track)
    return tuple(kept), findings


def _worth_saying(old: Finding | None, new: Finding, report_every_s: Sourced) -> bool:
    if old is None:
        return True
    fresh = old.observations != new.observations
    return fresh and new.updated_ns - old.updated_ns >= report_every_s.value * _NS


def _finding(track: CameraTrack, now_ns: int, cameras: PointTable, thresholds: TrafficThresholds) -> Finding | None:
    confidence = 1.0 - track.doubt
    limit = thresholds.camera_confidence
    if confidence < limit.value:
        return None
    lanes = tuple(ReceiptLine(quantity="lane", value=lane, unit="") for lane in track.lanes)
    return Finding(
        id=f"camera-{cameras.ids[track.row]}-{track.event}-{track.onset_ns // _NS}",
        rule=Rule.CAMERA_EVENT,
        level=EVENT_LEVELS[track.event],
        active=True,
        onset_ns=track.onset_ns,
        updated_ns=now_ns,
        confidence=round(confidence, 3),
        lon_deg=float(cameras.lon_deg[track.row]),
        lat_deg=float(cameras.lat_deg[track.row]),
        subject=cameras.ids[track.row],
        detail=track.event,
        devices=(cameras.ids[track.row],),
        observations=track.observations,
        receipt=(
            ReceiptLine(
                quantity="confidence",
                value=round(confidence, 3),
                unit="",
                threshold=limit.value,
                source=limit.source,
            ),
            ReceiptLine(quantity="reports", value=track.reports, unit=""),
            *lanes,
        ),
    )
