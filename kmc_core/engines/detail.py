"""Bring an animation up to the picture's resolution with the picture's own detail.

The animator decides at its trained size what is where. The same prior, moved at full resolution, holds the
texture that is too fine for it; that detail is added wherever the animator kept the moved pixels, and left
out where it painted.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from ..model.background import fill_background
from ..model.prior import moved_frames
from ..model.proxy_views import Picture
from ..motion.types import Motion
from ..subject.types import Subject
from .kmc import (
    Check,
    Progress,
    canvas_pose,
    canvas_view,
    fitted_person,
    no_check,
    no_progress,
    placement,
)

AGREE: Final = 0.08  # colour difference (0..1) at which only a third of the detail is kept


def restore_detail(
    low: Tensor,
    motion: Motion,
    subject: Subject,
    *,
    size: tuple[int, int],
    track: int = 0,
    filled: bool = False,
    progress: Progress = no_progress,
    check: Check = no_check,
) -> Tensor:
    """Enlarge frames low [F, 3, h, w] in 0..1 to size (width, height) with the first view's detail.

    `motion` is the one that the frames were made from, in the pixels of that view. `filled`: the view fills
    the frames and is cut where they are of another shape; else it lies whole between bars, which are left
    out. Returns [F, 3, H, W].
    """
    if len(low) != motion.frames:
        raise KMCError(
            f"The animation has {len(low)} frames, its motion {motion.frames}. Connect the motion that the "
            "animation was made from, cut to the same frames."
        )
    person = fitted_person(motion, subject, track)
    if not filled:
        low = _without_bars(low, motion.size)
    views = [Picture(*canvas_view(view, size, filled)) for view in subject.views]
    target = canvas_pose(person, *placement(motion.size, size, filled))
    result = low.new_empty(len(low), 3, size[1], size[0])
    background = fill_background(views[0].image, views[0].mask)
    frames = moved_frames(views, target, background, progress=progress, check=check)
    for index, frame in enumerate(frames):
        result[index] = _add_detail(low[index : index + 1], (frame.colour[None] / 2 + 0.5).to(low))[0]
    return result


def _without_bars(low: Tensor, picture: tuple[int, int]) -> Tensor:
    """Frames [F, 3, h, w] without what a canvas of another shape adds to the picture (width, height)."""
    factor, offset = placement(picture, (low.shape[-1], low.shape[-2]))
    (left, top), (width, height) = (
        offset.long().tolist(),
        (factor * torch.tensor(picture)).round().long().tolist(),
    )
    return low[..., top : top + height, left : left + width]


def _add_detail(low: Tensor, moved: Tensor) -> Tensor:
    """The fine band of `moved` on top of the enlarged `low`, as far as the two agree on the coarse one."""
    size = moved.shape[-2:]
    coarse = F.interpolate(moved, size=low.shape[-2:], mode="area")
    differ = (low - coarse).abs().mean(1, keepdim=True)
    agree = F.avg_pool2d(torch.exp(-differ / AGREE), 3, 1, 1, count_include_pad=False)
    enlarged, coarse, agree = (
        F.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in (low, coarse, agree)
    )
    return (enlarged + agree * (moved - coarse)).clamp(0, 1)
