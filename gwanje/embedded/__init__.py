"""Parts that ``gwanje up`` brings along: PostgreSQL, a lifeline for child processes, supervision."""
