"""Metrics of pictures and of joints found again on them. Pictures are [F, 3, H, W] in 0..1, joints [F, J,
4].
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

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
