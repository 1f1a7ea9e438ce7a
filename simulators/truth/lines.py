"""Reading files of one JSON object a line that may have been cut off in the middle of the last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from simulators.truth.errors import RunError
from simulators.truth.folder import problem_of

T = TypeVar("T")


def read_lines(path: Path, kind: Any, into: type[T]) -> Iterator[T]:
    """Give the lines of a file.

    Parameters
    ----------
    path
        The file; one that is missing has no lines.
    kind
        What msgspec decodes a line into: a type or a union of types.
    into
        The common base of these.

    Raises
    ------
    RunError
        If a line is broken; the message names file, line and field. A last line without its end is left out: the
        writer was killed in the middle of it.
    """
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    except OSError as exc:
        raise RunError(f"{path}: expected a file that can be read, was not ({exc.strerror})") from None
    with file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                value = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
                raise RunError(f"{path}: line {number}: {problem_of(exc)}") from None
            if isinstance(value, into):
                yield value
