"""How each part of the system is, in words for the page and in figures for monitoring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.desk import Desk
from config.catalogue.model import Name
from dashboard.citizens import CitizenHub
from engine.freshness import Freshness
from gwanje.answers import SignAnswers
from ingest.feed import StoreFeed
from ingest.intake import Intake
from ingest.letters import LetterBox
from ingest.mqtt.session import MqttSession
from ingest.pipeline import Pipeline
from ingest.safekeeping import Safekeeper
from ingest.stateage import BOUNDS_S
from storage.live import LiveView
from storage.views import PartView
from storage.writer import Writer

_FINE = Name("정상", "working")
_ENGINE_LATE_S = 5.0
_MOST_SILENT_FRAC = 0.5
_MOST_BEHIND_MB = 1.0


@dataclass(frozen=True)
class Watch:
    """Looks at the parts of a running system."""

    sessions: Mapping[str, MqttSession]
    intake: Intake
    letters: LetterBox
    pipeline: Pipeline
    keeper: Safekeeper
    feed: StoreFeed
    writer: Writer
    desk: Desk
    live: LiveView
    citizens: CitizenHub
    answers: SignAnswers
    duplicates: Callable[[], int]
    clock: Callable[[], datetime]
    by_device_time: bool
    told_for_s: float
    """How long it is said that a broker's backlog was let go. [s]"""

    def parts(self) -> list[PartView]:
        """Return the state of every part with its reason."""
        return [self._broker(), self._journal(), self._database(), self._engine(), self._devices()]

    def _broker(self) -> PartView:
        sessions = self.sessions.values()
        lost = [one for one in sessions if not one.state.connected and not one.state.renewing]
        if lost:
            why = lost[0].state.reason
            return PartView(id="broker", state="down", reason=Name(f"연결 끊김: {why}", f"not connected: {why}"))
        backlogs = [one.backlog for one in sessions if one.backlog is not None]
        if any(backlog.went_within(self.told_for_s) for backlog in backlogs):
            times = sum(backlog.let_go for backlog in backlogs)
            return PartView(
                id="broker",
                state="degraded",
                reason=Name(
                    f"입력 과다: 브로커에 밀린 검지기 자료(QoS 0)를 버리고 최신 자료부터 다시 받음, 지금까지 {times}회",
                    "more comes than is taken: what the broker was behind with for detectors (QoS 0) was let go, "
                    f"{times} times by now",
                ),
            )
        if any(session.paused for session in sessions):
            return PartView(
                id="broker",
                state="degraded",
                reason=Name("입력이 많아 잠시 멈춤", "held back: more comes than is taken"),
            )
        return PartView(id="broker", state="up", reason=_FINE)

    def _journal(self) -> PartView:
        status = self.keeper.journal.status
        fault = status.reason or self.feed.fault
        if not fault:
            return PartView(id="journal", state="up", reason=_FINE)
        waiting = self.keeper.waiting
        reason = Name(
            f"저널에 쓸 수 없음: {fault}; 수신 확인 대기 {waiting}건",
            f"the journal cannot be written: {fault}; {waiting} messages wait to be acknowledged",
        )
        return PartView(id="journal", state="degraded" if status.state == "up" else status.state, reason=reason)

    def _database(self) -> PartView:
        status = self.writer.status
        fault = status.reason or self.desk.store_fault
        behind = self.feed.behind_bytes / 1e6
        if not fault and self.feed.mode == "catching up" and behind > _MOST_BEHIND_MB:
            reason = Name(f"저널에서 따라잡는 중: {behind:.0f} MB", f"catching up out of the journal: {behind:.0f} MB")
            return PartView(id="database", state="degraded", reason=reason)
        state = "degraded" if status.state == "up" and fault else status.state
        reason = _FINE if not fault else Name(f"데이터베이스: {fault}", f"database: {fault}")
        return PartView(id="database", state=state, reason=reason)

    def _engine(self) -> PartView:
        last = self.pipeline.last_tick
        if self.pipeline.fault is not None:
            fault = self.pipeline.fault
            return PartView(id="engine", state="down", reason=Name(f"계산 실패: {fault}", f"cannot compute: {fault}"))
        age_s = float("inf") if last is None else (self.clock() - last).total_seconds()
        if age_s > _ENGINE_LATE_S and not self.by_device_time:
            said = "-" if last is None else f"{age_s:.0f} s"
            return PartView(id="engine", state="degraded", reason=Name(f"계산 지연 {said}", f"last tick {said} ago"))
        return PartView(id="engine", state="up", reason=_FINE)

    def _devices(self) -> PartView:
        state = self.pipeline.state.freshness.state
        silent = int((state != Freshness.FRESH).sum())
        if len(state) and silent > _MOST_SILENT_FRAC * len(state):
            reason = Name(f"장비 {silent}/{len(state)} 응답 없음", f"{silent} of {len(state)} devices silent")
            return PartView(id="devices", state="degraded", reason=reason)
        return PartView(id="devices", state="up", reason=_FINE)

    def counters(self) -> dict[str, float]:
        """Return the numbers that the page shows."""
        return {
            "messages": self.intake.counters.messages,
            "observations": self.pipeline.counters.observations,
            "dead_letters": self.letters.count,
            "duplicates": self.duplicates(),
            "telemetry_dropped": self.intake.counters.telemetry_dropped,
            "rows_dropped": self.writer.status.rows_dropped,
            "step_ms": round(self.pipeline.counters.last_step_s * 1000.0, 1),
        }

    def figures(self) -> Iterator[tuple[str, str, str, float]]:
        """Give every figure for monitoring: name, help, type, value."""
        intake, loop, status = self.intake.counters, self.pipeline.counters, self.writer.status
        yield "messages", "MQTT messages received", "counter", intake.messages
        yield "observations", "Observations taken in, without duplicates", "counter", loop.observations
        yield "duplicates", "Observations recognised as duplicates", "counter", self.duplicates()
        yield "dead_letters", "Messages or members that did not fit", "counter", self.letters.count
        yield "telemetry_dropped", "Messages of detectors that gave way", "counter", intake.telemetry_dropped
        yield "hazard_queue", "Messages waiting, hazards", "gauge", self.intake.hazard.count
        yield "hazard_queue_bytes", "Memory that they take", "gauge", self.intake.hazard.size_bytes
        yield "telemetry_queue", "Messages waiting, detectors and weather", "gauge", self.intake.telemetry.count
        yield "telemetry_queue_bytes", "Memory that they take", "gauge", self.intake.telemetry.size_bytes
        yield from self._journal_figures()
        yield "ticks", "Engine ticks", "counter", loop.ticks
        yield "engine_failures", "Ticks in which the engine failed and began anew", "counter", loop.engine_failures
        yield "step_seconds", "Duration of the last engine step", "gauge", loop.last_step_s
        yield "findings", "Findings said", "counter", loop.findings
        yield "rows_written", "Rows stored", "counter", status.rows_written
        yield "rows_refused", "Rows that the database refused", "counter", status.rows_refused
        yield "rows_repeated", "Late rows that were stored already", "counter", status.rows_repeated
        yield "rows_dropped", "Rows of telemetry that gave way", "counter", status.rows_dropped
        yield "rows_waiting", "Rows waiting for the store", "gauge", status.rows_waiting
        yield "findings_dropped", "Findings not stored", "counter", self.desk.unsaved_findings_dropped
        active = sum(one.active for one in self.desk.situations.values())
        drafts = sum(one.state == "draft" for one in self.desk.alerts.values())
        yield "situations_active", "Active situations", "gauge", active
        yield "alerts_draft", "Drafts that wait for a decision", "gauge", drafts
        yield "operations_readers", "Open control-room pages", "gauge", self.live.subscriber_count
        yield "citizen_readers", "Open citizens' subscriptions", "gauge", self.citizens.reader_count
        yield "citizen_frames", "Alerts shown to citizens", "counter", self.citizens.sent_frames
        yield (
            "citizen_overruns",
            "Citizens' subscriptions closed because they fell behind",
            "counter",
            (self.citizens.readers_overrun),
        )
        yield "sign_answers_dropped", "Answers of signs not noted at once", "counter", self.answers.dropped
        for name, session in self.sessions.items():
            connected = float(session.state.connected)
            yield f"session_{name}_connected", "Whether the MQTT session is connected", "gauge", connected
            yield f"session_{name}_reconnects", "Reconnects of the session", "counter", session.counters.reconnects
            yield f"session_{name}_acknowledged", "QoS 1 acknowledged", "counter", session.counters.acknowledged
            yield f"session_{name}_received", "Messages that came over it", "counter", session.counters.received
            if session.backlog is not None:
                times, delay_s = session.backlog.let_go, session.backlog.delay_s
                yield f"session_{name}_backlog_seconds", "What a ping waits behind at the broker", "gauge", delay_s
                yield f"session_{name}_let_go", "Times that the broker's backlog was let go", "counter", times
        for code, label in ((Freshness.FRESH, "fresh"), (Freshness.STALE, "stale"), (Freshness.UNKNOWN, "unknown")):
            number = float((self.pipeline.state.freshness.state == code).sum())
            yield f"devices_{label}", f"Devices that are {label}", "gauge", number

    def _journal_figures(self) -> Iterator[tuple[str, str, str, float]]:
        status = self.keeper.journal.status
        yield "journal_end_bytes", "Bytes taken by the journal since it was begun", "counter", status.end
        yield "journal_unsynced_bytes", "Bytes of it that are not safe yet", "gauge", status.end - status.durable
        yield "journal_kept_bytes", "Size of its files", "gauge", status.kept_bytes
        yield "journal_longest_sync_seconds", "Longest write and sync so far", "gauge", status.longest_sync_s
        yield "journal_behind_bytes", "Bytes of it that the database does not have", "gauge", self.feed.behind_bytes
        yield "journal_frames_lost", "Gaps and frames of it that could not be read", "counter", self.feed.frames_lost
        yield "journal_up", "Whether it can be written", "gauge", float(status.state != "down")
        yield "unacknowledged", "Messages that wait to be safe", "gauge", self.keeper.waiting
        yield "not_journaled", "Messages at QoS 0 left out while the disk refused", "counter", self.keeper.not_journaled
        yield "catching_up", "Whether the database is fed out of the journal", "gauge", float(self.feed.mode != "live")

    def histograms(self) -> Iterator[tuple[str, str, Sequence[float], Sequence[int], float]]:
        """Give every distribution for monitoring: name, help, upper bounds, counts by class and the sum."""
        ages = self.pipeline.ages
        text = "Age of observations, by their device's clock, when they are part of the state"
        yield "state_age_seconds", text, BOUNDS_S, ages.counts.tolist(), ages.sum_s
