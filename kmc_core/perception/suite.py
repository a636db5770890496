"""The nine nets that extraction looks with, loaded together."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor, nn

from .nets import Backend, Net, NetName, load_net

NET_BATCH = 8  # more pictures at once leave the processor's cache without being faster


@dataclass(frozen=True)
class Perception:
    """All perception nets. Each takes [B, 3, H, W] RGB 0..1 and gives float32 tensors, see `nets.Net`."""

    pose_detector: Net
    pose_landmarks: Net
    palm_detector: Net
    hand_landmarks: Net
    face_detector: Net
    face_landmarks: Net
    face_expressions: Net
    person_mask: Net
    face_identity: Net

    @classmethod
    def load(
        cls,
        weights_dir: Path,
        *,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
        backend: Backend = "torch",
    ) -> "Perception":
        """Load every net from the folder that holds the files (`weights/perception`). KMCError as
        `load_net`."""
        names = get_args(NetName)  # the fields of this class
        return cls(
            **{n: load_net(n, weights_dir, device=device, dtype=dtype, backend=backend) for n in names}
        )

    @property
    def modules(self) -> list[nn.Module]:
        """The torch modules, for a memory manager that moves them."""
        nets: list[Net] = [getattr(self, field.name) for field in fields(self)]
        return [net.module for net in nets if net.module is not None]


def run(net: Net, images: Tensor, outputs: tuple[int, ...] | None = None) -> tuple[Tensor, ...]:
    """`net` on any number (at least one) of images [B, 3, H, W], a few at a time; results on the CPU.

    `outputs` names the positions that are wanted; the work for the others is left out.
    """
    batches = images.tensor_split(math.ceil(len(images) / NET_BATCH))  # even: a batch of one is the slowest
    parts = [net(batch, outputs) for batch in batches]
    return tuple(torch.cat(values).cpu() for values in zip(*parts, strict=True))
