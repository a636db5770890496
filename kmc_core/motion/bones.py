"""What all that works on bones shares: which are seen, how long they are, how they follow and turn."""

from collections.abc import Iterator, Sequence
from typing import Final

import torch
from torch import Tensor

from .skeleton import JOINT

SEEN: Final = 0.3  # confidence from which on a point is used; the customary OpenPose drawing threshold

# Typical adult proportions: torso (neck to pelvis) 50 cm, shoulders 36 cm, ears 15 cm and eyes 6.5 cm apart,
# hand 18 cm.
TORSO_PER_SHOULDERS: Final = 1.4
TORSO_PER_HEAD: Final = 3.3
TORSO_PER_HAND: Final = 2.8
HEAD_PER_EYES: Final = 2.3
STEEPEST: Final = 0.5  # depth of a bone against what the picture shows of it, as far as depths are believed


def distance(points: Tensor, a: int, b: int) -> tuple[Tensor, Tensor]:
    """Length in 3-D between two points of [..., J, 4], and the lower of their confidences; both [...].

    Depths found in pictures lean: shoulders and head of an upright person come out far too near. So depth
    lengthens a bone by no more than STEEPEST of what the picture shows of it.
    """
    step = points[..., a, :3] - points[..., b, :3]
    flat, depth = step[..., :2].norm(dim=-1), step[..., 2].abs()
    length = torch.hypot(flat, torch.minimum(depth, flat * STEEPEST))
    return length, torch.minimum(points[..., a, 3], points[..., b, 3])


def head_width(body: Tensor) -> Tensor:
    """[..., 25, 4] -> [...] distance of the ears, judged by ears and eyes; 0 where neither pair is seen."""
    ears, ears_seen = distance(body, JOINT["r_ear"], JOINT["l_ear"])
    eyes, eyes_seen = distance(body, JOINT["r_eye"], JOINT["l_eye"])
    # The larger one: a pair without depth shrinks when the head turns, and never grows.
    return torch.maximum(ears * (ears_seen >= SEEN), HEAD_PER_EYES * eyes * (eyes_seen >= SEEN))


def torso_length(body: Tensor) -> Tensor:
    """[..., 25, 4] -> [...] neck to pelvis, or what shoulders, else head, say; 0 where nothing is seen."""
    spine, spine_seen = distance(body, JOINT["neck"], JOINT["pelvis"])
    shoulders, shoulders_seen = distance(body, JOINT["r_shoulder"], JOINT["l_shoulder"])
    trunk = torch.maximum(
        spine * (spine_seen >= SEEN), TORSO_PER_SHOULDERS * shoulders * (shoulders_seen >= SEEN)
    )
    return torch.where(trunk > 0, trunk, TORSO_PER_HEAD * head_width(body))


def weighted_median(values: Tensor, weights: Tensor) -> Tensor:
    """[N, ...] values and weights -> [...] median along N; nan where all weights are 0."""
    if len(values) == 0:
        return values.new_full(values.shape[1:], float("nan"))
    ordered, order = values.sort(dim=0)
    mass = weights.gather(0, order).cumsum(dim=0)
    index = (mass < mass[-1:] / 2).sum(dim=0, keepdim=True).clamp(max=len(values) - 1)
    return ordered.gather(0, index)[0].masked_fill(mass[-1] <= 0, float("nan"))


def walk(bones: Sequence[tuple[int, int]], root: int) -> Iterator[tuple[int, int, int]]:
    """(parent, child, index) of every bone, parents first, from any root."""
    reached = {root}
    while len(reached) <= len(bones):
        for index, (a, b) in enumerate(bones):
            if (a in reached) != (b in reached):
                yield (a, b, index) if a in reached else (b, a, index)
                reached |= {a, b}


def turned(a: Tensor, b: Tensor, share: Tensor | float) -> Tensor:
    """From vectors a to b [..., 3]: the direction turns, the length does not collapse on the way.

    Below 0 and above 1 the share exaggerates.
    """
    mixed = torch.lerp(a, b, share)
    start, end = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    length = torch.lerp(start, end, share).clamp(min=0)
    return mixed * length / mixed.norm(dim=-1, keepdim=True).clamp(min=1e-6)
