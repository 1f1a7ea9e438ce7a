"""Reading the words under ``config/templates``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from config.catalogue.model import Name

TEMPLATES = Path(__file__).parent / "templates"


class WordsError(ValueError):
    """A table of words that cannot be used; the message names the entry."""


class Words:
    """Templates by dotted path, such as ``fire.title``; each has both languages."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self._tables = tables

    @classmethod
    def load(cls, name: str, folder: Path = TEMPLATES) -> Words:
        """Read one table.

        Raises
        ------
        WordsError
            If the file is missing or is not TOML.
        """
        path = folder / f"{name}.toml"
        try:
            return cls(msgspec.toml.decode(path.read_bytes()))
        except (OSError, msgspec.MsgspecError) as exc:
            raise WordsError(f"{path}: {exc}") from None

    def has(self, *path: str) -> bool:
        """Tell whether there is an entry."""
        return self._find(path) is not None

    def say(self, *path: str, **fields: Name | str | float) -> Name:
        """Fill a template in both languages; a field that is a `Name` takes the language of the template.

        Raises
        ------
        WordsError
            If the entry or one of its fields is missing.
        """
        entry = self._find(path)
        if entry is None or "ko" not in entry:
            raise WordsError(f"{'.'.join(path)}: expected a text in Korean and English, was missing")
        texts: dict[str, str] = {}
        for language in ("ko", "en"):
            values = {
                key: getattr(value, language) if isinstance(value, Name) else value for key, value in fields.items()
            }
            try:
                texts[language] = entry.get(language, entry["ko"]).format(**values)
            except KeyError as exc:
                raise WordsError(f"{'.'.join(path)}: expected the field {exc}, was not given") from None
        return Name(**texts)

    def _find(self, path: tuple[str, ...]) -> dict[str, str] | None:
        entry: Any = self._tables
        for key in path:
            entry = entry.get(key) if isinstance(entry, dict) else None
        return entry if isinstance(entry, dict) else None
