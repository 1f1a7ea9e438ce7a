"""What tells one catalogue from another, for records that can only be read with the region that they were made in."""

from __future__ import annotations

import hashlib

import msgspec

from config.catalogue.model import Catalogue


def catalogue_digest(catalogue: Catalogue) -> str:
    """Return SHA-256 of a catalogue, hexadecimal; terrain, which devices do not speak of, is left out."""
    rows = msgspec.json.encode(msgspec.structs.replace(catalogue, terrain=None))
    return hashlib.sha256(rows).hexdigest()
