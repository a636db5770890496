"""How a head is turned, from its face landmarks."""

import torch
from torch import Tensor

from ..motion.face_mesh import RIGID

# Where the rigid points lie in a neutral head that faces the camera (x right, y down, z away, in distances
# between the outer eye corners), measured by tools/make_neutral_head.py.
NEUTRAL_HEAD = (
    (0.0000, -0.5394, -0.2034),  # 10
    (0.0000, -0.3710, -0.2484),  # 151
    (0.0000, -0.1895, -0.2855),  # 9
    (0.0000, -0.0927, -0.2742),  # 8
    (0.0000, -0.0003, -0.2717),  # 168
    (0.0000, 0.0831, -0.3237),  # 6
    (0.0000, 0.1577, -0.3826),  # 197
    (-0.7593, 0.0946, 0.5277),  # 127
    (-0.7516, 0.2581, 0.5724),  # 234
    (0.7593, 0.0946, 0.5277),  # 356
    (0.7516, 0.2581, 0.5724),  # 454
    (-0.5000, 0.0542, -0.0229),  # 33
    (-0.1966, 0.0692, -0.0824),  # 133
    (0.1966, 0.0692, -0.0824),  # 362
    (0.5000, 0.0542, -0.0229),  # 263
)


def head_rotation(landmarks: Tensor) -> Tensor:
    """Landmarks [F, 478, 3] -> rotations [F, 3, 3] from the neutral head to the camera's axes.

    The identity faces the camera upright; the columns are the head's axes (to the right of the picture, down,
    away from the camera). The best rotation in the least-squares sense (orthogonal Procrustes) under weak
    perspective.
    """
    points = landmarks[:, list(RIGID)]
    points = points - points.mean(1, keepdim=True)
    neutral = points.new_tensor(NEUTRAL_HEAD)
    neutral = neutral - neutral.mean(0)
    left, _, right = torch.linalg.svd(points.transpose(1, 2) @ neutral)
    mirror = torch.linalg.det(left @ right)  # -1 where the best orthogonal matrix would be a reflection
    left = torch.cat([left[..., :2], left[..., 2:] * mirror[:, None, None]], dim=-1)
    return left @ right


def head_yaw(rotation: Tensor) -> Tensor:
    """Rotations [..., 3, 3] -> radians [...]: 0 faces the camera, positive turns to the right of the
    picture."""
    return torch.atan2(-rotation[..., 0, 2], rotation[..., 2, 2])
