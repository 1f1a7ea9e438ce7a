"""``gwanje rerun``: a past hour out of the journal through today's engine, beside what was said then."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from alerts.gazetteer import Gazetteer
from config.numbers import THRESHOLDS, NumberError, load_numbers
from gwanje.episodes import Episode, Pair, episodes_of, side_by_side
from gwanje.errors import CommandError
from gwanje.journaling import region_name
from gwanje.progress import show_part
from gwanje.regions import region_of
from gwanje.running import settings_from
from ingest.batching import Batcher
from ingest.core import Core
from ingest.letters import LetterBox
from ingest.reading import Reader
from ingest.region import engine_region
from ingest.rerun import Rerun, Span, digest_of, regions_of, rerun, span_of
from ingest.thresholds import load_thresholds
from sensors.columns import from_ns, to_ns
from sensors.registry import Registry
from storage.errors import JournalError

_LOCAL = ZoneInfo("Asia/Seoul")
_FORMAT = "%m-%d %H:%M:%S"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--since", help="first moment, RFC 3339; an hour before --until without it")
    parser.add_argument("--until", help="end, RFC 3339; the end of the journal without it")
    parser.add_argument("--thresholds", help="folder with other tables of thresholds: what would have been")
    parser.add_argument("--findings", metavar="FILE", help="write every finding there, one JSON object a line")
    parser.add_argument("--json", metavar="FILE", help="write the comparison as JSON there; - for the standard output")
    parser.add_argument("--journal", dest="journal_dir", help="folder of the journal; that of --data-dir without it")
    parser.add_argument("--data-dir", help="data folder of the system that wrote it; the user's without it")
    parser.add_argument("--region", help="name or folder of the region")
    parser.add_argument("--scale", help="as given to `gwanje up`")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Run it again and compare; the status is 1 when nothing was changed and the findings differ all the same."""
    settings = settings_from(parsed)
    folder = settings.journal_path
    tables = Path(parsed.thresholds) if parsed.thresholds else THRESHOLDS
    try:
        span = span_of(folder)
        if span is None:
            raise CommandError(f"{folder}: expected a journal with something in it, was empty")
        since, until = _asked(parsed, span)
        catalogue = region_of(settings)
        if region_name(catalogue) not in regions_of(folder):
            raise CommandError(
                f"{folder}: it was written in another region, or another version of {catalogue.id}; "
                "give that with --region"
            )
        plausibility = load_numbers("plausibility", tables)
        registry = Registry.from_catalogue(catalogue)
        core = Core(
            Reader(registry, plausibility, LetterBox(lambda: since)),
            Batcher(registry, np.arange(len(registry), dtype=np.int32), plausibility),
            engine_region(catalogue, Gazetteer(catalogue)),
            load_thresholds(tables),
        )
        whole_s = max((until - since).total_seconds(), 1e-9)
        started_s = time.monotonic()

        def progress(now_ns: int) -> None:
            show_part(
                (from_ns(now_ns) - since).total_seconds() / whole_s, f"{from_ns(now_ns).astimezone(_LOCAL):%H:%M}"
            )

        done = rerun(folder, to_ns(since), to_ns(until), core, progress)
    except (JournalError, NumberError) as exc:
        raise CommandError(str(exc)) from None
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    spent_s = time.monotonic() - started_s
    pairs = side_by_side(episodes_of(done.was), episodes_of(done.found))
    if parsed.findings:
        _write(parsed.findings, b"".join(msgspec.json.encode(one) + b"\n" for one in done.found), "--findings")
    if parsed.json:
        _write(
            parsed.json, msgspec.json.format(msgspec.json.encode(_document(done, pairs)), indent=2) + b"\n", "--json"
        )
    if parsed.json != "-":
        sys.stdout.write("\n".join(_table(done, pairs, spent_s, changed=bool(parsed.thresholds))) + "\n")
    return 0 if parsed.thresholds or done.is_same else 1


def _asked(parsed: argparse.Namespace, span: Span) -> tuple[datetime, datetime]:
    """Return the time to run again, held against what is kept."""
    first, last = from_ns(span.first_ns), from_ns(span.last_ns)
    until = _moment(parsed.until, "--until") or last + timedelta(microseconds=1)
    since = _moment(parsed.since, "--since") or max(until - timedelta(hours=1), first)
    kept = f"{first.isoformat(timespec='seconds')} to {last.isoformat(timespec='seconds')}"
    if until <= first:
        raise CommandError(f"--until: expected a time out of {kept}, which the journal holds, was {until.isoformat()}")
    if since >= until:
        raise CommandError(f"--since: expected a moment before {until.isoformat()}, was {since.isoformat()}")
    if since > last:
        raise CommandError(f"--since: expected a time out of {kept}, which the journal holds, was {since.isoformat()}")
    return max(since, first), until


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise CommandError(
            f"{option}: expected a time with its offset, such as 2026-11-27T09:00:00+09:00, was {text!r}"
        )
    return moment.astimezone(UTC)


def _write(path: str, data: bytes, option: str) -> None:
    if path == "-":
        sys.stdout.write(data.decode())
        return
    try:
        Path(path).write_bytes(data)
    except OSError as exc:
        raise CommandError(f"{option}: expected a file that can be written, was {path} ({exc.strerror})") from None


def _document(done: Rerun, pairs: Sequence[Pair]) -> dict[str, object]:
    return {
        "since": from_ns(done.first_ns),
        "until": from_ns(done.last_ns),
        "begun_from": done.begun_from,
        "ticks": done.ticks,
        "messages": done.messages,
        "same": done.is_same,
        "was_sha256": digest_of(done.was),
        "found_sha256": digest_of(done.found),
        "episodes": [{"same": pair.is_same, "was": pair.was, "would": pair.would} for pair in pairs],
    }


def _table(done: Rerun, pairs: Sequence[Pair], spent_s: float, *, changed: bool) -> list[str]:
    span_s = (done.last_ns - done.first_ns) / 1e9
    lines = [
        f"{_local(done.first_ns)} to {_local(done.last_ns)} ({_LOCAL.key}), {done.ticks:,} ticks, "
        f"{done.messages:,} messages, in {spent_s:.1f} s: {span_s / max(spent_s, 1e-9):,.0f} times as fast",
        f"begun from {'what the engine remembered then' if done.begun_from == 'memory' else 'nothing'}",
        f"findings: {len(done.was)} then, {len(done.found)} now, "
        + ("the same byte for byte" if done.is_same else "not the same"),
    ]
    if done.gaps or done.unreadable:
        lines.append(f"gaps in the journal: {done.gaps}; findings of another version: {done.unreadable}")
    if not pairs:
        return lines
    would = "would have been" if changed else "now"
    lines += ["", f"  {'':<2}{'rule':<22}{'subject':<26}{'was':<42}{would}"]
    for pair in pairs:
        known = pair.was or pair.would
        if known is not None:
            mark = "=" if pair.is_same else "-" if pair.would is None else "+" if pair.was is None else "~"
            lines.append(f"  {mark:<2}{known.rule:<22}{known.subject:<26}{_words(pair.was):<42}{_words(pair.would)}")
    return lines


def _words(episode: Episode | None) -> str:
    if episode is None:
        return "–"
    minutes = (episode.end_ns - episode.begin_ns) / 6e10
    went_on = "" if episode.ended else "+"
    return (
        f"{_local(episode.begin_ns)} {minutes:.1f}{went_on} min {episode.level.name.lower()} {episode.confidence:.2f}"
    )


def _local(time_ns: int) -> str:
    return from_ns(time_ns).astimezone(_LOCAL).strftime(_FORMAT)
