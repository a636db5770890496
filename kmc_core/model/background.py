"""The scene behind a person."""

from collections.abc import Iterator
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

GROWN: Final = 48  # the fill reaches one part in so many of the picture beyond a mask: it misses hair
MASKED: Final = 0.1  # mask value from which a pixel is the person's
SLOPES: Final = (-1.0, -0.5, 0.0, 0.5)  # of the lines along which a scene goes on, columns a row
ALIKE: Final = 0.15  # difference of colours (-1..1) at which a line's two ends hardly belong together
NEAR: Final = 4  # power of a line's length, as a share of the picture, by which a longer one counts less
ONE_END: Final = 0.002  # what a line counts that only one end of is known
SOFT: Final = 1.0  # and what the neighbourhood counts; a line across the whole picture counts as much
SMOOTHED: Final = (96, 48)  # of the picture: deep inside, lines are not that sharp


def fill_background(image: Tensor, mask: Tensor) -> Tensor:
    """The picture [3, H, W] with the person (mask [1, H, W], grown a little) filled from its surroundings.

    What lies on both sides of the person in the same colour goes on behind: stripes, edges and gradients.
    Where nothing does, the neighbourhood's colours meet softly.
    """
    reach = max(2, max(mask.shape[-2:]) // GROWN)
    grown = F.max_pool2d(mask[None], (2 * reach + 1, 1), 1, (reach, 0))
    grown = F.max_pool2d(grown, (1, 2 * reach + 1), 1, (0, reach))
    known = (grown[0] <= MASKED).to(image)
    if not known.any():
        return image.mean((1, 2), keepdim=True).expand_as(image)
    total, weight = SOFT * fill_from(image * known, known), SOFT
    for turned in (False, True):
        picture, seen = (x.mT if turned else x for x in (image, known))
        for colour, share in _continued(picture, seen):
            total = total + (colour * share).mT if turned else total + colour * share
            weight = weight + (share.mT if turned else share)
    return _smoothed(torch.where(known > 0, image, total / weight), known)


def _continued(image: Tensor, known: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """For lines of every slope down the picture [3, H, W], known where [1, H, W] is 1: the colours between
    their known ends, and how much they count [1, H, W].
    """
    height, width = known.shape[-2:]
    row = torch.arange(height, device=known.device)[:, None]
    for slope in SLOPES:
        shift = (slope * row).round().long()
        room = int(shift.abs().max())
        column = torch.arange(width + 2 * room, device=known.device) - room + shift
        within = (column >= 0) & (column < width)
        column = column.clamp(0, width - 1)
        lines = image.gather(2, column.expand(3, -1, -1))
        seen = (known[0].gather(1, column) > 0) & within
        colour, share = _between_ends(lines, seen, (1 + slope**2) ** 0.5 / max(height, width))
        back = torch.arange(width, device=known.device) + room - shift
        yield colour.gather(2, back.expand(3, -1, -1)), share.gather(1, back)[None]


def _between_ends(lines: Tensor, seen: Tensor, unit: float) -> tuple[Tensor, Tensor]:
    """Colours [3, H, W] of columns between their pixels that are seen [H, W], and how much they count [H, W];
    `unit` is a row's length as a share of the picture.
    """
    height = len(seen)
    row = torch.arange(height, device=seen.device)[:, None].expand_as(seen)
    above = torch.where(seen, row, -1).cummax(0).values
    below = torch.where(seen, row, 2 * height).flip(0).cummin(0).values.flip(0)
    first, last = (lines.gather(1, end.clamp(0, height - 1).expand(3, -1, -1)) for end in (above, below))
    begun, ends = above >= 0, below < height
    up, down = (row - above).clamp(min=1) * unit, (below - row).clamp(min=1) * unit
    part = torch.where(begun & ends, up / (up + down), (~begun).to(lines))
    alike = torch.exp(-(((first - last).abs().mean(0) / ALIKE) ** 2)) / (up + down) ** NEAR
    one = ONE_END / torch.where(begun, up, down) ** NEAR * (begun | ends)
    return first.lerp(last, part), torch.where(begun & ends, alike, one)


def _smoothed(image: Tensor, known: Tensor) -> Tensor:
    """The picture softened deep inside of what is not known."""
    for share in SMOOTHED:
        reach = max(1, max(known.shape[-2:]) // share)
        deep = 1 - F.max_pool2d(known[None], 4 * reach + 1, 1, 2 * reach)[0]
        padded = F.pad(image[None], (reach,) * 4, mode="replicate")
        image = image.lerp(F.avg_pool2d(padded, 2 * reach + 1, 1)[0], deep)
    return image


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
