"""Measure the neutral head of `kmc_core/perception/head_pose.py` from faces that our own nets found.

`python tools/make_neutral_head.py WEIGHTS CLIP...` prints the table: the generalised Procrustes mean of the
rigid landmarks over all frames, made symmetric, turned so that the line from the temples' lower points
(beside the ears) to the outer eye corners lies `EYE_RISE` above the horizontal, in units of the distance
between the outer eye corners.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from kmc_core.motion.face_mesh import RIGID
from kmc_core.perception.extract import Perception, VideoFile, encode_face

MIRROR = {127: 356, 234: 454, 33: 263, 133: 362}
MIRROR |= {b: a for a, b in MIRROR.items()}
SWAP = [RIGID.index(MIRROR.get(point, point)) for point in RIGID]
ROUNDS = 20
EYE_RISE = 0.41  # radians; agrees with the rest pose of rendered heads


def aligned(points: Tensor, target: Tensor) -> Tensor:
    """Points [F, P, 3] turned and scaled onto target [P, 3], all centred."""
    points = points - points.mean(1, keepdim=True)
    u, s, v = torch.linalg.svd(points.transpose(1, 2) @ target)
    sign = torch.ones_like(s)
    sign[:, 2] = torch.linalg.det(u @ v)
    scale = (s * sign).sum(1) / points.pow(2).sum((1, 2))
    return points @ (u * sign[:, None] @ v) * scale[:, None, None]


def symmetric(head: Tensor) -> Tensor:
    """The mean of a head [P, 3] and its mirror image."""
    return (head + head[SWAP] * torch.tensor([-1.0, 1, 1])) / 2


def level(head: Tensor) -> Tensor:
    """The head turned about its x axis to the chosen rise of the eyes, centred, in units of the eye
    distance."""
    eye, ear = head[RIGID.index(33)], head[RIGID.index(234)]
    y, z = (eye - ear)[1:]
    angle = torch.atan2(-y, -z) - EYE_RISE
    c, s = angle.cos(), angle.sin()
    head = head @ torch.stack([torch.stack([c * 0 + 1, c * 0, c * 0]),
                               torch.stack([c * 0, c, s]), torch.stack([c * 0, -s, c])])  # fmt: skip
    head = head - head.mean(0)
    return head / (head[RIGID.index(33)] - head[RIGID.index(263)]).norm()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    args = parser.parse_args()
    nets = Perception.load(args.weights, device="cpu")
    found = []
    for path in args.clips:
        face = encode_face(VideoFile(path), nets).tracks[0].face
        assert face is not None
        found.append(face.landmarks[face.confidence > 0.5][:, list(RIGID)])
    heads = torch.cat(found)
    mean = symmetric(heads[0] - heads[0].mean(0))
    for _ in range(ROUNDS):
        mean = symmetric(aligned(heads, mean / mean.norm()).mean(0))
    for point, (x, y, z) in zip(RIGID, level(mean).tolist(), strict=True):
        print(f"    ({x:.4f}, {y:.4f}, {z:.4f}),  # {point}")


if __name__ == "__main__":
    main()
