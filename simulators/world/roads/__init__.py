"""Traffic on the whole road graph of a region: cells, nodes, ramps, routes, demand, queues and detection stations."""
