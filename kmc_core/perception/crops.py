"""Square, rotated crops out of full-resolution frames, and the way back for points.

A region of interest ("roi") is (centre x, centre y, side, angle): source pixels and radians, a positive angle turns
clockwise on screen. An upright crop has angle 0; the crop's own x axis points along (cos angle, sin angle).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def crop(frames: Tensor, rois: Tensor, size: int) -> Tensor:
    """The rois [n, 4] cut from uint8 frames [n, 3, H, W] -> [n, 3, size, size] float 0..1 on the frames' device.

    Only the pixels under a roi are touched: they are averaged down to the crop's resolution first (so that a small
    crop of a large region does not alias), then read bilinearly in the crop's orientation. Outside is black.
    """
    patches = [_patch(frame, roi, size) for frame, roi in zip(frames, rois.tolist(), strict=True)]
    if not patches:
        return torch.zeros(0, 3, size, size, device=frames.device)
    return torch.cat([F.grid_sample(pixels, grid, align_corners=False) for pixels, grid in patches]) / 255


def _patch(frame: Tensor, roi: list[float], size: int) -> tuple[Tensor, Tensor]:
    """The pixels that one roi needs, no finer than needed [1, 3, h, w], and where to read them [1, size, size, 2]."""
    x, y, side, angle = roi
    height, width = frame.shape[-2:]
    reach = side / 2 * (abs(math.cos(angle)) + abs(math.sin(angle))) + 2 * max(1.0, side / size)
    left, right = _span(x, reach, width)
    top, bottom = _span(y, reach, height)
    pixels = frame[None, :, top:bottom, left:right]
    shrink = min(1.0, size / side)
    h, w = (max(1, round(length * shrink)) for length in (bottom - top, right - left))
    if shrink < 1 and pixels.is_cuda:
        pixels = pixels.float()  # the antialiased uint8 kernel exists on the CPU alone
    if shrink < 1:
        pixels = F.interpolate(pixels, (h, w), mode="bilinear", antialias=True, align_corners=False)
    points = from_crop(_pixel_centres(size, frame.device), torch.tensor(roi, device=frame.device), size)
    corner = points.new_tensor([left, top])
    extent = points.new_tensor([right - left, bottom - top])
    return pixels.float(), ((points - corner) * 2 / extent - 1)[None]


def _span(centre: float, reach: float, length: int) -> tuple[int, int]:
    """First and one past the last pixel that a roi touches on one axis; at least one pixel even far outside."""
    low = min(max(math.floor(centre - reach), 0), length - 1)
    return low, max(min(math.ceil(centre + reach), length), low + 1)


def _pixel_centres(size: int, device: torch.device) -> Tensor:
    """[size, size, 2] x, y of every pixel of a crop."""
    steps = torch.arange(size, device=device, dtype=torch.float32) + 0.5
    return torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)


def from_crop(points: Tensor, rois: Tensor, size: int) -> Tensor:
    """Points [..., 2 or 3] in pixels of a crop of `size` -> source pixels; z grows with the crop. rois [..., 4].

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
