"""Pair the face landmarks with their mirror images, for `kmc_core/motion/face_mirror.py`.

`python tools/make_face_mirror.py WEIGHTS PICTURE...` prints the pairs. Faces of the pictures and of their
mirror images, each in the head's own frame, are averaged; the reflection of that head across its middle plane
is matched with the head itself so that the sum of all distances is least.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from kmc_core.motion.face_frame import to_head_frame
from kmc_core.perception.extract import Perception, TensorClip, encode_face


def mirror_pairs(head: Tensor) -> list[tuple[int, int]]:
    """Pairs (a < b) of the points of a head [P, 3]; ValueError where the pairing is not mutual."""
    distance = torch.cdist(head * torch.tensor([-1.0, 1, 1]), head)
    partner = linear_sum_assignment(distance.numpy())[1]
    if (partner[partner] != np.arange(len(head))).any():
        raise ValueError("the pairing is not mutual; give more pictures of faces from the front")
    return [(a, int(b)) for a, b in enumerate(partner) if a < b]


def main() -> None:
    """Print the pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    args = parser.parse_args()
    nets = Perception.load(args.weights, device="cpu")
    heads = []
    for path in args.pictures:
        picture = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None]
        for seen in (picture, picture.flip(-1)):
            face = encode_face(TensorClip(seen, 1.0), nets).tracks[0].face
            assert face is not None
            heads.append(to_head_frame(face).shape[0])
    print(", ".join(map(str, mirror_pairs(torch.stack(heads).mean(0)))))


if __name__ == "__main__":
    main()
