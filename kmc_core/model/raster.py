"""Which triangle a pixel shows: a z-buffer in plain tensor arithmetic, for any device and resolution."""

from typing import Final, NamedTuple

import torch
from torch import Tensor

EDGE: Final = -1e-4  # a pixel on a shared edge belongs to both triangles, so that no gap opens


class Fragments(NamedTuple):
    """All meetings of pixels and triangles, in no order."""

    pixel: Tensor  # [N] row * width + column
    triangle: Tensor  # [N]
    weights: Tensor  # [N, 3] barycentric
    depth: Tensor  # [N]

    def take(self, which: Tensor) -> "Fragments":
        """Some of them."""
        return Fragments(*(values[which] for values in self))


def fragments(points: Tensor, triangles: Tensor, size: tuple[int, int]) -> Fragments:
    """Where triangles [T, 3] of points [V, 3] (pixels, z away) cover pixel centres of (height, width).

    A triangle whose corners go clockwise in the picture shows its back and is left out.
    """
    height, width = size
    corners = points[triangles]  # T 3 3
    xy = corners[..., :2]
    area = _cross(xy[:, 1] - xy[:, 0], xy[:, 2] - xy[:, 0])
    limit = xy.new_tensor((width, height))
    low = (xy.amin(1) - 0.5).ceil().clamp(min=0)
    high = torch.minimum((xy.amax(1) - 0.5).floor(), limit - 1)
    spans = (high - low + 1).clamp(min=0).long()
    front = ((area < 0) & (spans > 0).all(1) & xy.isfinite().all(-1).all(-1)).nonzero()[:, 0]
    spans, low, corners, area = spans[front], low[front].long(), corners[front], area[front]
    counts = spans.prod(1)
    owner = torch.arange(len(front), device=points.device).repeat_interleave(counts)
    index = torch.arange(len(owner), device=points.device) - (counts.cumsum(0) - counts)[owner]
    column = low[owner, 0] + index % spans[owner, 0]
    row = low[owner, 1] + index // spans[owner, 0]
    from_first = torch.stack((column, row), -1).to(points) + 0.5 - corners[owner, 0, :2]
    to_second, to_third = ((corners[:, k, :2] - corners[:, 0, :2]) / area[:, None] for k in (1, 2))
    second, third = _cross(from_first, to_third[owner]), _cross(to_second[owner], from_first)
    weights = torch.stack((1 - second - third, second, third), -1)
    inside = (weights > EDGE).all(1).nonzero()[:, 0]
    owner, weights = owner[inside], weights[inside]
    depth = (weights * corners[..., 2][owner]).sum(1)
    return Fragments((row * width + column)[inside], front[owner], weights, depth)


def nearest(shown: Fragments, pixels: int) -> Tensor:
    """[pixels] index of the nearest fragment, -1 where there is none; of equals the last triangle wins."""
    first = shown.depth.new_full((pixels,), torch.inf)
    first.scatter_reduce_(0, shown.pixel, shown.depth, "amin")
    index = torch.full((pixels,), -1, dtype=torch.long, device=shown.pixel.device)
    top = (shown.depth == first[shown.pixel]).nonzero()[:, 0]
    return index.scatter_reduce_(0, shown.pixel[top], top, "amax")


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
