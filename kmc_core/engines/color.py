"""Colour and contrast held to the character's own picture, however long the video.

Every frame is compared with what the picture's pixels look like in that frame's pose (the prior of
model/prior.py) and in its light (light.py), never with frames before it: an error that is not passed on
cannot add up. Colours are compared in OKLab (Ottosson 2020, https://bottosson.github.io/posts/oklab/), where
equal steps look equal.
"""

from dataclasses import dataclass
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from ..model.prior import move_person
from ..model.proxy_normals import Normals, person_normals
from ..model.proxy_views import Picture
from ..motion.types import Motion
from ..subject.types import Subject
from .kmc import Check, Progress, canvas_pose, canvas_view, fitted_person, no_check, no_progress, placement
from .light import relit

Where = Literal["person", "whole picture"]
COMPARED_AT: Final = 128  # longer side in pixels: colours need no more
CERTAIN: Final = 0.95  # coverage from which a pixel surely shows the person
FEWEST: Final = 30  # such pixels that a frame's colours are told from
ROUNDS: Final = 4
LIKE: Final = 0.02  # OKLab distance below which two pixels show the same
CONTRAST: Final = (0.6, 1.7)  # limits of the change of contrast
# sRGB -> cone response -> OKLab, the matrices of the paper above.
TO_CONES: Final = ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
                   (0.0883024619, 0.2817188376, 0.6299787005))  # fmt: skip
TO_LAB: Final = ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
                 (0.0259040371, 0.7827717662, -0.8086757660))  # fmt: skip


@dataclass(frozen=True)
class Change:
    """What brings the person's colours in F frames to those of the reference."""

    middle: Tensor  # [F, 3] OKLab mean of the person as it is
    shift: Tensor  # [F, 3]
    gain: Tensor  # [F] of the lightness around the middle
    known: Tensor  # [F] whether enough of the person shows to tell


def anchor_color(
    frames: Tensor,
    motion: Motion,
    subject: Subject,
    *,
    where: Where = "person",
    strength: float = 1.0,
    steady: int = 24,
    track: int = 0,
    filled: bool = False,
    progress: Progress = no_progress,
    check: Check = no_check,
) -> Tensor:
    """Frames [F, 3, H, W] 0..1 with the colours of the person, or of all by the same change, anchored.

    `motion` is the one that the frames were made from, in the pixels of the subject's first view. The change
    is averaged over `steady` frames, so that it does not flicker. strength 0..1. `filled`: the picture fills
    the frames and is cut where they are of another shape. Frames without the person follow their neighbours.
    Raises KMCError when motion and frames differ in length.
    """
    if len(frames) != motion.frames:
        raise KMCError(
            f"The animation has {len(frames)} frames, its motion {motion.frames}. Connect the motion that "
            "the animation was made from, cut to the same frames."
        )
    size = _small(frames)
    small = F.interpolate(frames, size=size[::-1], mode="bilinear", antialias=True)
    moved, covered, certain, normals = _reference(motion, subject, size, track, filled, progress, check)
    have, wanted = to_oklab(small), to_oklab(moved)
    if normals is not None:
        wanted, certain = relit(have, wanted, certain, normals)
    change = compare(have, wanted, certain)
    if not change.known.any():
        return frames
    shift = _steady(change.shift, change.known, steady) * strength
    gain = (_steady(change.gain.log()[:, None], change.known, steady) * strength).exp()
    middle = _steady(change.middle, change.known, steady)
    result = torch.empty_like(frames)
    for index, frame in enumerate(frames):
        check()
        lab = to_oklab(frame[None])[0]
        light = middle[index, 0] + (lab[:1] - middle[index, 0]) * gain[index]
        changed = from_oklab((torch.cat((light, lab[1:])) + shift[index, :, None, None])[None])[0]
        mask = torch.ones_like(frame[:1])
        if where == "person":
            mask = F.interpolate(covered[index][None], size=frame.shape[-2:], mode="bilinear")[0]
        result[index] = frame + mask * (changed.clamp(0, 1) - frame)
    return result


def _small(frames: Tensor) -> tuple[int, int]:
    """Width and height at which colours are compared."""
    scale = min(1.0, COMPARED_AT / max(frames.shape[-2:]))
    return max(8, round(frames.shape[-1] * scale)), max(8, round(frames.shape[-2] * scale))


def _reference(
    motion: Motion,
    subject: Subject,
    size: tuple[int, int],
    track: int,
    filled: bool,
    progress: Progress,
    check: Check,
) -> tuple[Tensor, Tensor, Tensor, Normals | None]:
    """The picture's pixels in every pose [F, 3, h, w] 0..1, where the person is, where it surely is, and
    which way it faces there.
    """
    person = fitted_person(motion, subject, track)
    views = [Picture(*canvas_view(view, size, filled)) for view in subject.views]
    target = canvas_pose(person, *placement(motion.size, size, filled))
    made = move_person(views, target, progress=progress, check=check)
    sure = ((made.coverage >= CERTAIN) & (made.unseen <= 1 - CERTAIN)).float()
    inner = 1 - F.max_pool2d(1 - sure, 3, 1, 1)  # the outline mixes with the background
    return made.colour / 2 + 0.5, made.coverage, inner, person_normals(views, target, check=check)


def compare(have: Tensor, wanted: Tensor, weight: Tensor) -> Change:
    """The change from `have` to `wanted`, OKLab [F, 3, H, W], where weight [F, 1, H, W] is.

    Pixels that stay far off after the change count little (iteratively reweighted, Cauchy's weight): there
    the reference shows something else, such as hair where the frame has a shoulder.
    """
    known = weight.sum((1, 2, 3)) >= FEWEST
    trust = weight
    for _ in range(ROUNDS):
        middle, goal, gain = _fit(have, wanted, trust)
        factor = torch.stack((gain, torch.ones_like(gain), torch.ones_like(gain)), 1)[..., None, None]
        changed = (have - middle[..., None, None]) * factor + goal[..., None, None]
        off = (wanted - changed).norm(dim=1, keepdim=True)
        typical = (off * trust).sum((1, 2, 3)) / trust.sum((1, 2, 3)).clamp(min=1)
        trust = weight / (1 + (off / typical.clamp(min=LIKE)[:, None, None, None]).square())
    middle, goal, gain = _fit(have, wanted, trust)
    return Change(middle, goal - middle, gain, known)


def _fit(have: Tensor, wanted: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both means [F, 3] and the gain [F] of lightness between them."""
    (middle, spread), (goal, wide) = moments(have, weight), moments(wanted, weight)
    return middle, goal, (wide / spread.clamp(min=1e-4)).clamp(*CONTRAST)


def moments(lab: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [F, 3] and spread of lightness [F] of OKLab frames [F, 3, H, W], by weight [F, 1, H, W]."""
    total = weight.sum((2, 3)).clamp(min=1e-6)
    mean = (lab * weight).sum((2, 3)) / total
    spread = ((lab[:, :1] - mean[:, :1, None, None]).square() * weight).sum((2, 3)) / total
    return mean, spread[:, 0].sqrt()


def _steady(values: Tensor, known: Tensor, length: int) -> Tensor:
    """Values [F, n] averaged over about `length` frames where known [F]; elsewhere the nearest average."""
    weight = known.to(values)[:, None]
    reach = min(max(length, 1) // 2, len(values) - 1)
    padded = F.pad(torch.cat((values * weight, weight), 1).mT[None], (reach, reach))
    total = F.avg_pool1d(padded, 2 * reach + 1, 1)[0].mT  # F n+1
    there = (total[:, -1] > 0).nonzero()[:, 0]
    nearest = there[(torch.arange(len(values))[:, None] - there).abs().argmin(1)]
    return total[nearest, :-1] / total[nearest, -1:]


def to_oklab(rgb: Tensor) -> Tensor:
    """sRGB [F, 3, H, W] 0..1 -> OKLab."""
    rgb = rgb.clamp(0, 1)
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    cones = torch.einsum("ij,fjhw->fihw", rgb.new_tensor(TO_CONES), linear)
    return torch.einsum("ij,fjhw->fihw", rgb.new_tensor(TO_LAB), cones.clamp(min=0) ** (1 / 3))


def from_oklab(lab: Tensor) -> Tensor:
    """OKLab [F, 3, H, W] -> sRGB, not limited to 0..1."""
    to_lab, to_cones = (torch.tensor(m, dtype=torch.float64) for m in (TO_LAB, TO_CONES))
    cones = torch.einsum("ij,fjhw->fihw", torch.linalg.inv(to_lab).to(lab), lab) ** 3
    linear = torch.einsum("ij,fjhw->fihw", torch.linalg.inv(to_cones).to(lab), cones)
    high = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, linear * 12.92, high)
