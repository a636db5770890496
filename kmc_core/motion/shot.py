"""What the camera does in a clip, read from its pixels: cuts, and how it pans, tilts and zooms.

Frames are looked at small and grey, in chunks, so the length of a clip costs no memory. Camera motion is the
shift and zoom that brings a frame's background (away from the people) onto that of the frame before:
Gauss-Newton from coarse to fine with robust weights, so that what moves in the background hardly counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from .bones import SEEN, torso_length
from .skeleton import BODY_BONES, JOINT
from .types import Motion

HEIGHT: Final = 96  # pixels of the small frames
LEVELS: Final = (4, 2, 1)  # how much smaller still, coarse to fine
STEPS: Final = 5  # Gauss-Newton steps a level
CUT_CHANGE: Final = 0.04  # mean change of a pixel (0..1) from which two frames can be different scenes
CUT_RATIO: Final = 2.5  # and this many times the change before and after: fast motion changes several frames
PRECISION: Final = 0.002  # standard error, in shares of the height, above which a step is not known
AGREEING: Final = 0.3  # share of the background's texture that must move as one
NOISE: Final = 0.008  # grey (0..1) by which frames of a still camera differ
ROUNDING: Final = 0.002  # grey that eight bits and compression hide
LARGEST_STEP: Final = 0.5  # of the height; nothing that far between two frames can be followed
LIMB, HEAD = 0.22, 0.4  # torso lengths around bones and nose that flesh, clothes and hair can cover
HEAD_PER_CROP: Final = 0.65  # radius around a face's crop, in sides of it: hair too
SMALLEST_BACKGROUND: Final = 0.04  # share of the picture: less tells nothing


@dataclass(frozen=True)
class Shot:
    """The camera's doings over F frames."""

    cuts: tuple[int, ...]  # the first frame of each new scene
    step: Tensor  # [F, 3] since the frame before: right, down in shares of the height, log zoom; nan: unknown

    def travel(self) -> tuple[float, float] | None:
        """How far the camera gets within a scene: shares of the height, and log zoom. None: not known."""
        if not bool(torch.isfinite(self.step).any()):
            return None
        ends = [0, *self.cuts, len(self.step)]
        paths = [self.step[a:b].nan_to_num(0.0).cumsum(0) for a, b in pairwise(ends) if b > a]
        reach = torch.stack([path.amax(0) - path.amin(0) for path in paths]).amax(0)
        return float(reach[:2].max()), float(reach[2])


def read_shot(chunks: Iterable[Tensor], people: Tensor) -> Shot:
    """Read chunks of frames, uint8 [n, 3, H, W]; `people` [F, N, 5] as `people_of` gives them.

    Frames beyond them count as empty.
    """
    change, steps = [torch.zeros(0)], [torch.zeros(0, 3)]
    last = None
    done = 0
    for frames in chunks:
        small = _small(frames)  # n 1 h w
        mask = background(people[done : done + len(frames)], small)
        now = torch.cat([small, mask], dim=1)
        pairs = now if last is None else torch.cat([last, now])
        if last is None:
            steps.append(torch.full((1, 3), torch.nan))
            change.append(torch.zeros(1))
        if len(pairs) > 1:
            found = _follow(pairs[:-1], pairs[1:])
            steps.append(found)
            change.append(_change(pairs[:-1, :1], pairs[1:, :1], found.nan_to_num(0.0)))
        last, done = now[-1:], done + len(frames)
    cuts = _cuts(torch.cat(change))
    step = torch.cat(steps)
    step[list(cuts)] = torch.nan
    return Shot(cuts, step)


def people_of(motion: Motion) -> Tensor:
    """[F, N, 5] segments that cover the people: two ends (x, y, x, y) and a radius, nan where unseen.

    In shares of the picture's height, from its middle.
    """
    height = motion.size[1]
    middle = torch.tensor(motion.size).float() / 2
    parts = [torch.full((motion.frames, 1, 5), torch.nan)]
    for track in motion.tracks:
        if track.body is not None:
            parts.append(_limbs(track.body.float()))
        if track.face is not None:
            crop, seen = track.face.crop.float(), (track.face.confidence >= SEEN)[:, None]
            disc = torch.cat([crop[:, :2], crop[:, :2], crop[:, 2:] * HEAD_PER_CROP], dim=1)
            parts.append(torch.where(seen, disc, torch.nan)[:, None])
    segments = torch.cat(parts, dim=1)
    segments[..., :4] -= middle.repeat(2)
    return segments / height


def _limbs(body: Tensor) -> Tensor:
    """[F, 25, 4] -> segments [F, S, 5] in pixels: bones, hands, the head, a trunk whose end is not seen."""
    points, seen = body[..., :2], body[..., 3] >= SEEN
    torso = torso_length(body)[:, None]  # F 1
    down = torch.stack([torch.zeros_like(torso), 2 * torso], dim=-1)  # F 1 2
    starts, ends = (list(side) for side in zip(*BODY_BONES, strict=True))
    hung = [JOINT[name] for name in ("neck", "r_shoulder", "l_shoulder")]
    wrists, elbows = ([JOINT[f"{side}_{name}"] for side in "rl"] for name in ("wrist", "elbow"))
    kinds = (
        (points[:, starts], points[:, ends], LIMB, seen[:, starts] & seen[:, ends]),
        (points[:, hung], points[:, hung] + down, LIMB, seen[:, hung] & ~seen[:, [JOINT["pelvis"]]]),
        (points[:, [JOINT["nose"]]], points[:, [JOINT["nose"]]], HEAD, seen[:, [JOINT["nose"]]]),
        (
            points[:, wrists],
            points[:, wrists] + 0.7 * (points[:, wrists] - points[:, elbows]),
            LIMB,
            seen[:, wrists] & seen[:, elbows],
        ),
    )
    segments = [
        torch.where(
            known[..., None],
            torch.cat([start, end, (radius * torso).expand_as(known)[..., None]], dim=-1),
            torch.nan,
        )
        for start, end, radius, known in kinds
    ]
    return torch.cat(segments, dim=1)


def background(people: Tensor, small: Tensor) -> Tensor:
    """[n, 1, h, w] 1 away from all segments [up to n, N, 5]."""
    places = _grid(small)[None]  # 1 h w 2
    mask = torch.ones_like(small)
    for segment in people.unbind(1):  # m 5
        start, way = segment[:, None, None, :2], (segment[:, 2:4] - segment[:, :2])[:, None, None]
        along = ((places - start) * way).sum(-1) / way.square().sum(-1).clamp(min=1e-9)
        apart = (places - start - along.clamp(0, 1)[..., None] * way).norm(dim=-1)
        mask[: len(people), 0] *= ~(apart < segment[:, 4, None, None])  # false where nan
    return mask


def _small(frames: Tensor) -> Tensor:
    """uint8 [n, 3, H, W] -> grey 0..1 [n, 1, 96, w]."""
    height, width = frames.shape[-2:]
    size = (HEIGHT, max(8, round(width * HEIGHT / height)))
    parts = []
    for frame in frames.split(8):  # as floats, a few at a time
        grey = frame.float().mul_(1 / 255).mean(dim=1, keepdim=True)
        parts.append(F.interpolate(grey, size=size, mode="bilinear", antialias=True, align_corners=False))
    return torch.cat(parts)


def _follow(before: Tensor, after: Tensor) -> Tensor:
    """[n, 2, h, w] grey and background mask -> [n, 3] step of the camera; nan where it cannot be told."""
    step = before.new_zeros(len(before), 3)
    error = agreeing = before.new_zeros(len(before))
    for factor in LEVELS:
        a, b = (F.avg_pool2d(each, factor) if factor > 1 else each for each in (before, after))
        for _ in range(STEPS):
            more, error, agreeing = _gauss_newton(a, b, step)
            step = step + more
    told = (error < PRECISION) & (agreeing > AGREEING) & (step.abs().amax(1) < LARGEST_STEP)
    told = told & ((before[:, 1] * after[:, 1]).mean((1, 2)) > SMALLEST_BACKGROUND)
    # Content that moves right is a camera that moves left.
    return torch.where(told[:, None], -step * step.new_tensor([1, 1, -1]), torch.nan)


def _gauss_newton(a: Tensor, b: Tensor, step: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Improves a step [n, 3] by which the content of `a` moved to that of `b` [n, 2, h, w].

    Returns what to add to it, its standard error [n], and the share of the texture [n] that it explains.
    """
    grid = _grid(a)
    moved = _sampled(b, grid, step)
    error = moved[:, 0] - a[:, 0]
    down, across = torch.gradient(moved[:, 0], dim=(1, 2))
    pixels = a.shape[-2]  # of the height that steps are measured in
    x, y = grid.unbind(-1)
    slopes = torch.stack([across * pixels, down * pixels, (across * x + down * y) * pixels], dim=1)  # n 3 h w
    mask = (a[:, 1] > 0.99) & (moved[:, 1] > 0.99)
    spread = torch.where(mask, error.abs(), torch.nan).flatten(1).nanmedian(dim=1).values.nan_to_num(0.0)
    limit = (3 * spread).clamp(min=NOISE)
    weight = mask / (1 + (error / limit[:, None, None]).square())
    energy = slopes[:, :2].square().sum(1)
    agreeing = (weight * energy).sum((1, 2)) / (mask * energy).sum((1, 2)).clamp(min=1e-9)
    slopes, error, weight = slopes.flatten(2), error.flatten(1), weight.flatten(1)
    normal = ((slopes * weight[:, None]) @ slopes.transpose(1, 2)).double()
    inverse = torch.linalg.inv(normal + 1e-4 * torch.eye(3)).float()
    noise = (weight * error.square()).sum(1) / weight.sum(1).clamp(min=1) + ROUNDING**2
    uncertain = (noise[:, None] * inverse.diagonal(dim1=1, dim2=2)).sqrt().amax(dim=1)
    more = -(inverse @ (slopes @ (weight * error)[..., None]))[..., 0]
    return more.clamp(-LARGEST_STEP, LARGEST_STEP), uncertain, agreeing


def _grid(image: Tensor) -> Tensor:
    """[h, w, 2] x, y from the picture's middle in shares of its height."""
    height, width = image.shape[-2:]
    x, y = (torch.arange(width) + 0.5 - width / 2) / height, (torch.arange(height) + 0.5) / height - 0.5
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def _sampled(image: Tensor, grid: Tensor, step: Tensor) -> Tensor:
    """The image where the content of `grid` has moved to; the mask is 0 outside of it."""
    height, width = image.shape[-2:]
    places = grid * step[:, 2, None, None, None].exp() + step[:, None, None, :2]
    places = places * places.new_tensor([2 * height / width, 2])
    return F.grid_sample(image, places, align_corners=False, padding_mode="zeros")


def _change(a: Tensor, b: Tensor, step: Tensor) -> Tensor:
    """[n] mean change of a pixel that a moving camera does not explain."""
    plain = (a - b).abs().mean((1, 2, 3))
    content = -step * step.new_tensor([1, 1, -1])
    both = torch.cat([b, torch.ones_like(b)], dim=1)
    moved = _sampled(both, _grid(a), content)
    inside = moved[:, 1:] > 0.99
    explained = ((moved[:, :1] - a).abs() * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3)).clamp(min=1)
    return torch.minimum(plain, explained)


def _cuts(change: Tensor) -> tuple[int, ...]:
    """Frames whose change is large, and singular: a cut lasts one frame, motion does not."""
    padded = F.pad(change, (1, 1))
    beside = torch.maximum(padded[:-2], padded[2:])
    found = (change > CUT_CHANGE) & (change > CUT_RATIO * beside)
    return tuple(found.nonzero()[:, 0].tolist())
