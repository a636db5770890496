"""Training: rendered people with exact truth, data, objectives, the loop. Nothing here runs in the host."""
