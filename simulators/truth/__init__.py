"""What really happened in a simulated region: the records of a run, written while it goes on and read afterwards."""
