"""Numbers to decide by, each with its unit and source, as data."""
