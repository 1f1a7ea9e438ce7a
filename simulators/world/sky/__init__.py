"""The weather of a region: rain, wind, temperature, humidity, fog, and what they do to a road's surface."""
