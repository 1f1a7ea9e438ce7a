"""Inputs that once failed, or are worth keeping, as small text files that are sent first ever after."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from tests.ingest.fuzz.corpus import Sample

FOLDER = Path(__file__).parent / "seeds"
_LONGEST = 16_384


def load(what: str) -> list[tuple[str, dict[str, Any]]]:
    """Return name and fields of each seed of a kind: ``message`` or ``stream``."""
    found = [(path.stem, msgspec.json.decode(path.read_bytes())) for path in sorted(FOLDER.glob("*.json"))]
    return [(name, seed) for name, seed in found if seed["what"] == what]


def sample_of(seed: dict[str, Any]) -> Sample:
    """Return the message of a seed."""
    return Sample(bytes.fromhex(seed["topic"]), bytes.fromhex(seed["payload"]), bool(seed["retain"]))


def keep(sample: Sample, problem: str, tick: int = 0, *, warm: bool = False) -> Path | None:
    """Write a message down, with what went wrong; return the file, or None when it is too long to be kept."""
    if len(sample.payload) + len(sample.topic) > _LONGEST:
        return None
    return _write(
        "message",
        problem,
        {
            "topic": sample.topic.hex(),
            "payload": sample.payload.hex(),
            "retain": sample.retain,
            "tick": tick,
            "warm": warm,
        },
    )


def keep_stream(stream: bytes, cuts: list[int], problem: str) -> Path | None:
    """Write a stream of MQTT packets down, with the places at which it was cut."""
    if len(stream) > _LONGEST:
        return None
    return _write("stream", problem, {"stream": stream.hex(), "cuts": cuts})


def _write(what: str, problem: str, fields: dict[str, Any]) -> Path:
    body = msgspec.json.encode(fields)
    path = FOLDER / f"{what}-{hashlib.sha256(body).hexdigest()[:12]}.json"
    seed = {"what": what, "problem": problem[-600:]} | fields
    path.write_bytes(msgspec.json.format(msgspec.json.encode(seed), indent=1) + b"\n")
    return path
