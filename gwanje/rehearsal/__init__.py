"""Rehearsal: a scenario against the whole control room in one process, on device time, and what the room said."""
