"""Alerts: whatever people and signs do in whatever order, nothing goes out unapproved and nothing goes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts.lifecycle import (
    NotAllowedError,
    OutdatedError,
    approve,
    clean,
    has_waiting,
    record_delivery,
    reject,
    withdraw_draft,
)
from alerts.model import Alert, SignText
from config.catalogue.model import Name
from engine.findings import HazardLevel
from tests.alerts.making import NOW, later

PEOPLE = ("system", "SYSTEM ", "Kim", "ｋｉｍ", "박", "Lee", " ", "\u200b")
STATES = ("waiting", "sent", "shown", "refused", "failed")


def draft(**changes: Any) -> Alert:
    parts: dict[str, Any] = {
        "id": "alert-1",
        "version": 3,
        "situation": "situation-1",
        "mode": "exercise",
        "level": HazardLevel.CAUTION,
        "state": "draft",
        "author": "system",
        "districts": ("99110",),
        "text": Name("[훈련] 글", "[EXERCISE] text"),
        "signs": (SignText("VMS-1", "[jp3][[훈련]][nl]글"), SignText("VMS-2", "[jp3][[훈련]][nl]글")),
        "created": NOW,
        "updated": NOW,
    }
    return Alert(**(parts | changes))


class Lifecycle(RuleBasedStateMachine):
    """Random deeds on one alert; the model is the set of facts that were accepted."""

    @initialize(author=st.sampled_from(["system", "Kim", "박"]))
    def begin(self, author: str) -> None:
        self.alert = draft(author=author, version=1)
        self.now = NOW
        self.decided_by: str | None = None
        self.shown: set[tuple[str, str]] = set()

    def _next(self) -> None:
        self.now += timedelta(seconds=1)

    @rule(
        operator=st.sampled_from(["system", "SYSTEM ", "Kim", "ｋｉｍ", "박", "Lee", " ", "\u200b"]),
        behind=st.integers(0, 2),
    )
    def approves(self, operator: str, behind: int) -> None:
        self._next()
        before = self.alert
        try:
            self.alert = approve(before, operator, before.version - behind, self.now)
        except (NotAllowedError, OutdatedError):
            assert self.alert is before
            return
        assert before.state == "draft"
        assert behind == 0
        assert clean(operator)
        assert operator.strip().casefold() != before.author.casefold()
        self.decided_by = clean(operator)

    @rule(operator=st.sampled_from(["system", "Kim", "Lee"]), reason=st.sampled_from(["", "\t\u200b", "wrong place"]))
    def rejects(self, operator: str, reason: str) -> None:
        self._next()
        before = self.alert
        try:
            self.alert = reject(before, operator, before.version, reason, self.now)
        except (NotAllowedError, OutdatedError):
            return
        assert before.state == "draft"
        assert reason == "wrong place"
        self.decided_by = operator

    @rule()
    def situation_ends(self) -> None:
        self._next()
        before = self.alert
        try:
            self.alert = withdraw_draft(before, self.now)
        except OutdatedError:
            return
        assert before.state == "draft"

    @rule(
        to=st.sampled_from(["99110", "VMS-1", "VMS-2", "VMS-9"]),
        state=st.sampled_from(STATES),
        detail=st.sampled_from([None, "why"]),
    )
    def delivery(self, to: str, state: Any, detail: str | None) -> None:
        self._next()
        before = {(one.channel, one.target): one for one in self.alert.deliveries}
        channel = "subscribers" if to == "99110" else "sign"
        self.alert = record_delivery(self.alert, channel, to, state, self.now, detail)
        for one in self.alert.deliveries:
            old = before[one.channel, one.target]
            if old.state == "shown":
                assert one.state == "shown"
            if one.state == "sent":
                assert old.state in {"waiting", "sent"}
            if one.state == "waiting":
                assert old.state == "waiting"

    @invariant()
    def holds(self) -> None:
        alert = self.alert
        assert (alert.state == "approved") == (alert.approved_by is not None)
        if alert.state == "approved":
            assert alert.approved_by == self.decided_by
            assert len(alert.deliveries) == 3
        else:
            assert alert.deliveries == ()
        if self.decided_by is not None:
            assert alert.state in {"approved", "rejected"}
            assert alert.decided is not None


class TestMachine(Lifecycle.TestCase):
    settings = settings(max_examples=60, stateful_step_count=15, deadline=None)


def test_every_change_counts_the_version_and_a_repeated_fact_does_not() -> None:
    approved = approve(draft(), "Lee", 3, later(1))
    assert approved.version == 4
    sent = record_delivery(approved, "sign", "VMS-1", "sent", later(2))
    assert sent.version == 5
    assert record_delivery(sent, "sign", "VMS-1", "sent", later(3)) is sent
    assert record_delivery(sent, "sign", "VMS-9", "sent", later(3)) is sent


def test_a_face_that_went_blank_was_shown_all_the_same() -> None:
    approved = approve(draft(), "Lee", 3, later(1))
    shown = record_delivery(approved, "sign", "VMS-1", "shown", later(2))
    blank = record_delivery(shown, "sign", "VMS-1", "refused", later(1800), "expired: the face is blank")
    assert [one.state for one in blank.deliveries if one.target == "VMS-1"] == ["shown"]
    assert blank.deliveries[1].detail == "expired: the face is blank"
    assert has_waiting(blank)


@pytest.mark.parametrize(
    ("operator", "error", "text"),
    [
        ("", NotAllowedError, "operator: expected a name, was empty"),
        ("sys\u200btem", NotAllowedError, "other than the author"),
        ("ＳＹＳＴＥＭ", NotAllowedError, "other than the author"),
        ("sys tem", NotAllowedError, "other than the author"),
    ],
)
def test_who_may_not_approve(operator: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        approve(draft(), operator, 3, NOW)


def test_an_outdated_look_is_told_which_version_there_is() -> None:
    with pytest.raises(OutdatedError, match="expected version 3, was 2; look at it again"):
        approve(draft(), "Lee", 2, NOW)
    with pytest.raises(OutdatedError, match="expected a draft, was withdrawn"):
        reject(withdraw_draft(draft(), NOW), "Lee", 4, "no", NOW)


def test_a_reason_is_kept_with_the_name_and_cut_to_size() -> None:
    rejected = reject(draft(), " Lee\n", 3, "x" * 2_000, NOW)
    assert rejected.reason is not None
    assert rejected.reason.startswith("Lee: x")
    assert len(rejected.reason) < 600
    assert rejected.approved_by is None


def test_names_that_differ_are_different_people() -> None:
    assert approve(draft(author="Kim"), "Kim2", 3, NOW).approved_by == "Kim2"
    assert msgspec.structs.asdict(approve(draft(), "이 순신", 3, NOW))["approved_by"] == "이 순신"
