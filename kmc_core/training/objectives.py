"""Training losses as functions (model, batch, rng) -> (loss, logs)."""

from dataclasses import replace
from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn

from ..model.conditions import AnimatorConditions
from .batch import Batch
from .critic import critic_losses
from .detail import detail_weight
from .features import Judges
from .loss_config import LossConfig
from .strangers import Strangers, as_stranger

# Noise levels are drawn as sigmoid(N(2, 1)): the conditions nearly decide the result, so what counts are few
# steps from much noise.
SIGMA_MEAN, SIGMA_SPREAD = 2.0, 1.0
SMALLEST_SIGMA = 0.3  # velocity weighting 1 / sigma stops growing here
PLAIN = LossConfig()


def flow_matching_loss(
    model: nn.ModuleDict,
    batch: Batch,
    rng: torch.Generator,
    *,
    drop: float,
    config: LossConfig = PLAIN,
    judges: Judges | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Clean-signal prediction with velocity weighting (JiT, 2511.13720): L1 on pixels, on their gradients and
    on their change in time, more where limbs, hands and face are; and distances as our own nets see them,
    because L1 alone prefers a blur.
    """
    x0 = batch.x0
    conditions = varied(model, batch, rng, drop=drop, config=config)
    sigma = torch.sigmoid(torch.randn(len(x0), generator=rng) * SIGMA_SPREAD + SIGMA_MEAN).to(x0)
    noise = torch.randn(x0.shape, generator=rng).to(x0)
    z = torch.lerp(x0, noise, sigma[:, None, None, None, None])
    x0_hat = model["animator"](z, sigma, conditions).float()
    weight = (
        detail_weight(conditions.maps, x0.shape[-2:])
        / sigma.clamp(min=SMALLEST_SIGMA)[:, None, None, None, None]
    )
    off = x0_hat - x0
    parts = {
        "pixels": (1.0, (weight * off.abs()).mean()),
        "edges": (1.0, torch.stack([(weight * slope(off, axis).abs()).mean() for axis in (-2, -1)]).sum()),
    }
    if config.steady and x0.shape[2] > 1:
        parts["steady"] = (config.steady, (weight[:, :, 1:] * off.diff(dim=2).abs()).mean())
    if judges is not None:
        parts |= judged(judges, x0_hat, batch, config, rng)
    if config.critic:
        opinion, own = critic_losses(model["critic"], _fold(x0_hat), _fold(x0))
        parts |= {"critic": (config.critic, opinion), "critic_own": (1.0, own)}
    loss = torch.stack([w * value for w, value in parts.values()]).sum()
    logs = {"l1": off.abs().mean().item()} | {name: value.item() for name, (_, value) in parts.items()}
    return loss, logs | {"loss": loss.item()}


def varied(
    model: nn.ModuleDict, batch: Batch, rng: torch.Generator, *, drop: float, config: LossConfig
) -> AnimatorConditions:
    """The batch's conditions with the encoded text, some of them dropped, a stranger's motion and a carried
    frame.
    """
    conditions = replace(batch.conditions, text=model["text"](batch.tokens))
    keep = (torch.rand(conditions.keep.shape, generator=rng) >= drop).to(batch.x0)
    if config.strangers:
        strength = config.strangers * float(cast(Strangers, model["strangers"]).strength)
        conditions = as_stranger(conditions, strength, rng)
    if config.carried and torch.rand((), generator=rng) < config.carried and batch.x0.shape[2] > 1:
        conditions = replace(conditions, carried=batch.x0[:, :, :1])
    return replace(conditions, keep=keep)


def judged(
    judges: Judges, x0_hat: Tensor, batch: Batch, config: LossConfig, rng: torch.Generator
) -> dict[str, tuple[float, Tensor]]:
    """Weights and distances of what our own nets see, clips in -1..1."""
    found = {}
    if config.frames:
        made, true = (_fold(x[: config.clips]) / 2 + 0.5 for x in (x0_hat, batch.x0))
        found["features"] = (config.frames, judges.frames(made, true))
    if config.regions and batch.regions is not None:
        made, true = (_fold(x) / 2 + 0.5 for x in (x0_hat, batch.x0))
        distance = judges.regions(made, true, batch.regions.flatten(0, 1), config.each, rng)
        found["regions"] = (config.regions, distance)
    return found


def slope(x: Tensor, axis: int) -> Tensor:
    """Difference to the next pixel along an axis, same shape."""
    return x - x.roll(-1, axis)


def _fold(clips: Tensor) -> Tensor:
    return rearrange(clips, "b c f h w -> (b f) c h w")
