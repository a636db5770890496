"""A character as a set of views. Frozen: change with `dataclasses.replace`."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ..motion.types import Track

ViewKind = Literal["full", "half", "face", "back"]


@dataclass(frozen=True)
class View:
    """One picture of the character."""

    image: Tensor  # [3, H, W] RGB 0..1
    mask: Tensor  # [1, H, W] 0..1, 1 on the person
    pose: Track  # one frame, in pixels of this picture
    yaw: float  # head yaw in radians, 0 faces the camera, positive turns towards the right of the picture
    kind: ViewKind
    embedding: Tensor | None = None  # [128] face identity (dlib metric space), None where no face is seen


@dataclass(frozen=True)
class Subject:
    """A named character with one or more views; the first view is the main one (framing, colours)."""

    name: str
    views: tuple[View, ...]
    description: str = ""
    consent: str = ""  # who agreed to be shown, and to what, in words
