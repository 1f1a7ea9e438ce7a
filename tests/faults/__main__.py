"""``python -m tests.faults --kills 200 --cuts 100``: a long campaign; ``--case NAME``: one special fault.

The outcome is printed as text, and written as JSON where ``--out`` says.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.faults.campaign import Campaign, Report, show
from tests.faults.ledger import table
from tests.faults.special import CASES, Outcome


def main() -> int:
    """Run, print, and return 1 when anything was lost, doubled or invented."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--cuts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--broker", choices=["embedded", "mosquitto"], default="embedded")
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second of each device")
    parser.add_argument("--case", choices=list(CASES), help="one special fault in place of a random course")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the special fault lasts")
    parser.add_argument("--out", type=Path, help="file for the outcome as JSON")
    given = parser.parse_args()
    logging.disable()  # the public MQTT client speaks of every connection that is lost here, on purpose
    with tempfile.TemporaryDirectory(prefix="gwanje-faults-") as folder:
        outcome: Report | Outcome
        if given.case is not None:
            outcome = asyncio.run(_case(given.case, Path(folder), given.seconds, given.rate))
            print(table(outcome.counts))
            print(f"not acknowledged: {outcome.unacknowledged}; {outcome.figures}")
        else:
            campaign = Campaign(Path(folder), given.seed, given.rate, broker=given.broker)
            outcome = asyncio.run(campaign.run(given.kills, given.cuts, _show_progress))
            print(show(outcome))
    if given.out is not None:
        given.out.write_bytes(msgspec.json.format(msgspec.json.encode(outcome), indent=2) + b"\n")
    return 0 if outcome.is_right else 1


async def _case(name: str, folder: Path, seconds: float, rate: float) -> Outcome:
    return await CASES[name](folder, seconds, rate)


def _show_progress(done: int, of: int) -> None:
    """Draw a bar on a terminal, and a line now and then in a log."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{'█' * (30 * done // of):·<30} {done}/{of}{'' if done < of else chr(10)}")
    elif done % max(of // 10, 1) == 0:
        sys.stderr.write(f"{done}/{of}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
