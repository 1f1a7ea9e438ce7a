"""Score: what was said in a run held against what happened in it. See "How we count" in ``docs/truth.md``."""
