"""The page for makers of sensors: its examples decode, its tables are the schemas', its script runs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from config.catalogue.prepare import prepare_region
from config.numbers import load_numbers
from sensors.codec import MAX_BATCH, MAX_PAYLOAD_BYTES, MESSAGE_TYPES, decode
from sensors.errors import DecodeError
from sensors.registry import Registry
from sensors.schema import json_schemas

PAGE = Path(__file__).parents[2] / "docs" / "protocol" / "README.md"
TEXT = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
SCHEMAS = {schema["title"]: schema for schema in json_schemas().values()}
_PUBLISH = re.compile(r"mosquitto_pub [^'\n]*?-t (\S+)[^']*?-m '([^']+)'")


def field_table(name: str) -> str:
    """Return a type's fields as a table, those that every message has left out."""
    schema = SCHEMAS[name]
    rows = ["| field | type and bounds | meaning |", "|---|---|---|"]
    for field, body in schema["properties"].items():
        if field in {"device", "time", "seq"}:
            continue
        options = body.get("anyOf", [body])
        kinds = " or ".join(_kind(option) for option in options)
        if field not in schema["required"]:
            kinds += ", optional"
        meaning = next((option["description"] for option in options if "description" in option), "")
        rows.append(f"| `{field}` | {kinds} | {meaning} |")
    return "\n".join(rows)


def _kind(option: dict[str, Any]) -> str:
    if "$ref" in option:
        return "object as below"
    if "enum" in option:
        return ", ".join(f"`{value}`" for value in option["enum"])
    if option["type"] == "array":
        least, most = option.get("minItems", 0), option["maxItems"]
        span = str(most) if least == most else f"{least} to {most}"
        inner = option["items"]
        return f"array of {span}: " + " or ".join(_kind(one) for one in inner.get("anyOf", [inner]))
    words = {"integer": "whole number", "string": "text", "boolean": "true or false"}.get(
        option["type"], option["type"]
    )
    if option.get("format") == "date-time":
        return "time"
    low = f"> {option['exclusiveMinimum']:g}" if "exclusiveMinimum" in option else ""
    if "minimum" in option:
        low = f"≥ {option['minimum']:g}"
    bounds = [low, f"≤ {option['maximum']:g}" if "maximum" in option else ""]
    if "maxLength" in option:
        bounds = [f"{option.get('minLength', 0)} to {option['maxLength']} characters"]
    return " ".join([words, *(bound for bound in bounds if bound)])


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_table_of_every_type_stands_on_the_page(name):
    assert field_table(name) in TEXT


def test_every_stream_is_on_the_page():
    for kind, stream in MESSAGE_TYPES:
        assert f"`{kind}` `{stream}`" in TEXT


@pytest.fixture(scope="module")
def registry(request):
    # Kept between runs: making the region takes seconds.
    return Registry.from_catalogue(prepare_region("default", request.config.cache.mkdir("regions")))


EXAMPLES = _PUBLISH.findall(TEXT)


def test_there_are_examples_of_all_kinds():
    kinds = {topic.split("/")[3] for topic, _ in EXAMPLES}
    assert kinds == {kind for kind, _ in MESSAGE_TYPES}


@pytest.mark.parametrize(("topic", "payload"), EXAMPLES)
def test_an_example_is_accepted_in_the_region_that_comes_along(topic, payload, registry):
    decoded = decode(topic, payload.encode())
    for message in decoded.messages:
        if decoded.topic.kind == "cell":
            registry.check_centre(decoded.topic, message.device)
        else:
            assert registry.resolve(decoded.topic, message.device) >= 0


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_wrong_example_fails_as_the_page_says():
    (wrong,) = [block for block in _blocks("json") if '"problem"' in block]
    letter = json.loads(wrong)
    payload = '{"device":"weather-001","time":"2026-03-01T09:00:00Z","seq":3,"temp_c":140}'
    assert payload in TEXT
    with pytest.raises(DecodeError) as caught:
        decode(letter["topic"], payload.encode())
    assert (caught.value.field, caught.value.problem) == (letter["field"], letter["problem"])
    assert letter["size_bytes"] == len(payload)


class _Stop(BaseException):
    """Ends a script that goes on for ever."""


def test_the_python_script_sends_what_is_accepted(monkeypatch, registry):
    (script,) = _blocks("python")
    assert len([line for line in script.splitlines() if line.strip()]) <= 20
    sent: list[tuple[str, bytes, dict[str, Any]]] = []

    class Client:
        def __init__(self, host: str, port: int, **options: Any) -> None:
            sent.append((options["will"].topic, options["will"].payload, {}))

        async def __aenter__(self) -> Client:
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

        async def publish(self, topic: str, payload: str, **options: Any) -> None:
            sent.append((topic, payload.encode(), options))
            if len(sent) == 3:
                raise _Stop

    class Will:
        def __init__(self, topic: str, payload: str, qos: int, retain: bool) -> None:
            self.topic, self.payload = topic, payload.encode()
            assert (qos, retain) == (1, True)

    fake = ModuleType("aiomqtt")
    fake.Client, fake.Will = Client, Will  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aiomqtt", fake)
    with pytest.raises(_Stop):
        exec(compile(script, str(PAGE), "exec"), {"__name__": "__main__"})
    kinds = []
    for topic, payload, _ in sent:
        decoded = decode(topic, payload)
        (message,) = decoded.messages
        assert registry.resolve(decoded.topic, message.device) >= 0
        kinds.append((decoded.topic.stream, getattr(message, "online", None)))
    assert kinds == [("status", False), ("status", True), ("obs", None)]
    assert sent[1][2] == {"qos": 1, "retain": True}


def test_the_numbers_on_the_page_are_the_ones_in_force():
    plausible, fresh, text = load_numbers("plausibility"), load_numbers("freshness"), " ".join(TEXT.split())
    assert MAX_PAYLOAD_BYTES == 2**20
    for said in (
        "At most 1 MiB",
        f"an array of 1 to {MAX_BATCH:,} messages",
        f"more than {plausible['max_ahead_s'].value:.0f} s ahead of its arrival",
        f"more than {fresh['clock_slack_s'].value:.0f} s before it arrives",
        f"*stale* after {fresh['stale_after_periods'].value:.0f} periods",
        f"*unknown* after {fresh['unknown_after_periods'].value:.0f} periods",
        f"more than {plausible['max_frame_age_s'].value:.0f} s from `time`",
        f"Speeds above {plausible['speed_kmh_max'].value:.0f} km/h",
        f"flows above {plausible['flow_veh_h_lane_max'].value:,.0f} veh/h",
    ):
        assert said in text
