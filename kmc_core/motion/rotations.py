"""Rotations as matrices: the nearest one to any matrix, and the way between two."""

import torch
from torch import Tensor


def nearest_rotation(matrix: Tensor) -> Tensor:
    """[..., 3, 3] -> the rotation nearest to it in the least-squares sense (orthogonal Procrustes)."""
    left, _, right = torch.linalg.svd(matrix)
    mirror = torch.linalg.det(left @ right)
    return torch.cat([left[..., :2], left[..., 2:] * mirror[..., None, None]], dim=-1) @ right


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """[..., 3, 3] on the shortest turn from `start` to `end`, at constant speed; `share` [...] 0..1."""
    turn = start.transpose(-1, -2) @ end
    # The turn's axis times 2 sin(angle), from its antisymmetric part, and 1 + 2 cos(angle) from its trace.
    axis = torch.stack([turn[..., 2, 1] - turn[..., 1, 2], turn[..., 0, 2] - turn[..., 2, 0],
                        turn[..., 1, 0] - turn[..., 0, 1]], dim=-1)  # fmt: skip
    twice_sine = axis.norm(dim=-1)
    angle = torch.atan2(twice_sine, turn.diagonal(dim1=-2, dim2=-1).sum(-1) - 1)
    axis = axis / twice_sine.clamp(min=1e-12)[..., None]
    return start @ about(axis, angle * share)


def about(axis: Tensor, angle: Tensor) -> Tensor:
    """Unit axes [..., 3] and angles [...] in radians -> rotations [..., 3, 3] (Rodrigues)."""
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    sine, cosine = angle.sin()[..., None, None], angle.cos()[..., None, None]
    return torch.eye(3).to(axis) + sine * cross + (1 - cosine) * (cross @ cross)
