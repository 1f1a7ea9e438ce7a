"""The citizens' page in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.web.conftest import OpenPage
from tests.web.fake_server import FakeServer

pytestmark = pytest.mark.browser


def alert(identifier: str, minute: int, mode: str = "live") -> dict[str, Any]:
    return {
        "id": identifier,
        "mode": mode,
        "district": "32102",
        "level": "serious",
        "language": "ko",
        "text": f"대피 바랍니다 {identifier}",
        "time": f"2026-11-23T05:{minute:02d}:00Z",
    }


def test_shows_alerts_newest_first_and_recovers_what_was_missed(
    flat_browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    watched = open_page(flat_browser, "/citizen.html")
    page = watched.page
    page.get_by_label("지역").select_option("32102")
    expect(page.get_by_role("status")).to_have_text("연결됨")
    server.publish(alert("a1", 30))
    server.publish(alert("a2", 31, "exercise"))
    rows = page.locator("[data-alert]")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("[훈련] 실제 상황이 아닙니다.")
    expect(rows.last).not_to_contain_text("훈련")
    expect(rows.last).to_contain_text("심각 4")
    assert watched.problems == []
    assert watched.outside == []

    page.goto("about:blank")
    server.publish(alert("a3", 32))
    page.goto(server.url + "/citizen.html")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("대피 바랍니다 a3")
    assert server.citizen_connections[-1] == {"district": "32102", "lang": "ko", "since": "epoch-1:2"}
    expect(page.get_by_text("끊긴 동안의 알림")).to_have_count(0)


def test_says_so_when_what_was_missed_is_not_known(
    flat_browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    page = open_page(flat_browser, "/citizen.html").page
    page.get_by_label("지역").select_option("32102")
    expect(page.get_by_role("status")).to_have_text("연결됨")
    server.publish(alert("b1", 30))
    expect(page.locator("[data-alert]")).to_have_count(1)
    page.goto("about:blank")
    server.epoch = "epoch-2"
    server.publish(alert("b2", 31))
    page.goto(server.url + "/citizen.html")
    expect(page.get_by_text("끊긴 동안의 알림을 서버에서 다시 읽었습니다.")).to_be_visible()
    expect(page.locator("[data-alert]")).to_have_count(2)


def test_says_at_once_that_alerts_cannot_come(flat_browser: Browser, server: FakeServer, open_page: OpenPage) -> None:
    page = open_page(flat_browser, "/citizen.html").page
    page.get_by_label("지역").select_option("32102")
    expect(page.get_by_role("status")).to_have_text("연결됨")
    server.drop(refuse=True)
    expect(page.get_by_role("status")).to_have_text("재연결 중")
    server.accept()
    expect(page.get_by_role("status")).to_have_text("연결됨")
