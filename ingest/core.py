"""One tick, from messages to findings: the same steps for what comes in now, what is taken up again, what is re-run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.findings import Finding
from engine.region import Region
from engine.step import EngineState, step
from engine.thresholds import Thresholds
from ingest.batching import Batcher, Tick
from ingest.inbox import Arrived
from ingest.mqtt.session import Incoming, OversizePublish
from ingest.reading import Reader
from sensors.errors import DecodeError
from storage.writer_batches import DeadLetter


class Computed(NamedTuple):
    """What a tick gave."""

    tick: Tick
    before: EngineState
    state: EngineState
    findings: tuple[Finding, ...]
    fault: str | None
    """Why the engine could not make its step; it has then forgotten everything. None when it could."""


class TickBuilder:
    """Reads messages and lays out what they say, whatever they are."""

    def __init__(self, reader: Reader, batcher: Batcher) -> None:
        self.reader = reader
        self.batcher = batcher
        self._nothing: Tick | None = None

    def build(self, arrived: Sequence[Arrived], skipped: NDArray[np.uint32] | None = None) -> Tick:
        """Make a tick's columns and rows; a message that no step can deal with becomes a dead letter.

        Parameters
        ----------
        skipped
            As for `Batcher.build`.
        """
        if not arrived:
            # Most ticks of a quiet region; nobody writes into a tick's arrays, so one stands for all.
            self._nothing = self._nothing or self.batcher.build(self.reader.read(()))
            return self._nothing
        try:
            return self.batcher.build(self.reader.read(arrived), skipped)
        except Exception:
            return self._build_without_poison(arrived, skipped)

    def _build_without_poison(self, arrived: Sequence[Arrived], skipped: NDArray[np.uint32] | None) -> Tick:
        good: list[Arrived] = []
        letters: list[DeadLetter] = []
        kept: list[bool] = []
        for group in arrived:
            fine: list[Incoming | OversizePublish] = []
            for message in group.messages:
                try:
                    self.batcher.unremembering().build(self.reader.read([group._replace(messages=[message])]))
                    fine.append(message)
                except Exception as exc:
                    error = DecodeError("payload", f"expected a message that can be dealt with, was {exc!r}")
                    letters += self.reader.letter(message, None, error)
                kept.append(len(fine) > 0 and fine[-1] is message)
            good.append(group._replace(messages=fine))
        if skipped is not None:
            there = np.array(kept, dtype=np.bool_)
            place = skipped[:, 0].astype(np.int64)
            moved = np.stack([(np.cumsum(there) - 1)[place], skipped[:, 1]], axis=1)
            skipped = moved[there[place]].astype(np.uint32)
        read = self.reader.read(good)
        read.letters += letters
        return self.batcher.build(read, skipped)


class Core:
    """The engine with what it is fed through.

    Parameters
    ----------
    reader, batcher, region, thresholds
    state
        What it remembers; nothing when None.

    Attributes
    ----------
    state
        What it remembers after the last tick.
    """

    def __init__(
        self,
        reader: Reader,
        batcher: Batcher,
        region: Region,
        thresholds: Thresholds,
        state: EngineState | None = None,
    ) -> None:
        self.reader = reader
        self.batcher = batcher
        self.region = region
        self.state = state or EngineState.initial(region)
        self.builder = TickBuilder(reader, batcher)
        self.thresholds = thresholds

    def run(self, arrived: Sequence[Arrived], now_ns: int, skipped: NDArray[np.uint32] | None = None) -> Computed:
        """Make one tick.

        When the engine fails, it begins anew with nothing remembered: the control room goes on, and is told.
        """
        tick = self.builder.build(arrived, skipped)
        before = self.state
        try:
            self.state, findings = step(before, tick.batch, now_ns, self.region, self.thresholds)
        except Exception as exc:
            self.state = EngineState.initial(self.region)
            return Computed(tick, before, self.state, (), f"{type(exc).__name__}: {exc}")
        return Computed(tick, before, self.state, findings, None)
