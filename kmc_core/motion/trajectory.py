"""Paths over time."""

import numpy as np
import torch
from torch import Tensor


def filled(values: Tensor, seen: Tensor) -> Tensor:
    """[F, D] with the frames that are not seen [F] filled in between their neighbours, if there are any."""
    known = seen.nonzero()[:, 0]
    if len(known) in (0, len(values)):
        return values
    at, frames = known.cpu().numpy(), np.arange(len(values))
    columns = [np.interp(frames, at, column[known].cpu().numpy()) for column in values.unbind(1)]
    return torch.from_numpy(np.stack(columns, axis=1)).to(values)
