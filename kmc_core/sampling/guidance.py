"""Guidance: what conditions change is made stronger (classifier-free guidance, 2207.12598), each kind of them
with a strength of its own.

*Naive*: one pass for each kind and one without any (InstructPix2Pix, 2211.09800), for motion, identity, text
    x0 = f() + s_m (f(m) - f()) + s_i (f(m, i) - f(m)) + s_t (f(m, i, t) - f(m, i)).
*Dual branch*: two passes however many kinds,
    x0 = f(k) + w (f(1) - f(k)),  w = max s,  k_c = (w - s_c) / (w - 1),
where k_c is the share of kind c that the second branch keeps: all of a kind that is not guided, nothing of
the one that is guided most. Where the kinds' contributions add up, both give the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from ..errors import KMCError
from ..model.conditions import GUIDED, KEEP, AnimatorConditions, batched
from ..model.transformer import Animator

Denoise = Callable[[Tensor, float], Tensor]  # z [B, C, F, H, W] and its noise level -> x0_hat

# For each column of `keep`, the kind whose strength counts.
KIND_OF: Final = tuple(
    kind for name in KEEP for kind, columns in enumerate(GUIDED.values()) if name in columns
)


@dataclass(frozen=True)
class Guidance:
    """Strengths from 1, which is none; with none at all, nothing but the network is evaluated."""

    motion: float = 1.0
    identity: float = 1.0
    text: float = 1.0
    interval: tuple[float, float] = (0.0, 1.0)  # noise levels in which it counts (2404.07724)
    rescale: float = 0.0  # share by which contrast is led back to that of the conditions alone (2305.08891)

    def __post_init__(self) -> None:
        if min(self.strengths) < 1:
            raise KMCError(
                f"Guidance strengths start at 1, which is no guidance; got {self.strengths} for "
                f"{', '.join(GUIDED)}. To follow one less, lower its strength in Animate Conditioning."
            )

    @property
    def strengths(self) -> tuple[float, float, float]:
        """In the order of GUIDED."""
        return self.motion, self.identity, self.text


NONE: Final = Guidance()


def second_branch(strengths: Tensor) -> tuple[Tensor, Tensor]:
    """Strengths [B, 3] -> shares [B, 5] of `keep` in the second branch, and the scale [B] of the
    extrapolation.
    """
    scale = strengths.amax(1)
    share = (scale[:, None] - strengths) / (scale[:, None] - 1)
    return share.nan_to_num(1.0)[:, list(KIND_OF)], scale


def extrapolated(weak: Tensor, full: Tensor, scale: Tensor) -> Tensor:
    """weak + scale (full - weak), for clips [B, C, F, H, W] and a scale [B]."""
    return weak + scale[:, None, None, None, None] * (full - weak)


def rescaled(guided: Tensor, full: Tensor, share: float) -> Tensor:
    """`share` of the way towards the standard deviation of `full`, clip by clip (2305.08891, eq. 15, 16)."""
    axes = tuple(range(1, guided.dim()))
    factor = full.std(axes, keepdim=True) / guided.std(axes, keepdim=True)
    return guided * (share * factor + 1 - share)


class Branches:
    """Versions of the same clips' conditions, encoded once: evaluated in one forward where `together`, else
    one after the other in half the memory.
    """

    def __init__(
        self, animator: Animator, versions: Sequence[AnimatorConditions], *, together: bool = True
    ) -> None:
        runs = [batched(versions)] if together else versions
        self.animator, self.count = animator, len(versions)
        self.runs = [(conditions, animator.encode(conditions)) for conditions in runs]

    def __call__(self, z: Tensor, sigma: float) -> list[Tensor]:
        """x0_hat of every version."""
        z = z.repeat(self.count // len(self.runs), 1, 1, 1, 1)
        level = z.new_full((len(z),), sigma)
        results = [self.animator.denoise(z, level, *run) for run in self.runs]
        return [part for result in results for part in result.chunk(self.count // len(self.runs))]


def plain(animator: Animator, conditions: AnimatorConditions) -> Denoise:
    """One pass, no guidance."""
    alone = Branches(animator, [conditions])
    return lambda z, sigma: alone(z, sigma)[0]


def dual_branch(
    animator: Animator, conditions: AnimatorConditions, guidance: Guidance, *, together: bool = True
) -> Denoise:
    """Two passes where guidance counts, one elsewhere."""
    strengths = conditions.keep.new_tensor([guidance.strengths]).expand(len(conditions.keep), -1)
    share, scale = second_branch(strengths)
    weak = replace(conditions, keep=conditions.keep * share)

    def combine(branches: list[Tensor]) -> Tensor:
        without, full = branches
        return extrapolated(without, full, scale)

    return _guided(animator, [weak, conditions], guidance, combine, together)


def naive(
    animator: Animator, conditions: AnimatorConditions, guidance: Guidance, *, together: bool = True
) -> Denoise:
    """A pass for each kind and one without any; the yardstick of `dual_branch`."""
    kinds = list(GUIDED.values())
    versions = [
        conditions.drop(*(name for columns in kinds[known:] for name in columns))
        for known in range(len(kinds) + 1)
    ]

    def combine(branches: list[Tensor]) -> Tensor:
        changes = (more - less for less, more in pairwise(branches))
        parts = [strength * change for strength, change in zip(guidance.strengths, changes, strict=True)]
        return branches[0] + torch.stack(parts).sum(0)

    return _guided(animator, versions, guidance, combine, together)


def _guided(
    animator: Animator,
    versions: list[AnimatorConditions],
    guidance: Guidance,
    combine: Callable[[list[Tensor]], Tensor],
    together: bool,
) -> Denoise:
    """`combine` what the network says to all versions, of which the last is told everything."""
    if max(guidance.strengths) == 1:
        return plain(animator, versions[-1])
    branches = Branches(animator, versions, together=together)

    def guided(z: Tensor, sigma: float) -> Tensor:
        found = branches(z, sigma)
        result = combine(found)
        return rescaled(result, found[-1], guidance.rescale) if guidance.rescale else result

    if guidance.interval == NONE.interval:
        return guided
    alone, (low, high) = plain(animator, versions[-1]), guidance.interval
    return lambda z, sigma: guided(z, sigma) if low <= sigma <= high else alone(z, sigma)
