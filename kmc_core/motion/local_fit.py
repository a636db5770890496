"""A local quadratic fit over time whose window is as long as the motion allows, point by point.

Long windows calm, short ones follow. For every coordinate and frame the longest window is taken whose fit
still agrees with those of all shorter windows within the noise (intersection of confidence intervals:
Goldenshluger & Nemirovski 1997, Katkovnik 1999). The noise is read from the clip, so nothing depends on
pixels or metres: what is still is averaged over a long time, a fast wave keeps its peaks.
"""

from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

REACHES: Final = (0.08, 0.13, 0.21)  # seconds: half widths of the windows at strength 1
# Standard deviations within which two fits of one place still agree. Small, because fits over nested windows
# share most of their noise: more flattens blinks, less leaves jitter.
AGREEMENT: Final = 1.2
STEADY: Final = 0.06  # seconds: half width over which the choice of a window is averaged
ROUNDING: Final = 1e-9  # share of a value by which fits of a noiseless motion may differ
TO_DEVIATION: Final = 1.4826  # median of absolute values -> standard deviation of a normal distribution
# A point against the cubic through two neighbours on each side; its variance is that of one point times this.
CUBIC: Final = (-1 / 6, 4 / 6, -1.0, 4 / 6, -1 / 6)
CUBIC_VARIANCE: Final = sum(weight**2 for weight in CUBIC)


class _Fit(NamedTuple):
    value: Tensor  # [F, P, D]
    deviation: Tensor  # [F, P] of the value, for noise of 1


def adaptive_fit(values: Tensor, weight: Tensor, fps: float, strength: float) -> Tensor:
    """Values [F, P, D] with weights [F, P] (0: not there) -> the fitted values; `strength` scales windows."""
    noise = noise_level(values, weight)  # P D
    low, high = torch.full_like(values, -torch.inf), torch.full_like(values, torch.inf)
    level, agree = torch.zeros_like(values), torch.ones_like(values, dtype=torch.bool)
    fits = [_fit(values, weight, max(1.0, reach * strength * fps)) for reach in REACHES]
    for index, fit in enumerate(fits):
        slack = AGREEMENT * noise * fit.deviation[..., None] + ROUNDING * values.abs()
        low, high = torch.maximum(low, fit.value - slack), torch.minimum(high, fit.value + slack)
        agree = agree & (low <= high)
        level = torch.where(agree, float(index), level)
    level = _steadied(level, weight, max(1, round(STEADY * fps)))
    best = fits[0].value
    for index in range(1, len(fits)):
        best = torch.lerp(best, fits[index].value, (level - (index - 1)).clamp(0, 1))
    return best


def noise_level(values: Tensor, weight: Tensor) -> Tensor:
    """[P, D] standard deviation of white noise on values [F, P, D], judged where five frames are seen."""
    if len(values) < len(CUBIC):
        return torch.zeros_like(values[0])
    shifted = [values[i : len(values) - 4 + i] for i in range(5)]
    residual = torch.tensordot(values.new_tensor(CUBIC), torch.stack(shifted), dims=1)
    whole = torch.stack([weight[i : len(weight) - 4 + i] for i in range(5)]).amin(0) > 0
    spread = torch.where(whole[..., None], residual.abs(), torch.nan).nanmedian(dim=0).values
    return spread.nan_to_num(0.0) * TO_DEVIATION / CUBIC_VARIANCE**0.5


def _fit(values: Tensor, weight: Tensor, reach: float) -> _Fit:
    """The quadratic fit with tricube weights up to `reach` frames to each side."""
    steps = torch.arange(-int(reach), int(reach) + 1, dtype=values.dtype) / (reach + 1e-6)
    kernel = (1 - steps.abs() ** 3) ** 3
    rows = torch.stack([kernel * steps**power for power in range(5)])
    squares = torch.stack([kernel**2 * steps**power for power in range(5)])
    hankel = torch.tensor([[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    moments = _moments(weight, rows)[..., hankel]  # F P 3 3
    # Windows with fewer points than unknowns: the least curved fit.
    moments = moments + 1e-9 * torch.diag(torch.tensor([1e-3, 1.0, 1.0])).to(values)
    sums = _moments(values * weight[..., None], rows[:3]).transpose(-1, -2)  # F P 3 D
    first = torch.linalg.solve(moments, torch.eye(3).to(values)[:, :1].expand(*weight.shape, 3, 1))
    spread = first.transpose(-1, -2) @ _moments(weight, squares)[..., hankel] @ first
    value = (first.transpose(-1, -2) @ sums)[..., 0, :]
    return _Fit(value, spread[..., 0, 0].clamp(min=0).sqrt())


def _moments(values: Tensor, rows: Tensor) -> Tensor:
    """Values [F, ...] -> [F, ..., R]: sums over the neighbours with each row's weights [R, width]."""
    flat = values.flatten(1).T[:, None]  # C 1 F
    sums = F.conv1d(flat, rows[:, None], padding=rows.shape[1] // 2)  # C R F
    return sums.permute(2, 0, 1).reshape(*values.shape, len(rows))


def _steadied(level: Tensor, weight: Tensor, reach: int) -> Tensor:
    """Levels [F, P, D] averaged over the seen frames within `reach`."""
    seen = (weight > 0).to(level)
    ones = torch.ones(1, 2 * reach + 1).to(level)
    total = _moments(level * seen[..., None], ones)[..., 0]
    return total / _moments(seen, ones).clamp(min=1)
