"""Where faces and hands are in a clip's pictures, cut as our own nets want to see them.

A region is (centre x, centre y, side, angle) as in `perception/crops.py`, in pixels; side 0 where there is
nothing to look at.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..motion.types import Track
from ..perception.face import face_region
from ..perception.hands import hand_region
from ..perception.person import chip_region

FACE, LEFT_HAND, RIGHT_HAND, CHIP = range(
    4
)  # of the regions of a frame; a chip is what the identity net sees
SMALLEST: Final = {FACE: 24.0, LEFT_HAND: 14.0, RIGHT_HAND: 14.0, CHIP: 40.0}  # side; smaller shows nothing
HAND_SEEN: Final = 0.5  # mean confidence of a hand's points


def regions(track: Track) -> Tensor:
    """Regions [F, 4, 4] of a track that has face and hands."""
    assert track.face is not None and track.hands is not None
    points, hands = track.face.landmarks, track.hands
    face_seen = track.face.confidence > 0
    hands_seen = hands[..., 3].mean(-1) > HAND_SEEN  # F 2
    found = torch.stack(
        [
            face_region(points) * face_seen[:, None],
            hand_region(hands[:, 0, :, :3]) * hands_seen[:, :1],
            hand_region(hands[:, 1, :, :3]) * hands_seen[:, 1:],
            torch.stack([chip_region(face) for face in points]) * face_seen[:, None],
        ],
        1,
    ).nan_to_num()
    smallest = torch.tensor([SMALLEST[part] for part in range(4)])
    return found * (found[..., 2:3] >= smallest[:, None])


def cut(pictures: Tensor, rois: Tensor, size: tuple[int, int]) -> Tensor:
    """Regions [N, 4] of pictures [N, C, H, W] -> [N, C, *size], differentiable in the pictures; outside is
    black.
    """
    height, width = pictures.shape[-2:]
    x, y, side, angle = rois.to(pictures).unbind(-1)
    cos, sin = angle.cos() * side, angle.sin() * side
    theta = torch.stack(
        [
            torch.stack([cos / width, -sin / width, x * 2 / width - 1], -1),
            torch.stack([sin / height, cos / height, y * 2 / height - 1], -1),
        ],
        1,
    )
    grid = F.affine_grid(theta, [len(pictures), pictures.shape[1], *size], align_corners=False)
    return F.grid_sample(pictures, grid, align_corners=False)
