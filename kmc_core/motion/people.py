"""Choosing one person of a motion, by number, name, size or place."""

from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import KMCError
from .part import track_of
from .types import Motion, Track

By = Literal["number", "name", "largest", "leftmost", "rightmost", "at point"]


def select_person(
    motion: Motion,
    by: By,
    *,
    number: int = 0,
    name: str = "",
    point: tuple[float, float] = (0.5, 0.5),
    rename: str = "",
) -> Motion:
    """The motion with one of its people alone, called `rename` where that is not empty.

    Size and place are those of the frame where a person is first seen; `point` is in shares of the picture's
    width and height. KMCError when the motion does not hold such a person.
    """
    if by not in get_args(By):
        raise KMCError(f"A person is chosen by {', '.join(get_args(By))}, not by '{by}'; use one of these.")
    if by == "number":
        track = track_of(motion, number)
    elif by == "name":
        track = _named(motion, name)
    else:
        track = motion.tracks[_placed(motion, by, point)]
    return replace(motion, tracks=(replace(track, name=rename or track.name),))


def _named(motion: Motion, name: str) -> Track:
    found = [track for track in motion.tracks if name and track.name == name]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"'{track.name}'" for track in motion.tracks if track.name) or "none"
    if not found:
        raise KMCError(
            f"Nobody in the motion is called '{name}'; the names in it are: {names}. Give one of them, or "
            "choose by number."
        )
    raise KMCError(f"{len(found)} people of the motion are called '{name}'; choose by number.")


def _placed(motion: Motion, by: By, point: tuple[float, float]) -> int:
    boxes = {i: box for i, track in enumerate(motion.tracks) if (box := _first_box(track)) is not None}
    if not boxes:
        raise KMCError("Nobody is seen in the motion; encode a video that shows a person.")
    wanted = torch.tensor([point[0] * motion.size[0], point[1] * motion.size[1]])

    def rank(index: int) -> tuple[float, float]:
        low, high = boxes[index]
        middle = (low + high) / 2
        if by == "largest":
            return -float((high - low).norm()), 0.0
        if by == "at point":
            outside = torch.maximum(low - wanted, wanted - high).clamp(min=0)
            return float(outside.norm()), float((middle - wanted).norm())
        return float(middle[0] if by == "leftmost" else -middle[0]), 0.0

    return min(boxes, key=rank)


def _first_box(track: Track) -> tuple[Tensor, Tensor] | None:
    """Low and high corner [2] of a person in the first frame that shows it; None where none does."""
    parts = [part[..., (0, 1, 3)].flatten(1, -2) for part in (track.body, track.hands) if part is not None]
    if track.face is not None:
        seen = track.face.confidence[:, None, None].expand(-1, track.face.landmarks.shape[1], 1)
        parts.append(torch.cat([track.face.landmarks[..., :2], seen], dim=-1))
    if not parts:
        return None
    points = torch.cat(parts, dim=1)  # F N 3
    frames = torch.nonzero(points[..., 2].amax(1) > 0)[:, 0]
    if not len(frames):
        return None
    shown = points[frames[0]]
    shown = shown[shown[:, 2] > 0, :2]
    return shown.amin(0), shown.amax(0)
