"""Noise schedules. Each one is part of the next of twice its steps, so a student's few steps are some of its
teacher's.
"""

import torch
from torch import Tensor


def shifted_sigmas(steps: int, shift: float) -> Tensor:
    """Noise levels [steps + 1] from 1 to 0, evenly spaced and then shifted towards 1 (SD3, 2403.03206)."""
    sigmas = torch.linspace(1, 0, steps + 1)
    return shift * sigmas / (1 + (shift - 1) * sigmas)
