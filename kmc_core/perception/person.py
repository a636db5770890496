"""One picture of a character: who it is, where, which way the head turns and how much of the body shows."""

import cmath
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from ..motion.skeleton import JOINT
from ..motion.types import FaceMotion, Track
from ..subject.types import ViewKind
from .body import BodyTracker
from .clips import TensorClip
from .crops import crop, square
from .face import FaceTracker, face_motion
from .hair import with_hair
from .hands import HandTracker
from .head_pose import head_yaw
from .suite import Perception

MASK_INPUT = 256
MASK_MARGIN = 1.2  # second look over the extent of the first mask
CHIP = 150
# Where dlib's identity net expects five points in its chip (0..1): outer and inner corner of the left eye, of
# the right eye, and the base of the nose, inside a border of a quarter of the face on each side.
CHIP_BORDER = 0.25
CHIP_POINTS = {
    263: (0.8595674595992, 0.2134981538014), 362: (0.6460604764104, 0.2289674387677),
    33: (0.1205750620789, 0.2137274526848), 133: (0.3340850613712, 0.2290642403242),
    2: (0.4901123135679, 0.6277975316475),
}  # fmt: skip
NOBODY = (
    "No person was found in the picture; use one that shows a single person or human-like character, upright "
    "and not cut off at the face."
)


@dataclass(frozen=True)
class PictureLook:
    """What is seen in one picture: everything that a View needs beside the picture itself."""

    pose: Track  # one frame: body, world, hands, and the face where it shows
    mask: Tensor  # [1, H, W] 0..1
    yaw: float  # head yaw in radians, 0 faces the camera, positive turns to the right of the picture
    embedding: Tensor | None  # [128] face identity, None where no face shows
    kind: ViewKind


@torch.no_grad()
def look_at_picture(image: Tensor, nets: Perception) -> PictureLook:
    """Everything about the largest person in `image` [3, H, W] 0..1. KMCError when there is nobody.

    A head that fills the picture counts even where no body is made out. A person seen from behind has yaw pi.
    """
    frame = _as_frame(image)
    body, world = BodyTracker(nets, fps=1.0)(frame)
    known = body if body[..., 3].any() else None
    face = face_motion(*FaceTracker(nets)(frame, known), fps=1.0)
    if not face.confidence.any():
        if known is None:
            raise KMCError(NOBODY)
        face = None
    kind = _kind(body, face)
    pose = Track(
        body=known, world=None if known is None else world, hands=HandTracker(nets)(frame, known), face=face
    )
    mask = person_mask(image, nets)
    return PictureLook(
        pose=pose,
        mask=with_hair(mask, image.cpu(), face.landmarks[0]) if face else mask,
        yaw=float(head_yaw(face.rotation)[0]) if face else math.pi if kind == "back" else 0.0,
        embedding=face_embedding(image, face.landmarks[0], nets) if face else None,
        kind=kind,
    )


def _as_frame(image: Tensor) -> Tensor:
    """One picture [3, H, W] 0..1 as uint8 [1, 3, H, W]."""
    return next(TensorClip(image[None].cpu(), fps=1.0).chunks(1))


def _kind(body: Tensor, face: FaceMotion | None) -> ViewKind:
    """How much of a person [1, 25, 4] shows: from behind, down to the ankles, the upper body, or little but
    the head."""
    seen = {name: bool(body[0, index, 3] > 0) for name, index in JOINT.items()}
    crossed = body[0, JOINT["l_shoulder"], 0] < body[0, JOINT["r_shoulder"], 0]
    if face is None and seen["l_shoulder"] and seen["r_shoulder"] and crossed:
        return "back"
    if seen["l_ankle"] or seen["r_ankle"]:
        return "full"
    upper = ("l_elbow", "r_elbow", "l_hip", "r_hip", "l_knee", "r_knee")
    return "half" if any(seen[name] for name in upper) else "face"


@torch.no_grad()
def person_mask(image: Tensor, nets: Perception) -> Tensor:
    """Where the person is in `image` [3, H, W] 0..1: [1, H, W] 0..1.

    The net looks at the whole picture, then once more at the person alone, so that small people get sharp
    outlines.
    """
    frame = _as_frame(image)
    height, width = frame.shape[-2:]
    coarse = _masked(frame, square(width, height), nets)
    rows, columns = (torch.nonzero(coarse[0].amax(axis) > 0.5)[:, 0] for axis in (1, 0))
    if not len(rows):
        return coarse
    low = torch.stack([columns[0], rows[0]])
    high = torch.stack([columns[-1], rows[-1]]) + 1
    side = (MASK_MARGIN * (high - low).max()).clamp(min=8)
    return _masked(frame, torch.tensor([*((low + high) / 2), side, 0.0]), nets)


def _masked(frame: Tensor, roi: Tensor, nets: Perception) -> Tensor:
    """The mask [1, H, W] seen through one upright roi [4]; 0 outside it."""
    height, width = frame.shape[-2:]
    (mask,) = nets.person_mask(crop(frame, roi[None], MASK_INPUT))  # 1 256 256 1
    xs, ys = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    grid = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), dim=-1) - roi[:2]
    values = F.grid_sample(mask.cpu().permute(0, 3, 1, 2), grid[None] * 2 / roi[2], align_corners=False)
    return values[0].clamp(0, 1)


@torch.no_grad()
def face_embedding(image: Tensor, landmarks: Tensor, nets: Perception) -> Tensor:
    """Identity [128] of the face whose `landmarks` [478, 3] lie in `image` [3, H, W] 0..1.

    Euclidean distance between two embeddings: same person about 0.2-0.43, others 0.67 and more, threshold
    0.45.
    """
    chip = crop(_as_frame(image), chip_region(landmarks)[None], CHIP)
    return nets.face_identity(chip)[0][0].cpu()


def chip_region(landmarks: Tensor) -> Tensor:
    """The roi [4] of the identity net's chip: the similarity that brings five landmarks closest to their
    places."""
    found = [complex(*landmarks[point, :2].tolist()) for point in CHIP_POINTS]
    wanted = [
        (complex(x, y) + complex(1, 1) * CHIP_BORDER) / (1 + 2 * CHIP_BORDER) for x, y in CHIP_POINTS.values()
    ]
    found_mean, wanted_mean = sum(found) / len(found), sum(wanted) / len(wanted)
    pairs = [(f - found_mean, w - wanted_mean) for f, w in zip(found, wanted, strict=True)]
    turn = sum(f * w.conjugate() for f, w in pairs) / sum(abs(w) ** 2 for _, w in pairs)
    centre = found_mean + turn * (complex(0.5, 0.5) - wanted_mean)
    return torch.tensor([centre.real, centre.imag, abs(turn), cmath.phase(turn)])
