"""Clips as a training step takes them."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ..model.conditions import AnimatorConditions


@dataclass(frozen=True)
class Batch:
    """Clean clips x0 [B, C, F, H, W] in -1..1, their conditions and word ids [B, L]."""

    x0: Tensor
    conditions: AnimatorConditions
    tokens: Tensor
    regions: Tensor | None = None  # [B, F, 4, 4] of faces and hands, see regions.py

    def part(self, index: int, of: int) -> "Batch":
        """One of `of` parts of the batch, as even as they can be."""
        conditions = {
            f.name: value.tensor_split(of)[index]
            for f in fields(self.conditions)
            if (value := getattr(self.conditions, f.name)) is not None
        }
        x0, tokens, regions = (
            None if x is None else x.tensor_split(of)[index] for x in (self.x0, self.tokens, self.regions)
        )
        assert x0 is not None and tokens is not None
        return Batch(x0, replace(self.conditions, **conditions), tokens, regions)

    def to(self, device: torch.device) -> "Batch":
        """Everything on the device."""
        regions = None if self.regions is None else self.regions.to(device)
        return Batch(self.x0.to(device), self.conditions.to(device), self.tokens.to(device), regions)
