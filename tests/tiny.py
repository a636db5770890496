"""Tiny real objects for tests: an animator of a few thousand weights and conditions that fit it."""

from dataclasses import replace

import torch

from kmc_core.model.conditions import KEEP, AnimatorConditions
from kmc_core.model.params import AnimatorParams, TextParams
from kmc_core.model.transformer import Animator, build_animator
from kmc_core.motion.draw import LIMB_CHANNELS

MAPS = len(LIMB_CHANNELS)
PARAMS = AnimatorParams(
    size=32, patch=8, dim=32, depth=2, heads=2, map_channels=MAPS, rope_axes=(4, 6, 6), pixel_width=8,
    text=TextParams(vocabulary=64, length=8, dim=16, heads=2),
)  # fmt: skip


def tiny_animator(seed: int = 0) -> Animator:
    """A tiny animator whose every weight is random, so that every input matters."""
    return _random(PARAMS, seed)


def tiny_student(seed: int = 0) -> Animator:
    """A tiny distilled animator that heeds guidance strengths."""
    return _random(replace(PARAMS, student_steps=4), seed)


def _random(params: AnimatorParams, seed: int) -> Animator:
    model = build_animator(params, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.15)
    return model.eval()


def tiny_conditions(batch: int = 1, frames: int = 3, views: int = 2, seed: int = 0) -> AnimatorConditions:
    """Random conditions for PARAMS."""
    g = torch.Generator().manual_seed(seed)
    side, half = PARAMS.size, PARAMS.size // 2

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=g)

    return AnimatorConditions(
        moved=noise(batch, 4, frames, side, side).clamp(0, 1),
        background=noise(batch, 3, 1, side, side),
        maps=noise(batch, MAPS, frames, half, half).clamp(0, 1),
        hands=noise(batch, frames, 2, PARAMS.hand_features).abs(),
        hand_positions=noise(batch, frames, 2, 2) * 4 + side / 2,
        face=noise(batch, frames, PARAMS.face_features).abs(),
        references=noise(batch, views, 4, side, side).clamp(0, 1),
        reference_maps=noise(batch, views, MAPS, half, half).clamp(0, 1),
        identity=noise(batch, PARAMS.identity_features),
        text=noise(batch, PARAMS.text.length, PARAMS.text.dim),
        keep=torch.ones(batch, len(KEEP)),
    )


def tiny_noise(batch: int = 1, frames: int = 3, seed: int = 1) -> torch.Tensor:
    """z [B, 3, F, 32, 32]."""
    shape = (batch, 3, frames, PARAMS.size, PARAMS.size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def frames_of(conditions: AnimatorConditions, part: slice) -> AnimatorConditions:
    """The conditions of some frames."""
    return replace(
        conditions,
        moved=conditions.moved[:, :, part],
        maps=conditions.maps[:, :, part],
        hands=conditions.hands[:, part],
        hand_positions=conditions.hand_positions[:, part],
        face=conditions.face[:, part],
    )
