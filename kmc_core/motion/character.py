"""What retargeting needs of a character: poses in pictures. A `Subject` of the layer above is one."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from .types import Track


class PosedPicture(Protocol):
    """One picture of the character and the pose in it."""

    @property
    def image(self) -> Tensor:
        """[3, H, W]."""
        ...

    @property
    def pose(self) -> Track:
        """One frame, in pixels of the picture."""
        ...

    @property
    def yaw(self) -> float:
        """Head yaw in radians, 0 faces the camera."""
        ...


class Character(Protocol):
    """A named set of posed pictures; the first is the main one."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    @property
    def views(self) -> Sequence[PosedPicture]:
        """At least one."""
        ...
