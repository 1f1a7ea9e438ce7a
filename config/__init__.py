"""Settings, the region catalogue, thresholds and templates: data with its source, and nothing of ours below it."""
