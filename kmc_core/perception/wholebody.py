"""Pose nets with the 133 points of COCO-WholeBody as .onnx files: DWPose (SimCC) and ViTPose (heat maps).

Points: 17 of the body, 6 of the feet, 68 of the face, 21 of each hand (arXiv 2007.11858). The 68 cannot fill
the 478 of a face motion, nor tell its expression, so the face is left out.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import KMCError
from ..motion.skeleton import BODY_JOINTS, JOINT
from .crops import crop

POINTS = 133
MARGIN = 1.25  # region over a person's box, as these nets were trained
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels
PER_PIXEL = 2  # bins of a SimCC output a pixel
SURE = 0.3  # points below this score are guesses
HANDS = (range(91, 112), range(112, 133))  # left, right

# Our joint = mean of these points.
SOURCES: dict[str, tuple[int, ...]] = {
    "nose": (0,), "l_eye": (1,), "r_eye": (2,), "l_ear": (3,), "r_ear": (4,), "neck": (5, 6),
    "l_shoulder": (5,), "r_shoulder": (6,), "l_elbow": (7,), "r_elbow": (8,), "l_wrist": (9,),
    "r_wrist": (10,),
    "pelvis": (11, 12), "l_hip": (11,), "r_hip": (12,), "l_knee": (13,), "r_knee": (14,),
    "l_ankle": (15,), "r_ankle": (16,), "l_big_toe": (17,), "l_small_toe": (18,), "l_heel": (19,),
    "r_big_toe": (20,), "r_small_toe": (21,), "r_heel": (22,),
}  # fmt: skip


class WholeBodyNet:
    """133 points of people in boxes. `net` takes [B, 3, H, W]; KMCError for a file of another kind."""

    def __init__(self, net: Callable[[Tensor], tuple[Tensor, ...]], input_shape: list) -> None:
        height, width = input_shape[-2:]
        if not (isinstance(height, int) and isinstance(width, int) and width <= height):
            raise KMCError(
                f"The pose file takes pictures of {width}x{height}, expected a fixed upright size; choose "
                "a whole-body file such as dw-ll_ucoco_384.onnx or vitpose-l-wholebody.onnx."
            )
        self._net, self._height, self._width = net, height, width

    def __call__(self, frames: list[Tensor], boxes: Tensor) -> Tensor:
        """n uint8 frames [3, H, W], boxes [n, 4] in their pixels -> points [n, 133, 3]: x, y, score 0..1."""
        extent = boxes[:, 2:] - boxes[:, :2]
        side = MARGIN * torch.maximum(extent[:, 1], extent[:, 0] * self._height / self._width).clamp(min=1)
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        rois = torch.cat([centre, side[:, None], torch.zeros_like(side)[:, None]], dim=1)
        left = (self._height - self._width) // 2
        pictures = crop(frames, rois, self._height)[..., left : left + self._width]
        mean, spread = (torch.tensor(values)[:, None, None] for values in (MEAN, SPREAD))
        points = decode(self._net((pictures - mean) / spread), (self._width, self._height))
        middle = torch.tensor([self._width, self._height]) / 2
        place = (points[..., :2] - middle) * (side / self._height)[:, None, None] + centre[:, None]
        return torch.cat([place, points[..., 2:]], dim=-1)


def decode(outputs: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
    """A net's outputs as points [n, 133, 3] in pixels of its input (`size`: width, height), centres at +0.5.

    Two outputs [n, 133, 2 W] and [n, 133, 2 H] are SimCC (arXiv 2107.03332), one [n, 133, h, w] is heat maps.
    """
    width, height = size
    shapes = [tuple(output.shape[1:]) for output in outputs]
    if shapes == [(POINTS, PER_PIXEL * width), (POINTS, PER_PIXEL * height)]:
        scores, bins = zip(*(output.float().max(-1) for output in outputs), strict=True)
        places = torch.stack(bins, dim=-1) / PER_PIXEL
        score = torch.minimum(*scores)
    elif len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][0] == POINTS:
        places, score = _peaks(outputs[0].float())
        places = places * torch.tensor([width / shapes[0][2], height / shapes[0][1]])
    else:
        raise KMCError(
            f"The pose file gives {[list(shape) for shape in shapes]} for a person, expected heat maps "
            f"or SimCC vectors of {POINTS} points; choose a whole-body file of DWPose or ViTPose."
        )
    return torch.cat([places + 0.5, score.clamp(0, 1)[..., None]], dim=-1)


def _peaks(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Places [n, P, 2] of the peaks of [n, P, h, w] between the cells, and their heights [n, P].

    A blob is a Gaussian: its logarithm is a parabola, whose top lies between three cells (arXiv 1910.06278).
    """
    height, width = heat.shape[-2:]
    score, index = heat.flatten(2).max(-1)
    x, y = index % width, index // width
    logs = heat.clamp(min=1e-6).log()

    def shift(lines: Tensor, at: Tensor, length: int) -> Tensor:
        before, here, after = (
            lines.gather(-1, (at + step).clamp(0, length - 1)[..., None])[..., 0] for step in (-1, 0, 1)
        )
        bend = 2 * here - before - after
        inside = (at > 0) & (at < length - 1) & (bend > 1e-6)
        return torch.where(inside, (after - before) / (2 * bend.clamp(min=1e-6)), 0).clamp(-0.5, 0.5)

    row = logs.gather(2, y[..., None, None].expand(-1, -1, 1, width))[..., 0, :]
    column = logs.gather(3, x[..., None, None].expand(-1, -1, height, 1))[..., 0]
    places = torch.stack([x + shift(row, x, width), y + shift(column, y, height)], dim=-1)
    return places, score


def joints(points: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Points [n, 133, 3] as body [n, 25, 4] and hands [n, 2, 21, 4] in a picture; depth 0, unseen zero."""
    x, y, score = points.unbind(-1)
    seen = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (score >= SURE)
    points = points * seen[..., None]
    body = points.new_zeros(len(points), len(BODY_JOINTS), 4)
    for name, sources in SOURCES.items():
        joint = points[:, list(sources)]
        whole = (joint[..., 2] > 0).all(1, keepdim=True)
        body[:, JOINT[name], (0, 1, 3)] = (
            torch.cat([joint[..., :2].mean(1), joint[..., 2:].amin(1)], -1) * whole
        )
    hands = points.new_zeros(len(points), 2, 21, 4)
    for side, hand in enumerate(HANDS):
        hands[:, side][..., (0, 1, 3)] = points[:, list(hand)]
    return body, hands
