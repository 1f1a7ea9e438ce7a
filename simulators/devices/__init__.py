"""Devices: the world's state turned into messages of wire protocol 1, each on its own period; no network, no clock."""
