"""Faces in the head's own frame: without place, size and rotation, only shape and expression remain."""

from dataclasses import dataclass
from typing import Final

from torch import Tensor

from .bones import SEEN
from .face_mesh import RIGID
from .types import FaceMotion

NEUTRAL_SHARE: Final = 0.2  # of the frames, the calmest ones, define a driver's neutral face
NEUTRAL_FRAMES: Final = 5  # at least, so that a median can reject an outlier


@dataclass(frozen=True)
class HeadFrame:
    """F faces split into pose and shape: landmarks = centre + scale * rotation @ shape."""

    centre: Tensor  # [F, 3] pixels, mean of the points that the skull holds
    scale: Tensor  # [F] pixels, their root mean square distance from it
    rotation: Tensor  # [F, 3, 3] head to camera
    shape: Tensor  # [F, 478, 3]


def face_scale(landmarks: Tensor) -> Tensor:
    """[F, 478, 3] -> [F] size of a face in pixels that no expression changes."""
    rigid = landmarks[:, list(RIGID)]
    return (rigid - rigid.mean(dim=1, keepdim=True)).square().sum(-1).mean(-1).sqrt()


def to_head_frame(face: FaceMotion) -> HeadFrame:
    """Split every frame's landmarks into pose and shape."""
    landmarks, rotation = face.landmarks.float(), face.rotation.float()
    centre, scale = landmarks[:, list(RIGID)].mean(dim=1), face_scale(landmarks).clamp(min=1e-6)
    # Rows times R are columns times its transpose, which turns the camera's axes back into the head's.
    shape = (landmarks - centre[:, None]) @ rotation / scale[:, None, None]
    return HeadFrame(centre, scale, rotation, shape)


def from_head_frame(frame: HeadFrame) -> Tensor:
    """The landmarks [F, 478, 3] in pixels."""
    return frame.centre[:, None] + frame.scale[:, None, None] * (frame.shape @ frame.rotation.transpose(1, 2))


def calm_frames(face: FaceMotion) -> Tensor:
    """Indices of the seen frames in which the face expresses least; at least one face must be seen."""
    seen = (face.confidence >= SEEN).nonzero()[:, 0]
    activity = face.expression[seen, 1:].sum(dim=1)  # the first coefficient is "neutral" itself
    count = min(len(seen), max(NEUTRAL_FRAMES, round(NEUTRAL_SHARE * len(seen))))
    return seen[activity.argsort(stable=True)[:count]]


def neutral_shape(face: FaceMotion, shape: Tensor) -> Tensor:
    """[478, 3] the median shape [F, 478, 3] over the calm frames."""
    return shape[calm_frames(face)].median(dim=0).values
