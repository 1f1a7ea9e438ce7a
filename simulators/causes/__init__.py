"""The scenario language: a time line of causes in TOML, read and checked with every problem at its line."""
