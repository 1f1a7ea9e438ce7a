"""The command ``gwanje``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from gwanje.errors import CommandError

COMMANDS = {
    "up": "everything in one place: broker, database, simulated region, engine, alerts, dashboard",
    "serve": "the control system against an outside database and broker",
    "simulate": "the devices of a scenario against any broker",
    "replay": "recordings and field data through the broker and the engine",
    "rerun": "a past hour out of the journal through today's engine, with its thresholds or others",
    "record": "write what devices say into a recording",
    "rehearse": "a scenario against the whole control room in one process, as fast as it goes, with its truth",
    "score": "what was said in a run held against what happened",
    "calc": "one computation of the engine on a file: speed field, incidents, queues, travel times, health",
    "picture": "plots of a recorded run: flow and density, time and space, slopes, fire",
    "sumo": "the loop detectors of a SUMO simulation as detection stations",
    "backup": "all that the database holds into one file, while everything goes on",
    "restore": "a backup into an empty database",
    "region": "check or generate a region folder",
    "protocol": "write the published protocol: JSON Schemas and the AsyncAPI document",
    "bench": "run a benchmark and print its figures as JSON",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 well, 1 a problem told in one line, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="gwanje", description="관제 · real-time traffic and disaster operations control."
    )
    parser.add_argument("--version", action="version", version=f"gwanje {version('gwanje')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    given = list(sys.argv[1:] if arguments is None else arguments)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        # Only the command that runs is imported: the others' libraries take a second to load.
        if name in given[:1]:
            import_module(f"gwanje.commands.{name}").configure(command)
    parsed = parser.parse_args(given)
    try:
        return int(parsed.run(parsed) or 0)
    except CommandError as exc:
        print(f"gwanje {parsed.command}: {exc}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
