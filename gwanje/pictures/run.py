"""All pictures of one recorded run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from matplotlib.figure import Figure

from config.catalogue.model import Catalogue
from gwanje.pictures.detectors import DetectorSeries, RoadProfile, read_detectors, release_wave_kmh, road_profile
from gwanje.pictures.fire import SaidPlace, fire_picture
from gwanje.pictures.slopes import read_nodes, slope_picture
from gwanje.pictures.traffic import Mark, fundamental_diagram, time_space
from gwanje.rehearsal.said_records import SaidFinding, SaidSituation
from simulators.recording import Recorded, read_messages
from simulators.truth.folder import MESSAGES_FILE
from simulators.truth.reader import Run

MOST_ROADS = 4
MOST_SLOPES = 4
LONGEST_QUEUES = 2
"""Pictures of a kind at most, and how many of the longest queues' roads are drawn beside those of the incidents."""


def pictures_of(
    folder: Path, run: Run, said: Sequence[SaidSituation], catalogue: Catalogue
) -> Iterator[tuple[str, Figure]]:
    """Give name and picture of all that a run has to show.

    Parameters
    ----------
    folder
        Of the run, with the recording of its messages.
    run, said
        What happened in it, and what was said.
    catalogue
        Its region.

    Raises
    ------
    RecordingError
        If the recording is broken.
    """
    start = run.header.start
    messages: list[Recorded] = list(read_messages(folder / MESSAGES_FILE))
    try:
        series = read_detectors(messages, catalogue, start)
    except ValueError:
        series = None
    if series is not None:
        title = f"{run.header.title.en}: all stations"
        yield "fundamental-diagram", fundamental_diagram(series, range(len(series.ids)), title)
        for road, direction in _roads(run):
            try:
                profile = road_profile(catalogue, road, direction)
            except ValueError:
                continue
            yield f"time-space-{road}-{direction}", _time_space(series, profile, run, said, catalogue)
    yield from _slopes(messages, run, said, catalogue, start)
    for fire in run.truth.fires:
        samples = run.truth.fire_samples[fire.id]
        if any(len(one.perimeter) >= 4 for one in samples):
            reaches = [one for one in run.truth.reaches if one.fire == fire.id]
            title = f"{run.header.title.en}: {fire.id}"
            yield (
                f"fire-{fire.id}",
                fire_picture(fire, samples, reaches, _said_fires(said, fire.ignition), catalogue, title),
            )


def _roads(run: Run) -> list[tuple[str, str]]:
    """Roads of incidents, then of the longest queues, each once."""
    truth = run.truth
    longest = sorted(
        truth.queues, key=lambda queue: -max((one.length_m for one in truth.queue_samples[queue.id]), default=0.0)
    )
    roads: list[tuple[str, str]] = [(one.road, one.direction) for one in truth.incidents]
    roads += [(one.road, one.direction) for one in longest[:LONGEST_QUEUES]]
    return list(dict.fromkeys(roads))[:MOST_ROADS]


def _time_space(
    series: DetectorSeries, profile: RoadProfile, run: Run, said: Sequence[SaidSituation], catalogue: Catalogue
) -> Figure:
    links = {link.id: link for link in catalogue.links}
    start = run.header.start
    here = (profile.road, profile.direction)
    along = {series.ids[column]: at_m for column, at_m in zip(profile.columns, profile.chainage_m, strict=True)}
    marks = []
    for incident in run.truth.incidents:
        if (incident.road, incident.direction) == here:
            at_m = links[incident.link].chainage_m + incident.offset_m
            end = incident.end or run.end
            span = [(time - start).total_seconds() for time in (incident.start, end)]
            marks.append(Mark(f"truth: {incident.cause}", span, [at_m, at_m], "black"))
    for queue in run.truth.queues:
        if (queue.road, queue.direction) == here:
            samples = run.truth.queue_samples[queue.id]
            times = [(one.time - start).total_seconds() for one in samples]
            tails = [links[one.tail.link].chainage_m + one.tail.offset_m for one in samples]
            marks.append(Mark("truth: tail of a queue", times, tails, "magenta"))
    for situation, finding in _first_wordings(said):
        places = [along[device] for device in finding.devices if device in along]
        if places:
            marks.append(Mark("said", [(situation.time - start).total_seconds()], [max(places)], "blue"))
    wave_kmh = release_wave_kmh(series, profile)
    measured = "" if wave_kmh is None else f", queue dissolves upstream at {wave_kmh:.0f} km/h"
    return time_space(series, profile, marks, f"{run.header.title.en}: {here[0]} {here[1]}{measured}")


def _first_wordings(said: Sequence[SaidSituation]) -> Iterator[tuple[SaidSituation, SaidFinding]]:
    seen = set()
    for situation in said:
        for finding in situation.findings:
            if finding.id not in seen:
                seen.add(finding.id)
                yield situation, finding


def _slopes(
    messages: Sequence[Recorded], run: Run, said: Sequence[SaidSituation], catalogue: Catalogue, start: datetime
) -> Iterator[tuple[str, Figure]]:
    failed = sorted(run.truth.slopes, key=lambda one: (one.failure is None, one.creep_onset))[:MOST_SLOPES]
    chosen = [one.id for one in failed]
    if chosen:
        chosen += [node.id for node in catalogue.slope if node.id not in chosen][:1]
    series = read_nodes(messages, chosen, start)
    for node in chosen:
        if node not in series:
            continue
        truth = next((one for one in failed if one.id == node), None)
        levels: dict[int, datetime] = {}
        for situation in said:
            for finding in situation.findings:
                if finding.rule == "slope.level" and node in finding.devices:
                    levels.setdefault(finding.level, situation.time)
        happened = "sound" if truth is None else "fails" if truth.failure else "creeps"
        title = f"{run.header.title.en}: {node} ({happened})"
        yield f"slope-{node}", slope_picture(series[node], truth, [(at, n) for n, at in levels.items()], start, title)


def _said_fires(said: Sequence[SaidSituation], ignition: datetime) -> list[SaidPlace]:
    return [
        SaidPlace((finding.lon_deg, finding.lat_deg), (situation.time - ignition).total_seconds())
        for situation, finding in _first_wordings(said)
        if finding.rule == "fire.position"
    ]
