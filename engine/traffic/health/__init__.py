"""Detector health, live: which lanes cannot be believed, why, since when, and what stands in for them."""
