"""The last layers of the animator: tokens to pixels."""

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .conditions import AnimatorConditions
from .params import AnimatorParams

AT_ONCE = 4  # frames of the pixel head on a CPU: what its layers hand on stays in the cache


class PixelHead(nn.Module):
    """Tokens -> pixels: gates between moved pixels, background and own paint, and a small flow for the
    moved ones.
    """

    def __init__(self, p: AnimatorParams, operations: Any, place: dict[str, Any]) -> None:
        super().__init__()
        self.params = p
        features = p.pixel_width // 2
        self.norm = operations.LayerNorm(p.dim, elementwise_affine=False, **place)
        self.unpatch = operations.Linear(p.dim, features * (p.patch // 2) ** 2, **place)
        self.coarse1 = operations.Conv2d(features + p.map_channels, p.pixel_width, 3, padding=1, **place)
        self.look = (
            operations.Conv2d(4 * (p.channels + 1), p.pixel_width, 1, **place) if p.pixel_blocks else None
        )
        self.around = nn.ModuleList(
            LookAround(p.pixel_width, 2**k, operations, place) for k in range(1, p.pixel_blocks + 1)
        )
        self.coarse2 = operations.Conv2d(p.pixel_width, p.pixel_width, 3, padding=1, **place)
        self.fine1 = operations.Conv2d(
            p.pixel_width + 3 * p.channels + 1, p.pixel_width, 3, padding=1, **place
        )
        self.fine2 = operations.Conv2d(p.pixel_width, 3 + 2 + p.channels, 3, padding=1, **place)

    def forward(self, x: Tensor, modulation: Tensor, z: Tensor, c: AnimatorConditions) -> Tensor:
        """Patch tokens x [B, F, L, dim] -> x0_hat [B, C, F, H, W]."""
        grid_h, grid_w = z.shape[-2] // self.params.patch, z.shape[-1] // self.params.patch
        shift, scale = modulation[:, :, :1], modulation[:, :, 1:2]
        x = self.unpatch(self.norm(x) * (1 + scale) + shift)
        x = rearrange(
            x,
            "b f (h w) (c p q) -> (b f) c (h p) (w q)",
            h=grid_h,
            w=grid_w,
            p=self.params.patch // 2,
            q=self.params.patch // 2,
        )
        body, both = (keep[:, None, None, None, None] for keep in (c.keep[:, 0], c.keep[:, 0] * c.keep[:, 3]))
        given = (fold(part) for part in (c.maps * body, z, c.moved * both, c.background.expand_as(z)))
        frames = AT_ONCE if x.device.type == "cpu" else len(x)
        parts = zip(*(part.split(frames) for part in (x, *given)), strict=True)
        mixed = torch.cat([self.mixed(*part) for part in parts])
        return rearrange(mixed, "(b f) c h w -> b c f h w", f=z.shape[2])

    def mixed(self, x: Tensor, maps: Tensor, z: Tensor, moved: Tensor, background: Tensor) -> Tensor:
        """Features x [N, C, H/2, W/2] of frames and what their pixels are made of -> x0_hat [N, C, H, W]."""
        x = self.coarse1(pixels_last(torch.cat((x, maps), 1)))
        if self.look is not None:
            x = x + self.look(pixels_last(F.pixel_unshuffle(moved.to(x.dtype), 2)))
        x = F.silu(x)
        for block in self.around:
            x = block(x)
        x = F.interpolate(F.silu(self.coarse2(x)), scale_factor=2, mode="bilinear", align_corners=False)
        signal = pixels_last(torch.cat((z, moved, background), 1).to(x.dtype))
        x = F.silu(self.fine1(torch.cat((x, signal), 1)))
        gates, flow, paint = self.fine2(x).contiguous().split((3, 2, self.params.channels), 1)
        colour, coverage = _refine(moved, flow.tanh() * self.params.flow_range * 2).split(
            (self.params.channels, 1), 1
        )
        # Start from the prior's own composite: the coverage decides between moved pixels and background.
        start = torch.cat((coverage * 8 - 4, 4 - coverage * 8, torch.full_like(coverage, -2.0)), 1)
        g = torch.softmax(gates + start, 1)
        return g[:, :1] * colour + g[:, 1:2] * background + g[:, 2:] * paint


class LookAround(nn.Module):
    """A residual block of the head that sees pixels `reach` and one more away, on both sides."""

    def __init__(self, width: int, reach: int, operations: Any, place: dict[str, Any]) -> None:
        super().__init__()
        self.far = operations.Conv2d(width, width, 3, padding=reach, dilation=reach, **place)
        self.near = operations.Conv2d(width, width, 3, padding=1, **place)

    def forward(self, x: Tensor) -> Tensor:
        """[N, width, H, W] -> the same shape."""
        return x + self.near(F.silu(self.far(x)))


def fold(x: Tensor) -> Tensor:
    """Frames [B, C, F, H, W] as pictures [B F, C, H, W]."""
    return rearrange(x, "b c f h w -> (b f) c h w")


def pixels_last(x: Tensor) -> Tensor:
    """The same with the channels of a pixel side by side in memory, as convolutions like it."""
    return x.contiguous(memory_format=torch.channels_last)


def _refine(x: Tensor, flow: Tensor) -> Tensor:
    """Sample x [B, C, H, W] displaced by flow [B, 2, H, W] (x, y in -1..1 units of the picture)."""
    # In fp32: half-precision coordinates would round to a quarter of a pixel at 128 pixels, to two at 1024.
    theta = torch.eye(2, 3, device=x.device, dtype=torch.float32).expand(len(x), -1, -1)
    here = F.affine_grid(theta, list(x.shape), align_corners=False)
    grid = here + rearrange(flow.float(), "b c h w -> b h w c")
    return F.grid_sample(x.float(), grid, padding_mode="border", align_corners=False).to(x.dtype)
