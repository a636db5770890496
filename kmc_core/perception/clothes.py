"""The colours that a person wears, by which it is known again after somebody hid it."""

import torch
from torch import Tensor

from .crops import crop

PATCH = 16  # pixels a side are enough for colours
LEVELS = 5  # of each of red, green and blue; neighbours share a pixel, so that light may change a little


def clothes(frame: Tensor, rois: Tensor) -> Tensor:
    """Shares of colours [R, 125] in the rois [R, 4] of a uint8 frame [3, H, W]; zeros where a roi is nan."""
    seen = ~rois.isnan().any(1)
    result = torch.zeros(len(rois), LEVELS**3)
    if seen.any():
        patches = crop([frame] * int(seen.sum()), rois[seen], PATCH).flatten(2).cpu()  # R 3 pixels
        centres = torch.linspace(0, 1, LEVELS)
        share = (1 - (patches[..., None] - centres).abs() * (LEVELS - 1)).clamp(min=0)  # R 3 pixels LEVELS
        red, green, blue = share.unbind(1)
        colours = torch.einsum("npr,npg,npb->nrgb", red, green, blue).flatten(1)
        result[seen] = colours / colours.sum(1, keepdim=True)
    return result


def difference(a: Tensor, b: Tensor) -> Tensor:
    """Hellinger distance 0..1 between clothes [..., R, 125], where both show them; nan where nothing
    compares."""
    both = (a.sum(-1) > 0) & (b.sum(-1) > 0)
    apart = (1 - (a * b).sqrt().sum(-1)).clamp(min=0).sqrt()
    return (apart * both).sum(-1) / both.sum(-1)


def limb_rois(starts: Tensor, ends: Tensor) -> Tensor:
    """Square rois [R, 4] in the middle of limbs from `starts` [R, 2] to `ends`, turned along them."""
    along = ends - starts
    side = (0.6 * along.norm(dim=-1)).clamp(min=2)
    angle = torch.atan2(along[:, 1], along[:, 0])
    return torch.cat([(starts + ends) / 2, side[:, None], angle[:, None]], dim=1)
