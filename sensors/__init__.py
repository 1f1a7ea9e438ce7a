"""What each kind of device is: typed observations, wire codecs, plausibility limits, the dense registry."""
