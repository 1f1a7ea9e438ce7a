"""Automatic incident detection: signs of a blocked lane between two stations, and what else they may mean."""
