"""Persistence of what the control room decides on: bodies are JSON objects whose meaning the callers own.

Every function takes a `storage.database.Connection` in autocommit mode, or inside the caller's transaction, of which it
then becomes a part.
"""
