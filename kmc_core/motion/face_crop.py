"""One steady crop of a face: it glides, and it holds all that the crops it is made from hold."""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

GLIDE: Final = 0.5  # seconds: half width of the window that steadies a crop


def steady_crop(crop: Tensor, known: Tensor, seen: Tensor, fps: float) -> Tensor:
    """Square crops [F, 3] (centre x, centre y, side) steadied where a face is seen [F]; float64.

    They are made from the crops that are `known` [F]; frames that were bridged take theirs from these. The
    centre follows a straight line fitted around each frame, so a face that drifts is followed without lag.
    The side is the largest that any frame nearby needs, averaged over the same window.
    """
    crop = crop.double()
    reach = max(1, round(GLIDE * fps))
    centre = _line(crop[:, :2], known.double(), reach)
    need = (crop[:, 2] + 2 * (crop[:, :2] - centre).abs().amax(dim=1)) * known
    largest = F.max_pool1d(need[None, None], 2 * reach + 1, 1, padding=reach)
    padded = F.pad(largest, (reach, reach), mode="replicate")
    side = F.avg_pool1d(padded, 2 * reach + 1, 1)[0, 0]
    steady = torch.cat([centre, side[:, None]], dim=1)
    return torch.where(seen[:, None], steady, crop)


def _line(values: Tensor, weight: Tensor, reach: int) -> Tensor:
    """Values [F, D] with weights [F]: the line fitted to the neighbours within `reach`, at each frame."""
    steps = torch.arange(-reach, reach + 1).to(values)
    kernel = (-0.5 * (steps * 2 / reach) ** 2).exp()
    rows = torch.stack([kernel * steps**power for power in range(3)])[:, None]  # 3 1 W

    def sums(signal: Tensor) -> Tensor:
        return F.conv1d(signal.T[:, None], rows, padding=reach).permute(2, 0, 1)  # F D 3

    s0, s1, s2 = sums(weight[:, None]).unbind(-1)
    t0, t1, _ = sums(values * weight[:, None]).unbind(-1)
    spread = s0 * s2 - s1 * s1
    line = (s2 * t0 - s1 * t1) / spread.where(spread > 1e-9, 1.0)
    return torch.where(spread > 1e-9, line, values)
