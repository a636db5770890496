"""Distillation: what makes a student need few passes.

Losses are functions of networks (z, sigma, conditions) -> x0_hat, on clips z [B, C, F, H, W] and noise levels
sigma [B]; hands and faces count more, because few steps blur them first.

- merged guidance: the student says in one pass what its teacher says guided (Meng et al. 2210.03142);
- trajectory: from anywhere in a phase of the few-step schedule it jumps to the phase's end, where its guided
  teacher gets in many steps (phased consistency, PCM, 2405.18407), on the target schedule from the start;
- matching: what its own few steps give is distributed as what the teacher gives (DMD2, 2405.14867), at any
  point of its trajectory (TDM, 2503.06674); a second network learns what the student gives;
- adversarial, beside matching: what its few steps give is taken for rendered clips by a head on the second
  network, so that a student can be better than its teacher (DMD2, section 4.3).
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..model.conditions import GUIDED, AnimatorConditions, batched
from ..sampling.guidance import extrapolated, second_branch
from ..sampling.schedule import shifted_sigmas
from ..sampling.solve import stepped
from .adversary import judge_of
from .batch import Batch
from .detail import detail_weight
from .distill_config import DistillConfig

Network = Callable[[Tensor, Tensor, AnimatorConditions], Tensor]
Judge = Network  # z, sigma, conditions -> logits [B, ...], above 0 where it takes a clip for rendered

# Of -1..1: smaller differences count squared, so that noise in them averages out (2310.14189).
HUBER: Final = 0.03
LEAST_NOISE: Final = 0.02  # distributions are compared between this level and 1 minus it
CLOSEST: Final = (
    0.01  # where student and teacher agree to this, the matching's step is no longer normalised up
)


def distillation_loss(
    model: nn.ModuleDict,
    batch: Batch,
    rng: torch.Generator,
    *,
    teacher: Network,
    config: DistillConfig,
    shift: float,
    drop: float,
) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum of the losses for "animator" in `model`; "fake" and "adversary" learn beside it where
    there is matching, and an adversarial loss.
    """
    told, student = _told(model, batch, rng, config.strongest, drop), model["animator"]
    fine = shifted_sigmas(config.steps * config.substeps, shift)
    few = fine[:: config.substeps]
    losses: dict[str, Tensor] = {}
    if config.merged:
        losses["merged"] = config.merged * merged_loss(student, teacher, batch.x0, told, rng, fine)
    if config.trajectory:
        loss = trajectory_loss(student, teacher, batch.x0, told, rng, fine, config.substeps)
        losses["trajectory"] = config.trajectory * loss
    if config.matching:
        x0 = own_clip(student, told, rng, few)
        loss, losses["fake"] = matching_losses(x0, model["fake"], teacher, told, rng)
        losses["matching"] = config.matching * loss
        if config.adversarial:
            judge = judge_of(model["fake"], model["adversary"])
            loss, losses["judge"] = adversarial_losses(x0, batch.x0, judge, told, rng)
            losses["adversarial"] = config.adversarial * loss
    total = torch.stack(list(losses.values())).sum()
    return total, {name: value.item() for name, value in losses.items()} | {"loss": total.item()}


def merged_loss(
    student: Network,
    teacher: Network,
    x0: Tensor,
    told: AnimatorConditions,
    rng: torch.Generator,
    sigmas: Tensor,
) -> Tensor:
    """d(student(z, s, c, w), teacher guided by w) at levels drawn from the schedule `sigmas`."""
    sigma = sigmas[torch.randint(len(sigmas) - 1, (len(x0),), generator=rng)].to(x0)
    z = _noised(x0, sigma, rng)
    return _distance(student(z, sigma, told).float(), guided(teacher, z, sigma, told), told)


def trajectory_loss(
    student: Network,
    teacher: Network,
    x0: Tensor,
    told: AnimatorConditions,
    rng: torch.Generator,
    sigmas: Tensor,
    substeps: int,
) -> Tensor:
    """d(jump(z_t, t -> e), jump(z_u, u -> e)) for neighbours t > u of `sigmas` [phases * substeps + 1] in a
    phase that ends at e: z_u is one guided step of the teacher from z_t, and jump(z, t -> e) is
    x0 + (z - x0) e / t with the student's x0. The second is not differentiated; measured in x0.
    """
    index = torch.randint(len(sigmas) - 1, (len(x0),), generator=rng)
    t, u, end = (sigmas[at].to(x0) for at in (index, index + 1, (index // substeps + 1) * substeps))
    z_t = _noised(x0, t, rng)
    with torch.no_grad():
        z_u = stepped(z_t, guided(teacher, z_t, t, told), _each(u / t))
        beyond = student(z_u, u, told).float()
        arrived = torch.where(_each(u > end), stepped(z_u, beyond, _each(end / u.clamp(min=1e-6))), z_u)
        left = _each(end / t)
        target = (arrived - z_t * left) / (1 - left)  # the x0 that jumps to the same place
    return _distance(student(z_t, t, told).float(), target, told)


def own_clip(student: Network, told: AnimatorConditions, rng: torch.Generator, sigmas: Tensor) -> Tensor:
    """x0 that the student says after 0, 1 ... of its own steps on `sigmas`; the last alone is
    differentiated.
    """
    z = torch.randn(told.moved[:, :-1].shape, generator=rng).to(told.moved)
    done = int(torch.randint(len(sigmas) - 1, (1,), generator=rng))
    with torch.no_grad():
        for sigma, following in pairwise(sigmas[: done + 1].tolist()):
            z = stepped(z, student(z, z.new_full((len(z),), sigma), told).float(), following / sigma)
    return student(z, sigmas[done].to(z).expand(len(z)), told).float()


def matching_losses(
    x0: Tensor, fake: Network, teacher: Network, told: AnimatorConditions, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The student's loss, whose gradient in its x0 is (fake - teacher) / mean |x0 - teacher| (DMD2, eq. 2,
    normalised as in 2311.18828), and the fake's, E |fake(x0 with noise) - x0|^2.
    """
    still = x0.detach()
    weight = detail_weight(told.maps, x0.shape[-2:])
    with torch.no_grad():
        sigma = _level(len(x0), rng).to(x0)
        noisy = _noised(still, sigma, rng)
        real, made = guided(teacher, noisy, sigma, told), fake(noisy, sigma, told).float()
        step = (made - real) / (still - real).abs().mean((1, 2, 3, 4), keepdim=True).clamp(min=CLOSEST)
    loss = (weight * (x0 - (still - step)).square()).mean() / 2
    sigma = _level(len(x0), rng).to(x0)
    seen = fake(_noised(still, sigma, rng), sigma, told).float()
    return loss, (weight * (seen - still).square()).mean()


def adversarial_losses(
    x0: Tensor, real: Tensor, judge: Judge, told: AnimatorConditions, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The student's loss, log(1 + exp(-judge)) of its x0, which does not reach the judge's weights; and the
    judge's, log(1 + exp(judge)) of x0 and log(1 + exp(-judge)) of `real` (non-saturating, 1406.2661). The
    judge sees both with the same amount of noise, any (DMD2, eq. 4).
    """
    sigma = _level(len(x0), rng).to(x0)
    still = x0.detach().requires_grad_()
    made = judge(_noised(still, sigma, rng), sigma, told)
    missed = F.softplus(-made).mean()
    (slope,) = torch.autograd.grad(missed, still, retain_graph=True)
    rendered = judge(_noised(real, sigma, rng), sigma, told)
    fooled = missed.detach() + ((x0 - x0.detach()) * slope).sum()
    return fooled, F.softplus(made).mean() + F.softplus(-rendered).mean()


@torch.no_grad()
def guided(teacher: Network, z: Tensor, sigma: Tensor, told: AnimatorConditions) -> Tensor:
    """What the teacher says with the strengths in `told.guidance`, by two branches in one forward."""
    assert told.guidance is not None
    share, scale = second_branch(told.guidance)
    both = batched([replace(told, keep=told.keep * share), told])
    weak, full = teacher(z.repeat(2, 1, 1, 1, 1), sigma.repeat(2), both).float().chunk(2)
    return extrapolated(weak, full, scale)


def _told(
    model: nn.ModuleDict, batch: Batch, rng: torch.Generator, strongest: float, drop: float
) -> AnimatorConditions:
    """Conditions with text, some dropped, and guidance strengths, of which every other clip has none."""
    keep = (torch.rand(batch.conditions.keep.shape, generator=rng) >= drop).to(batch.x0)
    strengths = 1 + torch.rand(len(keep), len(GUIDED), generator=rng) * (strongest - 1)
    used = torch.rand(len(keep), 1, generator=rng) < 0.5
    with torch.no_grad():
        text = model["text"](batch.tokens)
    return replace(
        batch.conditions, text=text, keep=keep, guidance=torch.where(used, strengths, 1.0).to(batch.x0)
    )


def _distance(x0_hat: Tensor, target: Tensor, told: AnimatorConditions) -> Tensor:
    """Pseudo-Huber distance, more where limbs, hands and face are."""
    off = ((x0_hat - target).square() + HUBER**2).sqrt() - HUBER
    return (detail_weight(told.maps, target.shape[-2:]) * off).mean()


def _noised(x0: Tensor, sigma: Tensor, rng: torch.Generator) -> Tensor:
    return torch.lerp(x0, torch.randn(x0.shape, generator=rng).to(x0), _each(sigma))


def _level(batch: int, rng: torch.Generator) -> Tensor:
    return LEAST_NOISE + (1 - 2 * LEAST_NOISE) * torch.rand(batch, generator=rng)


def _each(values: Tensor) -> Tensor:
    """One value a clip, [B] -> [B, 1, 1, 1, 1]."""
    return values[:, None, None, None, None]
