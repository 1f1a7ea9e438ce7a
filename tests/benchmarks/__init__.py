"""Benchmarks at a tiny size: each runs and gives its figures. What they say of speed is not looked at."""
