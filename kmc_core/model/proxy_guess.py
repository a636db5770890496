"""What no view tells of a person and everybody knows: an open mouth has teeth and a tongue, hands are skin.

Colours are in -1..1.
"""

from functools import cache
from typing import Final

import torch
from torch import Tensor

from ..motion.face_mesh import CHEEKS, INNER_LIPS, MOUTH_CORNERS, MOUTH_MIDDLE
from ..motion.skeleton import FACE_LANDMARKS
from .limbs import Pose

OPENS: Final = 0.12  # mouth widths that lips are further apart than in a view, for nothing of it to be left
TEETH, DARK, TONGUE = (0.5, 0.45, 0.4), (-0.7, -0.88, -0.88), (0.1, -0.45, -0.45)
TEETH_LONG: Final = 0.17  # mouth widths
TEETH_END, TONGUE_BEGINS = 0.4, 0.7  # share of the way from the upper to the lower lip; no tooth is longer
SOFT: Final = 0.1  # the same, of the change between them
DIM: Final = 0.3  # how much darker skin is that faces away


def opening(landmarks: Tensor) -> Tensor:
    """How far the inner lips are apart, in mouth widths; landmarks [478, 3]."""
    (top, bottom), (right, left) = landmarks[list(MOUTH_MIDDLE)], landmarks[list(MOUTH_CORNERS)]
    return (top - bottom).norm() / (left - right).norm().clamp(min=1e-3)


def open_mouth(landmarks: Tensor, weights: Tensor, apart: Tensor) -> tuple[Tensor, Tensor]:
    """Which of N points of the face's mesh lie between the lips [N], and the colours [M, 3] of those M when
    the mouth is open, its lips `apart` in mouth widths; corners landmarks [N, 3] (others than the face's are
    out of range), weights [N, 3].
    """
    lower = _lowness().to(weights)[landmarks.clamp(0, FACE_LANDMARKS - 1)]
    between = ((landmarks >= 0) & (landmarks < FACE_LANDMARKS) & ~lower.isnan()).all(1)
    place = (lower[between] * weights[between]).sum(1)[:, None]
    teeth, dark, tongue = (weights.new_tensor(colour) for colour in (TEETH, DARK, TONGUE))
    end = (TEETH_LONG / apart.clamp(min=1e-3)).clamp(max=TEETH_END)
    high, low = ((end - place) / SOFT).clamp(0, 1), ((place - TONGUE_BEGINS) / SOFT).clamp(0, 1)
    return between, high * teeth + low * tongue + (1 - high - low) * dark


@cache
def _lowness() -> Tensor:
    """[478] 0 on the upper inner lip, 1 on the lower one, a half at the corners; nan elsewhere."""
    place = torch.full((FACE_LANDMARKS,), torch.nan)
    half = len(INNER_LIPS) // 2
    place[list(INNER_LIPS[:half])], place[list(INNER_LIPS[half:])] = 1.0, 0.0
    place[list(MOUTH_CORNERS)] = 0.5
    return place


def skin_colour(image: Tensor, pose: Pose) -> Tensor:
    """[3] the mean colour of the cheeks in a picture [3, H, W]."""
    height, width = image.shape[-2:]
    x, y = pose.landmarks[0, list(CHEEKS), :2].long().unbind(-1)
    return image[:, y.clamp(0, height - 1), x.clamp(0, width - 1)].mean(1)


def bare_skin(colour: Tensor, towards: Tensor) -> Tensor:
    """[N, 3] skin of a colour [3] that faces the camera by towards [N]."""
    lit = 1 - DIM * (1 - towards.clamp(0, 1))[:, None]
    return (colour + 1) * lit - 1
