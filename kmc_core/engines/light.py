"""What the scene's light does when a person turns away from how the picture shows it.

A picture's pixels keep its light wherever they are moved to; a frame of an engine has the light of its own
pose. The difference is no error of colours. It is told from one by its pattern: what light does depends on
which way the surface faces, within one frame brighter here and darker there, while an engine that drifts is
off everywhere. So lightness is taken for albedo times a light that is linear in the surface's normal
(Lambert's law for a broad light, first-order spherical harmonics), and the light is fitted to how the
lightness of frame and picture differ within the frames.
"""

from typing import Final

import torch
from torch import Tensor

from ..model.proxy_normals import Normals

ROUNDS: Final = 5
LIKE: Final = 0.02  # of lightness: pixels that differ by less show the same
DARKEST: Final = 0.05  # lightness below which a ratio tells nothing
GAIN: Final = (0.4, 2.5)  # limits of what light does to lightness
RIDGE: Final = 3e-3  # of the mean square change of normals: frames that hardly turn tell no light


def relit(have: Tensor, wanted: Tensor, weight: Tensor, normals: Normals) -> tuple[Tensor, Tensor]:
    """`wanted`, OKLab [F, 3, H, W], in the light of `have`, and the weight [F, 1, H, W] where that is known.

    One light for all frames; an offset of a whole frame's lightness is none of it.
    """
    weight = weight * normals.known
    turned = normals.shown - normals.viewed  # F 3 H W
    ratio = (have[:, :1].clamp(min=DARKEST) / wanted[:, :1].clamp(min=DARKEST)).log()
    light = _light(turned, ratio, weight)
    gain = torch.einsum("k,fkhw->fhw", light, turned)[:, None].exp().clamp(*GAIN)
    return torch.cat((wanted[:, :1] * torch.where(weight > 0, gain, 1), wanted[:, 1:]), 1), weight


def _light(turned: Tensor, ratio: Tensor, weight: Tensor) -> Tensor:
    """[3] the light that explains best how ratio [F, 1, H, W] differs within frames, by iteratively
    reweighted least squares (Cauchy's weight): where pictures show different things, their ratio tells
    no light.
    """
    trust = weight
    for _ in range(ROUNDS):
        total = trust.sum((2, 3), keepdim=True).clamp(min=1e-6)
        x, y = (v - (v * trust).sum((2, 3), keepdim=True) / total for v in (turned, ratio))
        ridge = RIDGE * trust.sum().clamp(min=1) * torch.eye(3).to(x)
        inner = torch.einsum("fkhw,flhw,fhw->kl", x, x, trust[:, 0]) + ridge
        light = torch.linalg.solve(inner, torch.einsum("fkhw,fhw,fhw->k", x, y[:, 0], trust[:, 0]))
        off = (y - torch.einsum("k,fkhw->fhw", light, x)[:, None]).abs()
        typical = (off * trust).sum() / trust.sum().clamp(min=1)
        trust = weight / (1 + (off / typical.clamp(min=LIKE)).square())
    return light
