"""Euler solver of the rectified flow for a network that predicts the clean signal."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from ..model.conditions import KEEP, AnimatorConditions
from ..model.transformer import Animator


def shifted_sigmas(steps: int, shift: float) -> Tensor:
    """Noise levels [steps + 1] from 1 to 0, evenly spaced and then shifted towards 1 (SD3, 2403.03206)."""
    sigmas = torch.linspace(1, 0, steps + 1)
    return shift * sigmas / (1 + (shift - 1) * sigmas)


def sample(
    animator: Animator,
    conditions: AnimatorConditions,
    *,
    steps: int,
    rng: torch.Generator,
    guidance: float = 1.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tensor:
    """Clean clip [B, C, F, H, W] from noise. guidance 1 evaluates the network once a step, else once more
    without any condition (classifier-free guidance, 2207.12598).
    """
    batch, channels, frames, height, width = conditions.moved[:, :-1].shape
    z = torch.randn((batch, channels, frames, height, width), generator=rng).to(conditions.moved)
    references = animator.encode_references(conditions)
    null = conditions.drop(*KEEP)
    null_references = animator.encode_references(null) if guidance != 1 else references
    sigmas = shifted_sigmas(steps, animator.params.shift).to(z)
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        level = sigma.expand(batch)
        x0_hat = animator.denoise(z, level, conditions, references)
        if guidance != 1:
            x0_null = animator.denoise(z, level, null, null_references)
            x0_hat = x0_null + guidance * (x0_hat - x0_null)
        z = x0_hat + (z - x0_hat) * (following / sigma)
        progress(step + 1, steps)
    return z
