"""What a detector got wrong for a moment: spikes, and gaps between frames in which a point was seen.

A bridged point carries the confidence FILLED. That is at least SEEN, so that it is used, and below full
confidence, so that it is drawn fainter and weighs less; a detector gives exactly this value by chance only.
"""

from typing import Final

import torch
from torch import Tensor

from .local_fit import TO_DEVIATION

FILLED: Final = 0.4
SPIKE_DEVIATIONS: Final = 3.5  # a point this far from every prediction, in deviations of its neighbourhood
SPIKE_WINDOW: Final = 0.5  # seconds to each side that tell how large a deviation is usual
SMALLEST_SPIKE: Final = 0.02  # of the spread of all points of the part: nothing smaller is worth removing
ROUNDS: Final = 2  # of search: what lies beside a spike is judged again without it


def find_spikes(values: Tensor, seen: Tensor, fps: float) -> Tensor:
    """[F, P] where a point of values [F, P, D], seen [F, P], is a spike.

    A spike is one or two frames long and contradicts its neighbours in every way: it lies neither between
    them nor where those before or those after it were heading. So a hand that turns back sharply is none.
    The first and the last frame have no neighbours on one side and are never judged.
    """
    floor = SMALLEST_SPIKE * spread(values, seen)
    spikes = torch.zeros_like(seen)
    for point in range(values.shape[1]):
        for _ in range(ROUNDS):
            index = (seen[:, point] & ~spikes[:, point]).nonzero()[:, 0]
            found = _contradicting(index, values[index, point], fps, floor)
            if not bool(found.any()):
                break
            spikes[index[found], point] = True
    return spikes


def spread(values: Tensor, seen: Tensor) -> float:
    """Typical distance of the points [F, P, D] of a frame that are seen [F, P] from their middle.

    For a single point, from its median place.
    """
    known = torch.where(seen[..., None], values, torch.nan)
    middle = known.nanmean(dim=1, keepdim=True) if values.shape[1] > 1 else known.nanmedian(dim=0).values
    return float((known - middle).norm(dim=-1).nanmedian().nan_to_num(0.0))


def _contradicting(index: Tensor, values: Tensor, fps: float, floor: float) -> Tensor:
    """Values [N, D] in frames `index` [N] -> [N] whether each contradicts the values around it."""
    if len(index) < 5:
        return torch.zeros(len(index), dtype=torch.bool)
    time = index.to(values)
    misses = torch.stack([_miss(time, values, a, b) for a, b in ((-1, 1), (-2, 2), (-2, -1), (1, 2))])
    miss = torch.where(torch.isfinite(misses[0]), misses.amin(dim=0), torch.inf)
    reach = max(2, round(SPIKE_WINDOW * fps))
    padded = torch.nn.functional.pad(miss[None, None], (reach, reach), value=torch.nan)[0, 0]
    usual = padded.nan_to_num(posinf=torch.nan).unfold(0, 2 * reach + 1, 1).nanmedian(dim=1).values
    return torch.isfinite(miss) & (miss > SPIKE_DEVIATIONS * TO_DEVIATION * usual.nan_to_num(0.0) + floor)


def _miss(time: Tensor, values: Tensor, a: int, b: int) -> Tensor:
    """[N] distance of each value from the line through its neighbours a and b; inf where one is missing."""
    places = torch.arange(len(values))
    first, second = places + a, places + b
    there = (first >= 0) & (second >= 0) & (first < len(values)) & (second < len(values))
    first, second = first.clamp(0, len(values) - 1), second.clamp(0, len(values) - 1)
    share = (time - time[first]) / (time[second] - time[first]).where(there, torch.ones(()).to(time))
    line = values[first] + share[:, None] * (values[second] - values[first])
    return torch.where(there, (values - line).norm(dim=-1), torch.inf)


def bridge(values: Tensor, seen: Tensor, longest: float) -> tuple[Tensor, Tensor]:
    """Gaps of up to `longest` frames between seen points, filled on a straight line.

    values [F, P, D], seen [F, P] -> where it was filled [F, P], and the values [F, P, D] with them.
    """
    frames = torch.arange(len(values))[:, None].expand_as(seen)
    before = torch.where(seen, frames, -1).cummax(dim=0).values
    after = torch.where(seen, frames, len(values)).flip(0).cummin(dim=0).values.flip(0)
    gap = after - before - 1  # unseen frames in a row
    filled = ~seen & (before >= 0) & (after < len(values)) & (gap <= longest)
    start, end = (
        index.clamp(0, max(len(values) - 1, 0))[..., None].expand_as(values) for index in (before, after)
    )
    share = ((frames - before) / (after - before).clamp(min=1)).to(values)[..., None]
    line = torch.lerp(values.gather(0, start), values.gather(0, end), share)
    return filled, torch.where(filled[..., None], line, values)
