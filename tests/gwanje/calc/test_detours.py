"""``gwanje calc detours`` on the default region."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from config.words import Words
from engine.traffic.network.dispatch import Refusal
from gwanje.calc import detours
from gwanje.cli import main

TUNNEL = "9933000003"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def ask(folder: str, capsys: pytest.CaptureFixture[str]) -> Any:
    def asked(*options: str) -> tuple[int, str, str]:
        status = main(["calc", "detours", "default", "--data-dir", folder, *options])
        return status, *capsys.readouterr()

    return asked


def test_a_closed_tunnel_gives_a_table_in_both_languages(ask: Any) -> None:
    status, korean, _ = ask("--close", f"{TUNNEL}::180")
    assert status == 0
    assert "고속국도 제991호선 · 국도 제994호선" in korean
    assert "거절: 다른 길이 없음" in korean
    assert "운영자가 결정합니다" in korean
    _, english, _ = ask("--close", f"{TUNNEL}::180", "--language", "en")
    assert "Expressway 991 · National Road 994 · Expressway 991" in english
    assert "an operator decides" in english
    assert len(korean.splitlines()) == len(english.splitlines()) > 10


def test_json_has_the_way_and_the_receipt_and_is_the_same_again(ask: Any) -> None:
    _, text, _ = ask("--close", f"{TUNNEL}::180", "--json")
    found = json.loads(text)
    advised = [one for one in found if one["refused"] is None]
    assert advised
    for one in advised:
        assert TUNNEL not in one["links"]
        assert one["saved_min"] == pytest.approx(one["stay_min"] - one["detour_min"], abs=0.01)
        assert 0.05 <= one["share"] <= 0.3
        assert one["worst_link"] in one["links"]
        assert {line["quantity"] for line in one["receipt"]} >= {"time_saved", "destination_share"}
    assert {one["refused"] for one in found if one["refused"]} <= {one.value for one in Refusal}
    assert ask("--close", f"{TUNNEL}::180", "--json")[1] == text


def test_flows_from_a_file_decide_and_what_is_not_in_it_is_not_known(ask: Any, tmp_path: Path) -> None:
    flows = tmp_path / "flows.csv"
    flows.write_text(f"link,flow_veh_h,speed_kmh\n{TUNNEL},900,\n")
    _, text, _ = ask("--close", f"{TUNNEL}::180", "--json", "--flows", str(flows))
    assert {one["refused"] for one in json.loads(text)} == {"flow_unknown", "no_alternative"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--close", "nothing"), "--close: expected a link of"),
        (("--close", f"{TUNNEL}:2"), "--close: expected LINK"),
        (("--close", f"{TUNNEL}:0.5:-1"), "--close: expected LINK"),
        (("--close", f"{TUNNEL}:a"), "--close: expected LINK"),
        (("--close", f"{TUNNEL}:nan"), "--close: expected LINK"),
        (("--close", TUNNEL, "--to", "x"), "--to: expected a node of"),
        (("--close", TUNNEL, "--load", "-1"), "--load: expected a number of 0 or more"),
        (("--close", TUNNEL, "--flows", "/does/not/exist"), "expected a CSV file"),
    ],
)
def test_what_is_wrong_is_named(ask: Any, options: tuple[str, ...], problem: str) -> None:
    status, _, error = ask(*options)
    assert status != 0
    assert problem in error


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("link\n", "flow_veh_h: expected a column, was missing"),
        ("link,flow_veh_h\nx,1\n", "line 2: link: expected one of the region, was 'x'"),
        (f"link,flow_veh_h\n{TUNNEL},many\n", "line 2: flow_veh_h: expected a number, was 'many'"),
    ],
)
def test_a_wrong_file_is_named_by_line_and_column(ask: Any, tmp_path: Path, text: str, problem: str) -> None:
    flows = tmp_path / "flows.csv"
    flows.write_text(text)
    status, _, error = ask("--close", TUNNEL, "--flows", str(flows))
    assert status != 0
    assert problem in error


def test_every_refusal_and_quantity_has_words() -> None:
    words, quantities = Words.load("detours_labels", Path(detours.__file__).parent), Words.load("quantities")
    for reason in Refusal:
        assert words.say("refused", reason.value).ko
    for quantity in ("stay_time", "detour_time", "time_saved", "queue_delay", "volume_capacity", "diverted_share"):
        assert quantities.say(quantity).en
