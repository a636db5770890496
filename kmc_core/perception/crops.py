"""Square, rotated crops out of full-resolution frames, and the way back for points.

A region of interest ("roi") is (centre x, centre y, side, angle): source pixels and radians, a positive angle
turns clockwise on screen. An upright crop has angle 0; the crop's own x axis points along (cos angle, sin
angle).
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def picked(frames: Tensor, index: Tensor) -> list[Tensor]:
    """Views [3, H, W] of the frames `index` [m]: indexing would copy every pixel of them."""
    return [frames[i] for i in index.tolist()]


def crop(frames: Tensor | Sequence[Tensor], rois: Tensor, size: int) -> Tensor:
    """The rois [n, 4] cut from n uint8 frames [3, H, W] -> [n, 3, size, size] float 0..1 on their device.

    Only the pixels under a roi are touched: they are averaged down to the crop's resolution first (so that a
    small crop of a large region does not alias), then read bilinearly in the crop's orientation. Outside is
    black.
    """
    if not len(rois):
        return torch.zeros(0, 3, size, size)
    return torch.cat([_cut(frame, roi, size) for frame, roi in zip(frames, rois.tolist(), strict=True)])


def _cut(frame: Tensor, roi: list[float], size: int) -> Tensor:
    """One roi of one frame: [1, 3, size, size] float 0..1."""
    x, y, side, angle = roi
    height, width = frame.shape[-2:]
    reach = side / 2 * (abs(math.cos(angle)) + abs(math.sin(angle))) + 2 * max(1.0, side / size)
    left, right = _span(x, reach, width)
    top, bottom = _span(y, reach, height)
    pixels = _shrunk(frame[None, :, top:bottom, left:right], min(1.0, size / side))
    # grid_sample wants -1..1 over the region: both axes are affine in the crop's own -1..1 steps u (right), v
    # (down)
    steps = (torch.arange(size, device=frame.device) + 0.5) * (2 / size) - 1
    u, v = steps[None, :], steps[:, None]
    across, down = side / (right - left), side / (bottom - top)
    grid_x = (x - left) * 2 / (right - left) - 1 + across * (math.cos(angle) * u - math.sin(angle) * v)
    grid_y = (y - top) * 2 / (bottom - top) - 1 + down * (math.sin(angle) * u + math.cos(angle) * v)
    return F.grid_sample(pixels, torch.stack([grid_x, grid_y], dim=-1)[None], align_corners=False) / 255


def _shrunk(pixels: Tensor, scale: float) -> Tensor:
    """uint8 [1, 3, h, w] -> float, averaged down when `scale` is below 1."""
    if scale == 1:
        return pixels.float()
    size = [max(1, round(length * scale)) for length in pixels.shape[-2:]]
    if (
        pixels.is_cuda
    ):  # the antialiased uint8 kernel exists on the CPU alone, and is fast in this layout alone
        pixels = pixels.float()
    else:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
    return F.interpolate(pixels, size, mode="bilinear", antialias=True, align_corners=False).float()


def _span(centre: float, reach: float, length: int) -> tuple[int, int]:
    """First and one past the last pixel that a roi touches on one axis; at least one pixel even far
    outside."""
    low = min(max(math.floor(centre - reach), 0), length - 1)
    return low, max(min(math.ceil(centre + reach), length), low + 1)


def from_crop(points: Tensor, rois: Tensor, size: int) -> Tensor:
    """Points [..., 2 or 3] in pixels of a crop of `size` -> source pixels; z grows with the crop. rois [...,
    4].

    The roi's leading dimensions are those of the points without their last ones: [n, P, 3] with [n, 4].
    """
    centre, side, turn = _frame_of(rois, points)
    flat = (points[..., :2] / size - 0.5) * side
    flat = flat @ turn.transpose(-1, -2) + centre
    return torch.cat([flat, points[..., 2:3] / size * side], dim=-1)


def to_crop(points: Tensor, rois: Tensor, size: int) -> Tensor:
    """The inverse of `from_crop`."""
    centre, side, turn = _frame_of(rois, points)
    flat = (points[..., :2] - centre) @ turn / side + 0.5
    return torch.cat([flat * size, points[..., 2:3] * size / side], dim=-1)


def _frame_of(rois: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centre [..., 1, 2], side [..., 1, 1] and rotation [..., 2, 2], shaped to work on `points`."""
    while rois.ndim < points.ndim - 1:
        rois = rois[..., None, :]
    cos, sin = rois[..., 3].cos(), rois[..., 3].sin()
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    return rois[..., None, :2], rois[..., None, 2:3], turn


def square(width: int, height: int) -> Tensor:
    """The upright roi [4] that just holds a whole frame, as a letterbox."""
    return torch.tensor([width / 2, height / 2, max(width, height), 0.0])


def normalised_angle(angle: Tensor) -> Tensor:
    """The same direction in -pi..pi."""
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
