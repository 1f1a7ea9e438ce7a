"""Labelled corridors on which incident detection, queues and travel times are judged, and the score itself."""
