"""Each benchmark of the whole system runs at a tiny size and gives its figures."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from benchmarks import fanout, ingest, latency, overload, plain, storage
from tests.ingest.mqtt.wire import tool

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not hasattr(os, "sched_setaffinity") or {0, 1} - os.sched_getaffinity(0) != set(),
        reason="benchmarks pin processes to the first two cores, as Linux can",
    ),
]


@pytest.fixture(autouse=True)
def broker() -> None:
    tool("mosquitto")


def test_storage_counts_in_the_database_what_was_sent() -> None:
    figures = storage.run(watch_s=0.5, warm_s=0.3, n_station=400, offered_rows_s=8_000.0, batch=100)
    assert figures["rows_stored"] == figures["rows_sent"] > 0
    assert figures["drained_s"] >= 0
    assert figures["ratio"] == pytest.approx(figures["rows_s"] / figures["bare_copy_rows_s"])
    assert figures["machine"]["cores"] >= 2


def test_latency_is_that_of_state_and_page_and_bare_subscriber() -> None:
    figures = latency.run(watch_s=0.6, warm_s=0.4, n_station=100, state_rate=500.0, page_rate=200.0)
    for part in (figures["state"], figures["page"], figures["state"]["bare"], figures["page"]["bare"]):
        assert part["messages_s"] > 0
        assert 0 < part["p50_ms"] <= part["p99_ms"] < 10_000
    assert figures["page"]["devices"] > 10


def test_an_alert_reaches_every_client() -> None:
    figures = fanout.run(counts=(20,))["20"]
    for part in (figures, figures["bare"]):
        assert part["connected"] == part["reached"] == 20
    assert 0 < figures["approved_to_first_ms"] <= figures["approved_to_last_ms"]


def test_under_overload_every_message_is_accounted_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "_CALM_S", 0.3)
    figures = overload.run(overload_s=1.0, n_station=100, rate=2_000.0, give_up_s=20.0, picture=tmp_path / "m.png")
    assert figures["hazards_acknowledged"] == figures["hazards_stored"] == figures["hazards_sent"] > 20
    assert figures["detectors_unaccounted"] == 0
    came = figures["detectors_taken"] + figures["detectors_shed"]
    assert came + figures["detectors_let_go"] == figures["detectors_sent"] > 1_000
    assert figures["recovered_s"] >= 0
    assert figures["most_mib"] >= figures["calm_mib"] > 10
    assert figures["picture"] is None or (tmp_path / "m.png").stat().st_size > 1_000


def test_the_plain_alternative_stores_the_same_messages() -> None:
    figures = plain.run(watch_s=0.6, warm_s=0.4, n_station=100, cases=("single",), rate=300.0)["single"]
    for name in ("rows_s", "plain_rows_s", "plain_relaxed_rows_s"):
        assert figures[name] > 0
    assert figures["plain_ratio"] == pytest.approx(figures["rows_s"] / figures["plain_rows_s"])


def test_decoding_alone_is_measured_on_the_publishers_own_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_DECODE_S", 0.05)
    plan = ingest.Plan(port=0, stations=[f"v{n:05d}" for n in range(40)], district="99990", lanes=2, batch=10)
    assert ingest._decoded_messages_s(plan) > 0
    assert ingest._decoded_messages_s(msgspec.structs.replace(plan, packed=True)) > 0


def test_ingest_counts_what_comes_into_the_state() -> None:
    plan = {"qos": 1, "rate": 500.0}
    with ingest.Rig(ingest.region(100, lanes=1)) as rig:
        figures = ingest._ours(rig, plan, 0.6, 0.4)
    assert figures["messages_s"] > 0
    assert figures["acknowledged_s"] > 0
    assert figures["unanswered"] == 0
