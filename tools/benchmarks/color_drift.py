"""Colours over 20 windows of an engine that drifts on purpose, held by several methods.

The engine copies the colours of the frame that it carries over from the window before, and adds its own:
darker, flatter and warmer by a little in every frame. So whatever a method leaves in the last frame of a
window is where the next one starts.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.turning import Turning, with_views
from kmc_core.engines.color import anchor_color, from_oklab, moments, to_oklab
from kmc_core.motion.part import part_of

WINDOWS = 20
# Of every frame, in OKLab: lightness, green-red, blue-yellow, and the share of contrast that is lost.
SHIFT, FLATTER = (-0.0012, 0.0004, 0.0008), 0.0015
# CIE XYZ of linear sRGB (D65), rows X, Y, Z over the white point.
TO_XYZ = ((0.43395, 0.37622, 0.18983), (0.21267, 0.71515, 0.07218), (0.01776, 0.10948, 0.87277))
Method = Callable[[Tensor, Tensor, int], Tensor]  # frames, mask, first frame -> frames


def drift(who: Turning) -> dict[str, float]:
    """Largest and last drift of the person's mean colour against the first window, in CIE delta E 1976."""
    before: list[Tensor] = []

    def alone(frames: Tensor, mask: Tensor, start: int) -> Tensor:
        return frames

    def as_before(frames: Tensor, mask: Tensor, start: int) -> Tensor:
        """Mean and spread of the window before, on the true mask (Reinhard et al. 2001, in OKLab)."""
        lab = to_oklab(frames)
        have = _moments(lab, mask)
        if before:
            wanted = _moments(before[-1], before[-2])
            lab = (lab - have[0]) / have[1] * wanted[1] + wanted[0]
            frames = frames + mask * (from_oklab(lab).clamp(0, 1) - frames)
        before[:] = [mask, to_oklab(frames)]
        return frames

    def anchored(views: int) -> Method:
        subject = with_views(who.subject, views)
        return lambda frames, mask, start: anchor_color(
            frames, part_of(who.motion, start, len(frames)), subject
        )

    methods: dict[str, Method] = {
        "alone": alone, "previous_window": as_before,
        "anchored_1_view": anchored(1), "anchored_4_views": anchored(4),
    }  # fmt: skip
    result = {}
    for name, method in methods.items():
        offsets = run(who, method)
        gone = (offsets - offsets[0]).norm(dim=1)
        result |= {f"{name}_largest": round(float(gone.max()), 2), f"{name}_last": round(float(gone[-1]), 2)}
    return result | {"windows": WINDOWS, "frames": len(who.frames)}


def run(who: Turning, method: Method) -> Tensor:
    """[WINDOWS, 3] CIE Lab of the person in every window, less that of the truth."""
    length = len(who.frames) // WINDOWS
    state = torch.zeros(4)  # OKLab shift, and the logarithm of the contrast
    offsets = []
    for window in range(WINDOWS):
        part = slice(window * length, (window + 1) * length)
        truth, mask = who.frames[part], (who.masks[part] > 0.5).float()
        steps = state + torch.arange(1, length + 1)[:, None] * torch.tensor((*SHIFT, -FLATTER))
        result = method(_drifted(truth, mask, steps), mask, part.start)
        have, wanted = (moments(to_oklab(frames[-1:]), mask[-1:]) for frames in (result, truth))
        state = torch.cat((have[0][0] - wanted[0][0], (have[1] / wanted[1]).log()))
        offsets.append(_mean(_cie(result), mask) - _mean(_cie(truth), mask))
    return torch.stack(offsets)


def _drifted(frames: Tensor, mask: Tensor, steps: Tensor) -> Tensor:
    lab = to_oklab(frames)
    middle = moments(lab, mask)[0][:, :1, None, None]
    lab[:, :1] = middle + (lab[:, :1] - middle) * steps[:, 3:, None, None].exp()
    return from_oklab(lab + steps[:, :3, None, None]).clamp(0, 1)


def _moments(lab: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [1, 3, 1, 1] over a window."""
    total = mask.sum()
    mean = (lab * mask).sum((0, 2, 3), keepdim=True) / total
    return mean, (((lab - mean).square() * mask).sum((0, 2, 3), keepdim=True) / total).sqrt()


def _mean(lab: Tensor, mask: Tensor) -> Tensor:
    return (lab * mask).sum((0, 2, 3)) / mask.sum()


def _cie(rgb: Tensor) -> Tensor:
    """sRGB [F, 3, H, W] -> CIE 1976 L*a*b*."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = torch.einsum("ij,fjhw->fihw", torch.tensor(TO_XYZ), linear)
    f = torch.where(xyz > 0.008856, xyz.clamp(min=1e-6) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), 1)
