"""What tells a student's clips from rendered ones: a head on the network that learns what the student gives
(DMD2, 2405.14867, section 4.3).
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

from torch import Tensor, nn

from ..model.conditions import AnimatorConditions


class Adversary(nn.Module):
    """Judges each token of a frame by itself, hands too: walls do not outvote a blurred hand."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, 1))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [B, F, L, dim] -> logits [B, F, L], above 0 for rendered."""
        return self.layers(tokens).squeeze(-1)


def judge_of(fake: nn.Module, adversary: nn.Module) -> Callable[[Tensor, Tensor, AnimatorConditions], Tensor]:
    """(z, sigma, conditions) -> the adversary's logits for what the last block of `fake` makes of them."""
    last = cast(Sequence[nn.Module], fake.blocks)[-1]

    def judge(z: Tensor, sigma: Tensor, told: AnimatorConditions) -> Tensor:
        seen: list[Tensor] = []

        def note(block: nn.Module, given: Any, tokens: Tensor) -> None:
            seen.append(tokens)

        hook = last.register_forward_hook(note)
        try:
            fake(z, sigma, told)
        finally:
            hook.remove()
        return adversary(seen[0])

    return judge
