"""Where in a region the events of a scenario take place: rules in, places out, the same for the same region."""
