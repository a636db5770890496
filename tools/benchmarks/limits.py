"""How well a result can be read at a resolution: make -s benchmark NAME=limits [QUICK=1] [ARGS="--size 192"]

Held-out clips with exact truth: the truth itself slightly degraded, read by the same detectors as every
result. It shows how much of hands, expression and identity survives the resolution, and so what an animator
can reach there; beside the floor (copy the reference) and the prior alone. Then the prior with the truth's
face, eyes, mouth or hands, and the truth with the prior's: whether those pixels are what is missing. Prints
one JSON object as its last line.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from kmc_core.evaluate.reading import read_pictures  # noqa: E402
from kmc_core.evaluate.report import Figures, Measured, summarize, tables  # noqa: E402
from kmc_core.evaluate.score import Truth, score  # noqa: E402
from kmc_core.model.params import AnimatorParams  # noqa: E402
from kmc_core.motion.face_mesh import LEFT_EYE, OUTER_LIPS, RIGHT_EYE  # noqa: E402
from kmc_core.motion.types import Track  # noqa: E402
from kmc_core.perception.suite import Perception  # noqa: E402
from kmc_core.training.data import clip_conditions, track_of  # noqa: E402
from kmc_core.training.shards import Shard  # noqa: E402
from kmc_core.training.studio import Studio  # noqa: E402
from kmc_core.training.truth import render_split  # noqa: E402
from kmc_core.training.validate import COPY, PRIOR, TRUTH, gallery_of, held_out  # noqa: E402

CLIPS, QUICK, SEED = 64, 24, 1
# Of a box around points: hair, lids and the edge, nails.
FACE_GROWN, LINES_GROWN, HANDS_GROWN = 0.1, 0.25, 0.15
SHOWN = ("body_pck", "hand_pck", "faces_found", "aed", "apd", "id_sim", "id_rank1", "ssim")


def shifted(frames: Tensor) -> Tensor:
    """Half a pixel to the right and down: what bilinear sampling does at its worst."""
    down = (frames + frames.roll(1, -1)) / 2
    return (down + down.roll(1, -2)) / 2


def blurred(frames: Tensor, sigma: float = 0.7) -> Tensor:
    """Gaussian blur."""
    x = torch.arange(-3, 4, dtype=frames.dtype)
    kernel = torch.exp(-x.square() / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    rows = F.conv2d(F.pad(frames, (3, 3, 0, 0), mode="replicate"), kernel, groups=3)
    return F.conv2d(F.pad(rows, (0, 0, 3, 3), mode="replicate"), kernel.mT, groups=3)


def coarser(frames: Tensor, factor: float = 0.75) -> Tensor:
    """Made smaller and large again."""
    sizes = [round(factor * side) for side in frames.shape[-2:]], list(frames.shape[-2:])
    small = F.interpolate(frames, size=sizes[0], mode="bilinear", antialias=True)
    return F.interpolate(small, size=sizes[1], mode="bicubic").clamp(0, 1)


OWN: Final = AnimatorParams().size  # of the clips in data/truth
DEGRADED: Final[Mapping[str, Callable[[Tensor], Tensor]]] = MappingProxyType({
    "truth, half a pixel away": shifted,
    "truth, blurred by 0.7 pixels": blurred,
    "truth, through 0.75 of the size": coarser,
    "truth, through half of the size": lambda frames: coarser(frames, 0.5),
})  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer clips")
    parser.add_argument("--size", type=int, default=OWN, help="side of the pictures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = ROOT / "data" / ("truth" if arguments.size == OWN else f"truth{arguments.size}")
    if not any((folder / "val").glob("*.safetensors")):
        render_split(Studio(), folder, "val", CLIPS, CLIPS, SEED, arguments.size)
    nets = Perception.load(ROOT / "weights/perception", device="cpu")
    clips = list(held_out(folder / "val", QUICK if arguments.quick else CLIPS))
    figures = summarize(measured(clips, nets))
    print(tables(figures), file=sys.stderr)
    print(json.dumps({"size": arguments.size, "clips": len(clips)} | keys(figures)))


def measured(clips: list[tuple[Shard, int]], nets: Perception) -> list[Measured]:
    """Every clip's scores of the floor, the prior, the degraded truth and the truth."""
    gallery = gallery_of([(shard.references, clip) for shard, clip in clips],
                         lambda picture: read_pictures(picture, 1.0, nets))  # fmt: skip
    rows = []
    for index, (shard, clip) in enumerate(clips):
        frames = shard.frames.images[clip].float() / 255
        shown = pictures(shard, clip, frames, nets)
        readings = {name: read_pictures(picture, shard.fps, nets) for name, picture in shown.items()}
        track, mask = track_of(shard.frames, clip, slice(None)), shard.frames.masks[clip].float() / 255
        truth = Truth.of(frames, mask, track, readings[TRUTH], index if index in gallery.owner else None)
        scores = {name: score(picture, readings[name], truth, gallery) for name, picture in shown.items()}
        rows.append(Measured(("all", shard.words[clip].shot), scores))
        print(f"{index + 1} of {len(clips)} clips", file=sys.stderr, flush=True)
    return rows


def pictures(shard: Shard, clip: int, frames: Tensor, nets: Perception) -> dict[str, Tensor]:
    """What is read, [F, 3, H, W] in 0..1."""
    told = clip_conditions(shard, clip, AnimatorParams(), nets, None)
    prior = (told.moved[0, :3].transpose(0, 1) / 2 + 0.5).clamp(0, 1)
    picture = shard.references.images[clip, :1].float() / 255
    return {
        COPY: F.interpolate(picture, size=frames.shape[-2:], mode="area").expand_as(frames),
        PRIOR: prior,
        **{name: degrade(frames) for name, degrade in DEGRADED.items()},
        **swapped(track_of(shard.frames, clip, slice(None)), prior, frames),
        TRUTH: frames,
    }


def swapped(track: Track, prior: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """The prior with boxes around the truth's face, eyes, mouth and hands, and the other way round."""
    assert track.face is not None and track.hands is not None
    size = truth.shape[-2], truth.shape[-1]
    face = boxes(track.face.landmarks, size, FACE_GROWN)
    left, right = (boxes(track.hands[:, side], size, HANDS_GROWN) for side in (0, 1))
    found = {}
    eyes, mouth = (
        torch.stack([boxes(track.face.landmarks[:, list(line)], size, LINES_GROWN) for line in lines]).amax(0)
        for lines in ((RIGHT_EYE, LEFT_EYE), (OUTER_LIPS,))
    )
    parts = {"face": face, "eyes": eyes, "mouth": mouth, "hands": torch.maximum(left, right)}
    for name, part in parts.items():
        found[f"{PRIOR}, the truth's {name}"] = torch.lerp(prior, truth, part)
        found[f"truth, the prior's {name}"] = torch.lerp(truth, prior, part)
    return found


def boxes(points: Tensor, size: tuple[int, int], grown: float) -> Tensor:
    """1 in the box around points [F, P, 2..], grown by a share of its longer side: [F, 1, H, W]."""
    low, high = points[..., :2].amin(1), points[..., :2].amax(1)
    margin = grown * (high - low).amax(-1, keepdim=True)
    start, end = (low - margin)[:, :, None, None], (high + margin)[:, :, None, None]
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in size), indexing="ij")
    inside = [(at >= start[:, axis]) & (at <= end[:, axis]) for axis, at in enumerate((columns, rows))]
    return (inside[0] & inside[1])[:, None].float()


def keys(figures: Figures) -> dict[str, dict[str, float]]:
    """Figures over all clips, by what was read."""
    return {
        name: {metric: round(values[metric].value, 4) for metric in SHOWN if metric in values}
        for name, values in figures["all"].items()
    }


if __name__ == "__main__":
    main()
