"""Benchmarks, with their figures as JSON."""
