"""Identity-agnostic motion: a driver has other hands and another face at rest than the character has.

What a driver's person leaves in a motion is changed in training: the shape of the hands and the gain and
offset of the expression, the same for all frames of a clip. The points in the picture stay as they are,
because they are retargeted to the character. How much is changed follows the gap that strangers make: the
error with a stranger's motion over the error with the character's own.
"""

import math
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from ..errors import KMCError
from ..model.conditions import AnimatorConditions
from ..motion.skeleton import EXPRESSIONS
from .batch import Batch
from .detail import detail_weight

HAND_SHAPE: Final = 0.1  # spread of the length, width and depth of hands between people
EXPRESSION_GAIN: Final = 0.25
EXPRESSION_AT_REST: Final = 0.05
GAP_OF_FULL_STRENGTH: Final = 0.02  # a relative gap from which on the perturbation is as strong as it may be
LEAST: Final = 0.1  # of the strength: a network that does not heed face and hands yet has no gap
HAND_POINTS: Final = 21 * 3  # of the hand features: joints in the wrist's frame come first


class Strangers(nn.Module):
    """How strongly motion is changed now, 0..1; a buffer, so that checkpoints hold it."""

    strength: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("strength", torch.ones(()))

    def follow(self, gap: float) -> None:
        """Set the strength by the gap that was measured; KMCError for one that is not a number."""
        if not math.isfinite(gap):
            raise KMCError(
                f"The gap of strangers became {gap}: the weights are no numbers any more. Lower `rate` and "
                "start from the last checkpoint."
            )
        self.strength.fill_(min(1.0, max(LEAST, gap / GAP_OF_FULL_STRENGTH)))


def as_stranger(conditions: AnimatorConditions, strength: float, rng: torch.Generator) -> AnimatorConditions:
    """The same motion as another person would give it."""
    batch = len(conditions.hands)

    def spread(size: float, *shape: int) -> Tensor:
        return (torch.randn(batch, *shape, generator=rng) * size * strength).to(conditions.hands)

    points, rest = conditions.hands.split((HAND_POINTS, conditions.hands.shape[-1] - HAND_POINTS), -1)
    shape = spread(HAND_SHAPE, 1, 1, 1, 3).exp()
    points = (points.unflatten(-1, (-1, 3)) * shape).flatten(-2)
    count = len(EXPRESSIONS)
    expression, turn = conditions.face.split((count, conditions.face.shape[-1] - count), -1)
    seen = turn[..., -1:] > 0
    offset = spread(EXPRESSION_AT_REST, 1, count).abs()
    expression = expression * spread(EXPRESSION_GAIN, 1, 1).exp() + offset * seen
    return replace(
        conditions,
        hands=torch.cat((points, rest), -1),
        face=torch.cat((expression.clamp(0, 1), turn), -1),
    )


@torch.no_grad()
def gap_of_strangers(model: nn.ModuleDict, examples: Batch) -> float:
    """Relative growth of the error on limbs, hands and face when a stranger gives the motion, from noise in
    one step.
    """
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(examples.x0.shape, generator=rng).to(examples.x0)
    conditions = replace(examples.conditions, text=model["text"](examples.tokens))
    weight = detail_weight(conditions.maps, examples.x0.shape[-2:]) - 1
    errors = []
    for told in (conditions, as_stranger(conditions, 1.0, rng)):
        made = model["animator"](noise, noise.new_ones(len(noise)), told)
        errors.append(float((weight * (made - examples.x0).abs()).mean()))
    return errors[1] / errors[0] - 1
