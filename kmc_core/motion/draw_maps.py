"""Limb maps: the body as the animator sees it, one soft channel per limb, one for depth.

Each limb is a set of capsules (cylinders with round ends) that know their depth, so that an arm before the
chest covers it. Resolution-free, batched, no gradients.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

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
HAND_CHANNELS: Final = tuple(LIMB_CHANNELS.index(name) for name in ("l_hand", "r_hand"))
FACE_CHANNELS: Final = tuple(LIMB_CHANNELS.index(name) for name in ("face_upper", "face_lower"))

FULL_CONFIDENCE: Final = 0.5  # from here on a limb is drawn at full strength; from SEEN to here it fades in
MIN_RADIUS: Final = 0.6  # pixels: thinner lines would alias
COVERED: Final = 0.8  # how much of a limb vanishes behind a nearer one: the rest still tells where it is
DEPTH_MARGIN: Final = 0.12  # torso lengths by which a limb must be nearer before it covers another
DEPTH_RANGE: Final = 4.0  # torso lengths that the depth channel spans, the pelvis in the middle
FAR: Final = 1e6
EDGE: Final = 0.25  # coverage from which on a limb hides others: its soft rim does not
FACE_FADE: Final = (4.0, 10.0)  # width of a face in map pixels: lines absent below, full above
FRAMES_AT_ONCE: Final = 32  # enough to outweigh the cost of a call, few enough to bound the memory

_UPPER_FACE: Final = ((RIGHT_EYE, True), (LEFT_EYE, True), (RIGHT_IRIS, True), (LEFT_IRIS, True),
                      (RIGHT_BROW, True), (LEFT_BROW, True))  # fmt: skip
_LOWER_FACE: Final = (
    (OUTER_LIPS, True),
    (INNER_LIPS, True),
    (NOSE_BRIDGE, False),
    (NOSE_BASE, False),
    (OVAL, True),
)


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

    body [F, 25, 4], hands [F, 2, 21, 4], face_landmarks [F, 478, 3] and face_confidence [F] as in a Track;
    each may be None (no confidence: every face is seen). `size` is (h, w) of the maps, `scale` map pixels per
    pixel of the points. Limb channels hold coverage, less where a nearer limb is in front; points of
    confidence below 0.3 are absent. The depth channel is 0 where nothing is, else 0.5 at the pelvis' depth
    and more the nearer, 1 two torso lengths ahead.
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


def _draw(
    maps: Tensor, body: Tensor | None, hands: Tensor | None, face: Tensor | None, face_seen: Tensor
) -> None:
    """Fill maps [F, C, h, w] in place."""
    figure = build_figure(body, hands, face, face_seen)
    limbs = maps[:, : len(LIMBS)]
    depth = torch.full_like(limbs, FAR)
    size = (maps.shape[-2], maps.shape[-1])
    for channel, ((name, capsules), window) in enumerate(
        zip(LIMBS.items(), _windows(figure, size), strict=True)
    ):
        cover = _coverage(figure, capsules, window)
        if name == "torso":
            cover = torch.maximum(cover, _torso_coverage(figure, window))
        limbs[:, channel][window.index] = cover
        depth[:, channel][window.index] = _depth(figure, capsules[0], window).masked_fill_(cover < EDGE, FAR)
    nearest = depth.amin(dim=1)
    unit = figure.unit[:, None, None]
    behind = (
        depth.sub_((nearest + unit * DEPTH_MARGIN)[:, None]).div_((unit * DEPTH_MARGIN)[:, None]).clamp_(0, 1)
    )
    maps[:, -1] = (0.5 - nearest / (DEPTH_RANGE * unit)).clamp_(0, 1) * limbs.amax(dim=1)
    if face is not None:
        lines = _face_lines(face, face_seen, size)
        maps[:, len(LIMBS) : -1] = lines * (1 - COVERED * behind[:, :1])  # the head is the first limb
    limbs.mul_(behind.mul_(-COVERED).add_(1))


class _Window(NamedTuple):
    """A rectangle of pixels in every frame, of one shape but in its own place."""

    x: Tensor  # [F, w'] pixel centres
    y: Tensor  # [F, h']
    index: tuple[Tensor, Tensor, Tensor]  # frame, row and column of each pixel, to index [F, h, w]


def _windows(figure: Figure, size: tuple[int, int]) -> list[_Window]:
    """The smallest common window of each limb: most limbs are a small part of the picture."""
    boxes = []
    for name, capsules in LIMBS.items():
        start, end = _ends(figure, capsules)
        points, seen = (
            torch.cat([start, end], dim=1),
            torch.minimum(start[..., 3], end[..., 3]).repeat(1, 2) >= SEEN,
        )
        reach = figure.radii(capsules).clamp(min=MIN_RADIUS).repeat(1, 2)
        if name == "torso":
            corners = figure.points[:, list(TORSO_CORNERS)]
            points = torch.cat([points, corners], dim=1)
            seen = torch.cat([seen, corners[..., 3] >= SEEN], dim=1)
            # A padded corner lies further out than the pad: up to twice at the angles that bodies have.
            reach = torch.cat(
                [reach, (2 * TORSO_PAD * figure.unit)[:, None].expand(-1, len(TORSO_CORNERS))], dim=1
            )
        reach, seen = (reach + 1)[..., None], seen[..., None]
        low = (points[..., :2] - reach).masked_fill(~seen, FAR).amin(dim=1)
        high = (points[..., :2] + reach).masked_fill(~seen, -FAR).amax(dim=1)
        boxes.append(torch.stack([low, high], dim=1))
    height, width = size
    limit = figure.points.new_tensor([width, height])
    corners = (
        torch.stack(boxes).floor().clamp(min=figure.points.new_zeros(2), max=limit)
    )  # L F 2 2, last is (x, y)
    extent = (corners[:, :, 1] - corners[:, :, 0] + 1).amax(dim=1).clamp(min=1).minimum(limit)  # L 2
    first = corners[:, :, 0].minimum((limit - extent)[:, None]).long()
    return [_window(first[k], int(w), int(h)) for k, (w, h) in enumerate(extent.tolist())]


def _window(first: Tensor, width: int, height: int) -> _Window:
    columns = first[:, :1] + torch.arange(width, device=first.device)
    rows = first[:, 1:] + torch.arange(height, device=first.device)
    frames = torch.arange(len(first), device=first.device)
    return _Window(columns + 0.5, rows + 0.5, (frames[:, None, None], rows[:, :, None], columns[:, None, :]))


def _gate(confidence: Tensor) -> Tensor:
    return ((confidence - SEEN) / (FULL_CONFIDENCE - SEEN)).clamp(0, 1)


def _affine(window: _Window, origin: Tensor, direction: Tensor) -> Tensor:
    """(pixel - origin) . direction for every pixel: [F, K, 2] twice -> [F, K, h', w'], as an outer sum."""
    along_x = (window.x[:, None] - origin[..., :1]) * direction[..., :1]  # F K w'
    along_y = (window.y[:, None] - origin[..., 1:2]) * direction[..., 1:2]  # F K h'
    return along_x[:, :, None, :] + along_y[:, :, :, None]


def _across(direction: Tensor) -> Tensor:
    """[..., 2] turned by a quarter."""
    return torch.stack([-direction[..., 1], direction[..., 0]], dim=-1)


def _ends(figure: Figure, capsules: tuple[Capsule, ...]) -> tuple[Tensor, Tensor]:
    index = torch.tensor([(c.start, c.end) for c in capsules], device=figure.points.device)
    return figure.points[:, index[:, 0]], figure.points[:, index[:, 1]]  # F K 4


def _coverage(figure: Figure, capsules: tuple[Capsule, ...], window: _Window) -> Tensor:
    """[F, h', w'] coverage by the union of the capsules that are seen, faded by their best confidence.

    Coverage falls from 1 to 0 between r - 1/2 and r + 1/2 pixels from the line, in the squared distance.
    """
    start, end = _ends(figure, capsules)
    radius = figure.radii(capsules).clamp(min=MIN_RADIUS)  # F K
    bone = (end - start)[..., :2]
    length = bone.norm(dim=-1, keepdim=True)
    shrink = (2 * radius).rsqrt()[..., None]  # distances come out divided by sqrt(2 r)
    direction = bone / length.clamp(min=1e-6) * shrink
    middle = (start + end)[..., :2] / 2
    beyond = _affine(window, middle, direction).abs_().sub_((length * shrink / 2)[..., None]).relu_()
    squared = _affine(window, middle, _across(direction)).square_().addcmul_(beyond, beyond)
    gate = _gate(torch.minimum(start[..., 3], end[..., 3]))
    peak = ((radius + 0.5).square() / (2 * radius)).masked_fill(gate <= 0, -FAR)
    inside = squared.neg_().add_(peak[..., None, None])
    return inside.amax(dim=1).clamp_(0, 1).mul_(gate.amax(dim=1)[:, None, None])


def _torso_coverage(figure: Figure, window: _Window) -> Tensor:
    """[F, h', w'] coverage by the quad of shoulders and hips with a margin."""
    corners = figure.points[:, list(TORSO_CORNERS)]  # F 4 4
    edges = corners.roll(-1, dims=1)[..., :2] - corners[..., :2]
    diagonals = corners[:, 2:, :2] - corners[:, :2, :2]
    area = diagonals[:, 0, 0] * diagonals[:, 1, 1] - diagonals[:, 0, 1] * diagonals[:, 1, 0]
    inward = _across(edges) / edges.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    inward = inward * torch.where(area < 0, -1.0, 1.0)[:, None, None]
    inside = (
        _affine(window, corners[..., :2], inward).amin(dim=1) + (TORSO_PAD * figure.unit + 0.5)[:, None, None]
    )
    return inside.clamp_(0, 1).mul_(_gate(corners[..., 3].amin(dim=1))[:, None, None])


def _depth(figure: Figure, axis: Capsule, window: _Window) -> Tensor:
    """[F, h', w'] depth of a limb's front: along its axis, rounded like a cylinder."""
    start, end = _ends(figure, (axis,))
    # An end that is not seen has no depth of its own.
    near = torch.where(start[..., 3] >= SEEN, start[..., 2], end[..., 2])[..., None, None]
    far = torch.where(end[..., 3] >= SEEN, end[..., 2], start[..., 2])[..., None, None]
    bone = (end - start)[..., :2]
    length = bone.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    along = _affine(window, start[..., :2], bone / length.square()).clamp_(0, 1)
    aside = _affine(window, start[..., :2], _across(bone / length))
    radius = figure.radii((axis,))[..., None, None]
    bulge = (radius.square() - aside.square_()).relu_().sqrt_()
    return along.mul_(far - near).add_(near).sub_(bulge)[:, 0]


def _line_points(landmarks: Tensor, lines: Sequence[tuple[Sequence[int], bool]], per_edge: int) -> Tensor:
    """[F, 478, 3] -> [F, N, 2] points along the lines, `per_edge` on each edge."""
    edges = [
        (line[k], line[(k + 1) % len(line)])
        for line, closed in lines
        for k in range(len(line) if closed else len(line) - 1)
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
    upper, lower = (
        _stamp(_line_points(landmarks, lines, per_edge), size) for lines in (_UPPER_FACE, _LOWER_FACE)
    )
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
