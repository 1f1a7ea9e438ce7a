"""The folder of a run: its header ``run.json`` and the names of its other files."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from config.catalogue.digest import catalogue_digest
from config.catalogue.model import DEVICE_KINDS, Catalogue, Name
from config.settings import Mode
from simulators.truth.errors import RunError

FORMAT: Literal["gwanje-run"] = "gwanje-run"
VERSION: Literal[1] = 1
HEADER_FILE = "run.json"
TRUTH_FILE = "truth.jsonl"
SAID_FILE = "said.jsonl"
MESSAGES_FILE = "messages.gz"
PICTURES_FOLDER = "pictures"
SCORE_FILE = "score.json"


class RunHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was run; nothing in it depends on the machine or the hour at which it was run offline."""

    format: Literal["gwanje-run"] = FORMAT
    version: Literal[1] = VERSION
    region: str
    """Identifier of the region."""
    digest: str
    """Of its catalogue, as recordings have it."""
    devices: dict[str, int]
    """How many there are of each kind, so that false alarms can be held against decisions."""
    scenario: str
    title: Name
    seed: int
    start: datetime
    """Device time at simulation time 0."""
    duration_s: Annotated[float, Meta(ge=0)] | None = None
    """How long it was to last; None = until somebody ended it. [s]"""
    mode: Mode
    program: str
    """Version of the program."""


def header_of(
    catalogue: Catalogue,
    *,
    scenario: str,
    title: Name,
    seed: int,
    start: datetime,
    duration_s: float | None,
    mode: Mode,
    program: str,
) -> RunHeader:
    """Return the header of a run in a region."""
    return RunHeader(
        region=catalogue.id,
        digest=catalogue_digest(catalogue),
        devices={kind: len(catalogue.devices(kind)) for kind in DEVICE_KINDS},
        scenario=scenario,
        title=title,
        seed=seed,
        start=start,
        duration_s=duration_s,
        mode=mode,
        program=program,
    )


def begin_run(folder: Path, header: RunHeader, *, again: bool = False) -> None:
    """Make the folder of a run and write its header.

    Parameters
    ----------
    folder
        New or empty; one that holds a run is taken only when ``again``, and that run is then deleted. What a control
        room that was up earlier has already said into it stays.
    header
    again

    Raises
    ------
    RunError
        If the folder holds something else, or an earlier run that is not to be given up.
    OSError
        If it cannot be written.
    """
    known = {HEADER_FILE, TRUTH_FILE, SAID_FILE, MESSAGES_FILE, SCORE_FILE, PICTURES_FOLDER}
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if HEADER_FILE in there and not again:
        raise RunError(f"{folder}: expected a new or empty folder, was one that holds a run")
    if there - known:
        raise RunError(f"{folder}: expected a new or empty folder, was one that holds {min(there - known)}")
    folder.mkdir(parents=True, exist_ok=True)
    if HEADER_FILE in there:
        for name in there - {PICTURES_FOLDER}:
            (folder / name).unlink()
        shutil.rmtree(folder / PICTURES_FOLDER, ignore_errors=True)
    text = msgspec.json.format(msgspec.json.encode(header), indent=2) + b"\n"
    (folder / HEADER_FILE).write_bytes(text)


def read_header(folder: Path) -> RunHeader:
    """Read the header of a run.

    Raises
    ------
    RunError
        If there is none that can be read; the message names file and field.
    """
    path = folder / HEADER_FILE
    try:
        header = msgspec.json.decode(path.read_bytes(), type=RunHeader)
    except OSError as exc:
        raise RunError(f"{path}: expected the header of a run, was not readable ({exc.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise RunError(f"{path}: {problem_of(exc)}") from None
    if header.start.utcoffset() is None:
        raise RunError(f"{path}: start: expected a time with its offset, was {header.start.isoformat()}")
    return header


def problem_of(error: Exception) -> str:
    """Put what msgspec says into our words: field first."""
    problem, _, path = str(error).replace(", got ", ", was ").partition(" - at `$")
    field = path.rstrip("`").lstrip(".")
    words = problem[:1].lower() + problem[1:]
    return f"{field}: {words}" if field else words
