"""Rotary position embedding over time, y and x with continuous coordinates (RoFormer, 2104.09864, split by
axis).
"""

import torch
from torch import Tensor


def rotations(positions: Tensor, axes: tuple[int, ...], theta: float = 100.0) -> Tensor:
    """Angles' cosine and sine for positions [..., 3] -> [2, ..., 1, D/2], with a broadcast axis for the
    heads.

    theta is small: the grids are tens of patches wide, and language-sized wavelengths would leave half of
    the dimensions still.
    """
    angles = []
    for axis, dim in enumerate(axes):
        frequencies = theta ** -(torch.arange(dim // 2, device=positions.device) / (dim // 2))
        angles.append(positions[..., axis, None] * frequencies)
    angle = torch.cat(angles, -1).unsqueeze(-2)
    return torch.stack((angle.cos(), angle.sin()))


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotate x [..., N, D] by `rotations`; the result has x's dtype."""
    cos, sin = rotation.to(x.dtype)
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)


def grid_positions(height: int, width: int, time: float, device: torch.device) -> Tensor:
    """Positions [height * width, 3] of patch centres around the middle of the picture, in patches."""
    y = torch.arange(height, device=device) + 0.5 - height / 2
    x = torch.arange(width, device=device) + 0.5 - width / 2
    yy, xx = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((torch.full_like(yy, time), yy, xx), -1).reshape(-1, 3)
