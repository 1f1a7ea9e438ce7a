"""The packages of the optional extra ``sumo``, imported when they are needed and not before."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from simulators.sumo.errors import SumoMissingError


def package(name: str) -> Any:
    """Import a package of the extra.

    Raises
    ------
    SumoMissingError
        If it is not installed; the text says which extra brings it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise SumoMissingError(
            f"{name}: expected the optional extra for SUMO, was not installed ({exc}); "
            "install it with: pip install 'gwanje[sumo]'"
        ) from None


def program(name: str) -> Path:
    """Return the path of a program of the package ``eclipse-sumo``, such as ``netconvert``.

    Raises
    ------
    SumoMissingError
        If the package is not installed or has no such program.
    """
    home = Path(str(package("sumo").SUMO_HOME))
    for path in (home / "bin" / name, home / "bin" / f"{name}.exe"):
        if path.is_file():
            return path
    raise SumoMissingError(f"{name}: expected the program in {home / 'bin'}, was not there")


def installed() -> bool:
    """Return whether the extra is there, without importing it."""
    return all(importlib.util.find_spec(name) is not None for name in ("sumo", "libsumo", "sumolib"))
