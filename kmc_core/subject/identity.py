"""Which views of a subject the animator is shown, and how strongly they count."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

from ..errors import KMCError
from .types import Subject

Views = Literal["all", "first"]


@dataclass(frozen=True)
class Identity:
    """A subject as it is shown to an engine."""

    subject: Subject  # only the chosen views
    strength: float  # 0 leaves the identity out, 1 is what the animator was trained with


def choose_identity(subject: Subject, strength: float = 1.0, views: Views = "all") -> Identity:
    """The subject with all views or its main one. Raises KMCError for a strength outside 0..1."""
    if not 0 <= strength <= 1:
        raise KMCError(f"The identity strength is {strength}, expected a number from 0 to 1.")
    if views not in get_args(Views):
        raise KMCError(f"The choice of views is '{views}', expected one of {', '.join(get_args(Views))}.")
    return Identity(subject if views == "all" else replace(subject, views=subject.views[:1]), strength)
