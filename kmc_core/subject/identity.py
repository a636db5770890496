"""Which views of a subject the animator is shown, how strongly they count, and when."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

from ..errors import KMCError
from .types import Subject

Views = Literal["all", "first", "matching"]
Part = Literal["whole character", "face only", "clothes only"]


@dataclass(frozen=True)
class Identity:
    """A subject as it is shown to an engine."""

    subject: Subject  # only the views that may be shown
    strength: float = 1.0  # 0 leaves the identity out, 1 is what the animator was trained with
    most: int = 0  # views at a time, those that face as the motion does; 0 shows all
    part: Part = "whole character"
    start: float = 0.0  # share of the sampling from which the identity counts, 0..1
    end: float = 1.0  # and up to which


def choose_identity(
    subject: Subject,
    strength: float = 1.0,
    views: Views = "all",
    *,
    most: int = 4,
    part: Part = "whole character",
    start: float = 0.0,
    end: float = 1.0,
) -> Identity:
    """The subject with all views, its main one, or the `most` that match the motion.

    Raises KMCError for a strength outside 0..1, an empty stretch of the sampling, and unknown names.
    """
    if not 0 <= strength <= 1:
        raise KMCError(f"The identity strength is {strength}, expected a number from 0 to 1.")
    if views not in get_args(Views):
        raise KMCError(f"The choice of views is '{views}', expected one of {', '.join(get_args(Views))}.")
    if part not in get_args(Part):
        raise KMCError(f"The part is '{part}', expected one of {', '.join(get_args(Part))}.")
    if not 0 <= start < end <= 1:
        raise KMCError(
            f"The identity counts from {start} to {end} of the sampling; start must be below end, in 0..1."
        )
    shown = replace(subject, views=subject.views[:1]) if views == "first" else subject
    return Identity(shown, strength, most if views == "matching" else 0, part, start, end)
