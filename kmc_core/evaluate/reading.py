"""What our own detectors read in a clip of pictures: the same for results, for floors and for the truth."""

from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from ..motion.skeleton import BODY_JOINTS, EXPRESSIONS
from ..motion.types import FaceMotion, Motion
from ..perception.clips import TensorClip
from ..perception.extract import encode_body, encode_face, encode_hands
from ..perception.identity_net import EMBEDDING
from ..perception.person import face_embedding
from ..perception.suite import Perception

READ_AT: Final = 256  # smaller pictures are enlarged to this longer side before detectors look at them
FACE_FOUND: Final = 0.3  # confidence from which a face counts as found


@dataclass(frozen=True)
class Reading:
    """One person over F pictures; coordinates are pixels of the pictures, what is not found is zero."""

    body: Tensor  # [F, 25, 4] as Track.body
    hands: Tensor  # [F, 2, 21, 4] as Track.hands
    faces: Tensor  # [F] confidence 0..1
    expression: Tensor  # [F, 52]
    rotation: Tensor  # [F, 3, 3]
    embeddings: Tensor  # [F, 128] face identity


@torch.no_grad()
def read_pictures(frames: Tensor, fps: float, nets: Perception) -> Reading:
    """Body, hands, face and identity of the largest person in frames [F, 3, H, W] in 0..1."""
    scale = max(1.0, READ_AT / max(frames.shape[-2:]))
    size = [round(side * scale) for side in frames.shape[-2:]]
    seen = F.interpolate(frames, size=size, mode="bicubic", align_corners=False).clamp(0, 1)
    clip, count = TensorClip(seen, fps), len(frames)
    body, hands = torch.zeros(count, len(BODY_JOINTS), 4), torch.zeros(count, 2, 21, 4)
    motion = _body(clip, nets)
    if motion is not None:
        track = encode_hands(clip, nets, motion=motion).tracks[0]
        assert track.body is not None and track.hands is not None
        body, hands = track.body, track.hands
    face = _face(clip, nets, motion)
    back = torch.tensor([1 / scale, 1 / scale, 1 / scale, 1.0])
    embeddings = torch.zeros(count, EMBEDDING)
    if face is None:
        blank = torch.zeros(count), torch.zeros(count, len(EXPRESSIONS)), torch.eye(3).repeat(count, 1, 1)
        return Reading(body * back, hands * back, *blank, embeddings)
    for frame in torch.nonzero(face.confidence > FACE_FOUND)[:, 0].tolist():
        embeddings[frame] = face_embedding(seen[frame], face.landmarks[frame], nets)
    return Reading(body * back, hands * back, face.confidence, face.expression, face.rotation, embeddings)


def _body(clip: TensorClip, nets: Perception) -> Motion | None:
    try:
        return encode_body(clip, nets)
    except KMCError:  # nobody is recognised: every joint is missing
        return None


def _face(clip: TensorClip, nets: Perception, motion: Motion | None) -> FaceMotion | None:
    try:
        return encode_face(clip, nets, motion=motion).tracks[0].face
    except KMCError:  # without a body, a clip that shows no face is refused
        return None
