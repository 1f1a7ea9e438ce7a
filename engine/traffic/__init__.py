"""Traffic: state and congestion from detectors and cameras."""
