"""The loop detectors of any SUMO network as the detection stations of a region: traffic that we did not write."""
