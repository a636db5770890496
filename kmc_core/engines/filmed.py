"""Finished pictures as a moving camera films them: person and background move along one path.

For engines that have no camera of their own, and for the KMC animator: a similarity of the picture moves
everything in it alike, so a still animation is filmed afterwards.
"""

from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from ..motion.camera import Camera, camera_path, kept_inside, moved_by
from ..motion.types import Motion
from .kmc import Check, Progress, no_check, no_progress, placement

Edges = Literal["stay inside", "mirror"]
Size = tuple[int, int]  # width, height
STILL: Final = torch.eye(2, 3)


def film(
    frames: Tensor,
    motion: Motion,
    camera: Camera,
    *,
    strength: float = 1.0,
    edges: Edges = "stay inside",
    filled: bool = False,
    progress: Progress = no_progress,
    check: Check = no_check,
) -> tuple[Tensor, Motion]:
    """Frames [F, 3, H, W] 0..1 of a motion, and that motion, as the camera films them.

    "stay inside" enlarges all frames alike, by as much as the path needs to never leave them; "mirror" goes
    on beyond their edges with their mirror image. What the camera shows as it is stays so to the bit.
    `filled`: the motion's picture fills the frames and is cut where they are of another shape; else it lies
    whole between bars, which are filmed as well. Raises KMCError when frames and motion differ in length, and
    as `camera_path`.
    """
    if len(frames) != motion.frames:
        raise KMCError(
            f"The animation has {len(frames)} frames, its motion {motion.frames}. Connect the motion that "
            "the animation was made from, cut to the same frames."
        )
    size = frames.shape[-1], frames.shape[-2]
    path = camera_path(camera, motion.frames, size, strength=strength)
    if edges == "stay inside":
        path = kept_inside(path, size)
    result = torch.empty_like(frames)
    for index, (frame, seen) in enumerate(zip(frames, path, strict=True)):
        check()
        result[index] = frame if torch.equal(seen, STILL) else _seen_through(frame, seen)
        progress(index + 1, len(frames))
    return result, moved_by(motion, _of_motion(path, motion.size, size, filled), motion.size)


def _of_motion(path: Tensor, picture: Size, size: Size, filled: bool) -> Tensor:
    """A path [F, 2, 3] of the frames' pixels in those of the motion, as it was placed in the frames.

    Turn and zoom are kept where the picture was stretched by a few percent, so that it stays a similarity.
    """
    factor, offset = placement(picture, size, filled)
    turn, shift = path[..., :2], path[..., 2]
    middle = torch.tensor(size) / 2
    own = (middle - offset) / factor
    moved = (turn @ middle + shift - offset) / factor
    return torch.cat([turn, (moved - turn @ own)[..., None]], -1)


def _seen_through(frame: Tensor, path: Tensor) -> Tensor:
    """A frame [3, H, W] moved by a similarity [2, 3] of its pixels, mirrored beyond its edges. What is made
    smaller is averaged first.
    """
    height, width = frame.shape[-2:]
    scale = min(1.0, float(path[:, 0].norm()))
    small = [max(1, round(side * scale)) for side in (height, width)]
    pixels = (
        F.interpolate(frame[None], size=small, mode="bilinear", antialias=True) if scale < 1 else frame[None]
    )
    x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    places = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)  # H W 2
    seen = torch.linalg.solve(path[:, :2], (places - path[:, 2]).flatten(0, 1).mT).mT.unflatten(
        0, (height, width)
    )
    grid = seen / torch.tensor([width, height]) * 2 - 1
    moved = F.grid_sample(
        pixels, grid[None].to(frame), mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return moved[0].clamp(0, 1)
