"""Fixtures for all tests, one plugin module a subject."""

pytest_plugins = ["tests.fix_database", "tests.fix_system"]
