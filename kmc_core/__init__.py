"""Holistic character animation: motion, identity, the animator and its sampling. Knows no host."""
