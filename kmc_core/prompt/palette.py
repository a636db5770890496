"""The colour of a character's clothes, in a word, from its picture."""

from collections.abc import Mapping
from typing import Final

import torch

from ..motion.skeleton import JOINT
from ..subject.types import View

# sRGB of the colour words in the KMC animator's training captions.
COLORS: Final[Mapping[str, tuple[float, float, float]]] = {
    "red": (0.75, 0.1, 0.12), "blue": (0.12, 0.25, 0.72), "green": (0.1, 0.5, 0.22),
    "yellow": (0.9, 0.78, 0.15), "orange": (0.92, 0.48, 0.1), "purple": (0.42, 0.18, 0.6),
    "pink": (0.93, 0.5, 0.65), "brown": (0.38, 0.23, 0.13), "black": (0.07, 0.07, 0.08),
    "white": (0.92, 0.92, 0.9), "grey": (0.5, 0.5, 0.52),
    "navy": (0.08, 0.1, 0.28), "teal": (0.08, 0.5, 0.52), "beige": (0.82, 0.74, 0.58),
}  # fmt: skip
CORNERS: Final = ("l_shoulder", "r_shoulder", "l_hip", "r_hip")
INSET: Final = 0.2  # of the trunk's box on each side, so that arms and background stay outside
FEWEST: Final = 25  # pixels that a colour is told from


def clothes_color(view: View) -> str:
    """The word nearest to the median colour of the trunk, "" where the picture does not show it."""
    body = view.pose.body
    if body is None:
        return ""
    corners = body[0, [JOINT[name] for name in CORNERS]]  # 4 4
    if not bool((corners[:, 3] > 0).all()):
        return ""
    low, high = corners[:, :2].amin(0), corners[:, :2].amax(0)
    (left, top), (right, bottom) = (low + INSET * (high - low)).int(), (high - INSET * (high - low)).int()
    rows, columns = slice(max(int(top), 0), max(int(bottom), 0)), slice(max(int(left), 0), max(int(right), 0))
    pixels = view.image[:, rows, columns][:, view.mask[0, rows, columns] > 0.5]  # 3 N
    if pixels.shape[1] < FEWEST:
        return ""
    median = pixels.float().median(dim=1).values
    distance = {word: float((median - torch.tensor(color)).norm()) for word, color in COLORS.items()}
    return min(distance, key=lambda word: distance[word])
