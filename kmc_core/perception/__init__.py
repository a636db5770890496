"""Perception: converted nets for people, hands, faces and identity, and the extraction of motion from video."""
