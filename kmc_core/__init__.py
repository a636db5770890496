"""Holistic character animation: motion, identity, the animator and its sampling. Torch only; knows no host."""
