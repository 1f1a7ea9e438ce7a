"""Small simulations that come along, as plain text; their networks are built when they are used."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from simulators.sumo.errors import SumoError
from simulators.sumo.extra import program

EXAMPLES = Path(__file__).parent / "examples"
_BUILD_S = 60.0


def example_names() -> list[str]:
    """Return the names of the examples, sorted."""
    return sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


def build_example(name: str, folder: Path) -> Path:
    """Copy an example into a folder, build its network with ``netconvert``, and return its configuration.

    Parameters
    ----------
    name
        One of `example_names`.
    folder
        Made when it is missing.

    Raises
    ------
    SumoMissingError
        If the extra is not installed.
    SumoError
        If there is no such example, or the network cannot be built.
    """
    if name not in example_names():
        raise SumoError(f"example: expected one of {', '.join(example_names())}, was {name!r}")
    converter = program("netconvert")
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((EXAMPLES / name).iterdir()):
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
    build_network(converter, folder, name)
    return folder / f"{name}.sumocfg"


def build_network(converter: Path, folder: Path, name: str) -> None:
    """Build ``name.net.xml`` of the nodes, edges and connections of that name in a folder.

    Raises
    ------
    SumoError
        If ``netconvert`` refuses; the text ends in what it said.
    """
    arguments = [str(converter), "--no-warnings", "-o", f"{name}.net.xml"]
    for option, suffix in (("-n", "nod"), ("-e", "edg"), ("-x", "con")):
        if (folder / f"{name}.{suffix}.xml").is_file():
            arguments += [option, f"{name}.{suffix}.xml"]
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            arguments, cwd=folder, capture_output=True, text=True, check=False, timeout=_BUILD_S
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise SumoError(f"{converter}: expected to build {name}.net.xml, was not able to ({exc})") from None
    if done.returncode != 0:
        raise SumoError(f"{converter}: expected to build {name}.net.xml, was refused: {done.stderr.strip()[-300:]}")
