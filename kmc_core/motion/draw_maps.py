"""Limb maps: the body as the animator sees it, one soft channel per limb, one for depth.

Each limb is a set of capsules (cylinders with round ends) that know their depth, so that an arm before the chest
covers it. Resolution-free, batched, no gradients.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from ..errors import KMCError
from .bones import SEEN
from .face_mesh import (
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    LEFT_IRIS,
    NOSE_BASE,
    NOSE_BRIDGE,
    OUTER_LIPS,
    OVAL,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGHT_IRIS,
)
from .figure import LIMBS, TORSO_CORNERS, TORSO_PAD, Capsule, Figure, build_figure

LIMB_CHANNELS: Final = (*LIMBS, "face_upper", "face_lower", "depth")

FULL_CONFIDENCE: Final = 0.5  # from here on a limb is drawn at full strength; from SEEN to here it fades in
MIN_RADIUS: Final = 0.6  # pixels: thinner lines would alias
COVERED: Final = 0.8  # how much of a limb vanishes behind a nearer one: the rest still tells where it is
DEPTH_MARGIN: Final = 0.12  # torso lengths by which a limb must be nearer before it covers another
DEPTH_RANGE: Final = 4.0  # torso lengths that the depth channel spans, the pelvis in the middle
FAR: Final = 1e6
FACE_FADE: Final = (4.0, 10.0)  # width of a face in map pixels: lines absent below, full above
FRAMES_AT_ONCE: Final = 4  # the working set then stays in a CPU core's cache at 64 x 64

_UPPER_FACE: Final = ((RIGHT_EYE, True), (LEFT_EYE, True), (RIGHT_IRIS, True), (LEFT_IRIS, True),
                      (RIGHT_BROW, True), (LEFT_BROW, True))  # fmt: skip
_LOWER_FACE: Final = ((OUTER_LIPS, True), (INNER_LIPS, True), (NOSE_BRIDGE, False), (NOSE_BASE, False), (OVAL, True))


@torch.no_grad()
def limb_maps(
    body: Tensor | None,
    hands: Tensor | None = None,
    face_landmarks: Tensor | None = None,
    *,
    size: tuple[int, int],
    scale: float = 1.0,
    face_confidence: Tensor | None = None,
) -> Tensor:
    """Draw F poses as float maps [F, len(LIMB_CHANNELS), h, w] in 0..1.

    body [F, 25, 4], hands [F, 2, 21, 4], face_landmarks [F, 478, 3] and face_confidence [F] as in a Track, each may be
    None (no confidence: every face is seen). `size` is (h, w) of the maps, `scale` map pixels per pixel of the points.
    Limb channels hold coverage, less where a nearer limb is in front; points of confidence below 0.3 are absent. The
    depth channel is 0 where nothing is, else 0.5 at the pelvis' depth and more the nearer, 1 two torso lengths ahead.
    """
    given = next((part for part in (body, hands, face_landmarks) if part is not None), None)
    if given is None:
        raise KMCError("Nothing to draw: give a body, hands or face landmarks.")
    frames, (height, width) = len(given), size
    maps = given.new_zeros(frames, len(LIMB_CHANNELS), height, width, dtype=torch.float32)
    if face_confidence is None:
        face_confidence = given.new_ones(frames)
    scaled = [_scaled(part, scale) for part in (body, hands, face_landmarks)]
    step = FRAMES_AT_ONCE if given.device.type == "cpu" else max(frames, 1)
    for first in range(0, frames, step):
        part = slice(first, first + step)
        points = [None if tensor is None else tensor[part] for tensor in scaled]
        _draw(maps[part], points[0], points[1], points[2], face_confidence[part].float())
    return maps


def _scaled(points: Tensor | None, scale: float) -> Tensor | None:
    if points is None:
        return None
    points = points.float().clone()
    points[..., :3] *= scale
    return points


def _draw(maps: Tensor, body: Tensor | None, hands: Tensor | None, face: Tensor | None, face_seen: Tensor) -> None:
    """Fill maps [F, C, h, w] in place."""
    figure = build_figure(body, hands, face, face_seen)
    height, width = maps.shape[-2:]
    x = torch.arange(width, device=maps.device, dtype=torch.float32) + 0.5
    y = torch.arange(height, device=maps.device, dtype=torch.float32) + 0.5
    limbs = maps[:, : len(LIMBS)]
    for channel, (name, capsules) in enumerate(LIMBS.items()):
        cover = _coverage(figure, capsules, x, y)
        if name == "torso":
            cover = torch.maximum(cover, _torso_coverage(figure, x, y))
        torch.clamp(cover, min=0, out=limbs[:, channel])
    depth = _depths(figure, x, y)  # F L h w
    nearest = (depth + (1 - limbs) * FAR).amin(dim=1, keepdim=True)
    unit = figure.unit[:, None, None, None]
    behind = ((depth - nearest) / (unit * DEPTH_MARGIN) - 1).clamp_(0, 1)
    drawn = limbs.amax(dim=1)
    maps[:, -1] = (0.5 - nearest[:, 0] / (DEPTH_RANGE * unit[:, 0])).clamp_(0, 1) * drawn
    limbs *= 1 - COVERED * behind
    if face is not None:
        lines = _face_lines(face, face_seen, (height, width))
        maps[:, len(LIMBS) : -1] = lines * (1 - COVERED * behind[:, :1])  # the head is the first limb


def _gate(confidence: Tensor) -> Tensor:
    return ((confidence - SEEN) / (FULL_CONFIDENCE - SEEN)).clamp(0, 1)


def _affine(x: Tensor, y: Tensor, origin: Tensor, direction: Tensor) -> Tensor:
    """(pixel - origin) . direction for every pixel: [F, K, 2] twice -> [F, K, h, w], as an outer sum."""
    along_x = (x - origin[..., :1]) * direction[..., :1]  # F K w
    along_y = (y - origin[..., 1:2]) * direction[..., 1:2]  # F K h
    return along_x[:, :, None, :] + along_y[:, :, :, None]


def _ends(figure: Figure, capsules: tuple[Capsule, ...]) -> tuple[Tensor, Tensor]:
    index = torch.tensor([(c.start, c.end) for c in capsules], device=figure.points.device)
    return figure.points[:, index[:, 0]], figure.points[:, index[:, 1]]  # F K 4


def _coverage(figure: Figure, capsules: tuple[Capsule, ...], x: Tensor, y: Tensor) -> Tensor:
    """[F, h, w] coverage by the union of the capsules, faded by confidence; may be negative outside.

    Coverage falls from 1 to 0 between r - 1/2 and r + 1/2 pixels from the line, in the squared distance: no root.
    """
    start, end = _ends(figure, capsules)
    radius = figure.radii(capsules).clamp(min=MIN_RADIUS)  # F K
    bone = (end - start)[..., :2]
    length = bone.norm(dim=-1, keepdim=True)
    shrink = (2 * radius).rsqrt()[..., None]  # distances come out divided by sqrt(2 r)
    direction = bone / length.clamp(min=1e-6) * shrink
    middle = (start + end)[..., :2] / 2
    beyond = _affine(x, y, middle, direction).abs_().sub_((length * shrink / 2)[..., None]).relu_()
    aside = _affine(x, y, middle, torch.stack([-direction[..., 1], direction[..., 0]], dim=-1))
    squared = aside.square_().addcmul_(beyond, beyond)
    inside = ((radius + 0.5).square() / (2 * radius))[..., None, None] - squared
    gate = _gate(torch.minimum(start[..., 3], end[..., 3]))[..., None, None]
    return torch.minimum(inside, gate).amax(dim=1)


def _torso_coverage(figure: Figure, x: Tensor, y: Tensor) -> Tensor:
    """[F, h, w] coverage by the quad of shoulders and hips with a margin; may be negative outside."""
    corners = figure.points[:, list(TORSO_CORNERS)]  # F 4 4
    edges = corners.roll(-1, dims=1)[..., :2] - corners[..., :2]
    diagonals = corners[:, 2:, :2] - corners[:, :2, :2]
    area = diagonals[:, 0, 0] * diagonals[:, 1, 1] - diagonals[:, 0, 1] * diagonals[:, 1, 0]
    inward = torch.stack([-edges[..., 1], edges[..., 0]], dim=-1) / edges.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    inward = inward * torch.where(area < 0, -1.0, 1.0)[:, None, None]
    inside = _affine(x, y, corners[..., :2], inward).amin(dim=1) + (TORSO_PAD * figure.unit + 0.5)[:, None, None]
    return torch.minimum(inside, _gate(corners[..., 3].amin(dim=1))[:, None, None])


def _depths(figure: Figure, x: Tensor, y: Tensor) -> Tensor:
    """[F, L, h, w] depth of every limb's front: along its axis, rounded like a cylinder."""
    axes = tuple(capsules[0] for capsules in LIMBS.values())
    start, end = _ends(figure, axes)
    # An end that is not seen has no depth of its own.
    near = torch.where(start[..., 3] >= SEEN, start[..., 2], end[..., 2])[..., None, None]
    far = torch.where(end[..., 3] >= SEEN, end[..., 2], start[..., 2])[..., None, None]
    bone = (end - start)[..., :2]
    length = bone.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    direction = bone / length
    along = _affine(x, y, start[..., :2], direction / length).clamp_(0, 1)
    aside = _affine(x, y, start[..., :2], torch.stack([-direction[..., 1], direction[..., 0]], dim=-1))
    radius = figure.radii(axes)[..., None, None]
    bulge = (radius.square() - aside.square_()).relu_().sqrt_()
    return along.mul_(far - near).add_(near).sub_(bulge)


def _line_points(landmarks: Tensor, lines: Sequence[tuple[Sequence[int], bool]], per_edge: int) -> Tensor:
    """[F, 478, 3] -> [F, N, 2] points along the lines, `per_edge` on each edge."""
    edges = [
        (line[k], line[(k + 1) % len(line)]) for line, closed in lines for k in range(len(line) if closed else len(line) - 1)
    ]
    index = torch.tensor(edges, device=landmarks.device)
    share = torch.arange(per_edge, device=landmarks.device, dtype=landmarks.dtype)[:, None] / per_edge
    start, end = landmarks[:, index[:, 0], None, :2], landmarks[:, index[:, 1], None, :2]
    return (start + (end - start) * share).flatten(1, 2)


def _face_lines(landmarks: Tensor, seen: Tensor, size: tuple[int, int]) -> Tensor:
    """[F, 2, h, w] lines of the upper and the lower face, faded out where the face is too small to read."""
    face = landmarks[:, list(OVAL), :2]
    face_width = (face.amax(dim=1) - face.amin(dim=1)).amin(dim=1)
    low, high = FACE_FADE
    strength = _gate(seen) * ((face_width - low) / (high - low)).clamp(0, 1)
    per_edge = 2 + max(size) // 64  # the longest edges span about 3 % of a close-up
    upper, lower = (_stamp(_line_points(landmarks, lines, per_edge), size) for lines in (_UPPER_FACE, _LOWER_FACE))
    return torch.stack([upper, lower], dim=1) * strength[:, None, None, None]


def _stamp(points: Tensor, size: tuple[int, int]) -> Tensor:
    """[F, N, 2] -> [F, h, w] a soft dot about a pixel wide at every point."""
    frames, (height, width) = len(points), size
    offsets = torch.tensor([(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)], device=points.device)
    pixel = points.floor()[:, :, None] + offsets  # F N 9 2
    value = (1.2 - (pixel + 0.5 - points[:, :, None]).norm(dim=-1)).clamp_(0, 1)
    x, y = pixel.long().unbind(-1)
    value = value * ((x >= 0) & (x < width) & (y >= 0) & (y < height))
    index = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).flatten(1)
    flat = points.new_zeros(frames, height * width)
    return flat.scatter_reduce_(1, index, value.flatten(1), "amax").view(frames, height, width)
