"""What the weather does to a road: fog, ice, flooding and wind, from the stations beside it."""
