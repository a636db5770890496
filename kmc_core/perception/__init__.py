"""Perception: converted nets for people, hands, faces and identity, and motion read from video."""
