"""What is said of the broker, by the states of the sessions with it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gwanje.parts import Watch
from ingest.mqtt.backlog import Backlog, BacklogLimits
from ingest.mqtt.packets import Publish
from ingest.mqtt.session_state import SessionState

FINE = SessionState(connected=True, reason="connected", connection=1)
GONE = SessionState(connected=False, reason="refused", connection=1)
RENEWING = SessionState(connected=False, reason="let go", connection=1, renewing=True)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def watch(telemetry: SessionState, hazard: SessionState = FINE, **what: Any) -> Watch:
    session = SimpleNamespace(state=telemetry, paused=False, backlog=None, **what)
    other = SimpleNamespace(state=hazard, paused=False, backlog=None)
    rest = dict.fromkeys(Watch.__dataclass_fields__)
    return Watch(**{**rest, "sessions": {"hazard": other, "telemetry": session}, "told_for_s": 60.0})  # type: ignore[arg-type]


def backlog(clock: Clock, times: int) -> Backlog:
    one = Backlog(BacklogLimits(ping_every_s=0.0, behind_s=0.1, not_again_s=0.0, kept_frac_max=0.5), clock)
    for _ in range(times):
        one.begin()
        while not one.look(0, lambda: 1, reading=True):
            clock.now_s += 0.2
            one.note([Publish("t", b"", 0)])
    return one


@pytest.mark.parametrize(("state", "said"), [(FINE, "up"), (GONE, "down"), (RENEWING, "up")])
def test_a_session_that_renews_its_connection_is_not_lost(state: SessionState, said: str) -> None:
    assert watch(state)._broker().state == said


def test_for_a_while_it_is_said_how_often_a_backlog_was_let_go_in_both_languages() -> None:
    clock = Clock()
    seen = watch(RENEWING)
    seen.sessions["telemetry"].backlog = backlog(clock, 3)
    part = seen._broker()
    assert part.state == "degraded"
    assert "3회" in part.reason.ko
    assert "3 times" in part.reason.en
    assert watch(GONE)._broker().state == "down"
    clock.now_s += 61.0
    seen.sessions["telemetry"].state = FINE  # type: ignore[misc]
    assert seen._broker().state == "up"
