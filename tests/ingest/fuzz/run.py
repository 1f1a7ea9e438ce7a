"""Sends damaged messages through the system and keeps account: what came in against what became of it."""

from __future__ import annotations

import gc
import random
import re
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import psutil

from sensors.codec import MAX_BATCH
from tests.ingest.fuzz.corpus import Corpus, Sample
from tests.ingest.fuzz.mutator import Mutator
from tests.ingest.fuzz.subject import Outcome, Subject

CHUNK = 100
MOST_REASONS = 1_000
MOST_FAILURES = 20
_READ_BACK_EVERY = 8
_PLACE = re.compile(r"\[\d+\]")
_OWN_NAME = re.compile(r" for [\w-]+$|byte 0x\w\w in position \d+")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'")
_HUGE = 1 << 20


@dataclass
class Failure:
    """A message with which something went wrong that must not.

    Attributes
    ----------
    tick
        Of the run, by which times are told.
    alone
        Whether it brings the problem about without the messages before and beside it.
    warm
        Whether that takes a right message on the same topic before.
    times
        How often there was this problem.
    """

    sample: Sample
    problem: str
    tick: int
    alone: bool
    warm: bool = False
    times: int = 1


@dataclass
class Report:
    """What a run found.

    Attributes
    ----------
    messages
        Sent.
    taken, refused, broken, duplicates, left_to_database
        Sums of `Outcome`; members of gateways' batches count one each.
    reasons
        How often each field was refused for each reason.
    failures
        By problem.
    blocks_per_message, rss_growth_mib
        Growth of Python's allocated blocks in the second half of the run, for each message, and of the process.
    """

    seed: int
    messages: int = 0
    taken: int = 0
    refused: int = 0
    broken: int = 0
    duplicates: int = 0
    left_to_database: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    failures: dict[str, Failure] = field(default_factory=dict)
    blocks_per_message: float = 0.0
    rss_growth_mib: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Add what became of some messages."""
        self.taken += outcome.taken
        self.refused += len(outcome.refused)
        self.broken += len(outcome.broken)
        self.duplicates += outcome.duplicates
        self.left_to_database += outcome.left_to_database
        for name, problem in outcome.refused:
            _count(self.reasons, name, problem)
        for problem in outcome.broken:
            _count(self.reasons, "MQTT", problem)


def samples(seed: int, subject: Subject) -> Iterator[list[Sample]]:
    """Give damaged messages without end: a hundred of single devices, then some of gateways one by one.

    A tenth stays right, so that what follows damage is tested, too.
    """
    chooser = random.Random(seed)
    corpus, mutator = Corpus(chooser), Mutator(chooser)
    waiting: list[Sample] = []
    while True:
        sample = _damaged(chooser, corpus, mutator, subject)
        if sample.is_batch:
            yield [sample]
        else:
            waiting.append(sample)
        if len(waiting) == CHUNK:
            yield waiting
            waiting = []


def _damaged(chooser: random.Random, corpus: Corpus, mutator: Mutator, subject: Subject) -> Sample:
    topic, value, retain = corpus.plain(subject.now)
    way = chooser.random()
    if 0.1 <= way < 0.45 or way >= 0.9:
        value = mutator.values(value)
    try:
        payload = corpus.encode(value)
    except (UnicodeEncodeError, TypeError, OverflowError):
        payload = b"{}"
    if 0.35 <= way < 0.85:
        payload = mutator.payload(payload)
    if way >= 0.85:
        topic = mutator.topic(topic)
    if chooser.random() < 2e-5:
        payload = payload.ljust(_HUGE + chooser.randrange(-200, 200), b" ")
    return Sample(topic[:65_535], payload, retain != (chooser.random() < 0.02))


def members_of(payload: bytes) -> int | None:
    """Return how many members a batch has, for whoever can read it as plain values; None when nobody can."""
    try:
        is_json = payload.lstrip(b" \t\r\n")[:1] == b"["
        library: Any = msgspec.json if is_json else msgspec.msgpack
        value = library.decode(payload, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return len(value)


def problems_with(sent: list[Sample], outcome: Outcome) -> list[str]:
    """Hold what came out against what went in."""
    problems = list(outcome.wrong)
    if not sent[0].is_batch:
        if outcome.explained != len(sent):
            problems.append(f"{len(sent)} messages in, {outcome.explained} accounted for")
        return problems
    count = members_of(sent[0].payload)
    whole = outcome.taken == 0 and len(outcome.refused) + len(outcome.broken) == 1
    if not whole and (count is None or not 1 <= count <= MAX_BATCH or outcome.explained != count):
        problems.append(f"a batch of {count}, {outcome.explained} members accounted for")
    return problems


def fuzz(count: int, seed: int, tell: Callable[[int], None] = lambda done: None) -> Report:
    """Send damaged messages; a warning of Python or numpy is a failure, too.

    Parameters
    ----------
    count
        Messages.
    seed
        The same gives the same messages.
    tell
        Called now and then with the number of messages so far.
    """
    report = Report(seed)
    subject = Subject()
    half: tuple[int, int, int] | None = None
    for number, sent in enumerate(samples(seed, subject)):
        tick = subject.ticks
        outcome, problems = _send(subject, sent, read_back=number % _READ_BACK_EVERY == 0)
        if outcome is None:
            subject = Subject(tick + 1)
        else:
            report.add(outcome)
        report.messages += len(sent)
        if problems:
            _note_failure(report.failures, sent, problems, tick)
            if len(report.failures) >= MOST_FAILURES:
                break
        if number % 50 == 0:
            tell(report.messages)
        if half is None and report.messages >= count // 2:
            half = (report.messages, *_memory())
        if report.messages >= count:
            break
    if half is not None:
        blocks, rss = _memory()
        report.blocks_per_message = (blocks - half[1]) / max(report.messages - half[0], 1)
        report.rss_growth_mib = (rss - half[2]) / 2**20
    return report


def replay(sample: Sample, tick: int = 0, *, warm: bool = False) -> list[str]:
    """Send one message through a new system; return what is wrong, tracebacks included.

    Parameters
    ----------
    tick
        By which its clock is set.
    warm
        Whether a right message came on the same topic before.
    """
    subject = Subject(tick)
    right = Corpus(random.Random(0)).right(sample.topic, subject.now) if warm else None
    if right is not None:
        _send(subject, [right], read_back=False)
    return _send(subject, [sample], read_back=True)[1]


def _send(subject: Subject, sent: list[Sample], *, read_back: bool) -> tuple[Outcome | None, list[str]]:
    """Send messages; return what became of them, None when something was raised, and what is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            outcome = subject.take(sent, read_back=read_back)
        except Exception:
            return None, [traceback.format_exc(limit=-4)]
    return outcome, problems_with(sent, outcome)


def _note_failure(failures: dict[str, Failure], sent: list[Sample], problems: list[str], tick: int) -> None:
    """Note each problem once, with the message that brings it about alone, or the first of several that do together."""
    for problem in problems:
        if problem in failures:
            failures[problem].times += 1
            continue
        failures[problem] = _culprit(sent, problem, tick)


def _culprit(sent: list[Sample], problem: str, tick: int) -> Failure:
    for warm in (False, True):
        for sample in sent:
            if problem in replay(sample, tick, warm=warm):
                return Failure(sample, problem, tick, alone=True, warm=warm)
    return Failure(sent[0], problem, tick, alone=False)


def _count(reasons: Counter[str], name: str, problem: str) -> None:
    expected = problem.partition(", was")[0].partition(", were")[0]
    # The name of a device or a pattern would make a reason of its own of each: what is meant is the rule.
    if "regex" not in expected and "one of" not in expected:
        expected = _OWN_NAME.sub(" …", _QUOTED.sub("'…'", expected))
    reason = f"{_PLACE.sub('[]', name)}: {_PLACE.sub('[]', expected)}"[:160]
    reasons[reason if reason in reasons or len(reasons) < MOST_REASONS else "others"] += 1


def _memory() -> tuple[int, int]:
    gc.collect()
    return sys.getallocatedblocks(), psutil.Process().memory_info().rss
