"""Advice on speeds, ramps and lanes. Nothing here acts: every result is advice that an operator releases or not."""
