"""The road network as a graph: travel times that change while one drives, losses of capacity, and detours."""
