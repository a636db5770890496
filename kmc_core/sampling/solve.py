"""Euler solver of the rectified flow for a network that predicts the clean signal."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from ..errors import KMCError
from ..model.conditions import AnimatorConditions
from ..model.transformer import Animator
from .guidance import NONE, Denoise, Guidance, dual_branch, plain
from .schedule import shifted_sigmas


def sample(
    animator: Animator,
    conditions: AnimatorConditions,
    *,
    steps: int,
    rng: torch.Generator,
    guidance: Guidance = NONE,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tensor:
    """Clean clip [B, C, F, H, W] from noise: a teacher with two passes a step where guidance counts, a
    student, which knows the strengths, with one.
    """
    shape = conditions.moved[:, :-1].shape
    z = torch.randn(shape, generator=rng).to(conditions.moved)
    denoise = denoiser(animator, conditions, guidance)
    return solve(denoise, z, shifted_sigmas(steps, animator.params.shift), progress)


def denoiser(animator: Animator, conditions: AnimatorConditions, guidance: Guidance) -> Denoise:
    """How these weights are guided. KMCError for a student and what it has not learned."""
    if not animator.params.student_steps:
        return dual_branch(animator, conditions, guidance)
    if guidance.interval != NONE.interval or guidance.rescale:
        raise KMCError(
            "A distilled student has learned strengths of guidance alone; leave interval at 0 to 1 and "
            "rescale at 0."
        )
    return plain(animator, conditions.with_guidance(guidance.strengths))


def solve(
    denoise: Denoise,
    z: Tensor,
    sigmas: Tensor,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tensor:
    """Follow the flow from z at the first of the noise levels [steps + 1] to the last. The levels are read
    once, so that no step waits for the device.
    """
    levels = sigmas.tolist()
    for step, (sigma, following) in enumerate(pairwise(levels), 1):
        z = stepped(z, denoise(z, sigma), following / sigma)
        progress(step, len(levels) - 1)
    return z


def stepped(z: Tensor, x0_hat: Tensor, left: float | Tensor) -> Tensor:
    """One Euler step: `left` is the noise level after it, as a share of that before it."""
    return x0_hat + (z - x0_hat) * left
