"""Which pictures become views: sharp ones of every side of the character, near and far, none twice."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from .facing import apart, view_facing
from .types import View

BLURRED: Final = 0.6  # of the median sharpness of a clip: less is a frame in motion
SIDE: Final = math.radians(30)  # turned this far, a picture is of another side
SHOWS: Final = {"face": 0, "half": 1, "full": 2, "back": 2}  # how much of the person
NEW: Final = 0.6  # sides and framings that a further view must lie away from the chosen ones
NUMBERS: Final = re.compile(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*")


@dataclass(frozen=True)
class Candidate:
    """A picture that was looked at."""

    number: int  # by which the user names it, from 1
    view: View
    sharpness: float
    frame: int | None = None  # of the clip; None for a picture of its own


def sharpness(image: Tensor, mask: Tensor) -> float:
    """Mean edge strength of a picture [3, H, W] on its person [1, H, W], against the picture's contrast."""
    grey = image.float().mean(0, keepdim=True)[None]
    kernel = grey.new_tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    edges = F.conv2d(grey, kernel, padding=1)[0].abs()
    weight = (mask > 0.5).float()
    weight[:, 0], weight[:, -1], weight[..., 0], weight[..., -1] = 0, 0, 0, 0  # padding is no edge
    person = grey[0][weight > 0]
    contrast = float(person.std()) if person.numel() > 1 else 0.0
    return float((edges * weight).sum() / weight.sum().clamp(min=1)) / max(contrast, 1e-3)


def pick(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """All pictures of their own in their order, then at most `most` frames of a clip; the main view first.

    Frames join while they show a side or a framing that is not there yet; blurred ones do not. Raises
    KMCError where none is left.
    """
    given = [each for each in candidates if each.frame is None]
    frames = [each for each in candidates if each.frame is not None]
    chosen = list(given)
    if frames:
        typical = float(torch.tensor([each.sharpness for each in frames]).median())
        frames = [each for each in frames if each.sharpness >= BLURRED * typical]
    if not chosen and frames:
        chosen = [max(frames, key=_as_main)]
    while frames and len(chosen) < len(given) + most:
        gaps = [min(difference(each.view, other.view) for other in chosen) for each in frames]
        best = max(range(len(frames)), key=lambda k: gaps[k])
        if gaps[best] < NEW:
            break
        chosen.append(frames[best])
    if not chosen:
        raise KMCError("Nobody was seen in the clip; use one that shows one person, upright and well lit.")
    return chosen


def difference(a: View, b: View) -> float:
    """How many sides and framings two views lie apart."""
    turned = apart(view_facing(a), view_facing(b)).nan_to_num(0.0).max()
    return float(turned) / SIDE + abs(SHOWS[a.kind] - SHOWS[b.kind])


def _as_main(candidate: Candidate) -> float:
    """Better the more of the person shows, facing the camera."""
    turned = apart(view_facing(candidate.view), torch.zeros(2)).nan_to_num(math.pi).max()
    return SHOWS[candidate.view.kind] - float(turned) / SIDE


def chosen_by(choice: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that a choice such as "3, 1, 5-8" names, in its order, each once.

    Raises KMCError for anything else than numbers, and for one that no candidate has.
    """
    known = {each.number: each for each in candidates}
    found: dict[int, Candidate] = {}
    for part in choice.strip(" ,").split(","):
        match = NUMBERS.fullmatch(part)
        if match is None:
            raise KMCError(f"The choice of views '{choice}' is not understood; write it as 1, 3, 5-8.")
        first, last = int(match[1]), int(match[2] or match[1])
        if not (first in known and last in known and first <= last):
            raise KMCError(
                f"The choice of views names {part.strip()}, but pictures of a person are "
                f"{', '.join(map(str, known))}."
            )
        found |= {number: each for number, each in known.items() if first <= number <= last}
    return list(found.values())
