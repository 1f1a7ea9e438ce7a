"""The region catalogue: what stands where, checked when it is loaded."""
