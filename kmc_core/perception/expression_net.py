"""Face landmarks -> 52 ARKit expression coefficients: MediaPipe's blendshape MLP-Mixer."""

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

POINTS, TOKENS, CHANNELS, COEFFICIENTS = 146, 96, 64, 52
DEPTH = 4
INPUT_SCALE = 0.5  # the source net halves the normalised points before its first layer
NORM_EPS = 1.0132789611816406e-06  # 1e-6 as the source stores it (16-bit)


class MixerBlock(nn.Module):
    """One mixer block over `B L C`: an MLP across tokens, then an MLP across channels, both residual."""

    def __init__(self):
        super().__init__()
        self.token_norm = nn.LayerNorm(CHANNELS, NORM_EPS, bias=False)
        self.token_in = nn.Linear(TOKENS + 1, 384)
        self.token_out = nn.Linear(384, TOKENS + 1)
        self.channel_norm = nn.LayerNorm(CHANNELS, NORM_EPS, bias=False)
        self.channel_in = nn.Linear(CHANNELS, 256)
        self.channel_out = nn.Linear(256, CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """`x` B L C -> B L C."""
        mixed = self.token_norm(x).transpose(1, 2)  # B C L
        x = x + self.token_out(self.token_in(mixed).relu()).transpose(1, 2)
        return x + self.channel_out(self.channel_in(self.channel_norm(x)).relu())


class ExpressionNet(nn.Module):
    """146 landmark positions (any unit, x right, y down) -> 52 coefficients in 0..1, in MediaPipe's order."""

    def __init__(self):
        super().__init__()
        self.landmarks_in = nn.Linear(POINTS, TOKENS)
        self.embed = nn.Linear(2, CHANNELS)
        self.class_token = nn.Parameter(torch.empty(1, CHANNELS))
        self.blocks = nn.ModuleList(MixerBlock() for _ in range(DEPTH))
        self.head = nn.Linear(CHANNELS, COEFFICIENTS)

    def forward(self, points: Tensor) -> tuple[Tensor]:
        """`points` [B,146,2] -> ([B,52],). The result does not depend on the points' position and scale."""
        centred = points - points.mean(1, keepdim=True)
        spread = torch.linalg.vector_norm(centred, dim=2, keepdim=True).mean(1, keepdim=True)
        x = rearrange(centred / spread * INPUT_SCALE, "b points xy -> b xy points")
        x = self.embed(self.landmarks_in(x).transpose(1, 2))  # B 96 64
        x = torch.cat([repeat(self.class_token, "one c -> b one c", b=x.shape[0]), x], 1)  # B 97 64
        for block in self.blocks:
            x = block(x)
        return (self.head(x[:, 0]).sigmoid(),)
