"""Person detectors of the YOLO family as .onnx files: YOLOX, YOLOv8 and its like, and YOLOv10.

The kind is told by the shape of the output, never by the file's name: [1, N, 6] chosen boxes with score and
class (v10), [1, 4 + classes, N] boxes (v8), or YOLOX's [1, N, 5 + classes] offsets to a grid.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import KMCError
from .crops import crop, square

PERSON = 0  # class of people in COCO
MIN_SCORE = 0.3
SAME_PERSON = 0.5  # boxes of one person overlap by more than this share of their union
USUAL_SIDE = 640
STRIDES = (8, 16, 32)
PAD = 114 / 255  # the grey around a picture that these nets were trained with


class PersonDetector:
    """Boxes of the people in a frame. `net` takes [1, 3, S, S]; KMCError for an output of no known kind."""

    def __init__(self, net: Callable[[Tensor], tuple[Tensor, ...]], input_shape: list) -> None:
        side = input_shape[-1] if isinstance(input_shape[-1], int) else USUAL_SIDE
        self._net, self._side = net, side
        self._learned_bgr = False
        shape = tuple(net(torch.zeros(1, 3, side, side))[0].shape)
        grid = sum((side // stride) ** 2 for stride in STRIDES)
        if len(shape) == 3 and shape[2] == 6:
            self._boxes = _selected
        elif len(shape) == 3 and shape[2] == grid and shape[1] > 4:
            self._boxes = _centred
        elif len(shape) == 3 and shape[1] == grid and shape[2] > 5:
            self._boxes, self._learned_bgr = self._on_grid, True
        else:
            raise KMCError(
                f"The detector gives {list(shape)}, expected [1, N, 6], [1, 4 + classes, {grid}] or "
                f"[1, {grid}, 5 + classes]; choose a YOLO detector such as yolov10m.onnx or yolox_l.onnx."
            )

    def __call__(self, frame: Tensor) -> Tensor:
        """uint8 [3, H, W] -> [M, 4] left, top, right, bottom in its pixels, best first."""
        height, width = frame.shape[-2:]
        whole = square(width, height)
        picture = crop([frame], whole[None], self._side)
        band = round(self._side * (1 - min(width, height) / max(width, height)) / 2)
        if band:
            rim = picture if height < width else picture.transpose(2, 3)
            rim[:, :, :band] = rim[:, :, -band:] = PAD
        if self._learned_bgr:  # and from 0..255
            picture = 255 * picture.flip(1)
        boxes, scores = self._boxes(self._net(picture)[0][0].float())
        boxes = boxes[scores >= MIN_SCORE] * whole[2] / self._side
        offset = whole[:2] - whole[2] / 2
        return _distinct(boxes, scores[scores >= MIN_SCORE]) + torch.cat([offset, offset])

    def _on_grid(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        cells, strides = [], []
        for stride in STRIDES:
            steps = torch.arange(self._side // stride).float()
            cells.append(torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).reshape(-1, 2))
            strides.append(torch.full((len(cells[-1]), 1), float(stride)))
        stride = torch.cat(strides)
        centre, extent = (rows[:, :2] + torch.cat(cells)) * stride, rows[:, 2:4].exp() * stride
        return _corners(centre, extent), rows[:, 4] * rows[:, 5 + PERSON]


def _selected(rows: Tensor) -> tuple[Tensor, Tensor]:
    return rows[:, :4], rows[:, 4] * (rows[:, 5] == PERSON)


def _centred(columns: Tensor) -> tuple[Tensor, Tensor]:
    rows = columns.T
    return _corners(rows[:, :2], rows[:, 2:4]), rows[:, 4 + PERSON]


def _corners(centre: Tensor, extent: Tensor) -> Tensor:
    return torch.cat([centre - extent / 2, centre + extent / 2], dim=1)


def _distinct(boxes: Tensor, scores: Tensor) -> Tensor:
    """The best box [4] of each person."""
    left = boxes[scores.argsort(descending=True)]
    kept = []
    while len(left):
        kept.append(left[0])
        low, high = torch.maximum(left[0, :2], left[:, :2]), torch.minimum(left[0, 2:], left[:, 2:])
        shared = (high - low).clamp(min=0).prod(1)
        area = (left[:, 2:] - left[:, :2]).clamp(min=0).prod(1)
        overlap = shared / (area + area[0] - shared).clamp(min=1e-6)
        overlap[0] = 1
        left = left[overlap <= SAME_PERSON]
    return torch.stack(kept) if kept else boxes.new_zeros(0, 4)
