"""How a head is turned, from its face landmarks."""

import torch
from torch import Tensor

from ..motion.face_mesh import RIGID

# Where the rigid points lie in a neutral head that faces the camera (x right, y down, z away, in distances
# between the outer eye corners), measured by tools/make_neutral_head.py.
NEUTRAL_HEAD = (
    (0.0000, -0.4443, -0.3672),  # 10
    (0.0000, -0.2705, -0.3552),  # 151
    (0.0000, -0.0868, -0.3315),  # 9
    (0.0000, 0.0012, -0.2894),  # 8
    (0.0000, 0.0877, -0.2571),  # 168
    (0.0000, 0.1835, -0.2793),  # 6
    (0.0000, 0.2731, -0.3108),  # 197
    (-0.7593, -0.0815, 0.5299),  # 127
    (-0.7516, 0.0587, 0.6251),  # 234
    (0.7593, -0.0815, 0.5299),  # 356
    (0.7516, 0.0587, 0.6251),  # 454
    (-0.5000, 0.0587, -0.0041),  # 33
    (-0.1966, 0.0922, -0.0556),  # 133
    (0.1966, 0.0922, -0.0556),  # 362
    (0.5000, 0.0587, -0.0041),  # 263
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
