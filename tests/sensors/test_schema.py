from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7, DRAFT202012

from gwanje.commands.protocol import documents
from sensors.codec import MAX_BATCH, MESSAGE_TYPES, decode, encode
from sensors.errors import DecodeError
from sensors.schema import asyncapi, json_schemas
from sensors.topics import parse_topic
from tests.sensors.messages import KEYS, example, keyed_messages, topic_of
from tests.sensors.test_explain import WRONG_FIELDS

PUBLISHED = Path(__file__).parents[2] / "docs" / "protocol"
SCHEMAS = json_schemas()
DOCUMENT = asyncapi()


def _validators(validator: Any, specification: Any) -> dict[tuple[str, str], Any]:
    resources = [(name, Resource(schema, specification)) for name, schema in SCHEMAS.items()]
    registry: Registry[Any] = Registry().with_resources(resources)
    return {key: validator(SCHEMAS[_file_of(key)], registry=registry) for key in KEYS}


def _file_of(key: tuple[str, str]) -> str:
    channel = DOCUMENT["channels"]["-".join(key)]
    (message,) = channel["messages"].values()
    name: str = message["payload"]["$ref"].removeprefix("schemas/")
    return name


VALIDATORS = {
    "2020-12": _validators(Draft202012Validator, DRAFT202012),
    "07": _validators(Draft7Validator, DRAFT7),
}


def test_what_is_published_is_what_the_types_say():
    written = {
        path.relative_to(PUBLISHED).as_posix(): path.read_text(encoding="utf-8")
        for path in (*PUBLISHED.glob("*.json"), *PUBLISHED.glob("schemas/*.json"))
    }
    assert written == documents(), "run: gwanje protocol docs/protocol"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_one_in_both_drafts(name):
    Draft202012Validator.check_schema(SCHEMAS[name])
    Draft7Validator.check_schema(SCHEMAS[name])
    assert not {"prefixItems", "$defs", "unevaluatedProperties"} & set(_keys(SCHEMAS[name]))


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in _keys(item))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []


@settings(max_examples=60)
@given(keyed_messages())
def test_what_the_codec_takes_the_schemas_take(pair):
    key, message = pair
    plain = json.loads(encode(message))
    assert decode(topic_of(key, message.device), encode(message)).messages == (message,)
    for validators in VALIDATORS.values():
        assert [error.message for error in validators[key].iter_errors(plain)] == []


@pytest.mark.parametrize("draft", VALIDATORS)
@pytest.mark.parametrize("key", KEYS)
def test_a_message_without_what_is_not_required_is_taken(key, draft):
    required = SCHEMAS[_file_of(key)]["required"]
    plain = {name: value for name, value in example(key).items() if name in required}
    assert VALIDATORS[draft][key].is_valid(plain)
    assert decode(topic_of(key), msgspec.json.encode(plain))
    for name in required:
        less = {other: value for other, value in plain.items() if other != name}
        assert not VALIDATORS[draft][key].is_valid(less)
        with pytest.raises(DecodeError, match=f"^{name}: expected a value, was missing"):
            decode(topic_of(key), msgspec.json.encode(less))


# What no schema of either draft says: that a time is one, and which device the topic names.
_UNSAID = {"expected an RFC 3339 time such", "expected a time with Z or an offset", "expected the device of the topic"}
_SAID = [
    case
    for case in WRONG_FIELDS
    if not any(case[3].startswith(text) for text in _UNSAID) and not {"NaN", "infinity"} & set(case[3].split())
]


@pytest.mark.parametrize("draft", VALIDATORS)
@pytest.mark.parametrize(("key", "change", "field", "problem"), _SAID)
def test_what_the_schemas_refuse_the_codec_refuses_at_the_same_field(key, change, field, problem, draft):
    plain = example(key) | change
    error, *_ = VALIDATORS[draft][key].iter_errors(plain)
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".")
    assert field.startswith(path)
    assert path
    with pytest.raises(DecodeError) as caught:
        decode(topic_of(key), msgspec.json.encode(plain))
    assert caught.value.field == field


def test_the_table_of_refusals_is_not_empty():
    assert len(_SAID) >= 20


@pytest.mark.parametrize("key", KEYS)
def test_every_field_is_described_or_explains_itself(key):
    plain_enough = {"online", "shown", "event", "source", "road_state"}
    for name, schema in SCHEMAS[_file_of(key)]["properties"].items():
        options = schema.get("anyOf", [schema])
        assert any("description" in option for option in options) or name in plain_enough, name


class TestAsyncapi:
    """The rules of AsyncAPI 3.0.0 that bear on this document."""

    def test_the_head(self):
        assert DOCUMENT["asyncapi"] == "3.0.0"
        assert {"title", "version"} <= set(DOCUMENT["info"])
        assert set(DOCUMENT) <= {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations"}

    @pytest.mark.parametrize("name", DOCUMENT["channels"])
    def test_a_channel_declares_the_parameters_of_its_address(self, name):
        channel = DOCUMENT["channels"][name]
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])
        filled = re.sub(r"{\w+}", "x", channel["address"])
        topic = parse_topic(filled)
        assert topic.gateway == name.endswith("-batch")
        assert (topic.kind, topic.stream) in MESSAGE_TYPES

    @pytest.mark.parametrize("name", DOCUMENT["channels"])
    def test_a_message_refers_to_a_published_file(self, name):
        for message in DOCUMENT["channels"][name]["messages"].values():
            payload = message["payload"]
            if payload.get("type") == "array":
                assert (payload["minItems"], payload["maxItems"]) == (1, MAX_BATCH)
                payload = payload["items"]
            assert set(payload) == {"$ref"}
            assert (PUBLISHED / payload["$ref"]).is_file()

    def test_references_between_schemas_are_published_files(self):
        for schema in SCHEMAS.values():
            for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(schema)):
                assert reference in SCHEMAS

    @pytest.mark.parametrize("name", DOCUMENT["operations"])
    def test_an_operation_refers_to_a_channel(self, name):
        operation = DOCUMENT["operations"][name]
        assert operation["action"] == ("send" if name in {"sign-command", "cell-command"} else "receive")
        root, section, channel = operation["channel"]["$ref"].split("/")
        assert (root, section) == ("#", "channels")
        assert channel in DOCUMENT["channels"]
        assert operation["bindings"]["mqtt"]["qos"] in {0, 1}

    def test_every_stream_has_a_channel_and_every_channel_an_operation(self):
        assert {f"{kind}-{stream}" for kind, stream in MESSAGE_TYPES} <= set(DOCUMENT["channels"])
        assert set(DOCUMENT["channels"]) == set(DOCUMENT["operations"])

    def test_only_a_status_is_retained(self):
        retained = {name for name, one in DOCUMENT["operations"].items() if one["bindings"]["mqtt"]["retain"]}
        assert retained == {f"{kind}-{stream}" for kind, stream in MESSAGE_TYPES if stream == "status"}
