"""The one error that users see: what was expected, what came, what to do."""


class KMCError(ValueError):
    """Input, file or weights that cannot be used. The message is written for the person at the graph."""
