"""The scene behind a person."""

from typing import Final

import torch.nn.functional as F
from torch import Tensor

GROWN: Final = 24  # the fill reaches half of this share of the picture beyond a mask, for hair that it misses
MASKED: Final = 0.1  # mask value from which a pixel is the person's


def fill_background(image: Tensor, mask: Tensor) -> Tensor:
    """The picture [3, H, W] with the person (mask [1, H, W], grown a little) filled from its surroundings."""
    reach = max(2, max(mask.shape[-2:]) // GROWN // 2)
    grown = F.max_pool2d(mask[None], (2 * reach + 1, 1), 1, (reach, 0))
    grown = F.max_pool2d(grown, (1, 2 * reach + 1), 1, (0, reach))
    known = (grown[0] <= MASKED).to(image)
    if not known.any():
        return image.mean((1, 2), keepdim=True).expand_as(image)
    return fill_from(image * known, known)


def fill_from(image: Tensor, known: Tensor) -> Tensor:
    """The picture [3, H, W], given times known [1, H, W], with the unknown filled.

    Pull-push: known pixels are averaged into ever smaller pictures; on the way back the coarser one fills
    what the finer one does not know.
    """
    pyramid = [(image[None], known[None])]
    while max(pyramid[-1][0].shape[-2:]) > 1:
        total, weight = pyramid[-1]
        pyramid.append((F.avg_pool2d(total, 2, ceil_mode=True), F.avg_pool2d(weight, 2, ceil_mode=True)))
    total, weight = pyramid.pop()
    filled = total / weight.clamp(min=1e-6)
    for total, weight in reversed(pyramid):
        up = F.interpolate(filled, size=total.shape[-2:], mode="bilinear", align_corners=False)
        trust = weight.clamp(max=1)
        filled = total / weight.clamp(min=1e-6) * trust + up * (1 - trust)
    return filled[0]
