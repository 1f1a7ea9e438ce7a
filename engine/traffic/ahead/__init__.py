"""Speeds of the next hour, from a model of the road that is started from what is measured."""
