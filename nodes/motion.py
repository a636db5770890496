"""Motion: from videos, from files, from other extractors; looked at, kept, fitted to a subject."""

NODES = []
