"""The control-room page in a real browser.

Without a graphics card WebGL is drawn by the processor, which is slow: only the tests of the map itself use it, the
others run in the browser without WebGL.
"""

from __future__ import annotations

import base64
import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web import sample_live as live
from tests.web.conftest import OpenPage
from tests.web.fake_server import POLICY, FakeServer

pytestmark = pytest.mark.browser


def wait_for_map(page: Page, kind: str = "webgl") -> None:
    page.wait_for_selector(f"[data-map={kind}]")


def push_fire(server: FakeServer) -> None:
    server.push(situations=[live.fire()], alerts=[live.draft(live.FIRE_ALERT, live.FIRE)])


def colours(page: Page, selector: str) -> int:
    """Number of different colours on a coarse grid over an element, from a picture of it."""
    script = """async (url) => {
      const image = new Image();
      image.src = url;
      await image.decode();
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [image.width, image.height];
      const brush = canvas.getContext("2d");
      brush.drawImage(image, 0, 0);
      const { data } = brush.getImageData(0, 0, image.width, image.height);
      const seen = new Set();
      for (let at = 0; at < data.length; at += 44) seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
      return seen.size;
    }"""
    picture = page.locator(selector).screenshot()
    return int(page.evaluate(script, "data:image/png;base64," + base64.b64encode(picture).decode()))


def test_shows_devices_situations_and_parts_without_errors_or_outside_requests(
    browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    watched = open_page(browser)
    page = watched.page
    wait_for_map(page)

    states = server.state["devices"].values()
    total = len(server.region["devices"])
    counts = page.get_by_test_id("device-counts")
    expect(counts).to_contain_text(f"장비 {total}")
    expect(counts).to_contain_text(f"정상 수신 {sum(row['freshness'] == 'fresh' for row in states)}")
    expect(counts).to_contain_text(f"상태 모름 {total - len(states)}")
    expect(page.locator("[data-part=database]")).to_have_text("데이터베이스 저하")
    expect(page.locator("[data-row]").first).to_contain_text("경계 3")
    expect(page.locator("[data-row]")).to_have_count(3)
    expect(page.locator("[data-mode=exercise]")).to_contain_text("훈련")
    expect(page.get_by_test_id("data-until")).to_have_text(re.compile(r"^14:3\d:\d\d$"))

    assert colours(page, ".map-canvas") > 100
    assert watched.problems == []
    assert watched.outside == []


def test_pages_come_with_the_policy_and_keep_to_it(browser: Browser, server: FakeServer, open_page: OpenPage) -> None:
    watched = open_page(browser)
    page = watched.page
    answer = page.request.get(server.url + "/")
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    wait_for_map(page)
    # The policy is in force: a script written into the page does not run.
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    assert page.evaluate("window.ran") is None
    assert [text for text in watched.problems if "script-src" not in text] == []
    assert len(watched.problems) == 1


def test_a_new_situation_appears_within_a_second_and_is_announced(
    flat_browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    page = open_page(flat_browser).page
    wait_for_map(page, "canvas")
    expect(page.locator("[data-row]")).to_have_count(3)
    push_fire(server)
    first = page.locator("[data-row]").first
    expect(first).to_contain_text("심각 4", timeout=1_000)
    expect(first).to_contain_text("승인 대기")
    expect(page.get_by_test_id("announcer")).to_have_text("새 상황. 심각. 참나무골 남서쪽 산불")


def test_data_from_the_server_is_text_never_markup(
    flat_browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    watched = open_page(flat_browser)
    page = watched.page
    hostile = '<img src=x onerror="window.ran=1"><b>x</b>'
    server.push(situations=[live.fire() | {"title": {"ko": hostile, "en": hostile}}])
    page.locator(f"[data-row={live.FIRE}]").click()
    expect(page.locator("#detail-title")).to_have_text(hostile)
    assert page.locator("main img, main b >> text=/^x$/").count() == 0
    assert page.evaluate("window.ran") is None
    assert watched.problems == []


def test_language_switch_is_kept(flat_browser: Browser, server: FakeServer, open_page: OpenPage) -> None:
    page = open_page(flat_browser).page
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.get_by_role("button", name="언어: English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("[data-row]").first).to_contain_text("Cut slope 5 accelerating")
    expect(page.get_by_test_id("device-counts")).to_contain_text("Unknown")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("[data-row]").first).to_contain_text("ALERT 3")


def test_approves_by_keyboard_alone(flat_browser: Browser, server: FakeServer, open_page: OpenPage) -> None:
    push_fire(server)
    watched = open_page(flat_browser)
    page, keys = watched.page, watched.page.keyboard
    wait_for_map(page, "canvas")
    expect(page.locator("[data-row]")).to_have_count(4)

    keys.press("j")
    expect(page.locator(f"[data-row={live.FIRE}]")).to_be_focused()
    keys.press("j")
    expect(page.locator(f"[data-row={live.SLOPE}]")).to_be_focused()
    keys.press("k")
    expect(page.locator(f"[data-row={live.FIRE}]")).to_be_focused()
    keys.press("Enter")
    expect(page.locator("#detail-title")).to_have_text("참나무골 남서쪽 산불")

    keys.press("a")
    expect(page.get_by_role("alert")).to_contain_text("근무자 이름")
    expect(page.locator("#operator")).to_be_focused()
    keys.type("a. kim")
    keys.press("Enter")
    assert server.actions == []

    keys.press("a")
    expect(page.get_by_role("alertdialog")).to_contain_text("훈련 · 남해군포, 솔내시 · 전광판 2곳")
    keys.press("Escape")
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    assert server.actions == []

    keys.press("a")
    expect(page.get_by_role("alertdialog")).to_be_visible()
    keys.press("Enter")
    alert = page.locator(f"[data-alert={live.FIRE_ALERT}]")
    expect(alert).to_contain_text("승인됨")
    expect(alert).to_contain_text("승인 a. kim")
    deliveries = page.get_by_test_id("deliveries")
    expect(deliveries).to_contain_text("구독자보냄 1")
    expect(deliveries).to_contain_text("전광판표출 2")
    assert server.actions == [{"alert": live.FIRE_ALERT, "kind": "approve", "operator": "a. kim", "version": 2}]

    keys.press("Escape")
    expect(page.locator("#detail-title")).to_have_count(0)
    assert watched.problems == []


def open_draft(page: Page) -> None:
    page.fill("#operator", "b. lee")
    page.locator(f"[data-row={live.SLOPE}]").click()


def test_a_refused_approval_is_told_in_plain_words(
    flat_browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    page = open_page(flat_browser).page
    open_draft(page)
    refusals = {
        403: "작성자는 자기 알림을 승인할 수 없습니다",
        409: "이미 처리되었습니다",
        503: "데이터베이스를 쓸 수 없어",
    }
    for status, words in refusals.items():
        server.refusal = (status, f"said the server {status}")
        page.get_by_role("button", name="승인 A").click()
        page.get_by_role("button", name="보내기 확정").click()
        failure = page.locator(".failure")
        expect(failure).to_contain_text(words)
        expect(failure).to_contain_text(f"said the server {status}")
        expect(page.locator(f"[data-alert={live.SLOPE_ALERT}]")).to_contain_text("초안")


def test_a_draft_that_changes_while_it_is_confirmed_must_be_read_again(
    flat_browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    page = open_page(flat_browser).page
    open_draft(page)
    page.get_by_role("button", name="승인 A").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    server.push(alerts=[live.draft(live.SLOPE_ALERT, live.SLOPE) | {"version": 3}])
    expect(page.locator(".failure")).to_contain_text("초안이 바뀌었습니다")
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    assert server.actions == []


def test_rejects_with_a_reason(flat_browser: Browser, server: FakeServer, open_page: OpenPage) -> None:
    page = open_page(flat_browser).page
    open_draft(page)
    page.get_by_role("button", name="반려 R").click()
    page.get_by_role("button", name="반려 확정").click()
    expect(page.locator(".failure")).to_have_text("사유를 적으십시오.")
    page.get_by_label("반려 사유").fill("현장 확인 결과 이상 없음")
    page.get_by_role("button", name="반려 확정").click()
    expect(page.locator(f"[data-alert={live.SLOPE_ALERT}]")).to_contain_text("반려됨")
    assert server.actions[-1]["reason"] == "현장 확인 결과 이상 없음"


def test_a_lost_connection_is_plain_and_recovers_by_itself(
    flat_browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    page = open_page(flat_browser).page
    wait_for_map(page, "canvas")
    open_draft(page)
    page.evaluate("window.sameDocument = true")
    server.drop(refuse=True)
    banner = page.get_by_role("alert").filter(has_text="연결이 끊겼습니다")
    expect(banner).to_be_visible()
    expect(page.locator(".page")).to_have_class(re.compile("frozen"))
    expect(page.locator("[data-row]")).to_have_count(3)
    expect(page.get_by_role("button", name="승인 A")).to_be_disabled()
    expect(page.get_by_test_id("data-age")).to_have_text(re.compile(r"^([1-9]|\d\d)(\.\d)?초$"))

    push_fire(server)
    server.accept()
    # The page may have come back by itself this very moment, and the button with the banner be gone.
    page.evaluate("document.querySelector('.banner button')?.click()")
    expect(banner).to_have_count(0)
    expect(page.locator(f"[data-row={live.FIRE}]")).to_be_visible()
    assert page.evaluate("window.sameDocument") is True


def test_a_gap_in_the_stream_takes_a_new_snapshot(
    flat_browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    page = open_page(flat_browser).page
    expect(page.locator("[data-row]")).to_have_count(3)
    server.state["situations"][live.FIRE] = live.fire()
    server.push_gap()
    expect(page.locator(f"[data-row={live.FIRE}]")).to_be_visible()
    expect(page.locator(".banner")).to_have_count(0)


def test_a_device_shows_its_values_age_and_last_hour(
    flat_browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    watched = open_page(flat_browser)
    page = watched.page
    wait_for_map(page, "canvas")
    server.push(situations=[live.jam(server.region)])
    page.locator(f"[data-row={live.JAM}]").click()
    page.get_by_role("button", name="VDS-020").click()
    device = page.get_by_test_id("device")
    expect(device).to_contain_text("VDS-020")
    expect(device).to_contain_text("속도")
    expect(device).to_contain_text("km/h")
    expect(device.locator(".series canvas")).to_have_count(2)
    expect(device.locator(".device-state")).to_contain_text(re.compile(r"자료 나이 \d+(초|분)"))
    assert watched.problems == []


def test_nothing_overflows_from_small_to_wide(flat_browser: Browser, server: FakeServer, open_page: OpenPage) -> None:
    push_fire(server)
    page = open_page(flat_browser).page
    page.get_by_role("button", name="언어: English").click()
    page.locator(f"[data-row={live.FIRE}]").click()
    for width, height in ((1280, 720), (1920, 1080), (2560, 1300)):
        page.set_viewport_size({"width": width, "height": height})
        expect(page.get_by_role("button", name="Approve A")).to_be_in_viewport(ratio=1)
        sizes = page.evaluate(
            "[document.documentElement, document.querySelector('.top'), document.querySelector('.side')]"
            ".map((part) => [part.scrollWidth - part.clientWidth, part.scrollHeight - part.clientHeight])"
        )
        assert sizes == [[0, 0]] * 3, (width, height)


def test_without_webgl_the_same_map_is_drawn_flat(
    flat_browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    push_fire(server)
    watched = open_page(flat_browser)
    page = watched.page
    wait_for_map(page, "canvas")
    expect(page.get_by_text("WebGL을 쓸 수 없어")).to_be_visible()
    assert colours(page, ".flat-map") > 100

    before = page.locator(".flat-map").screenshot()
    page.locator(f"[data-row={live.FIRE}]").click()
    expect(page.locator("#detail-title")).to_have_text("참나무골 남서쪽 산불")
    page.wait_for_function("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
    assert page.locator(".flat-map").screenshot() != before

    page.keyboard.press("Escape")
    expect(page.locator("#detail-title")).to_have_count(0)
    # The fire is still in the middle of what the layer panel leaves free, so a click there opens it again.
    box = page.locator(".flat-map").bounding_box()
    assert box is not None
    panel = min(220, box["width"] / 4)
    page.mouse.click(box["x"] + (box["width"] + panel) / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#detail-title")).to_have_text("참나무골 남서쪽 산불")
    assert watched.problems == []
    assert watched.outside == []


def test_a_lost_graphics_context_ends_in_the_flat_map(
    browser: Browser, server: FakeServer, open_page: OpenPage
) -> None:
    page = open_page(browser).page
    wait_for_map(page)
    page.wait_for_selector("canvas.maplibregl-canvas")
    page.evaluate(
        "document.querySelector('canvas.maplibregl-canvas').getContext('webgl2')"
        ".getExtension('WEBGL_lose_context').loseContext()"
    )
    wait_for_map(page, "canvas")
    assert colours(page, ".flat-map") > 100


def test_layer_switches_are_kept(flat_browser: Browser, server: FakeServer, open_page: OpenPage) -> None:
    page = open_page(flat_browser).page
    wait_for_map(page, "canvas")
    page.get_by_label("CCTV").uncheck()
    page.reload()
    wait_for_map(page, "canvas")
    expect(page.get_by_label("CCTV")).not_to_be_checked()
    expect(page.get_by_label("차량검지기")).to_be_checked()
