"""The one-euro filter (Casiez, Roussel & Vogel 2012): a low pass that opens with speed."""

import math
from typing import Final

import torch
from torch import Tensor

SLOWEST: Final = 1.0  # hertz: cut-off at rest, at strength 1
OPENING: Final = 3.0  # hertz that the cut-off gains per size of the person and second
SPEED_CUTOFF: Final = 1.0  # hertz, of the speed itself
FORGET: Final = 0.25  # seconds unseen after which a point starts anew


def one_euro(values: Tensor, seen: Tensor, size: Tensor, fps: float, strength: float) -> Tensor:
    """Values [F, P, D], filtered where they are seen [F, P].

    `size` [D] is what counts as large in each coordinate, so that one speed fits pixels, metres and angles.
    """
    out = values.clone()
    last, speed = values[0].clone(), torch.zeros_like(values[0])
    age = torch.full_like(values[0, :, 0], torch.inf)  # frames since the point was seen
    for frame in range(len(values)):
        age = age + 1
        fresh = (age / fps > FORGET)[:, None]
        step = age.clamp(max=fps * FORGET + 1)[:, None] / fps  # seconds
        here = values[frame]
        found = torch.where(fresh, torch.zeros_like(here), (here - last) / step)
        moved = torch.lerp(speed, found, _share(torch.as_tensor(SPEED_CUTOFF).to(values), step))
        cutoff = (SLOWEST + OPENING * (moved / size).abs()) / strength
        value = torch.where(fresh, here, torch.lerp(last, here, _share(cutoff, step)))
        there = seen[frame, :, None]
        out[frame] = torch.where(there, value, here)
        last, speed = torch.where(there, value, last), torch.where(there, moved, speed)
        age = torch.where(seen[frame], 0.0, age)
    return out


def _share(cutoff: Tensor, step: Tensor) -> Tensor:
    """How much of a new value a low pass of `cutoff` hertz takes after `step` seconds."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * step))
