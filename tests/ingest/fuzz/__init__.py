"""Damaged messages of every kind: nothing fails, nothing is lost, every rejection says why."""
