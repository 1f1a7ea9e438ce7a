"""The journal: what came in, tick after tick, in local files that survive a kill; see docs/adr/0011-journal.md."""
