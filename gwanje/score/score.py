"""The score of a run: its truth and what was said, kind of hazard by kind of hazard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.catalogue.model import Coordinate, DeviceKind
from gwanje.rehearsal.said_records import SaidSituation
from gwanje.score.claims import claims_of, hazard_of
from gwanje.score.compare import compare
from gwanje.score.events import events_of, liars_of
from gwanje.score.model import HazardScore
from gwanje.score.plane import Plane
from gwanje.score.tolerances import HAZARDS, Hazard, Tolerances
from simulators.truth.reader import Run, Truth

DECIDES: dict[Hazard, DeviceKind] = {"incident": "vds", "queue": "vds", "slope": "slope", "fire": "tower"}
"""The devices by whose number and period decisions are counted."""


@dataclass(frozen=True)
class RunScore:
    """One run."""

    scenario: str
    seed: int
    complete: bool
    hours: float
    hazards: tuple[HazardScore, ...]
    not_scored: int
    """Situations that speak only of what the truth does not tell."""


def score_run(run: Run, said: Sequence[SaidSituation], tolerances: Tolerances) -> RunScore:
    """Hold what was said in a run against what happened.

    Parameters
    ----------
    run
    said
        All wordings of all situations.
    tolerances
    """
    # Of what happened alone: something said far away must not change how anything else is measured.
    plane = Plane(list(_positions(run.truth)))
    liars = liars_of(run)
    hours = run.duration_s / 3600.0
    scores = []
    for hazard in HAZARDS:
        devices = run.header.devices.get(DECIDES[hazard], 0)
        scores.append(
            compare(
                events_of(run, plane, hazard, tolerances),
                claims_of(said, hazard, plane, run.header.start),
                liars,
                tolerances,
                hours=hours,
                decisions=devices * run.duration_s / tolerances.of(hazard).decision_s,
            )
        )
    return RunScore(
        scenario=run.header.scenario,
        seed=run.header.seed,
        complete=run.complete,
        hours=hours,
        hazards=tuple(scores),
        not_scored=_not_scored(said),
    )


def _positions(truth: Truth) -> Iterable[Coordinate]:
    yield from ((one.lon_deg, one.lat_deg) for one in truth.incidents)
    yield from ((one.lon_deg, one.lat_deg) for one in truth.slopes)
    yield from ((one.lon_deg, one.lat_deg) for one in truth.fires)
    for samples in truth.queue_samples.values():
        for sample in samples:
            yield sample.head.lon_deg, sample.head.lat_deg


def _not_scored(said: Sequence[SaidSituation]) -> int:
    names = {one.id for one in said}
    scored = {one.id for one in said if any(hazard_of(finding) is not None for finding in one.findings)}
    return len(names - scored)
