"""Settings: defaults, then a TOML file, then the environment, then the command line; whoever comes later wins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import platformdirs
from msgspec import Meta

PREFIX = "GWANJE_"
OPTIONS = {"clock_speed": "speed", "run_dir": "run"}
"""Settings whose option on the command line has another name."""
Mode = Literal["live", "exercise", "test"]


class SettingsError(ValueError):
    """A setting that cannot be used; the message names where it stands, what was expected and what was there."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that can be set. In the environment each is ``GWANJE_`` and its name in capitals."""

    region: str = "default"
    """Name of a region under ``config/regions`` or path of a region folder."""
    scale: str = "1"
    """How much of the plan of a country: 1 = the region as it is described, ``national``, or a share such as 0.25."""
    run_dir: str = ""
    """Folder of a run, to which what the system says is written for a score; empty = none."""
    data_dir: str = ""
    """Where the embedded database, generated regions and logs live; empty = the user's data folder."""
    journal_dir: str = ""
    """Where what came in is kept until the database has it, and for re-runs; empty = ``journal`` in ``data_dir``."""
    journal_keep_mb: Annotated[int, Meta(ge=1)] = 2_048
    """How much of the journal is kept as history. [MiB]"""
    journal_most_mb: Annotated[int, Meta(ge=1)] = 16_384
    """How much of it there may be while the database is away; beyond it nothing is acknowledged. [MiB]"""
    journal_min_free_mb: Annotated[int, Meta(ge=0)] = 256
    """Space on its disk that the journal leaves to others. [MiB]"""
    mqtt_url: str = ""
    """Outside broker, ``mqtt://user:password@host:port``; empty = the embedded one."""
    database_url: str = ""
    """Outside PostgreSQL, ``postgresql://…``; empty = the embedded one."""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    allowed_hosts: str = ""
    """Names under which browsers may reach the page, separated by commas; empty = this machine's own while ``host`` is
    a loopback address, any otherwise."""
    mqtt_host: str = "127.0.0.1"
    mqtt_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    """Port of the embedded broker; 0 = any free one."""
    mode: Mode = "exercise"
    """What every text and screen says that this is. ``live`` has to be said."""
    clock: Literal["wall", "device"] = "wall"
    """``device``: the engine's time is that of the messages, for replays."""
    clock_speed: Annotated[float, Meta(ge=1, le=200)] = 1.0
    """How many times faster than the wall's the time runs, for rehearsals with simulated devices."""
    clock_start: str = ""
    """Instant at which fast time and the wall's were the same, RFC 3339; needed when ``clock_speed`` is not 1."""
    tick_ms: Annotated[int, Meta(ge=10, le=10_000)] = 250
    """Time between two steps of the engine. [ms]"""
    thresholds: str = ""
    """Folder with other tables of thresholds; empty = those that come along."""
    log_format: Literal["text", "json"] = "text"
    findings: str = ""
    """File to which every finding is appended, one JSON object a line; empty = none."""

    @property
    def data_path(self) -> Path:
        """The data folder, not yet made."""
        if self.data_dir:
            return Path(self.data_dir).expanduser()
        return Path(platformdirs.user_data_dir("gwanje", appauthor=False))

    @property
    def journal_path(self) -> Path:
        """The journal's folder, not yet made."""
        return Path(self.journal_dir).expanduser() if self.journal_dir else self.data_path / "journal"


_KINDS = get_type_hints(Settings, include_extras=True)


def load_settings(environment: Mapping[str, str], **arguments: Any) -> Settings:
    """Join defaults, the file that ``GWANJE_CONFIG`` names, the environment and arguments.

    Parameters
    ----------
    environment
        Usually ``os.environ``. Names that are no setting are left alone, for others may share the prefix.
    **arguments
        From the command line; None = not given.

    Raises
    ------
    SettingsError
        If a setting is unknown or has a wrong value.
    """
    values: dict[str, Any] = {}
    file = environment.get(f"{PREFIX}CONFIG")
    if file:
        values |= _from_file(Path(file).expanduser())
    for name in _KINDS:
        text = environment.get(f"{PREFIX}{name.upper()}")
        if text is not None:
            values[name] = _checked(name, text, f"{PREFIX}{name.upper()}", strict=False)
    for name, value in arguments.items():
        if value is not None:
            values[name] = _checked(name, value, f"--{OPTIONS.get(name, name).replace('_', '-')}", strict=True)
    return Settings(**values)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        table = msgspec.toml.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as exc:
        raise SettingsError(f"{PREFIX}CONFIG: expected a file that can be read, was {path} ({exc.strerror})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path}: expected TOML ({exc})") from None
    return {name: _checked(name, value, f"{path}: {name}", strict=True) for name, value in table.items()}


def _checked(name: str, value: Any, where: str, *, strict: bool) -> Any:
    if name not in _KINDS:
        raise SettingsError(f"{where}: expected a setting out of {', '.join(_KINDS)}, was unknown")
    try:
        return msgspec.convert(value, _KINDS[name], strict=strict)
    except msgspec.ValidationError:
        raise SettingsError(f"{where}: expected {_expectation(_KINDS[name])}, was {value!r}") from None


def _expectation(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    if get_origin(kind) is Annotated:
        number, bounds = get_args(kind)
        return f"a {'whole ' if number is int else ''}number from {bounds.ge} to {bounds.le}"
    return "a text"
