"""What drivers read on a sign: whether its words ask them to leave a road, and for which other one.

The words that simulated drivers understand (own construction, after the wording of Korean and English signs):

- *leave the road*: 우회 (not 우회전, which is a right turn), 돌아가, 회차, DETOUR, ALT ROUTE, and 이용, USE, TAKE, VIA
  beside the number of a road;
- *closed*: 통제, 차단, 폐쇄, 통행금지, 진입금지, 사고, 정체, 화재, CLOSED, BLOCKED, CRASH, ACCIDENT, CONGESTION, FIRE,
  QUEUE;
- *all over*: 해제, 종료, 재개, ENDS, ENDED, OVER, REOPENED, and NO or END before a detour: then nothing is asked;
- *roads*: numbers of the region's roads as 95번 국도, 국도 95호선, 국도 제95호선, 95호선, 고속도로 991, 991번 고속도로,
  지방도 12, E991, N95, Route 95, Road 95, Expressway 991, National Road 95, and their names in full.

A road belongs to the word beside it, on the same line if there is one: in Korean the word follows
(``95번 국도 우회``), in English it comes first (``USE N95``) but for what is closed (``E991 CLOSED``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from config.catalogue.model import Catalogue, Road, RoadRank, Sign
from simulators.world.roads.advice import DetourAdvice

_DETOUR = r"우회(?!전)|돌아\s?가|회차|DETOUR|ALT(?:ERNATE|ERNATIVE)?\.?\s+ROUTE"
_USE_AFTER = r"이용"
_USE_BEFORE = r"\b(?:USE|TAKE|VIA)\b"
_CLOSED = (
    r"통제|차단|폐쇄|통행\s?금지|진입\s?금지|사고|정체|화재"
    r"|\b(?:CLOSED|CLOSURE|BLOCKED|CRASH|ACCIDENT|CONGESTION|CONGESTED|FIRE|QUEUE)\b"
)
_OVER = r"해제|종료|재개|\b(?:ENDS|ENDED|OVER|REOPENED)\b"
_NO = r"\b(?:NO|END)\b"
_NUMBER = (
    r"(?P<before>고속국도|고속도로|국도|지방도|\bEXPRESSWAY|\bNATIONAL\s+ROAD|\bLOCAL\s+ROAD|\bROUTE|\bROAD|\bRTE?\.?|\bRD\.?"
    r"|\b[ENLR](?=-?\d))?[\s-]*제?\s?(?<![\d.])(?P<number>\d{1,4})(?![\d.]|\s?(?:km|m|분|시|min|미터)\b)"
    r"(?P<suffix>\s?호선|\s?번)?(?:\s?(?P<after>고속국도|고속도로|국도|지방도))?"
)
_RANKS: dict[str, RoadRank] = {
    "고속국도": "expressway",
    "고속도로": "expressway",
    "EXPRESSWAY": "expressway",
    "E": "expressway",
    "국도": "national",
    "NATIONAL ROAD": "national",
    "N": "national",
    "지방도": "local",
    "LOCAL ROAD": "local",
    "L": "local",
}
_TAG = re.compile(r"\[\[|\]\]|\[/?(?P<tag>[a-z]+)[^\[\]]*\]")

Word = Literal["detour", "use_after", "use_before", "closed", "over", "no", "road"]


class _Token(NamedTuple):
    word: Word
    line: int
    road: str
    korean: bool


class DriversEyes:
    """Reads signs in a region.

    Parameters
    ----------
    roads
        Roads of the region: numbers of others mean nothing to drivers.
    road_of_link
        Identifier of the road that each link belongs to; a road without links is none.
    """

    def __init__(self, roads: Iterable[Road], road_of_link: dict[str, str]) -> None:
        self._road_of_link = road_of_link
        existing = set(road_of_link.values())
        self._roads = tuple(road for road in roads if road.id in existing)
        names = {text.casefold(): road.id for road in self._roads for text in (road.name.ko, road.name.en) if text}
        self._names = names
        by_length = sorted(names, key=len, reverse=True)
        name = "|".join(re.escape(text) for text in by_length) or r"(?!)"
        self._words = re.compile(
            f"(?P<name>{name})|(?P<detour>{_DETOUR})|(?P<use_after>{_USE_AFTER})|(?P<use_before>{_USE_BEFORE})"
            f"|(?P<closed>{_CLOSED})|(?P<over>{_OVER})|(?P<no>{_NO})|{_NUMBER}",
            re.IGNORECASE,
        )

    @classmethod
    def of(cls, catalogue: Catalogue) -> DriversEyes:
        """Return the eyes of a region's drivers."""
        return cls(catalogue.roads, {link.id: link.road for link in catalogue.links})

    def advice(self, multi: str, sign: Sign) -> DetourAdvice | None:
        """Return what a face asks of drivers.

        Parameters
        ----------
        multi
            NTCIP 1203 MULTI string that the face shows, empty when blank.
        sign
            The sign, for its place.

        Returns
        -------
        DetourAdvice or None
            None when the words ask for no detour, take one back, or name no other road than the one to stay on.

        Raises
        ------
        KeyError
            If the sign stands on a link that the region has not.
        """
        own = self._road_of_link[sign.link]
        tokens = [token for number, line in _lines(multi) for token in self._read(line, number)]
        if not tokens:
            return None
        meaning = [_meaning(tokens, place) for place in range(len(tokens))]
        via = [token.road for token, role in zip(tokens, meaning, strict=True) if role == "via"]
        closed = [token.road for token, role in zip(tokens, meaning, strict=True) if role == "closed"]
        if not via and not any(token.word == "detour" for token in tokens):
            return None
        if any(_taken_back(tokens, place) for place in range(len(tokens))):
            return None
        avoid = next((road for road in closed if road not in via), own)
        way = next((road for road in via if road != avoid), None)
        if way is None and via:
            return None
        return DetourAdvice(link=sign.link, offset_m=sign.offset_m, avoid_road=avoid, via_road=way)

    def _read(self, line: str, number: int) -> Iterable[_Token]:
        for found in self._words.finditer(line):
            korean = not found[0].isascii()
            if found["name"]:
                yield _Token("road", number, self._names[found["name"].casefold()], korean)
            elif found["number"]:
                road = self._numbered(found)
                if road is not None:
                    yield _Token("road", number, road, korean)
            else:
                word: Word = next(word for word in _WORDS if found[word])
                yield _Token(word, number, "", korean)

    def _numbered(self, found: re.Match[str]) -> str | None:
        """Find the road that is meant by a number; a bare one without a word for road means none."""
        before, after = found["before"], found["after"]
        if not (before or after or found["suffix"]):
            return None
        word = " ".join((after or before or "").upper().split())
        rank = _RANKS.get(word)
        same = [road for road in self._roads if road.number == found["number"] and rank in {None, road.rank}]
        return same[0].id if same else None


_WORDS: tuple[Word, ...] = ("detour", "use_after", "use_before", "closed", "over", "no")


def _lines(multi: str) -> Iterable[tuple[int, str]]:
    """Take a MULTI string apart into numbered lines of plain text."""
    text = _TAG.sub(lambda tag: {"nl": "\n", "np": "\n", None: tag[0][0]}.get(tag["tag"], ""), multi)
    return enumerate(text.split("\n"))


def _meaning(tokens: list[_Token], place: int) -> Literal["via", "closed", "none"]:
    """Tell what a road is named for, by the words beside it: those of its own line first."""
    if tokens[place].word != "road":
        return "none"
    for same_line in (True, False):
        before = _beside(tokens, place, -1, same_line)
        after = _beside(tokens, place, +1, same_line)
        if before and (before.word == "use_before" or (before.word == "detour" and not before.korean)):
            return "via"
        if after and after.word == "closed":
            return "closed"
        if after and (after.word == "use_after" or (after.word == "detour" and after.korean)):
            return "via"
        if before and before.word == "detour":
            return "via"
    return "none"


def _beside(tokens: list[_Token], place: int, step: int, same_line: bool) -> _Token | None:
    near = place + step
    if not 0 <= near < len(tokens) or (same_line and tokens[near].line != tokens[place].line):
        return None
    return tokens[near]


def _taken_back(tokens: list[_Token], place: int) -> bool:
    """Whether a detour is said to be over: by the next word, or by NO or END before it."""
    if tokens[place].word not in {"detour", "use_after"}:
        return False
    before = tokens[place - 1] if place else None
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    return (before is not None and before.word == "no") or (after is not None and after.word == "over")
