"""Texts and message formats as pure functions."""
