"""Expressions: one face's landmarks and coefficients as another face at rest would make them."""

from typing import Final

import torch
from torch import Tensor

from .face_frame import calm_frames
from .face_mesh import LEFT_IRIS, LEFT_IRIS_CENTRE, RIGHT_IRIS, RIGHT_IRIS_CENTRE
from .skeleton import EXPRESSIONS
from .types import FaceMotion

# Upper and lower points of a lid or lip that meet when it closes, and the two corners.
RIGHT_LIDS: Final = ((246, 7), (161, 163), (160, 144), (159, 145), (158, 153), (157, 154), (173, 155))
LEFT_LIDS: Final = ((466, 249), (388, 390), (387, 373), (386, 374), (385, 380), (384, 381), (398, 382))
LIPS: Final = (
    (191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318), (415, 324),
)  # fmt: skip
EYES: Final = (
    (RIGHT_LIDS, (33, 133), (RIGHT_IRIS_CENTRE, *RIGHT_IRIS)),
    (LEFT_LIDS, (263, 362), (LEFT_IRIS_CENTRE, *LEFT_IRIS)),
)
# In head sizes (root mean square radius of the skull's points, about 6.5 cm).
LEAST_OPEN: Final = 0.05  # an eye at rest is open by at least 3 mm: less was a shut eye
WIDEST: Final = 2.5  # times its opening at rest
LIPS_MEET, LIPS_PART = 0.02, 0.06  # lips closer than the first are closed, further than the second open

GAZE: Final = tuple(index for index, name in enumerate(EXPRESSIONS) if name.startswith("eyeLook"))


def neutral_expression(face: FaceMotion) -> Tensor:
    """[52] coefficients of a driver at rest: their median over the frames in which it expresses least."""
    return face.expression.float()[calm_frames(face)].median(dim=0).values


def move_expression(values: Tensor, neutral: Tensor, own: Tensor, strength: float) -> Tensor:
    """Coefficients [F, 52] of a driver whose rest is `neutral` [52] for a character whose rest is `own` [52].

    What rises above rest is stretched so that 1 stays 1 (a closed eye is closed on everybody), what falls
    below it so that 0 stays 0. Gaze has no rest: it is the driver's.
    """
    neutral, own = neutral.clamp(0, 0.9), own.clamp(0, 0.9)
    above = (values - neutral).clamp(min=0) / (1 - neutral)
    below = (neutral - values).clamp(min=0) / neutral.clamp(min=1e-6)
    moved = own + strength * (above * (1 - own) - below * own)
    gaze = torch.zeros(len(EXPRESSIONS), dtype=torch.bool)
    gaze[list(GAZE)] = True
    moved = torch.where(gaze, values * strength, moved).clamp(0, 1)
    moved[:, 0] = values[:, 0]  # the first coefficient is "neutral" itself
    return moved


def move_shape(shape: Tensor, neutral: Tensor, own: Tensor, strength: float) -> Tensor:
    """Landmarks [F, 478, 3] in the head's frame, from the driver's shapes, its rest and the character's own.

    Differences to rest are added; then lids keep how far they are open against rest, closed lips meet, and
    irises keep their way across the eye.
    """
    moved = own + strength * (shape - neutral)
    for lids, corners, iris in EYES:
        moved = _open_lids(moved, shape, neutral, own, lids, strength)
        moved = _look(moved, shape, neutral, own, corners, iris, strength)
    return _close_lips(moved, shape, strength)


def _gap(shape: Tensor, pairs: tuple[tuple[int, int], ...]) -> Tensor:
    """[...] mean opening of lids or lips in [..., 478, 3]."""
    upper, lower = zip(*pairs, strict=True)
    return (shape[..., list(upper), :] - shape[..., list(lower), :]).norm(dim=-1).mean(dim=-1)


def _open_lids(
    moved: Tensor,
    shape: Tensor,
    neutral: Tensor,
    own: Tensor,
    lids: tuple[tuple[int, int], ...],
    strength: float,
) -> Tensor:
    """Each pair of lid points as far apart as the character's own, times how far the driver's eye is open."""
    openness = (_gap(shape, lids) / _gap(neutral, lids).clamp(min=LEAST_OPEN)).clamp(max=WIDEST)  # F
    openness = (1 + strength * (openness - 1)).clamp(min=0)[:, None, None]
    upper, lower = (list(points) for points in zip(*lids, strict=True))
    middle, half = (moved[:, upper] + moved[:, lower]) / 2, (own[upper] - own[lower]) / 2
    moved = moved.clone()
    moved[:, upper], moved[:, lower] = middle + openness * half, middle - openness * half
    return moved


def _look(
    moved: Tensor,
    shape: Tensor,
    neutral: Tensor,
    own: Tensor,
    corners: tuple[int, int],
    iris: tuple[int, ...],
    strength: float,
) -> Tensor:
    """The iris as far from its place at rest as the driver's, in widths of the eye."""
    a, b = corners

    def middle(face: Tensor) -> Tensor:
        return (face[..., a, :] + face[..., b, :]) / 2

    def width(face: Tensor) -> Tensor:
        return (face[..., a, :] - face[..., b, :]).norm(dim=-1, keepdim=True).clamp(min=1e-6)

    way = (shape[:, iris[0]] - middle(shape)) / width(shape) - (neutral[iris[0]] - middle(neutral)) / width(
        neutral
    )
    centre = middle(moved) + own[iris[0]] - middle(own) + strength * way * width(own)
    moved = moved.clone()
    moved[:, list(iris)] = centre[:, None] + own[list(iris)] - own[iris[0]]
    return moved


def _close_lips(moved: Tensor, shape: Tensor, strength: float) -> Tensor:
    """Lips meet where the driver's do, whatever the two mouths look like at rest."""
    gap = _gap(shape, LIPS)
    closed = ((LIPS_PART - gap) / (LIPS_PART - LIPS_MEET)).clamp(0, 1) * min(strength, 1.0)
    upper, lower = (list(points) for points in zip(*LIPS, strict=True))
    middle = (moved[:, upper] + moved[:, lower]) / 2
    moved = moved.clone()
    for side in (upper, lower):
        moved[:, side] = torch.lerp(moved[:, side], middle, closed[:, None, None])
    return moved
