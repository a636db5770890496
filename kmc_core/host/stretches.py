"""Parts of the sampling, as the host's conditioning tells them: start_percent and end_percent of an entry."""

from collections.abc import Mapping
from typing import Any, Final

BETWEEN: Final = 1e-5  # keeps two parts of a sampling from both counting at the step where they meet
ALWAYS: Final = (0.0, 1.0)


def stretches(entry: Mapping[str, Any], during: tuple[float, float]) -> list[tuple[bool, dict[str, float]]]:
    """The part of the sampling in which an entry counts, cut where `during` begins and ends: whether each
    piece lies in `during`, and the values that limit the entry to that piece.
    """
    first, last = entry.get("start_percent", 0.0), entry.get("end_percent", 1.0)
    low, high = (min(max(share, first), last) for share in during)
    pieces = [(False, first, low), (True, low, high), (False, high, last)]
    if low == high:
        pieces = [(False, first, last)]
    return [
        (inside, {"start_percent": start + BETWEEN * (start > first), "end_percent": end})
        for inside, start, end in pieces
        if start < end
    ]
