"""Motion and subject in the words of each engine."""
