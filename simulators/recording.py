"""Recordings: what devices said, in order, in one compressed file.

The file is gzip over JSON, one object a line: a header first, then one line a message with its payload as base64, so
that it can be looked at with ``zcat``.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from simulators.errors import SimulatorError

FORMAT: Literal["gwanje-recording"] = "gwanje-recording"
VERSION: Literal[1] = 1


class RecordingError(SimulatorError):
    """A file that is not a recording, or ends too early."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a recording."""

    format: Literal["gwanje-recording"]
    version: Literal[1]
    region: str
    """Name or folder of the region, as it was set."""
    digest: str
    """Of the region's catalogue, so that a replay never meets another one unnoticed."""
    started: datetime


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    at: datetime
    """When it was received."""
    topic: str
    payload: bytes
    retain: bool = False


class RecordingWriter:
    """Writes a recording; use it as a context manager."""

    def __init__(self, path: Path, header: Header) -> None:
        self.count = 0
        self._file = gzip.open(path, "wb", compresslevel=5)  # noqa: SIM115 - closed by __exit__
        self._line(header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, message: Recorded) -> None:
        """Append a message."""
        self._line(message)
        self.count += 1

    def _line(self, value: Header | Recorded) -> None:
        self._file.write(msgspec.json.encode(value) + b"\n")


def read_header(path: Path) -> Header:
    """Return the header of a recording.

    Raises
    ------
    RecordingError
        If the file is not a recording.
    """
    try:
        with gzip.open(path, "rb") as file:
            return msgspec.json.decode(file.readline(100_000), type=Header)
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError) as exc:
        raise RecordingError(f"{path}: expected a recording made by `gwanje record`, was not one ({exc})") from None


def read_messages(path: Path) -> Iterator[Recorded]:
    """Give the messages of a recording in order.

    Raises
    ------
    RecordingError
        If a line is broken or the file ends too early; all before it were given.
    """
    decoder = msgspec.json.Decoder(Recorded)
    number = 1
    try:
        with gzip.open(path, "rb") as file:
            file.readline()
            for line in file:
                number += 1
                yield decoder.decode(line)
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError) as exc:
        raise RecordingError(f"{path}: line {number}: expected a recorded message, was broken ({exc})") from None
