"""The numeric core: pure functions and ``step(state, batch, now)``; no clock, no input or output, no logging."""
