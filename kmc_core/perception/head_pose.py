"""How a head is turned, from its face landmarks."""

import torch
from torch import Tensor

from ..motion.face_mesh import RIGID

# Where the rigid points lie in a neutral head that faces the camera (x right, y down, z away, in distances
# between the outer eye corners), measured by tools/make_neutral_head.py.
NEUTRAL_HEAD = (
    (0.0000, -0.5539, -0.1596),  # 10
    (0.0000, -0.3897, -0.2180),  # 151
    (0.0000, -0.2117, -0.2694),  # 9
    (0.0000, -0.1143, -0.2659),  # 8
    (0.0000, -0.0220, -0.2708),  # 168
    (0.0000, 0.0570, -0.3293),  # 6
    (0.0000, 0.1266, -0.3940),  # 197
    (-0.7593, 0.1365, 0.5184),  # 127
    (-0.7516, 0.3030, 0.5499),  # 234
    (0.7593, 0.1365, 0.5184),  # 356
    (0.7516, 0.3030, 0.5499),  # 454
    (-0.5000, 0.0522, -0.0272),  # 33
    (-0.1966, 0.0624, -0.0877),  # 133
    (0.1966, 0.0624, -0.0877),  # 362
    (0.5000, 0.0522, -0.0272),  # 263
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
