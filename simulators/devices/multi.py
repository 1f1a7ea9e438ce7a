"""Whether a sign can show a MULTI string: the syntax of NTCIP 1203, and the lines that fit."""

from __future__ import annotations

import re

TAGS = frozenset({
    "cb", "pb", "cf", "cr", "f", "fl", "fo", "g", "hc", "jl", "jp", "ms", "mv", "nl", "np", "pt", "sc", "tr"
})  # fmt: skip
CLOSING_TAGS = frozenset({"fl", "sc"})
SMALLEST_LINE_PX = 7
"""Height of the smallest usual font [px]."""

_TOKEN = re.compile(r"\[\[|\]\]|\[(?P<close>/?)(?P<tag>[a-z]+)(?P<rest>[^\[\]]*)\]|(?P<stray>[\[\]])|[^\[\]]+")


def why_not_shown(multi: str, height_px: int) -> str | None:
    """Return why a sign refuses a MULTI string, or None when it shows it.

    Parameters
    ----------
    multi
        String of text and tags; ``[[`` and ``]]`` are brackets in the text; empty blanks the sign.
    height_px
        Height of the sign's face. [px]
    """
    most = max(height_px // SMALLEST_LINE_PX, 1)
    lines = 1
    for token in _TOKEN.finditer(multi):
        if token["stray"]:
            return f"multi: expected a closed tag at character {token.start() + 1}, was {multi[token.start() :][:20]!r}"
        if token["tag"] is None:
            if not token[0].isprintable():
                return f"multi: expected printable text, was {token[0][:20]!r}"
            continue
        known = CLOSING_TAGS if token["close"] else TAGS
        if token["tag"] not in known and not (token["tag"] == "f" and not token["close"]):
            return f"multi: expected a tag of NTCIP 1203, was {token[0][:20]!r}"
        if token["tag"] == "nl":
            lines += 1
        elif token["tag"] == "np":
            lines = 1
        if lines > most:
            return f"multi: expected at most {most} lines on a page of {height_px} px, was {lines}"
    return None
