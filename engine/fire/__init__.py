"""Forest fire: where it is."""
