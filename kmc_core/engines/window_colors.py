"""Keeping the colours of a long video: what each run shifts is taken back, towards the first run."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

MOST_GAIN: Final = 0.1  # contrast is changed by no more: more is the motion's doing, not drift
MOST_SHIFT: Final = 0.05  # of the range of brightness


@dataclass(frozen=True)
class Colours:
    """Mean and spread of each channel over some frames."""

    mean: Tensor  # [3]
    spread: Tensor  # [3]


def colours_of(frames: Tensor) -> Colours:
    """Of frames [F, 3, H, W] 0..1."""
    return Colours(frames.mean((0, 2, 3)), frames.std((0, 2, 3)).clamp(min=1e-4))


def anchored(frames: Tensor, anchor: Colours) -> Tensor:
    """Frames [F, 3, H, W] 0..1 with the mean and spread of the anchor, as far as drift explains them."""
    own = colours_of(frames)
    gain = (anchor.spread / own.spread).clamp(1 - MOST_GAIN, 1 + MOST_GAIN)
    shift = (anchor.mean - own.mean).clamp(-MOST_SHIFT, MOST_SHIFT)
    gain, shift, mean = (value[None, :, None, None] for value in (gain, shift, own.mean))
    return torch.clamp((frames - mean) * gain + mean + shift, 0, 1)
