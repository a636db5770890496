"""Hair that the mask net leaves out: long strands beside the neck, of the colours of the hair above.

Colours of the person and of what is surely not the person are counted around the head; what lies next to the
person and is far more like it than like the rest is added. Nothing is ever taken away.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE: Final = 192  # pixels of the head's surroundings that are looked at
AROUND: Final = (1.3, 0.8, 2.2)  # face sizes beside, above and below the face's middle
BINS: Final = 16  # of each colour channel
PERSON: Final = 0.9  # mask from which a pixel is surely the person
SCENE: Final = 0.1  # and up to which it is not
LIKELY: Final = 0.95  # of being the person
FEWEST: Final = 1e-3  # share of the person's pixels that have a colour, for it to be one of the person's
APART: Final = 24  # pixels beside the person that may be hair


def with_hair(mask: Tensor, image: Tensor, landmarks: Tensor) -> Tensor:
    """The mask [1, H, W] 0..1 of image [3, H, W] 0..1 with the hair around a face's landmarks [478, 2+]."""
    rows, columns = _surroundings(landmarks, mask.shape[-2:])
    whole = mask[:, rows, columns]
    if 0 in whole.shape:
        return mask
    size = [max(1, round(SIDE * side / max(whole.shape[1:]))) for side in whole.shape[1:]]
    picture, small = (
        F.interpolate(x[None].float(), size=size, mode="area")[0] for x in (image[:, rows, columns], whole)
    )
    sure = small[0] > PERSON
    scene = (small[0] < SCENE) & ~_grown(sure, APART)
    if not sure.any() or not scene.any():
        return mask
    colour = (picture * (BINS - 1)).round().long()
    colour = (colour[0] * BINS + colour[1]) * BINS + colour[2]
    person, rest = (_histogram(colour[part])[colour] for part in (sure, scene))
    like = (person > LIKELY * (person + rest)) & (person > FEWEST)
    like = ~_grown(~like, 1)  # specks are no hair
    found = sure
    while True:
        more = sure | (_grown(found, 2) & like)
        more |= found
        if torch.equal(more, found):
            break
        found = more
    found = _grown(found & ~sure, 1).float()[None, None]
    added = F.interpolate(found, size=whole.shape[1:], mode="bilinear", align_corners=False)[0]
    completed = mask.clone()
    completed[:, rows, columns] = whole.maximum(added)
    return completed


def _surroundings(landmarks: Tensor, size: torch.Size) -> tuple[slice, slice]:
    low, high = landmarks[:, :2].amin(0), landmarks[:, :2].amax(0)
    (x, y), unit = ((low + high) / 2).tolist(), float((high - low).amax())
    aside, above, below = (share * unit for share in AROUND)
    height, width = size
    rows = slice(max(0, int(y - above)), max(0, min(height, int(y + below))))
    return rows, slice(max(0, int(x - aside)), max(0, min(width, int(x + aside))))


def _histogram(colours: Tensor) -> Tensor:
    """[BINS ** 3] how often the colours are there, shared with their neighbours."""
    counts = torch.bincount(colours, minlength=BINS**3).float()
    shared = F.avg_pool3d(counts.view(1, 1, BINS, BINS, BINS), 3, 1, 1, count_include_pad=True).flatten()
    return shared / shared.sum().clamp(min=1)


def _grown(which: Tensor, reach: int) -> Tensor:
    """[H, W] and what lies up to `reach` pixels beside it."""
    return F.max_pool2d(which[None].float(), 2 * reach + 1, 1, reach)[0] > 0
