"""``gwanje protocol``: write the published protocol from the types."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sensors.schema import asyncapi, json_schemas


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", nargs="?", default="docs/protocol", type=Path, help="where to write")
    parser.set_defaults(run=run)


def documents() -> dict[str, str]:
    """Return the text of every file by its path below the folder."""
    files = {f"schemas/{name}": schema for name, schema in json_schemas().items()} | {"asyncapi.json": asyncapi()}
    return {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in files.items()}


def run(parsed: argparse.Namespace) -> int:
    """Write the files."""
    for name, text in documents().items():
        path: Path = parsed.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(documents())} files in {parsed.folder}")
    return 0
