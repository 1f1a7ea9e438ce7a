"""Small file systems, which can really be full."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path


class CannotMountError(RuntimeError):
    """A file system cannot be mounted here; the text says why."""


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a file system of so many bytes for a while.

    Raises
    ------
    CannotMountError
        If that is not allowed.
    """
    folder.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as exc:
        raise CannotMountError(f"mount: {exc}") from None
    if mounted.returncode:
        raise CannotMountError(f"a file system cannot be mounted here ({mounted.stderr.strip()}): needs root on Linux")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
