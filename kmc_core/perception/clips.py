"""Clips as streams of uint8 RGB frames: files decoded on the fly, and tensors that are in memory already."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ..errors import KMCError

BACKDROP = 128  # transparent pixels are laid over mid-grey, which no detector mistakes for skin or cloth
SHORTFALL = 0.05  # a stream that ends this much before its declared length is damaged, not merely rounded


class Clip(Protocol):
    """Frames of one shot. `chunks` can be called again and starts from the first frame each time."""

    @property
    def fps(self) -> float: ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    @property
    def frames(self) -> int | None:
        """Number of frames, None where only reading tells."""
        ...

    def chunks(self, n: int) -> Iterator[Tensor]:
        """Runs of up to n frames, uint8 [n, 3, H, W]."""
        ...


@dataclass(frozen=True)
class TensorClip:
    """Frames in memory: [F, 1, 3 or 4, H, W], uint8 or float 0..1. Grey is repeated, alpha laid over mid-grey."""

    images: Tensor
    fps: float

    def __post_init__(self) -> None:
        shape = tuple(self.images.shape)
        if self.images.ndim != 4 or shape[1] not in (1, 3, 4):
            raise KMCError(f"Frames have shape {shape}, expected [frames, 1, 3 or 4 channels, height, width].")
        if self.images.dtype != torch.uint8 and not self.images.is_floating_point():
            raise KMCError(f"Frames have type {self.images.dtype}, expected uint8 or floats from 0 to 1.")
        if not self.fps > 0:
            raise KMCError(f"The frame rate is {self.fps}, expected a number above 0.")

    @property
    def size(self) -> tuple[int, int]:
        return self.images.shape[3], self.images.shape[2]

    @property
    def frames(self) -> int:
        return len(self.images)

    def chunks(self, n: int) -> Iterator[Tensor]:
        for frames in self.images.split(n) if len(self.images) else ():
            if frames.is_floating_point():
                frames = (frames.float() * 255).round_().clamp_(0, 255).to(torch.uint8)
            yield _as_rgb(frames)


def _as_rgb(frames: Tensor) -> Tensor:
    """uint8 [n, 1, 3 or 4, H, W] -> [n, 3, H, W]."""
    if frames.shape[1] == 4:
        alpha = frames[:, 3:].float() / 255
        return (frames[:, :3] * alpha + BACKDROP * (1 - alpha)).round().to(torch.uint8)
    return frames.expand(-1, 3, -1, -1)


@dataclass(frozen=True)
class VideoFile:
    """A video that is decoded as it is read. Rotation metadata is honoured; alpha is laid over mid-grey.

    `start` and `length` (seconds) keep a part of it. KMCError when it cannot be opened, holds no picture, or breaks
    off; the check for a missing end runs at the end of a full read.
    """

    source: Path | str | BytesIO
    start: float = 0.0
    length: float | None = None

    def __post_init__(self) -> None:
        self._facts()

    @property
    def fps(self) -> float:
        return self._facts().fps

    @property
    def size(self) -> tuple[int, int]:
        return self._facts().size

    @property
    def frames(self) -> int | None:
        return self._facts().frames

    def chunks(self, n: int) -> Iterator[Tensor]:
        raise NotImplementedError
