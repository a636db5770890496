"""Metrics of pictures and of joints found again on them. Pictures are [F, 3, H, W] in 0..1, joints [F, J,
4].
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..engines.color import to_oklab
from ..motion.skeleton import JOINT

# Joints that detectors and truth define alike; feet, neck and pelvis are derived or missing in some
# extractors.
PCK_JOINTS: Final = tuple(
    JOINT[name]
    for name in (
        "nose", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist",
        "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "r_eye", "l_eye", "r_ear", "l_ear",
    )
)  # fmt: skip
SEEN: Final = 0.3
FLOW_REACH: Final = 6  # pixels that flow may move between two frames


def l1(a: Tensor, b: Tensor) -> float:
    """Mean absolute difference."""
    return (a - b).abs().mean().item()


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio in dB over all frames."""
    return float(-10 * (a - b).square().mean().clamp(min=1e-10).log10())


def ssim(a: Tensor, b: Tensor) -> float:
    """Structural similarity (Wang et al. 2004), 11x11 Gaussian window of sigma 1.5, mean over frames and
    channels.
    """
    x = torch.arange(11, dtype=a.dtype) - 5
    g = torch.exp(-x.square() / (2 * 1.5**2))
    kernel = (torch.outer(g, g) / g.sum() ** 2).expand(3, 1, -1, -1)

    def blur(t: Tensor) -> Tensor:
        return F.conv2d(t, kernel, groups=3)

    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    return (((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2))).mean().item()


def correct_joints(found: Tensor, truth: Tensor, reach: float) -> tuple[Tensor, Tensor]:
    """Which joints [F, J] were found within `reach` pixels of the truth, and which count (seen in the truth).

    A joint that was not found is wrong. PCK is correct.sum() / counted.sum() (Yang & Ramanan 2013).
    """
    joints = list(PCK_JOINTS)
    found, truth = found[:, joints], truth[:, joints]
    counted = truth[..., 3] >= SEEN
    near = (found[..., :2] - truth[..., :2]).norm(dim=-1) <= reach
    return near & (found[..., 3] > 0) & counted, counted


def hand_box(hand: Tensor) -> Tensor:
    """Longer side [F, 2] of the box around the joints of each hand [F, 2, 21, 4]."""
    return (hand[..., :2].amax(2) - hand[..., :2].amin(2)).amax(-1)


def flow(frames: Tensor) -> Tensor:
    """Where every pixel [F-1, H, W, 2] of frames 1.. comes from in the frame before, in whole pixels (x, y):
    the shift up to FLOW_REACH with the least difference over a 7x7 window.
    """
    before, after = frames[:-1], frames[1:]
    height, width = frames.shape[-2:]
    reach = FLOW_REACH
    padded = F.pad(before, (reach,) * 4, mode="replicate")
    best = torch.full((len(after), height, width), torch.inf)
    shift = torch.zeros(len(after), height, width, 2)
    # The nearest shifts come first: flat colours stay where they are.
    shifts = sorted(
        ((x, y) for x in range(-reach, reach + 1) for y in range(-reach, reach + 1)),
        key=lambda s: s[0] ** 2 + s[1] ** 2,
    )
    for x, y in shifts:
        moved = padded[..., reach + y : reach + y + height, reach + x : reach + x + width]
        cost = F.avg_pool2d((after - moved).abs().mean(1, keepdim=True), 7, 1, 3, count_include_pad=False)[
            :, 0
        ]
        better = cost < best - 1e-4
        best = torch.where(better, cost, best)
        shift[better] = torch.tensor([x, y], dtype=torch.float32)
    return shift


def warp_error(frames: Tensor, shift: Tensor) -> float:
    """Mean change of frames along a flow [F-1, H, W, 2]: motion taken out, what is left flickers (Lai et al.
    2018).
    """
    height, width = frames.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x = (columns + shift[..., 0]).long().clamp(0, width - 1)
    y = (rows + shift[..., 1]).long().clamp(0, height - 1)
    moved = torch.stack([frame[:, j, i] for frame, i, j in zip(frames[:-1], x, y, strict=True)])
    return (frames[1:] - moved).abs().mean().item()


def turn_between(a: Tensor, b: Tensor) -> Tensor:
    """Angle in degrees [F] between rotations [F, 3, 3]."""
    cosine = ((a.transpose(-1, -2) @ b).diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))


def colour_difference(frames: Tensor, truth: Tensor, mask: Tensor) -> float:
    """Distance of the person's mean colours in OKLab, times 100, mean over frames; mask [F, 1, H, W]."""

    def mean(pictures: Tensor) -> Tensor:
        weight = mask / mask.sum((2, 3), keepdim=True).clamp(min=1e-6)
        return (to_oklab(pictures) * weight).sum((2, 3))

    return 100 * (mean(frames) - mean(truth)).norm(dim=-1).mean().item()
