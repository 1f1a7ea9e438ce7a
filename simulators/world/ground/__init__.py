"""Slopes: water in the ground, their strength, creep and failure, and the sensors buried in them."""
