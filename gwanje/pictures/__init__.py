"""Pictures of a run for people who would rather look: needs matplotlib, the extra ``pictures``."""
