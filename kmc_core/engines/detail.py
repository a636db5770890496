"""Bring an animation up to the picture's resolution with the picture's own detail.

The animator decides at its trained size what is where. The same prior, moved at full resolution, holds the
texture that is too fine for it; that detail is added wherever the animator kept the moved pixels, and left
out where it painted.
"""

from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from ..model.prior import move_person
from ..motion.part import part_of
from ..motion.types import Motion
from ..subject.types import Subject
from .kmc import canvas_pose, canvas_view

AGREE: Final = 0.08  # colour difference (0..1) at which only a third of the detail is kept
FRAMES_AT_ONCE: Final = 8


def restore_detail(
    low: Tensor,
    motion: Motion,
    subject: Subject,
    *,
    size: tuple[int, int],
    track: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """Enlarge frames low [F, 3, h, w] in 0..1 to size (width, height) with detail of the subject's first
    view.

    `motion` is the one that the frames were made from, in the pixels of that view. Returns [F, 3, H, W].
    """
    if len(low) != motion.frames:
        raise KMCError(
            f"The animation has {len(low)} frames, its motion {motion.frames}. Connect the motion that the "
            "animation was made from, cut to the same frames."
        )
    width, height = size
    picture, mask, source = canvas_view(subject.views[0], size)
    scale = torch.tensor((width / motion.size[0], height / motion.size[1]))
    result = low.new_empty(len(low), 3, height, width)
    for first in range(0, len(low), FRAMES_AT_ONCE):
        check()
        count = min(FRAMES_AT_ONCE, len(low) - first)
        part = slice(first, first + count)
        target = canvas_pose(part_of(motion, first, count).tracks[track], scale)
        moved = move_person(picture, mask, source, target).colour / 2 + 0.5
        result[part] = _add_detail(low[part], moved.to(low))
        progress(first + count, len(low))
    return result


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
