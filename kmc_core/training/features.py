"""Detectors as judges: a blur that no detector reads is no animation, however small its pixel error."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..perception.nets import NetName, load_net
from .processes import device

# The person detector sees limbs on the whole picture; the face detector's early maps are sharp on small
# faces.
JUDGES: Final[tuple[tuple[NetName, tuple[str, ...]], ...]] = (
    ("pose_detector", ("stride2", "stride4", "stride8", "stride16")),
    ("face_detector", ("stride2", "stride4")),
)


def load_judges(weights_dir: Path) -> Callable[[Tensor], list[Tensor]]:
    """Feature maps of our own detectors for pictures [N, 3, H, W] in 0..1, differentiable in the pictures."""
    nets = [(load_net(name, weights_dir, device=device()), maps) for name, maps in JUDGES]

    def features(pictures: Tensor) -> list[Tensor]:
        found: list[Tensor] = []
        with torch.autocast(pictures.device.type, enabled=False):
            for net, maps in nets:
                size = net.input_shape[-2:]
                seen = net.features(
                    F.interpolate(pictures.float(), size=size, mode="bilinear", align_corners=False)
                )
                found += [seen[name] for name in maps]
        return found

    return features
