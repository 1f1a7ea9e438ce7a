"""The published form of wire protocol 1: JSON Schemas and an AsyncAPI document, generated from the types."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sensors.codec import MAX_BATCH, MESSAGE_TYPES
from sensors.observations import LaneSample
from sensors.topics import GATEWAY_LEVEL, PREFIX

PROTOCOL_VERSION = "1.1.0"
_TITLES = {
    "vds": "vehicle detection station",
    "cctv": "CCTV camera",
    "slope": "landslide sensor node",
    "tower": "fire watchtower",
    "weather": "weather station",
    "sign": "variable message sign",
    "cell": "cell broadcast centre",
}
_TO_DEVICE = {"command"}


def _file_name(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() + ".json"


def _published(value: Any) -> Any:
    """Point references at files, and write tuples of like members in the words that all drafts since 07 share."""
    if isinstance(value, list):
        return [_published(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$ref"}:
        return {"$ref": _file_name(value["$ref"].rsplit("/", 1)[1])}
    members = value.get("prefixItems")
    if members and all(member == members[0] for member in members):
        value = {key: item for key, item in value.items() if key != "prefixItems"} | {"items": members[0]}
    return {key: _published(item) for key, item in value.items()}


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return JSON Schema documents by file name, one per message type and one per shared part.

    They keep to what drafts 07 and 2020-12 have in common, because AsyncAPI reads the first and most tools the second.
    """
    types = [*dict.fromkeys(MESSAGE_TYPES.values()), LaneSample]
    _, components = msgspec.json.schema_components(types)
    return {
        _file_name(name): {"$schema": "https://json-schema.org/draft/2020-12/schema", **_published(schema)}
        for name, schema in sorted(components.items())
    }


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of the protocol, from the control room's side: it receives, and commands."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for (kind, stream), message in MESSAGE_TYPES.items():
        name = f"{kind}-{stream}"
        reference = {"$ref": f"schemas/{_file_name(message.__name__)}"}
        channels[name] = _channel(
            f"{PREFIX}/{{district}}/{kind}/{{device}}/{stream}",
            f"{stream} of a {_TITLES[kind]}",
            message.__name__,
            reference,
        )
        operations[name] = _operation(
            name, sends=stream in _TO_DEVICE, qos=_qos(kind, stream), retain=stream == "status"
        )
        if stream == "obs":
            batch = {"type": "array", "minItems": 1, "maxItems": MAX_BATCH, "items": reference}
            channels[f"{name}-batch"] = _channel(
                f"{PREFIX}/{{district}}/{kind}/{GATEWAY_LEVEL}/{{gateway}}/obs",
                f"observations of many a {_TITLES[kind]} in one message of a concentrator",
                f"{message.__name__}Batch",
                batch,
            )
            operations[f"{name}-batch"] = _operation(f"{name}-batch", sends=False, qos=_qos(kind, stream), retain=False)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Gwanje wire protocol",
            "version": PROTOCOL_VERSION,
            "description": "Devices to control room over MQTT 3.1.1. Payloads are JSON (UTF-8) or MessagePack, told "
            "apart by their first byte. Times are RFC 3339 UTC. Anything that does not fit is kept as a dead letter.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    }


def _qos(kind: str, stream: str) -> int:
    """Give traffic and weather samples QoS 0 (the next one replaces them); slopes and all events QoS 1."""
    return 0 if stream == "obs" and kind != "slope" else 1


def _channel(address: str, summary: str, message: str, schema: dict[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = {name: {} for name in re.findall(r"{(\w+)}", address)}
    return {
        "address": address,
        "summary": summary,
        "parameters": parameters,
        "messages": {message: {"name": message, "payload": schema}},
    }


def _operation(channel: str, *, sends: bool, qos: int, retain: bool) -> dict[str, Any]:
    return {
        "action": "send" if sends else "receive",
        "channel": {"$ref": f"#/channels/{channel}"},
        "bindings": {"mqtt": {"qos": qos, "retain": retain, "bindingVersion": "0.2.0"}},
    }
