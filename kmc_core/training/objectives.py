"""Training losses as functions (model, batch, rng) -> (loss, logs)."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..model.conditions import AnimatorConditions
from ..motion.draw import LIMB_CHANNELS

# Noise levels are drawn as sigmoid(N(2, 1)): the conditions nearly decide the result, so what counts are few
# steps from much noise.
SIGMA_MEAN, SIGMA_SPREAD = 2.0, 1.0
SMALLEST_SIGMA = 0.3  # velocity weighting 1 / sigma stops growing here
DETAIL = tuple(
    k for k, name in enumerate(LIMB_CHANNELS) if name.startswith(("hand", "l_hand", "r_hand", "face"))
)

Features = Callable[[Tensor], list[Tensor]]  # pictures [N, 3, H, W] in 0..1 -> feature maps


@dataclass(frozen=True)
class Batch:
    """Clean clips x0 [B, C, F, H, W] in -1..1, their conditions and word ids [B, L]."""

    x0: Tensor
    conditions: AnimatorConditions
    tokens: Tensor

    def part(self, index: int, of: int) -> "Batch":
        """One of `of` parts of the batch, as even as they can be."""
        conditions = {
            f.name: value.tensor_split(of)[index]
            for f in fields(self.conditions)
            if (value := getattr(self.conditions, f.name)) is not None
        }
        x0, tokens = (x.tensor_split(of)[index] for x in (self.x0, self.tokens))
        return Batch(x0, replace(self.conditions, **conditions), tokens)

    def to(self, device: torch.device) -> "Batch":
        """Everything on the device."""
        return Batch(self.x0.to(device), self.conditions.to(device), self.tokens.to(device))


def flow_matching_loss(
    model: nn.ModuleDict,
    batch: Batch,
    rng: torch.Generator,
    *,
    drop: float,
    features: Features | None = None,
    feature_weight: float = 0.0,
    feature_clips: int = 4,
) -> tuple[Tensor, dict[str, float]]:
    """Clean-signal prediction with velocity weighting (JiT, 2511.13720): L1 on pixels and on their
    gradients, more where limbs, hands and face are; and the distance in a detector's features, because
    L1 alone prefers a blur.
    """
    x0 = batch.x0
    size = len(x0)
    sigma = torch.sigmoid(torch.randn(size, generator=rng) * SIGMA_SPREAD + SIGMA_MEAN).to(x0)
    noise = torch.randn(x0.shape, generator=rng).to(x0)
    z = torch.lerp(x0, noise, sigma[:, None, None, None, None])
    keep = (torch.rand(batch.conditions.keep.shape, generator=rng) >= drop).to(x0)
    conditions = replace(batch.conditions, text=model["text"](batch.tokens), keep=keep)
    x0_hat = model["animator"](z, sigma, conditions).float()
    weight = (
        detail_weight(conditions.maps, x0.shape[-2:])
        / sigma.clamp(min=SMALLEST_SIGMA)[:, None, None, None, None]
    )
    pixels = (weight * (x0_hat - x0).abs()).mean()
    edges = torch.stack(
        [(weight * (slope(x0_hat, axis) - slope(x0, axis)).abs()).mean() for axis in (-2, -1)]
    ).sum()
    loss = pixels + edges
    logs = {"l1": (x0_hat - x0).abs().mean().item(), "pixels": pixels.item(), "edges": edges.item()}
    if features is not None and feature_weight > 0:
        distance = feature_distance(features, x0_hat[:feature_clips], x0[:feature_clips])
        loss = loss + feature_weight * distance
        logs["features"] = distance.item()
    return loss, logs | {"loss": loss.item()}


def detail_weight(maps: Tensor, size: torch.Size) -> Tensor:
    """Weight [B, 1, F, H, W]: 1 on the background, 3 on limbs, 6 on hands and features of the face."""
    frames = maps.shape[2]
    folded = rearrange(maps, "b c f h w -> (b f) c h w")
    limbs, detail = folded[:, :-1].amax(1, keepdim=True), folded[:, DETAIL].amax(1, keepdim=True)
    weight = 1 + 2 * F.max_pool2d(limbs, 5, 1, 2) + 3 * F.max_pool2d(detail, 3, 1, 1)
    return rearrange(F.interpolate(weight, size=size, mode="bilinear"), "(b f) c h w -> b c f h w", f=frames)


def slope(x: Tensor, axis: int) -> Tensor:
    """Difference to the next pixel along an axis, same shape."""
    return x - x.roll(-1, axis)


def feature_distance(features: Features, x0_hat: Tensor, x0: Tensor) -> Tensor:
    """Mean relative L1 between a detector's features of prediction and truth, clips [B, 3, F, H, W] in
    -1..1.
    """
    hat, true = (rearrange(x, "b c f h w -> (b f) c h w") / 2 + 0.5 for x in (x0_hat, x0))
    with torch.no_grad():
        wanted = features(true)
    got = features(hat)
    distances = [
        (a - b).abs().mean() / b.abs().mean().clamp(min=1e-6) for a, b in zip(got, wanted, strict=True)
    ]
    return torch.stack(distances).mean()
