"""Making the parts of a running system and joining them. The one place that knows them all."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import structlog
from fastapi import FastAPI
from numpy.typing import NDArray

import dashboard
from alerts.correlate import Correlator
from alerts.courier import Courier
from alerts.desk import Desk
from alerts.gazetteer import Gazetteer
from alerts.model import Alert, Situation
from alerts.signs import SignChannel
from config.catalogue.model import Catalogue
from config.numbers import THRESHOLDS, load_numbers
from config.settings import Settings
from config.words import Words
from dashboard.app import create_app
from dashboard.citizens import CitizenHub
from dashboard.services import Services
from engine.findings import Finding
from gwanje.answers import SignAnswers
from gwanje.inlets import Inlets
from gwanje.pace import clock_of
from gwanje.parts import Watch
from gwanje.rehearsal.said import SaidLog
from ingest.batching import Batcher
from ingest.core import Core
from ingest.feed import Decoder, StoreFeed
from ingest.intake import Intake
from ingest.letters import LetterBox
from ingest.mqtt.backlog import BacklogLimits
from ingest.mqtt.session import Incoming, OversizePublish
from ingest.pipeline import Pipeline
from ingest.present import Presenter
from ingest.reading import Reader
from ingest.region import engine_region
from ingest.safekeeping import Safekeeper
from ingest.thresholds import load_thresholds
from ingest.timekeeping import DeviceTicks, Timekeeper, WallTicks
from sensors.columns import to_ns
from sensors.registry import Registry
from storage.database import Database, connect
from storage.desk_store import PostgresDeskStore, PostgresOutbox
from storage.journal.log import Journal
from storage.live import Changes, LiveView
from storage.retention import load_policy
from storage.upkeep import Upkeep
from storage.views import alert_view, situation_view
from storage.writer import Writer

log = structlog.get_logger(__name__)
WEB = Path(dashboard.__file__).parent / "web" / "dist"
GATHER_S = 0.04
SHORTEST_GATHER_S = 0.02
"""How long samples wait for others, at the wall's speed and at most when time runs fast [s]."""
SHORTEST_TICK_S = 0.05
"""Of a rehearsal's fast ticks: at 100 times the speed the engine still looks every five seconds [s]."""


@dataclass(frozen=True)
class Outside:
    """What a system works on and does not make itself."""

    database: Database
    pages: Database
    """Connections for the pages alone."""
    keys: NDArray[np.int32]
    """Key of every device in the database, shape (n_device,)."""
    epoch: str
    """Epoch of the citizens' log."""
    mqtt_url: str
    journal: Journal
    """Opened."""


@dataclass(frozen=True)
class Composed:
    """The parts of a running system."""

    registry: Registry
    database: Database
    clock: Callable[[], datetime]
    """Engine time."""
    citizens: CitizenHub
    inlets: Inlets
    pipeline: Pipeline
    keeper: Safekeeper
    feed: StoreFeed
    desk: Desk
    courier: Courier
    answers: SignAnswers
    writer: Writer
    live: LiveView
    watch: Watch
    upkeep: Upkeep
    app: FastAPI


def compose(settings: Settings, catalogue: Catalogue, outside: Outside) -> Composed:
    """Make and join the parts.

    Raises
    ------
    NumberError, WordsError, ValueError
        If thresholds, texts or the broker's address cannot be used.
    """
    folder = Path(settings.thresholds) if settings.thresholds else THRESHOLDS
    plausibility, numbers = load_numbers("plausibility", folder), load_numbers("alert", folder)
    by_device_time = settings.clock == "device"
    wall = clock_of(settings)
    registry, gazetteer = Registry.from_catalogue(catalogue), Gazetteer(catalogue)

    region = engine_region(catalogue, gazetteer)

    def make_reading(letters: LetterBox) -> tuple[Reader, Batcher]:
        reader = Reader(registry, plausibility, letters, by_device_time=by_device_time)
        return reader, Batcher(registry, outside.keys, plausibility)

    intake, letters = Intake(wall), LetterBox(wall)
    core = Core(*make_reading(letters), region, load_thresholds(folder))
    timekeeper: Timekeeper = (
        DeviceTicks(intake, settings.tick_ms / 1000.0, core.reader.newest_ns)
        if by_device_time
        else WallTicks(intake, wall, _tick_s(settings), gather_s=_gather_s(settings))
    )
    letting_go = {name: number.value for name, number in load_numbers("backlog", folder).items()}
    told_for_s = letting_go.pop("told_for_s")
    inlets = Inlets(
        outside.mqtt_url,
        intake,
        timekeeper,
        by_device_time=by_device_time,
        backlog=BacklogLimits(**letting_go) if settings.mqtt_url else None,
    )

    live = LiveView(secrets.token_hex(8), settings.mode)
    store = PostgresDeskStore(outside.database, wall, timedelta(seconds=numbers["keep_ended_s"].value))
    correlator = Correlator(gazetteer, Words.load("texts"), numbers)

    def retire(situations: Iterable[str], alerts: Iterable[str]) -> None:
        live.retire("situations", situations)
        live.retire("alerts", alerts)

    said = SaidLog(Path(settings.run_dir), on_error=_log_unsaid) if settings.run_dir else None
    publish = _publisher(live, timekeeper.now, Words.load("quantities"), said)
    desk = Desk(correlator, settings.mode, store, publish, retire)
    outbox = PostgresOutbox(outside.database, wall, numbers["sign_again_s"].value)
    answers = SignAnswers(outbox, desk)
    citizens = CitizenHub(outside.database, outside.pages, outside.epoch, settings.mode)
    signs = SignChannel(
        catalogue,
        settings.mode,
        inlets.publish,
        int(numbers["sign_priority"].value),
        timedelta(minutes=numbers["sign_minutes"].value),
    )
    courier = Courier(
        desk,
        outbox,
        {"sign": signs, "subscribers": citizens},
        timekeeper.now,
        valid_for=timedelta(minutes=numbers["deliver_within_minutes"].value),
    )

    writer = Writer(lambda: connect(settings.database_url), now=wall)

    def acknowledge(lane: int, messages: Sequence[Incoming | OversizePublish]) -> None:
        timekeeper.acknowledged(len(messages))
        inlets.acknowledge(lane, messages)

    keeper = Safekeeper(outside.journal, acknowledge, lambda: desk.unsaved)
    feed = StoreFeed(
        outside.journal,
        writer.put,
        Decoder(make_reading),
        busy=lambda: intake.telemetry.is_full,
    )
    pipeline = Pipeline(
        timekeeper=timekeeper,
        core=core,
        keeper=keeper,
        feed=feed,
        presenter=Presenter(registry),
        desk=desk,
        live=live,
        on_sign_ack=answers.offer,
        let_read=inlets.let_read,
        monotonic=time.monotonic,
        wall_ns=lambda: to_ns(wall()),
        on_findings=_finding_log(Path(settings.findings)) if settings.findings else None,
    )
    watch = Watch(
        sessions=inlets.named,
        intake=intake,
        letters=letters,
        pipeline=pipeline,
        keeper=keeper,
        feed=feed,
        writer=writer,
        desk=desk,
        live=live,
        citizens=citizens,
        answers=answers,
        duplicates=lambda: core.batcher.deduplicator.duplicates,
        clock=timekeeper.now,
        by_device_time=by_device_time,
        told_for_s=told_for_s,
    )
    services = Services(
        catalogue=catalogue,
        mode=settings.mode,
        live=live,
        desk=desk,
        database=outside.pages,
        citizens=citizens,
        clock=timekeeper.now,
        figures=watch.figures,
        histograms=watch.histograms,
        parts=watch.parts,
        approved=courier.wake,
        web=WEB,
        allowed_hosts=allowed_hosts(settings),
        clock_speed=settings.clock_speed,
    )
    return Composed(
        registry=registry,
        database=outside.database,
        clock=timekeeper.now,
        citizens=citizens,
        inlets=inlets,
        pipeline=pipeline,
        keeper=keeper,
        feed=feed,
        desk=desk,
        courier=courier,
        answers=answers,
        writer=writer,
        live=live,
        watch=watch,
        upkeep=Upkeep(load_policy(folder), catalogue.timezone),
        app=create_app(services, gazetteer),
    )


def _tick_s(settings: Settings) -> float:
    """Return the time between two ticks, shorter when time runs fast, but never too short for the pages [s]."""
    return max(settings.tick_ms / 1000.0 / settings.clock_speed, min(settings.tick_ms / 1000.0, SHORTEST_TICK_S))


def _gather_s(settings: Settings) -> float:
    """Return how long a sample waits for others, shorter when time runs fast [s]."""
    return max(GATHER_S / settings.clock_speed, SHORTEST_GATHER_S)


def allowed_hosts(settings: Settings) -> list[str]:
    """Return the names that a request's Host header may bear; health is asked for under this machine's own."""
    own = ["127.0.0.1", "localhost", "::1"]
    if settings.allowed_hosts:
        return [*own, *(name for part in settings.allowed_hosts.split(",") if (name := part.strip()))]
    return own if settings.host in own else ["*"]


def _publisher(
    live: LiveView, clock: Callable[[], datetime], quantities: Words, said: SaidLog | None
) -> Callable[[Iterable[Situation], Iterable[Alert]], None]:
    def publish(situations: Iterable[Situation], alerts: Iterable[Alert]) -> None:
        situations, alerts = list(situations), list(alerts)
        live.apply(
            Changes(
                situations={one.id: situation_view(one, quantities) for one in situations},
                alerts={one.id: alert_view(one) for one in alerts},
            ),
            now=clock(),
        )
        if said is not None:
            said.note(situations, alerts, clock())

    return publish


def _log_unsaid(problem: OSError) -> None:
    log.warning("run.not_written", problem=str(problem))


def _finding_log(path: Path) -> Callable[[Sequence[Finding]], None]:
    """Append findings to a file, one JSON object a line."""

    def note(findings: Sequence[Finding]) -> None:
        with path.open("ab") as file:
            file.writelines(msgspec.json.encode(finding) + b"\n" for finding in findings)

    return note
