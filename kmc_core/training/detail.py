"""Where a person's limbs, hands and face are drawn: what training looks at more closely."""

from typing import Final

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..motion.draw import FACE_CHANNELS, HAND_CHANNELS

DETAIL: Final = (*HAND_CHANNELS, *FACE_CHANNELS)


def detail_weight(maps: Tensor, size: torch.Size) -> Tensor:
    """Weight [B, 1, F, H, W]: 1 on the background, 3 on limbs, 6 on hands and features of the face."""
    frames = maps.shape[2]
    folded = rearrange(maps, "b c f h w -> (b f) c h w")
    limbs, detail = folded[:, :-1].amax(1, keepdim=True), folded[:, DETAIL].amax(1, keepdim=True)
    weight = 1 + 2 * F.max_pool2d(limbs, 5, 1, 2) + 3 * F.max_pool2d(detail, 3, 1, 1)
    return rearrange(F.interpolate(weight, size=size, mode="bilinear"), "(b f) c h w -> b c f h w", f=frames)
