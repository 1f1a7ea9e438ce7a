"""The score as JSON: figures, every event and every false alarm, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from gwanje.score.model import EventScore, FalseAlarm
from gwanje.score.score import RunScore
from gwanje.score.summary import summarise
from gwanje.score.tolerances import HAZARDS, Tolerances


def document_of(scores: Sequence[RunScore], tolerances: Tolerances) -> dict[str, Any]:
    """Return scores as what JSON can hold: the runs, all together, and the tolerances they were counted by."""
    return {
        "format": "gwanje-score",
        "version": 1,
        "tolerances": msgspec.to_builtins(tolerances),
        "runs": [_run(score) for score in scores],
        "total": {hazard: _figures(scores, hazard) for hazard in HAZARDS} if scores else {},
    }


def _run(score: RunScore) -> dict[str, Any]:
    return {
        "scenario": score.scenario,
        "seed": score.seed,
        "complete": score.complete,
        "hours": score.hours,
        "not_scored": score.not_scored,
        "hazards": {
            one.hazard: {
                "summary": _figures([score], one.hazard),
                "events": [_event(event) for event in one.events],
                "false_alarms": [_alarm(alarm) for alarm in one.false_alarms],
            }
            for one in score.hazards
        },
    }


def _figures(scores: Sequence[RunScore], hazard: str) -> Any:
    return msgspec.to_builtins(
        summarise([one for score in scores for one in score.hazards if one.hazard == hazard]), str_keys=True
    )


def _event(event: EventScore) -> dict[str, Any]:
    tails = np.abs(event.tail_errors_m)
    return {
        "id": event.id,
        "group": event.group,
        "start_s": event.start_s,
        "detected": event.detected,
        "time_to_detect_s": event.time_to_detect_s,
        "position_error_m": event.position_error_m,
        "level": event.level,
        "lead_s": event.lead_s,
        "warning_lead_s": event.warning_lead_s,
        "reaches": [
            {"target_kind": reach.target_kind, "target": reach.target, "time_s": reach.time_s, "lead_s": lead_s}
            for reach, lead_s in event.reaches
        ],
        "tail_error_median_m": float(np.median(tails)) if len(tails) else None,
    }


def _alarm(alarm: FalseAlarm) -> dict[str, Any]:
    return {
        "situation": alarm.situation,
        "first_s": alarm.first_s,
        "level": alarm.level,
        "devices": list(alarm.devices),
        "blamed_on": [{"kind": liar.kind, "id": liar.id, "device": liar.device} for liar in alarm.blamed_on],
    }
