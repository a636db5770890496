"""A patch discriminator for late stages (PatchGAN, 1611.07004; hinge loss, 1705.02894)."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn


class PatchCritic(nn.Module):
    """Scores overlapping patches of pictures: above 0 looks like truth."""

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        sizes = (channels, width, 2 * width, 4 * width)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(sizes))
        self.score = nn.Conv2d(sizes[-1], 1, 3, 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, 1, H / 8, W / 8]."""
        x = pictures
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        return self.score(x)


def critic_losses(critic: nn.Module, made: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """What `made` should lower, without a gradient for the critic; and what the critic should lower, without
    one for `made`. Pictures [N, C, H, W].
    """
    critic.requires_grad_(False)
    opinion = -critic(made).mean()
    critic.requires_grad_(True)
    own = F.relu(1 - critic(true)).mean() + F.relu(1 + critic(made.detach())).mean()
    return opinion, own
