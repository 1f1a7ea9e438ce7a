"""States, situations and alerts for the sample region, in the form of the live stream."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.web.sample_region import Json, text

START = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
FIRE, JAM, SLOPE = "SIT-FIRE-1", "SIT-JAM-1", "SIT-SLOPE-1"
FIRE_ALERT, SLOPE_ALERT = "ALERT-FIRE-1", "ALERT-SLOPE-1"


def stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def device_states(region: Json) -> list[Json]:
    """Most devices fresh; some old, some never heard, one broken, a jam, two slopes that move."""
    links = {link["id"]: link for link in region["links"]}
    states = []
    for index, device in enumerate(region["devices"]):
        if index % 29 == 28:
            continue  # never reported: the page must show it as unknown
        state: Json = {
            "id": device["id"],
            "freshness": "stale" if index % 23 == 22 else "fresh",
            "online": True,
            "fault": None,
            "level": None,
            "time": stamp(START - timedelta(seconds=4)),
            "received": stamp(START - timedelta(seconds=3)),
            "values": {},
        }
        if device["kind"] == "vds":
            link = links[device["link"]]
            state["level"], speed = "smooth", 92.0
            if link["road"] == "R65" and link["direction"] == "down" and 37.64 < device["lat"] < 37.72:
                state["level"], speed = "jammed", 14.0
            elif link["road"] == "R65" and link["direction"] == "down" and 37.72 <= device["lat"] < 37.75:
                state["level"], speed = "slow", 43.0
            if state["level"] != "smooth":
                state["freshness"] = "fresh"
            state["values"] = {"speed_kmh": speed, "flow_veh_h": 1280, "occupancy_pct": 11.5, "heavy_pct": None}
        elif device["kind"] == "slope":
            state["level"] = {"SLOPE-005": "alert", "SLOPE-006": "attention"}.get(device["id"])
            state["values"] = {"rain_mm_h": 22.5, "tilt_rate_deg_h": 0.08, "soil_moisture_frac": 0.41, "battery_v": 3.6}
        elif device["id"] == "CCTV-006":
            state["online"], state["fault"] = False, "no frame"
        states.append(state)
    return states


def _entry(minutes_ago: float, who: str, ko: str, en: str) -> Json:
    return {"time": stamp(START - timedelta(minutes=minutes_ago)), "who": who, "what": text(ko, en)}


def _finding(identifier: str, rule: str, level: str, devices: list[str], receipt: list[Json]) -> Json:
    return {
        "id": identifier,
        "rule": rule,
        "level": level,
        "active": True,
        "onset": stamp(START - timedelta(minutes=4)),
        "updated": stamp(START - timedelta(seconds=12)),
        "confidence": 0.93,
        "receipt": receipt,
        "devices": devices,
    }


def _line(label: Json, value: Any, unit: str, threshold: float | None, source: str) -> Json:
    return {"label": label, "value": value, "unit": unit, "threshold": threshold, "source": source}


def _situation(identifier: str, kind: str, level: str, title: Json, lon: float, lat: float, **more: Any) -> Json:
    return {
        "id": identifier,
        "kind": kind,
        "level": level,
        "phase": "confirmed",
        "active": True,
        "title": title,
        "district": "32102",
        "lon": lon,
        "lat": lat,
        "ellipse": None,
        "line": None,
        "opened": stamp(START - timedelta(minutes=4)),
        "updated": stamp(START - timedelta(seconds=12)),
        "confidence": 0.93,
        "findings": [],
        "timeline": [
            {
                "time": stamp(START - timedelta(minutes=4)),
                "who": "engine",
                "what": text("상황 발생", "Situation opened"),
            }
        ],
        **more,
    }


def fire() -> Json:
    receipt = [
        _line(text("관측 방위 수", "Bearings used"), 3, "", 2, "FIX-1"),
        _line(text("교차각", "Crossing angle"), 64.2, "°", 20, "Stansfield 1947"),
        _line(text("95 % 장반경", "95 % semi-major axis"), 1450, "m", 3000, "FIX-2"),
    ]
    return _situation(
        FIRE,
        "fire",
        "serious",
        text("참나무골 남서쪽 산불", "Forest fire south-west of Chamnamugol"),
        128.885,
        37.545,
        district="32101",
        ellipse={"semi_major_m": 1450, "semi_minor_m": 620, "azimuth_deg": 58},
        findings=[_finding("F1", "fire.fix", "serious", ["TOWER-001", "TOWER-002"], receipt)],
        timeline=[
            {
                "time": stamp(START - timedelta(minutes=4)),
                "who": "engine",
                "what": text("감시탑 2곳 연기 탐지", "Smoke seen by two towers"),
            },
            {
                "time": stamp(START - timedelta(minutes=3)),
                "who": "engine",
                "what": text("교차 방위로 위치 추정", "Position fixed by crossing bearings"),
            },
            {
                "time": stamp(START - timedelta(minutes=2)),
                "who": "policy",
                "what": text("알림 초안 작성", "Alert drafted"),
            },
        ],
    )


def jam(region: Json) -> Json:
    path = [
        link["line"]
        for link in region["links"]
        if link["road"] == "R65" and link["direction"] == "down" and 37.64 < link["line"][1][1] < 37.72
    ]
    line = [point for piece in path for point in piece]
    receipt = [_line(text("평균 속도", "Mean speed"), 14.0, "km/h", 40, "CONG-1")]
    middle = line[len(line) // 2]
    return _situation(
        JAM,
        "congestion",
        "caution",
        text("동해선 부산방향 정체 9 km", "Donghae line southbound, 9 km queue"),
        middle[0],
        middle[1],
        line=line,
        confidence=0.88,
        findings=[_finding("F2", "traffic.congestion", "caution", ["VDS-020"], receipt)],
    )


def slope() -> Json:
    return _situation(
        SLOPE,
        "slope",
        "alert",
        text("절개지 5 변위 가속", "Cut slope 5 accelerating"),
        128.815,
        37.70,
        phase="suspected",
        confidence=0.71,
        opened=stamp(START - timedelta(minutes=41)),
        findings=[
            _finding(
                "F3",
                "slope.tilt_rate",
                "alert",
                ["SLOPE-005"],
                [_line(text("기울기 속도", "Tilt rate"), 0.08, "°/h", 0.05, "Uchimura 2015")],
            )
        ],
    )


def ended() -> Json:
    title = text("국도 7호선 고장 차량", "Stopped vehicle on national road 7")
    opened = stamp(START - timedelta(hours=2, minutes=12))
    return _situation(
        "SIT-OLD-1", "incident", "attention", title, 128.99, 37.66, active=False, phase="closed", opened=opened
    )


def draft(identifier: str, situation: str, mode: str = "exercise") -> Json:
    return {
        "id": identifier,
        "version": 2,
        "situation": situation,
        "mode": mode,
        "state": "draft",
        "author": "policy",
        "approved_by": None,
        "districts": ["32101", "32102"],
        "text": text(
            "[훈련] [솔내시] 오늘 14:26 참나무골 남서쪽 산불 발생. 참나무골·솔마루 주민은 "
            "솔내체육관으로 대피 바랍니다.",
            "[EXERCISE] [Solnae] Forest fire south-west of Chamnamugol at 14:26. Residents of Chamnamugol and Solmaru: "
            "go to Solnae gym.",
        ),
        "signs": [
            {"sign": "SIGN-009", "multi": "[jp3][pt30o0]전방 산불[nl]연기 주의[np]국도 7호선[nl]우회"},
            {"sign": "SIGN-018", "multi": "[jp3]전방 산불[nl]우회하십시오"},
        ],
        "created": stamp(START - timedelta(minutes=2)),
        "updated": stamp(START - timedelta(minutes=2)),
        "deliveries": [],
    }


def parts() -> list[Json]:
    ok = text("정상", "working")
    return [
        {"id": "broker", "state": "up", "reason": ok},
        {"id": "database", "state": "degraded", "reason": text("기록 지연 2.1초", "writing 2.1 s behind")},
        {"id": "engine", "state": "up", "reason": ok},
        {"id": "devices", "state": "up", "reason": ok},
    ]


def readings(identifier: str, kind: str, start: datetime = START) -> Json:
    seconds = [int(start.timestamp()) - 30 * step for step in range(120, 0, -1)]
    speed = [[second, None if 40 < at < 46 else 90 - (at // 4) + (at % 7)] for at, second in enumerate(seconds)]
    flow = [[second, 1200 + 40 * (at % 9)] for at, second in enumerate(seconds)]
    return {"id": identifier, "kind": kind, "series": {"speed_kmh": speed, "flow_veh_h": flow}}
