"""Each computation on files, so that an engineer can hold it against their own numbers."""
