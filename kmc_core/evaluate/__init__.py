"""How good an animation is, in numbers."""
