"""Damaged messages: nothing fails, each is taken or refused with a reason, and memory does not grow."""

from __future__ import annotations

import random
import warnings
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.codec import MESSAGE_TYPES, encode
from tests.alerts.making import NOW
from tests.ingest.fuzz import run, seeds
from tests.ingest.fuzz.corpus import Corpus, Sample
from tests.ingest.fuzz.mutator import Mutator
from tests.ingest.fuzz.run import fuzz, members_of, problems_with, replay
from tests.ingest.fuzz.subject import Outcome, Subject
from tests.sensors.messages import keyed_messages

COUNT = 20_000


@pytest.mark.parametrize("seed", [pytest.param(seed, id=name) for name, seed in seeds.load("message")])
def test_messages_that_once_failed(seed: dict[str, Any]) -> None:
    assert replay(seeds.sample_of(seed), seed["tick"], warm=seed["warm"]) == []


def test_nothing_fails_and_nothing_is_lost() -> None:
    report = fuzz(COUNT, seed=20_261_127)
    assert report.failures == {}
    assert report.messages >= COUNT
    assert report.taken > COUNT // 4
    assert report.refused > COUNT // 4
    assert report.broken > 0
    assert len(report.reasons) > 100
    # What is bounded still fills in so short a run; keeping each message takes two blocks and more.
    assert report.blocks_per_message < 1.0


def test_right_messages_are_all_taken() -> None:
    corpus, subject = Corpus(random.Random(7)), Subject()
    for _ in range(400):
        topic, value, retain = corpus.plain(subject.now)
        sample = Sample(topic, corpus.encode(value), retain)
        outcome = subject.take([sample], read_back=True)
        assert (outcome.wrong, outcome.refused, outcome.broken) == ([], [], [])
        assert outcome.taken == (len(value) if sample.is_batch else 1)


def test_the_same_seed_gives_the_same_messages() -> None:
    first, again = (next(run.samples(3, Subject())) for _ in range(2))
    assert first == again
    assert first != next(run.samples(4, Subject()))


def test_a_message_that_is_not_accounted_for_is_noticed() -> None:
    sent = [Sample(b"t", b"{}")] * 3
    assert problems_with(sent, Outcome(taken=2)) == ["3 messages in, 2 accounted for"]
    assert problems_with(sent, Outcome(taken=2, refused=[("seq", "expected")])) == []
    batch = [Sample(b"gwanje/v1/1/vds/_gateway/g/obs", b"[{},{}]")]
    assert problems_with(batch, Outcome(taken=1)) == ["a batch of 2, 1 members accounted for"]
    assert problems_with(batch, Outcome(taken=1, refused=[("seq", "expected")])) == []


def test_a_failure_is_found_among_many_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def take(subject: Subject, sent: list[Sample], *, read_back: bool = False) -> Outcome:
        bad = [sample for sample in sent if b"bad" in sample.payload]
        return Outcome(taken=len(sent), wrong=["it failed"] * len(bad))

    monkeypatch.setattr(Subject, "take", take)
    monkeypatch.setattr(seeds, "FOLDER", tmp_path)
    bad = Sample(b"t", b"bad\xff", True)
    failures: dict[str, run.Failure] = {}
    for _ in range(2):
        run._note_failure(failures, [Sample(b"t", b"good"), bad], ["it failed", "together only"], 5)
    assert failures == {
        "it failed": run.Failure(bad, "it failed", 5, alone=True, times=2),
        "together only": run.Failure(Sample(b"t", b"good"), "together only", 5, alone=False, times=2),
    }
    path = seeds.keep(bad, "it failed", 5)
    assert path is not None
    [(name, seed)] = seeds.load("message")
    assert (name, seeds.sample_of(seed), seed["tick"]) == (path.stem, bad, 5)


def test_what_raises_or_warns_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(subject: Subject, sent: list[Sample], *, read_back: bool = False) -> Outcome:
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)
        return Outcome()

    monkeypatch.setattr(Subject, "take", take)
    [problem] = replay(Sample(b"t", b"{}"))
    assert problem.endswith("RuntimeWarning: overflow\n")


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_CORPUS = Corpus(random.Random(11))
_DEVICES = {
    "vds": "VDS-E1up03",
    "slope": "SLP-1",
    "weather": "WX-0",
    "tower": "TWR-0",
    "cctv": "CAM-0",
    "sign": "VMS-up0",
    "cell": "cbc-99110",
}


@given(keyed_messages(), st.booleans(), st.booleans())
def test_every_message_that_can_be_written_is_taken_or_refused(
    keyed: tuple[Any, Any], packed: bool, retain: bool
) -> None:
    (kind, stream), message = keyed
    payload = encode(message, "msgpack" if packed else "json")
    topic = f"gwanje/v1/99110/{kind}/{message.device}/{stream}".encode()
    assert replay(Sample(topic, payload, retain)) == []


@given(st.sampled_from(list(MESSAGE_TYPES)), st.data(), st.booleans())
def test_any_value_in_any_field_is_taken_or_refused(key: tuple[Any, Any], data: st.DataObject, packed: bool) -> None:
    device = _DEVICES[key[0]]
    body = _CORPUS.body(key, device, NOW)
    body[data.draw(st.sampled_from(sorted(body)))] = data.draw(_JUNK)
    try:
        payload = msgspec.msgpack.encode(body) if packed else msgspec.json.encode(body)
    except UnicodeEncodeError:  # a lone surrogate: no encoder writes one; the mutator puts it into the bytes
        return
    assert replay(Sample(f"gwanje/v1/99110/{key[0]}/{device}/{key[1]}".encode(), payload)) == []


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=10))
def test_the_mutators_work_on_anything(topic: bytes, payload: bytes, seed: bytes) -> None:
    mutator = Mutator(random.Random(seed))
    assert isinstance(mutator.payload(payload), bytes)
    assert isinstance(mutator.topic(topic), bytes)


def test_members_are_counted_by_whoever_can_read_them() -> None:
    assert members_of(b' [1,{"a":2}]') == 2
    assert members_of(b"\x92\x01\x02") == 2
    assert members_of(b"[1,") is None
    assert members_of(b"{}") is None
