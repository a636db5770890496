"""Single-shot detectors of MediaPipe: bodies, palms and faces in a square crop.

Each net gives, for a fixed grid of anchors, a box and keypoints relative to the anchor, and a logit.
Overlapping answers are merged by their score, as BlazeFace (arXiv 1907.05047, section 4.3) does against
jitter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from .crops import crop, from_crop
from .nets import Net
from .suite import run

MIN_SCORE = 0.5
SAME_THING = 0.3  # boxes of one thing overlap by more than this share of their union
MAX_LOGIT = 100.0  # float16 nets overflow the sigmoid beyond it


@dataclass(frozen=True)
class DetectorGrid:
    """Input side of a detector in pixels and the stride of each of its anchor layers."""

    size: int
    strides: tuple[int, ...]


BODY_GRID = DetectorGrid(224, (8, 16, 32, 32, 32))
PALM_GRID = DetectorGrid(192, (8, 16, 16, 16))
FACE_GRID = DetectorGrid(128, (8, 16, 16, 16))


@dataclass(frozen=True)
class Detection:
    """One thing that a detector found, in source pixels."""

    centre: Tensor  # [2]
    extent: Tensor  # [2] width and height of the box
    points: Tensor  # [K, 2] keypoints
    score: float


@cache
def anchor_centres(grid: DetectorGrid) -> Tensor:
    """[A, 2] x, y in 0..1: two anchors per cell and layer; layers of one stride are interleaved cell by
    cell."""
    layers = []
    for stride in dict.fromkeys(grid.strides):
        cells = grid.size // stride
        per_cell = 2 * grid.strides.count(stride)
        steps = (torch.arange(cells) + 0.5) / cells
        centres = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).reshape(-1, 2)
        layers.append(centres.repeat_interleave(per_cell, dim=0))
    return torch.cat(layers)


def detect(
    net: Net, grid: DetectorGrid, frames: Tensor | Sequence[Tensor], rois: Tensor
) -> list[list[Detection]]:
    """What is seen in the rois [n, 4] of n uint8 frames [3, H, W]: a list per frame, best score first."""
    boxes, logits = run(net, crop(frames, rois, grid.size))
    scores = logits[..., 0].clamp(-MAX_LOGIT, MAX_LOGIT).sigmoid()  # B A
    boxes = boxes.unflatten(-1, (-1, 2))  # B A 2+K 2
    return [_found(b, s, roi, grid) for b, s, roi in zip(boxes, scores, rois, strict=True)]


def _found(boxes: Tensor, scores: Tensor, roi: Tensor, grid: DetectorGrid) -> list[Detection]:
    """Detections of one frame from boxes [A, 2+K, 2] in crop pixels (row 1 is the extent) and scores [A]."""
    likely = torch.nonzero(scores >= MIN_SCORE)[:, 0]
    likely = likely[scores[likely].argsort(descending=True)]
    offset = anchor_centres(grid)[likely] * grid.size  # M 2
    boxes, scores = boxes[likely].clone(), scores[likely]
    boxes[:, 0] += offset
    boxes[:, 2:] += offset[:, None]
    found = []
    while len(boxes):
        same = _overlap(boxes[0], boxes) > SAME_THING
        same[0] = True
        merged = (boxes[same] * scores[same, None, None]).sum(0) / scores[same].sum()
        places = from_crop(torch.cat([merged[:1], merged[2:]]), roi, grid.size)
        found.append(Detection(places[0], merged[1] * roi[2] / grid.size, places[1:], float(scores[0])))
        boxes, scores = boxes[~same], scores[~same]
    return found


def _overlap(box: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union of one box [2+K, 2] with boxes [M, 2+K, 2] -> [M]."""
    low = torch.maximum(box[0] - box[1] / 2, boxes[:, 0] - boxes[:, 1] / 2)
    high = torch.minimum(box[0] + box[1] / 2, boxes[:, 0] + boxes[:, 1] / 2)
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (box[1].prod() + boxes[:, 1].prod(-1) - shared).clamp(min=1e-6)
