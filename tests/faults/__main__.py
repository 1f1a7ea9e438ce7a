"""``python -m tests.faults --kills 200 --cuts 100``: a long campaign, its report as text and JSON."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.faults.campaign import Campaign, bar, show


def main() -> int:
    """Run, print, and return 1 when anything was lost, doubled or invented."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--cuts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second of each of eleven devices")
    parser.add_argument("--out", type=Path, help="file for the report as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gwanje-faults-") as folder, bar(given.kills + given.cuts) as progress:
        campaign = Campaign(Path(folder), given.seed, given.rate)
        report = asyncio.run(campaign.run(given.kills, given.cuts, progress))
    print(show(report))
    if given.out is not None:
        given.out.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return 0 if report.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
