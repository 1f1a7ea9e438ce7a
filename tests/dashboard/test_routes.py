"""REST: what each call answers, and to whom."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from dashboard.guard import HEADERS, MAX_BODY_BYTES, host_name
from storage.database import Connection
from storage.repositories.devices import DeviceRow, register_devices
from storage.series import SOIL_DEPTHS
from tests.alerts.making import NOW
from tests.dashboard.making import NAME, REGION, Room

LEE = {"operator": "Lee", "version": 1}


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    await made.begin()
    yield made
    await made.close()


@pytest.fixture
async def client(room: Room) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(room) as made:
        yield made


def _client(room: Room) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(room.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://control.room")


def detail(reply: httpx.Response) -> str:
    text: str = reply.json()["detail"]
    assert isinstance(text, str)
    return text


async def test_an_approval_gives_the_alert_and_wakes_the_courier(room: Room, client: httpx.AsyncClient) -> None:
    reply = await client.post(f"/api/v1/alerts/{NAME}/approve", json=LEE)
    assert reply.status_code == 200
    alert = reply.json()
    assert (alert["state"], alert["approved_by"], alert["version"], alert["mode"]) == ("approved", "Lee", 2, "exercise")
    assert [one["state"] for one in alert["deliveries"]] == ["waiting", "waiting"]
    assert room.woken == 1
    assert len(room.store.postings) == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        (f"{NAME}/approve", LEE | {"operator": "system"}, 403, "other than the author"),
        (f"{NAME}/approve", LEE | {"operator": "\u200b"}, 403, "expected a name"),
        ("alert-9/approve", LEE, 404, "alert: expected one that is known, was 'alert-9'"),
        (f"{NAME}/approve", LEE | {"version": 7}, 409, "expected version 1, was 7"),
        (f"{NAME}/reject", LEE | {"reason": " "}, 403, "reason: expected why"),
        (f"{NAME}/approve", {"operator": "Lee"}, 422, "version: "),
        (f"{NAME}/approve", LEE | {"version": "1"}, 422, "version: "),
        (f"{NAME}/approve", LEE | {"operator": "x" * 101}, 422, "operator: "),
        (f"{NAME}/approve", LEE | {"operator": 5}, 422, "operator: "),
        (f"{NAME}/reject", LEE, 422, "reason: "),
        (f"{NAME}/approve", [], 422, "body: "),
    ],
)
async def test_what_may_not_be_decided_is_refused_with_a_reason(
    room: Room, client: httpx.AsyncClient, path: str, body: Any, status: int, text: str
) -> None:
    reply = await client.post(f"/api/v1/alerts/{path}", json=body)
    assert reply.status_code == status
    assert text in detail(reply)
    assert room.desk.alerts[NAME].state == "draft"
    assert (room.woken, room.store.postings) == (0, [])


async def test_a_rejection_keeps_its_reason_and_posts_nothing(room: Room, client: httpx.AsyncClient) -> None:
    reply = await client.post(f"/api/v1/alerts/{NAME}/reject", json=LEE | {"reason": "a barbecue"})
    assert (reply.status_code, reply.json()["reason"]) == (200, "Lee: a barbecue")
    again = await client.post(f"/api/v1/alerts/{NAME}/reject", json=LEE | {"version": 2, "reason": "x"})
    assert again.status_code == 409
    assert room.store.postings == []


async def test_without_the_store_nothing_is_decided_and_the_answer_says_so(
    room: Room, client: httpx.AsyncClient
) -> None:
    room.store.away = True
    reply = await client.post(f"/api/v1/alerts/{NAME}/approve", json=LEE)
    assert reply.status_code == 503
    assert "the database is away" in detail(reply)
    assert room.desk.alerts[NAME].state == "draft"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://control.room"}, 200),
        ({"Origin": "HTTP://CONTROL.ROOM"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://control.room.evil.example"}, 403),
        ({"Origin": "http://control.room:8080"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
    ],
)
async def test_only_our_own_page_and_programs_may_act(
    client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    given = {"Content-Type": "application/json"} | headers
    reply = await client.post(f"/api/v1/alerts/{NAME}/approve", content=msgspec.json.encode(LEE), headers=given)
    assert reply.status_code == status
    if status != 200:
        assert detail(reply)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 5_000, b'{"operator": "\\ud800", "version": 1}', b"\xff"])
async def test_a_body_that_cannot_be_read_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    reply = await client.post(
        f"/api/v1/alerts/{NAME}/approve", content=body, headers={"Content-Type": "application/json"}
    )
    assert reply.status_code in {400, 422}
    assert detail(reply)


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_too_large_is_refused(client: httpx.AsyncClient, chunked: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1_000 + 2):
            yield b" " * 1_000

    content: Any = parts() if chunked else b" " * (MAX_BODY_BYTES + 1)
    reply = await client.post(
        f"/api/v1/alerts/{NAME}/approve", content=content, headers={"Content-Type": "application/json"}
    )
    assert reply.status_code == 413
    assert "at most 65536 bytes" in detail(reply)


async def test_the_public_sees_approved_alerts_of_its_district_and_not_who_decided(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/public/alerts", params={"district": "99110"})).json() == []
    await client.post(f"/api/v1/alerts/{NAME}/approve", json=LEE)
    (alert,) = (await client.get("/api/v1/public/alerts", params={"district": "99110"})).json()
    assert set(alert) == {"id", "mode", "level", "districts", "text", "time"}
    assert alert["text"]["ko"].startswith("[훈련]")
    assert (await client.get("/api/v1/public/alerts", params={"district": "99120"})).json() == []
    assert (await client.get("/api/v1/public/alerts")).status_code == 422


async def test_the_region_has_everything_and_a_tag(client: httpx.AsyncClient) -> None:
    reply = await client.get("/api/v1/region")
    region = reply.json()
    assert {one["id"] for one in region["districts"]} == {"99110", "99120"}
    kinds = {one["kind"] for one in region["devices"]}
    assert kinds == {"vds", "cctv", "slope", "tower", "weather", "sign"}
    camera = next(one for one in region["devices"] if one["id"] == "CAM-4")
    assert camera["link"] in {one["id"] for one in region["links"]}
    assert region["devices"][0]["name"] is None
    for tag in (reply.headers["etag"], f"W/{reply.headers['etag']}", f'"x", {reply.headers["etag"]}', "*"):
        again = await client.get("/api/v1/region", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == reply.headers["etag"]
    assert (await client.get("/api/v1/region", headers={"If-None-Match": '"x"'})).status_code == 200


async def test_terrain_comes_as_small_integers_or_not_at_all(client: httpx.AsyncClient) -> None:
    terrain = (await client.get("/api/v1/region/terrain")).json()
    heights = np.frombuffer(base64.b64decode(terrain["elevation_m"]), dtype="<i2")
    assert heights.shape == (terrain["rows"] * terrain["columns"],)
    assert set(heights.tolist()) == {20}
    flat = Room(catalogue=msgspec.structs.replace(REGION, terrain=None))
    async with _client(flat) as other:
        reply = await other.get("/api/v1/region/terrain")
    assert (reply.status_code, detail(reply)) == (404, "this region has no terrain")


async def test_health_readiness_and_figures(room: Room, client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json()["ready"] is True
    room.states["database"] = "degraded"
    assert (await client.get("/readyz")).status_code == 200
    room.states["database"] = "down"
    reply = await client.get("/readyz")
    assert (reply.status_code, reply.json()["ready"]) == (503, False)
    figures = (await client.get("/metrics")).text
    assert "gwanje_ticks_total 3.0" in figures
    assert "# TYPE gwanje_step_seconds gauge" in figures
    buckets = [line for line in figures.splitlines() if line.startswith("gwanje_age_seconds_bucket")]
    assert [line.partition("le=")[2] for line in buckets] == ['"0.1"} 2.0', '"1"} 5.0', '"+Inf"} 9.0']


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/region", "/api/v1/nothing", "/api/v1/alerts/x/approve"])
async def test_every_answer_bears_the_guarding_headers(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.get(path)
    for name, value in HEADERS.items():
        assert reply.headers[name] == value
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "server" not in reply.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8000", 200), ("localhost", 200), ("[::1]:8000", 200), ("LOCALHOST:1", 200), ("evil.example", 400),
     ("127.0.0.1.evil.example", 400), ("", 400)],
)  # fmt: skip
async def test_a_name_that_is_not_ours_is_refused(host: str, status: int) -> None:
    guarded = Room(hosts=["127.0.0.1", "localhost", "::1"])
    async with _client(guarded) as client:
        reply = await client.get("/healthz", headers={"Host": host})
    assert reply.status_code == status
    if status == 400:
        assert "Host: expected one of" in detail(reply)
        assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("a:1", "a"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("A.b", "a.b"),
        ("a:", "a:"),
        ("", ""),
        ("1.2.3.4:5", "1.2.3.4"),
    ],
)
def test_host_names_without_ports(header: str, name: str) -> None:
    assert host_name(header) == name


async def test_an_error_of_ours_shows_nothing_of_it(room: Room, client: httpx.AsyncClient) -> None:
    room.desk._drafter = None  # type: ignore[assignment]
    reply = await client.post(f"/api/v1/alerts/{NAME}/approve", json=LEE)
    assert (reply.status_code, detail(reply)) == (500, "something went wrong in the server; its log says what")


@pytest.mark.parametrize("device", ["a%00b", "x" * 60, "a b", "%F0%9F%94%A5"])
async def test_what_cannot_be_a_device_is_not_even_asked_for(client: httpx.AsyncClient, device: str) -> None:
    reply = await client.get(f"/api/v1/devices/{device}/readings")
    assert reply.status_code == 404
    assert "expected one of the region" in detail(reply)


async def test_readings_and_letters_need_the_database(client: httpx.AsyncClient) -> None:
    for path in ("/api/v1/devices/VDS-1/readings", "/api/v1/dead-letters"):
        reply = await client.get(path)
        assert reply.status_code == 503
        assert "the database is away" in detail(reply)
    assert (await client.get("/api/v1/devices/VDS-1/readings", params={"minutes": 0})).status_code == 422
    assert (await client.get("/api/v1/dead-letters", params={"limit": 5_000})).status_code == 422


@pytest.mark.integration
async def test_readings_and_letters_come_from_the_database(database_url: str, connection: Connection) -> None:
    keys = await register_devices(
        connection, [DeviceRow("SLP-1", "slope", "99110"), DeviceRow("VMS-1", "sign", "99110")]
    )
    for minutes, tilt in ((5, 0.5), (90, 9.0)):
        await connection.execute(
            "INSERT INTO gwanje.slope_reading VALUES"
            " (%s, %s, %s, 0, %s, 0, array_fill('NaN'::real, ARRAY[%s]), 'NaN', 'NaN', 3.5, 'NaN', 0)",
            [NOW - timedelta(minutes=minutes), NOW, int(keys[0]), tilt, SOIL_DEPTHS],
        )
    await connection.execute(
        "INSERT INTO gwanje.dead_letter VALUES (%s, 't', NULL, 'f', %s, 3, 'abc')", [NOW, "<script>"]
    )
    room = Room(database_url)
    async with _client(room) as client:
        reply = await client.get("/api/v1/devices/SLP-1/readings")
        assert reply.status_code == 200, reply.text
        readings = reply.json()
        assert readings["kind"] == "slope"
        assert readings["series"]["tilt_x_deg"] == [[(NOW - timedelta(minutes=5)).timestamp(), 0.5]]
        assert readings["series"]["pore_pressure_kpa"][0][1] is None
        longer = (await client.get("/api/v1/devices/SLP-1/readings", params={"minutes": 120})).json()
        assert len(longer["series"]["tilt_x_deg"]) == 2
        assert (await client.get("/api/v1/devices/VMS-1/readings")).json()["series"] == {}
        assert (await client.get("/api/v1/devices/NONE/readings")).status_code == 404
        (letter,) = (await client.get("/api/v1/dead-letters")).json()
        assert letter["problem"] == "<script>"
        assert set(letter) == {"received", "topic", "device", "field", "problem", "size_bytes"}
    await room.close()


async def test_the_interface_describes_itself(client: httpx.AsyncClient) -> None:
    described = (await client.get("/api/openapi.json")).json()
    assert "/api/v1/alerts/{alert}/approve" in described["paths"]
    assert (await client.get("/docs")).status_code == 404
