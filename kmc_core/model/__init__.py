"""The animator: one diffusion transformer, its conditions and its checkpoint."""
