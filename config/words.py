"""Reading the words under ``config/templates``."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from config.catalogue.model import Name

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGES = ("ko", "en")


class WordsError(ValueError):
    """A table of words that cannot be used; the message names the entry."""


class Words:
    """Templates by dotted path, such as ``fire.title``; each has Korean, and English unless it is for signs only.

    Raises
    ------
    WordsError
        If an entry is no text, has a language that is not known, or names its fields in a form that cannot be filled.
    """

    def __init__(self, tables: dict[str, Any]) -> None:
        for path, entry in _entries(tables, ()):
            if "ko" not in entry:
                raise WordsError(f"{'.'.join(path)}.ko: expected a text, was missing")
            for language, text in entry.items():
                _check(".".join(path), language, text)
        self._tables = tables

    @classmethod
    def load(cls, name: str, folder: Path = TEMPLATES) -> Words:
        """Read one table.

        Raises
        ------
        WordsError
            If the file is missing, is not TOML, or holds an entry that cannot be used.
        """
        path = folder / f"{name}.toml"
        try:
            tables = msgspec.toml.decode(path.read_bytes(), type=dict[str, Any])
        except OSError as exc:
            raise WordsError(f"{path}: expected a file that can be read ({exc.strerror})") from None
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise WordsError(f"{path}: expected TOML ({exc})") from None
        try:
            return cls(tables)
        except WordsError as exc:
            raise WordsError(f"{path}: {exc}") from None

    def say(self, *path: str, **fields: Name | str | float) -> Name:
        """Fill a template in both languages; a field that is a `Name` takes the language of the template.

        What is filled in is never taken for a template itself.

        Raises
        ------
        WordsError
            If the entry or one of its fields is missing.
        """
        entry: Any = self._tables
        for key in path:
            entry = entry.get(key) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or "ko" not in entry:
            raise WordsError(f"{'.'.join(path)}: expected a text in Korean and English, was missing")
        texts: dict[str, str] = {}
        for language in LANGUAGES:
            values = {
                key: getattr(value, language) if isinstance(value, Name) else value for key, value in fields.items()
            }
            template: str = entry.get(language) or entry["ko"]
            try:
                texts[language] = template.format(**values)
            except KeyError as exc:
                raise WordsError(f"{'.'.join(path)}: expected the field {exc}, was not given") from None
        return Name(**texts)


def _entries(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if any(isinstance(value, dict) for value in table.values()):
        for key, value in table.items():
            if not isinstance(value, dict):
                raise WordsError(f"{'.'.join((*path, key))}: expected a table with ko and en, was {value!r}")
            yield from _entries(value, (*path, key))
    elif path:
        yield path, table


def _check(entry: str, language: str, text: object) -> None:
    if language not in LANGUAGES:
        raise WordsError(f"{entry}.{language}: expected one of {', '.join(LANGUAGES)}, was another language")
    if not isinstance(text, str):
        raise WordsError(f"{entry}.{language}: expected a text, was {text!r}")
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as exc:
        raise WordsError(f"{entry}.{language}: expected fields in braces, was {text!r} ({exc})") from None
    for field in fields:
        if not field.isidentifier():
            raise WordsError(f"{entry}.{language}: expected a name in braces, was {field!r}")
