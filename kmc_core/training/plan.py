"""What a training step costs, told before it runs: counted on tensors that have sizes and no data."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from ..model.conditions import KEEP, AnimatorConditions
from ..model.params import AnimatorParams
from ..model.text import TextEncoder
from ..model.transformer import Animator
from .config import TrainConfig

FLOAT: Final = 4  # bytes
COPIES: Final = 5  # of every weight: itself, its gradient, two moments, the moving average


def plan(params: AnimatorParams, config: TrainConfig) -> dict[str, float]:
    """Parameters; tokens; the network's operations of one step, forward and backward, without the detectors
    that judge it; memory in GiB of the weights and of the activations of one part of the batch, in fp32.
    """
    animator, text = Animator(params, device="meta"), TextEncoder(params.text, device="meta")
    weights = [*animator.parameters(), *text.parameters()]
    size = -(-config.batch // config.parts)
    words = torch.zeros(size, params.text.length, dtype=torch.long, device="meta")
    frames = torch.zeros(size, params.channels, config.frames, params.size, params.size, device="meta")
    operations, activations = FlopCounterMode(display=False), Activations(weights)
    with operations, saved_tensors_hooks(activations.keep, lambda tensor: tensor):
        conditions = sizes_only(params, frames, config.views, text(words))
        animator(frames, frames.new_zeros(size), conditions).sum().backward()
    patches = (params.size // params.patch) ** 2
    count = sum(weight.numel() for weight in weights)
    return {
        "parameters_million": count / 1e6,
        "tokens_a_frame": patches + 2,  # and two hands
        "tokens_of_references": config.views * patches,
        "gigaflop_a_step": operations.get_total_flops() * config.parts / 1e9,
        "weights_gib": count * COPIES * FLOAT / 2**30,
        "activations_gib": activations.bytes / 2**30,
    }


def sizes_only(params: AnimatorParams, frames: Tensor, views: int, text: Tensor) -> AnimatorConditions:
    """Conditions for clips [B, C, F, H, W] without data."""
    size, channels, count, side, _ = frames.shape

    def empty(*shape: int) -> Tensor:
        return frames.new_zeros(size, *shape)

    half = side // 2
    return AnimatorConditions(
        moved=empty(channels + 1, count, side, side),
        background=empty(channels, 1, side, side),
        maps=empty(params.map_channels, count, half, half),
        hands=empty(count, 2, params.hand_features),
        hand_positions=empty(count, 2, 2),
        face=empty(count, params.face_features),
        references=empty(views, channels + 1, side, side),
        reference_maps=empty(views, params.map_channels, half, half),
        identity=empty(params.identity_features),
        text=text,
        keep=empty(len(KEEP)),
    )


class Activations:
    """Bytes of what the backward pass needs, every storage once, without the weights."""

    def __init__(self, weights: list[nn.Parameter]) -> None:
        self.known = {_storage(weight) for weight in weights}
        self.alive: list[Tensor] = []  # a storage that is gone could give its number to another
        self.bytes = 0

    def keep(self, tensor: Tensor) -> Tensor:
        """Count a tensor as it is saved."""
        if (storage := _storage(tensor)) not in self.known:
            self.known.add(storage)
            self.alive.append(tensor)
            self.bytes += tensor.untyped_storage().nbytes()
        return tensor


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
