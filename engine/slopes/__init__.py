"""Slopes: how near to failure they are."""
