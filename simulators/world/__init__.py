"""What happens in the simulated region: models in numpy, stepped in simulation seconds; no clock, no device."""
