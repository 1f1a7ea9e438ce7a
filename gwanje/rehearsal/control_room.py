"""The control room in one process: intake, engine, desk and signs as in operation, without network and database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from alerts.correlate import Correlator
from alerts.courier import Courier, Waiting
from alerts.desk import Desk
from alerts.gazetteer import Gazetteer
from alerts.lifecycle import clean
from alerts.model import Alert, DeliveryState, Situation
from alerts.signs import SignChannel, posting_of
from config.catalogue.model import Catalogue
from config.numbers import THRESHOLDS, load_numbers
from config.settings import Mode
from config.words import Words
from engine.findings import Finding
from gwanje.inlets import TELEMETRY_FILTERS
from gwanje.rehearsal.memory_store import MemoryStore
from ingest.batching import Batcher
from ingest.core import Core
from ingest.intake import Intake
from ingest.letters import LetterBox
from ingest.mqtt.session import Incoming
from ingest.mqtt.topics import matches
from ingest.reading import Reader
from ingest.region import engine_region
from ingest.thresholds import load_thresholds
from sensors.columns import to_ns
from sensors.observations import SignAck
from sensors.registry import Registry


class ControlRoom:
    """One region's control room, moved on tick by tick.

    Parameters
    ----------
    catalogue
        The region.
    mode
        What every text says that this is.
    thresholds
        Folder with the tables of thresholds.
    start
        Engine time before the first tick.
    send
        Brings a message to the devices: topic and payload.
    on_said
        Called with situations and alerts that changed, and engine time.
    on_findings
        Called with the findings of a tick that has some.

    Raises
    ------
    NumberError, WordsError
        If thresholds or texts cannot be used.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        mode: Mode,
        *,
        start: datetime,
        send: Callable[[str, bytes], None],
        on_said: Callable[[Iterable[Situation], Iterable[Alert], datetime], None],
        on_findings: Callable[[tuple[Finding, ...]], None],
        thresholds: Path = THRESHOLDS,
    ) -> None:
        plausibility, numbers = load_numbers("plausibility", thresholds), load_numbers("alert", thresholds)
        registry, gazetteer = Registry.from_catalogue(catalogue), Gazetteer(catalogue)
        self.now = start
        self.ticks = 0
        self._region = engine_region(catalogue, gazetteer)
        self.intake = Intake(lambda: self.now)
        self.letters = LetterBox(lambda: self.now)
        self._core = Core(
            Reader(registry, plausibility, self.letters),
            Batcher(registry, np.arange(len(registry), dtype=np.int32), plausibility),
            self._region,
            load_thresholds(thresholds),
        )
        self._store = MemoryStore()
        self._on_findings = on_findings
        self._lane: dict[str, bool] = {}
        correlator = Correlator(gazetteer, Words.load("texts"), numbers)
        self.desk = Desk(
            correlator,
            mode,
            self._store,
            lambda situations, alerts: on_said(situations, alerts, self.now),
            lambda _situations, _alerts: None,
        )
        signs = SignChannel(
            catalogue,
            mode,
            _Sender(send),
            int(numbers["sign_priority"].value),
            timedelta(minutes=numbers["sign_minutes"].value),
        )
        self.courier = Courier(
            self.desk,
            self._store,
            {"sign": signs, "subscribers": _Nobody()},
            lambda: self.now,
            valid_for=timedelta(minutes=numbers["deliver_within_minutes"].value),
        )

    def arrive(self, topic: str, payload: bytes, qos: int) -> None:
        """Take a message in, as the session of its class would."""
        message = Incoming(topic, payload, qos)
        if self._is_telemetry(topic):
            self.intake.take_telemetry([message])
        else:
            self.intake.take_hazards([message])

    def tick(self, now: datetime) -> None:
        """Carry the engine forward to a time, not before the last, with all that arrived."""
        self.now = now
        arrived = [*self.intake.hazard.take(), *self.intake.telemetry.take()]
        computed = self._core.run(arrived, to_ns(now))
        if computed.fault is not None:
            raise RuntimeError(f"the engine failed at {now.isoformat()}: {computed.fault}")
        if computed.findings:
            self._on_findings(computed.findings)
        self.desk.hear(computed.findings, now)
        for answer in computed.tick.acks:
            self._note(answer.message)
        self.ticks += 1

    async def carry(self) -> None:
        """Send what was approved, and save what the desk remembers."""
        await self.courier.carry_once("sign")
        await self.courier.carry_once("subscribers")
        await self.desk.flush()

    def _note(self, answer: SignAck) -> None:
        """Bring a sign's answer to the alert that it belongs to, as `gwanje.answers` does."""
        number = posting_of(answer.message)
        found = None if number is None else self._store.posting(number)
        if found is None or found[1] != answer.device:
            return
        state: DeliveryState = "shown" if answer.shown else "refused"
        reason = None if answer.reason is None else clean(answer.reason)
        self.desk.deliver(found[0], "sign", answer.device, state, answer.time, reason)

    def _is_telemetry(self, topic: str) -> bool:
        known = self._lane.get(topic)
        if known is None:
            known = any(matches(one, topic) for one, _ in TELEMETRY_FILTERS)
            self._lane[topic] = known
        return known


class _Sender:
    """A broker that has a message as soon as it was called."""

    def __init__(self, send: Callable[[str, bytes], None]) -> None:
        self._send = send

    async def __call__(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        del qos, retain
        self._send(topic, payload)


class _Nobody:
    """The channel of subscribers in a rehearsal: nobody listens, and everything counts as sent."""

    async def send(self, posting: Waiting, alert: Alert, now: datetime) -> None:
        """Send to nobody."""
