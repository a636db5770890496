"""The skeleton as Wan-Animate was trained to see it: flat dark limbs, bright joints, rainbow hands, on black.

The drawing convention (joints, colours, widths, order) is that of the model's published preprocessing,
wan/modules/animate/preprocess of Wan 2.2; edges are hard there, and are here.
"""

import colorsys
from typing import Final

import numpy as np
import torch
from torch import Tensor

from .bones import SEEN
from .skeleton import HAND_BONES, JOINT
from .types import Motion, Track

Array = np.ndarray
Colour = tuple[int, int, int]

# OpenPose-18 in its own order, then a toe of each foot, between the big and the small one.
JOINTS: Final = tuple(range(18))
TOES: Final = (("l_big_toe", "l_small_toe"), ("r_big_toe", "r_small_toe"))
LEFT_TOE, RIGHT_TOE = 18, 19
LIMBS: Final = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13),
    (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (13, LEFT_TOE), (10, RIGHT_TOE),
)  # fmt: skip
COLOURS: Final[tuple[Colour, ...]] = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0),
    (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255),
    (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85), (200, 200, 0), (100, 100, 0),
)  # fmt: skip
LIMB_SHADE: Final = 0.6  # limbs are darker than joints
KNUCKLE: Final[Colour] = (0, 0, 255)
FINGERS: Final = tuple(
    tuple(round(255 * channel) for channel in colorsys.hsv_to_rgb(k / len(HAND_BONES), 1, 1))
    for k in range(len(HAND_BONES))
)
PICTURE_PER_STICK: Final = 200  # the shorter side in half widths of a limb, one pixel less


def draw_skeleton(motion: Motion, *, hands: float = 1.0) -> Tensor:
    """Every track at the motion's own size: uint8 [F, 3, H, W]. `hands` 0..1 is how bright hands are."""
    width, height = motion.size
    stick = max(min(width, height) // PICTURE_PER_STICK - 1, 1)
    canvas = np.zeros((motion.frames, height, width, 3), np.uint8)
    for track in motion.tracks:
        for index, image in enumerate(canvas):
            _draw_body(image, track, index, stick)
            _draw_hands(image, track, index, max(stick // 2, 1), hands)
    return torch.from_numpy(canvas).permute(0, 3, 1, 2)


def _draw_body(image: Array, track: Track, index: int, stick: int) -> None:
    if track.body is None:
        return
    body = track.body[index].float().cpu().numpy()
    toes = [_middle(body[[JOINT[a], JOINT[b]]]) for a, b in TOES]
    points = np.concatenate([body[list(JOINTS)], np.stack(toes)])
    for (start, end), colour in zip(LIMBS, COLOURS, strict=False):
        if min(points[start, 3], points[end, 3]) >= SEEN:
            _fill_ellipse(image, points[start, :2], points[end, :2], stick, _shaded(colour, LIMB_SHADE))
    for point, colour in zip(points, COLOURS, strict=True):
        if point[3] >= SEEN:
            _fill_line(image, point[:2], point[:2], stick, colour)


def _middle(points: Array) -> Array:
    """The middle [4] of those points [N, 4] that are seen: many extractors find the big toe alone."""
    seen = points[points[:, 3] >= SEEN]
    return seen.mean(0) if len(seen) else np.zeros(4, points.dtype)


def _draw_hands(image: Array, track: Track, index: int, stick: int, brightness: float) -> None:
    if track.hands is None or brightness == 0:
        return
    for hand in track.hands[index].float().cpu().numpy():
        for (start, end), colour in zip(HAND_BONES, FINGERS, strict=True):
            if min(hand[start, 3], hand[end, 3]) >= SEEN:
                _fill_line(image, hand[start, :2], hand[end, :2], stick / 2, _shaded(colour, brightness))
        for point in hand:
            if point[3] >= SEEN:
                _fill_line(image, point[:2], point[:2], stick, _shaded(KNUCKLE, brightness))


def _shaded(colour: tuple[int, ...], share: float) -> Array:
    return np.array([int(channel * share) for channel in colour], np.uint8)


def _fill_ellipse(image: Array, start: Array, end: Array, radius: float, colour: Array) -> None:
    """The ellipse whose long axis runs from one point to the other."""
    middle, half = (start + end) / 2, (end - start) / 2
    length = max(float(np.hypot(*half)), 0.5)
    along = half / length if np.any(half) else np.array([1.0, 0.0])
    window = _window(image, middle, length + radius)
    if window is None:
        return
    patch, x, y = window
    x, y = x - middle[0], y - middle[1]
    u, v = x * along[0] + y * along[1], y * along[0] - x * along[1]
    patch[(u / (length + 0.5)) ** 2 + (v / (radius + 0.5)) ** 2 <= 1] = colour


def _fill_line(image: Array, start: Array, end: Array, radius: float, colour: Colour | Array) -> None:
    """A line with round ends; a disc where both ends are one point."""
    middle, step = (start + end) / 2, end - start
    window = _window(image, middle, float(np.hypot(*step)) / 2 + radius)
    if window is None:
        return
    patch, x, y = window
    square = max(float(step @ step), 1e-6)
    share = np.clip(((x - start[0]) * step[0] + (y - start[1]) * step[1]) / square, 0, 1)
    gap = np.hypot(x - start[0] - share * step[0], y - start[1] - share * step[1])
    patch[gap <= radius + 0.5] = colour


def _window(image: Array, middle: Array, reach: float) -> tuple[Array, Array, Array] | None:
    """The part of an image around a point, and the x and y of its pixels' centres; None outside."""
    height, width = image.shape[:2]
    left, top = (int(max(0, np.floor(value - reach - 1))) for value in middle)
    right = int(min(width, np.ceil(middle[0] + reach + 1)))
    bottom = int(min(height, np.ceil(middle[1] + reach + 1)))
    if left >= right or top >= bottom:
        return None
    x = np.arange(left, right, dtype=np.float32) + 0.5
    return image[top:bottom, left:right], x[None], (np.arange(top, bottom, dtype=np.float32) + 0.5)[:, None]
