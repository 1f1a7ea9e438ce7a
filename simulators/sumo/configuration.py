"""What a SUMO configuration (``.sumocfg``) says that the bridge needs to know."""

from __future__ import annotations

import gzip
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simulators.sumo.errors import SumoError

DEFAULT_STEP_S = 1.0
"""SUMO's own default of ``step-length`` [s]."""

_SYNONYMS = {
    "net-file": ("net-file", "net", "n"),
    "additional-files": ("additional-files", "additional", "a"),
    "begin": ("begin", "b"),
    "end": ("end", "e"),
    "step-length": ("step-length",),
    "time-to-teleport": ("time-to-teleport",),
}
"""Names under which SUMO takes an option in a configuration (SUMO documentation, page *sumo*)."""


@dataclass(frozen=True)
class SumoConfiguration:
    """A configuration with its files found.

    Attributes
    ----------
    begin_s, end_s
        In SUMO's time; None when the run ends with its last vehicle. [s]
    step_s
        [s]
    sets_teleport
        Whether ``time-to-teleport`` is set.
    """

    path: Path
    net: Path
    additional: tuple[Path, ...]
    begin_s: float
    end_s: float | None
    step_s: float
    sets_teleport: bool

    @property
    def duration_s(self) -> float | None:
        """Length of the run, None when it ends with its last vehicle [s]."""
        return None if self.end_s is None else self.end_s - self.begin_s


def read_configuration(path: Path) -> SumoConfiguration:
    """Read a configuration.

    Parameters
    ----------
    path
        Of the ``.sumocfg``; paths in it are relative to its folder.

    Raises
    ------
    SumoError
        If it is no configuration, names no network, names a file that is not there, or its times are impossible.
    """
    root = parse_xml(path, "a SUMO configuration")
    if root.tag not in ("configuration", "sumoConfiguration"):
        raise SumoError(f"{path}: expected the element configuration, was {root.tag}")
    values = {element.tag: element.attrib.get("value", element.attrib.get("v", "")) for element in root.iter()}
    options = {
        name: next((values[synonym] for synonym in synonyms if synonym in values), None)
        for name, synonyms in _SYNONYMS.items()
    }
    net = _files(path, "net-file", options["net-file"])
    if len(net) != 1:
        raise SumoError(f"{path}: net-file: expected one network, was {options['net-file']!r}")
    begin_s = _time(path, "begin", options["begin"], 0.0)
    end_s = _time(path, "end", options["end"], -1.0)
    step_s = _time(path, "step-length", options["step-length"], DEFAULT_STEP_S)
    if not step_s > 0:
        raise SumoError(f"{path}: step-length: expected a time above 0 s, was {step_s:g}")
    if end_s >= 0 and end_s <= begin_s:
        raise SumoError(f"{path}: end: expected a time after begin ({begin_s:g} s), was {end_s:g}")
    return SumoConfiguration(
        path=path,
        net=net[0],
        additional=_files(path, "additional-files", options["additional-files"]),
        begin_s=max(begin_s, 0.0),
        end_s=end_s if end_s >= 0 else None,
        step_s=step_s,
        sets_teleport=options["time-to-teleport"] is not None,
    )


def parse_xml(path: Path, what: str) -> ET.Element:
    """Read an XML file, compressed or not.

    Raises
    ------
    SumoError
        If it cannot be read or is not XML; it names the file and ``what`` was expected.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        # The user's own file; expat refuses entities that grow without bound since 2.4.1.
        return ET.fromstring(data)  # noqa: S314
    except OSError as exc:
        raise SumoError(f"{path}: expected {what}, was no file that can be read ({exc.strerror or exc})") from None
    except (ET.ParseError, EOFError) as exc:
        raise SumoError(f"{path}: expected {what}, was not XML ({exc})") from None


def _files(path: Path, field: str, value: str | None) -> tuple[Path, ...]:
    return tuple(_found(path, field, value)) if value else ()


def _found(path: Path, field: str, value: str) -> Iterator[Path]:
    for name in filter(None, (part.strip() for part in value.split(","))):
        file = (path.parent / name).resolve()
        if not file.is_file():
            raise SumoError(f"{path}: {field}: expected a file, was {name}, which is not there")
        yield file


def _time(path: Path, field: str, value: str | None, default_s: float) -> float:
    """Seconds, or ``[days:]hours:minutes:seconds`` as SUMO takes them."""
    if not value:
        return default_s
    try:
        parts = [float(part) for part in value.split(":")]
    except ValueError:
        parts = []
    weights = {1: (1.0,), 3: (3_600.0, 60.0, 1.0), 4: (86_400.0, 3_600.0, 60.0, 1.0)}.get(len(parts))
    if weights is None or not all(map(math.isfinite, parts)):
        raise SumoError(f"{path}: {field}: expected seconds or hours:minutes:seconds, was {value!r}")
    return sum(weight * part for weight, part in zip(weights, parts, strict=True))
