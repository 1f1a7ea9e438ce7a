"""Invented stems of names, in Korean and in English (Revised Romanization)."""

from __future__ import annotations

import numpy as np

# First syllables end in a vowel and second ones begin with a consonant that keeps its sound after one, so that the
# romanization of the pair is that of its parts.
_FIRST = (
    ("가", "Ga"), ("나", "Na"), ("다", "Da"), ("두", "Du"), ("마", "Ma"), ("모", "Mo"), ("무", "Mu"), ("버", "Beo"),
    ("보", "Bo"), ("비", "Bi"), ("새", "Sae"), ("소", "So"), ("시", "Si"), ("아", "A"), ("여", "Yeo"), ("이", "I"),
    ("주", "Ju"), ("하", "Ha"), ("호", "Ho"), ("해", "Hae"),
)  # fmt: skip
_SECOND = (
    ("람", "ram"), ("늘", "neul"), ("들", "deul"), ("루", "ru"), ("름", "reum"), ("리내", "rinae"), ("목", "mok"),
    ("별", "byeol"), ("봄", "bom"), ("샘", "saem"), ("솔", "sol"), ("실", "sil"), ("재", "jae"), ("헌", "heon"),
)  # fmt: skip
# All end in a vowel, for the same reason.
_PREFIXES = (
    ("새", "Sae"), ("위", "Wi"), ("아래", "Arae"), ("너머", "Neomeo"), ("가운데", "Gaunde"), ("고개", "Gogae"),
    ("나루", "Naru"), ("두메", "Dume"), ("마루", "Maru"), ("모래", "Morae"), ("바위", "Bawi"), ("소나무", "Sonamu"),
    ("도토리", "Dotori"), ("느티", "Neuti"),
)  # fmt: skip


def invent(count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Return so many different pairs of Korean and English stems.

    The first 280 have two or three syllables, the next 3,920 a word before these; beyond, a number tells them apart.
    """
    size = len(_FIRST) * len(_SECOND)
    stems = []
    for turn in range(-(-count // size)):
        ahead_ko, ahead_en = _PREFIXES[(turn - 1) % len(_PREFIXES)] if turn else ("", "")
        number = str((turn - 1) // len(_PREFIXES) + 1) if turn > len(_PREFIXES) else ""
        for index in rng.permutation(size).tolist():
            (first_ko, first_en), (second_ko, second_en) = _FIRST[index % len(_FIRST)], _SECOND[index // len(_FIRST)]
            en = f"{ahead_en}{first_en.lower() if turn else first_en}{second_en}"
            stems.append((f"{ahead_ko}{first_ko}{second_ko}{number}", f"{en}{number and ' ' + number}"))
    return stems[:count]
