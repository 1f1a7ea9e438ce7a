"""The page on the real system: a simulated fire goes through broker, engine and desk, and a person approves.

Also takes the README's picture: ``test-results/control_room.png``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from config.catalogue.model import Catalogue
from config.catalogue.prepare import prepare_region
from config.settings import Settings
from gwanje.listener import bind
from gwanje.pace import clock_of, since_now
from gwanje.system import System
from simulators.causes.files import load_scenario
from simulators.run import run as run_simulation
from tests.gwanje.polling import eventually
from tests.web.conftest import CHROMIUM, DIST, QUIET_FLAGS

PICTURE = Path(__file__).parents[2] / "test-results" / "control_room.png"
SPEED = 10.0
"""Of the rehearsal: towers need a minute or two to see a young fire, and more to be sure."""
pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def default_region(request: pytest.FixtureRequest) -> Catalogue:
    cache = request.config.cache
    assert cache is not None
    return prepare_region("default", Path(cache.mkdir("gwanje-regions")))


@contextlib.asynccontextmanager
async def live_system(database_url: str, region: Catalogue, folder: Path) -> AsyncIterator[str]:
    """The system and the devices of the fire scenario on one fast clock; gives the page's address."""
    settings = since_now(Settings(database_url=database_url, clock_speed=SPEED, data_dir=str(folder)))
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        system = System(settings, region, listener)
        addresses: list[str] = []
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(system.run(addresses.append))
            await eventually(lambda: addresses or running.done(), "the system", 30.0)
            mqtt_url = f"mqtt://{addresses[0].removeprefix('mqtt://')}"
            devices = tasks.create_task(
                run_simulation(region, load_scenario("fire"), mqtt_url, clock=clock_of(settings), speed=SPEED)
            )
            yield f"http://127.0.0.1:{port}/"
            devices.cancel()
            await asyncio.wait([devices])
            system.stop()


@contextlib.asynccontextmanager
async def control_room(url: str, problems: list[str]) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET_FLAGS))
        page = await browser.new_page(viewport={"width": 1600, "height": 900})
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        await page.goto(url)
        yield page
        await browser.close()


async def test_a_fire_is_seen_located_approved_and_shown(
    database_url: str, default_region: Catalogue, tmp_path: Path
) -> None:
    if not CHROMIUM.is_file() or not (DIST / "index.html").is_file():
        reason = "no Chromium, or the page is not built (pip install -e .)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    problems: list[str] = []
    async with live_system(database_url, default_region, tmp_path) as url, control_room(url, problems) as page:
        row = page.locator("[data-row]").filter(has_text="산불").filter(has_text="승인 대기").first
        await expect(row).to_be_visible(timeout=60_000)
        await page.locator("header input").fill("김당직")
        await row.click()
        detail = page.get_by_test_id("detail")
        await expect(detail).to_contain_text("방위 교차 위치")
        await expect(detail).to_contain_text("[훈련]")
        # Other towers look at their own pace: wait until three agree, which settles the draft as well.
        await expect(detail).to_contain_text("경계", timeout=60_000)
        await page.wait_for_timeout(1_500)
        PICTURE.parent.mkdir(exist_ok=True)
        await page.screenshot(path=PICTURE)

        await page.keyboard.press("a")
        await page.get_by_role("button", name="보내기 확정").press("Enter")
        deliveries = page.get_by_test_id("deliveries").first
        await expect(deliveries).to_contain_text("보냄 1", timeout=10_000)
        await expect(deliveries).to_contain_text("표출", timeout=10_000)
    assert problems == []
