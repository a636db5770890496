"""One picture of a character: who it is, where, which way the head turns and how much of the body shows."""

from dataclasses import dataclass

from torch import Tensor

from ..motion.types import Track
from ..subject.types import ViewKind
from .suite import Perception


@dataclass(frozen=True)
class PictureLook:
    """What is seen in one picture: everything that a View needs beside the picture itself."""

    pose: Track  # one frame: body, world, hands, and the face where it shows
    mask: Tensor  # [1, H, W] 0..1
    yaw: float  # head yaw in radians, 0 faces the camera, positive turns to the right of the picture
    embedding: Tensor | None  # [128] face identity, None where no face shows
    kind: ViewKind


def look_at_picture(image: Tensor, nets: Perception) -> PictureLook:
    """Everything about the largest person in `image` [3, H, W] 0..1. KMCError when there is nobody."""
    raise NotImplementedError


def person_mask(image: Tensor, nets: Perception) -> Tensor:
    """Where the person is in `image` [3, H, W] 0..1: [1, H, W] 0..1."""
    raise NotImplementedError


def face_embedding(image: Tensor, landmarks: Tensor, nets: Perception) -> Tensor:
    """Identity [128] of the face whose `landmarks` [478, 3] lie in `image` [3, H, W] 0..1.

    Euclidean distance between two embeddings: same person about 0.2-0.43, others 0.67 and more, threshold 0.45.
    """
    raise NotImplementedError
