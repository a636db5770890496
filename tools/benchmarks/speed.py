"""What few steps buy, and what they cost: make -s benchmark NAME=speed [QUICK=1] [ARGS="--student FILE"]

Time, of the bundled portrait and full body, 33 frames: conditioning, sampling and decoding by naive guidance
and dual-branch guidance of the teacher at 50 steps and by one pass a step at 1, 2, 4 and 8 steps (a student
and an undistilled teacher alike). Rounds of every way in turn, medians; a sampling's time is its encoding and
its number of steps times a step, since all steps are the same work; reading the driving video is not counted.

Quality, on rendered held-out clips with exact truth: the guided teacher at 50 steps, the student and the
undistilled teacher at few; also with the moved pixels taken away, where the network must paint by itself.

Prints one JSON object as its last line. worst_metric_loss is the largest relative loss of the 4-step student
against the guided teacher over all metrics; null without a student.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from kmc_core.engines.kmc import animate_conditions  # noqa: E402
from kmc_core.evaluate.metrics import l1, psnr, ssim  # noqa: E402
from kmc_core.evaluate.reading import read_pictures  # noqa: E402
from kmc_core.evaluate.score import joint_scores  # noqa: E402
from kmc_core.model.checkpoint import load_animator_file  # noqa: E402
from kmc_core.model.conditions import AnimatorConditions  # noqa: E402
from kmc_core.model.transformer import Animator  # noqa: E402
from kmc_core.motion.draw import LIMB_CHANNELS  # noqa: E402
from kmc_core.motion.retarget import retarget  # noqa: E402
from kmc_core.motion.types import Motion  # noqa: E402
from kmc_core.perception.extract import (  # noqa: E402
    Perception,
    VideoFile,
    encode_body,
    encode_face,
    encode_hands,
)
from kmc_core.sampling.guidance import Denoise, Guidance, dual_branch, naive, plain  # noqa: E402
from kmc_core.sampling.schedule import shifted_sigmas  # noqa: E402
from kmc_core.sampling.solve import denoiser, solve  # noqa: E402
from kmc_core.subject.create import create_subject  # noqa: E402
from kmc_core.subject.identity import Identity  # noqa: E402
from kmc_core.training.data import clip_conditions, track_of  # noqa: E402
from kmc_core.training.validate import build, held_out  # noqa: E402

FRAMES, MANY, FEW = 33, 50, (1, 2, 4, 8)
STRONG = Guidance(motion=1.5, identity=1.5, text=1.5)
PASSES = {"naive": 4, "dual_branch": 2, "one_pass": 1}
PARTS = {"hands": ("r_hand", "l_hand"), "face": ("face_upper", "face_lower")}
HIGHER_IS_BETTER = ("psnr", "ssim", "pck")
TEACHER = ROOT / "weights/animator/kmc_mini.safetensors"
STUDENT = ROOT / "runs/mini_distill/animator.safetensors"


def main() -> None:
    """Measure speed, then quality."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--teacher", type=Path, default=TEACHER)
    parser.add_argument("--student", type=Path, default=STUDENT)
    parser.add_argument("--data", type=Path, default=ROOT / "data/truth/val")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round, four clips, a teacher of 16 steps")
    args = parser.parse_args()
    rounds, clips, many = (1, 4, 16) if args.quick else (args.rounds, args.clips, MANY)
    nets = Perception.load(ROOT / "weights" / "perception", device="cpu")
    with torch.no_grad():
        speed = {shot: timed(args.teacher, nets, shot, rounds) for shot in ("portrait", "full_body")}
        judged = quality(args, nets, clips, many) if args.data.is_dir() else {}
    print(table(judged), file=sys.stderr)
    four = [ways["seconds"]["one_pass_4"] for ways in speed.values()]
    lost = losses(judged["as given"], f"teacher, dual branch, {many}") if judged else {}
    print(json.dumps({
        "vs_dual": least(speed, "dual_branch_50", four),
        "vs_naive": least(speed, "naive_50", four),
        "worst_metric_loss": max(lost.values()) if lost else None,
        "fps_draft": round(min(FRAMES / ways["seconds"]["one_pass_1"] for ways in speed.values()), 2),
        "fps_4_steps": round(FRAMES / max(four), 2),
        "losses": lost, "speed": speed, "quality": judged,
    }))  # fmt: skip


def least(speed: dict[str, Any], way: str, four: list[float]) -> float:
    """The smaller of both shots' ratios."""
    ratios = [ways["seconds"][way] / own for ways, own in zip(speed.values(), four, strict=True)]
    return round(min(ratios), 1)


def timed(weights: Path, nets: Perception, shot: str, rounds: int) -> dict[str, Any]:
    """Median seconds of every part, and of every way as a whole, with its network evaluations."""
    animator, text = build(*load_animator_file(weights))
    motion, identity = driven(shot, nets)
    words = text.tokenize("a person waves, plain background")[None]
    parts: dict[str, list[float]] = {}

    def clocked(name: str, work: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        result = work()
        parts.setdefault(name, []).append(time.perf_counter() - begun)
        return result

    def conditioned() -> AnimatorConditions:
        told, _ = animate_conditions(motion, identity, params=animator.params, length=FRAMES)
        return replace(told, text=text(words))

    for _ in range(rounds + 1):  # the first sets things up
        told = clocked("conditioning", conditioned)
        z = torch.randn(told.moved[:, :-1].shape)
        for way, guide in ways(animator, told).items():
            denoise = clocked(f"{way} encoding", guide)
            clocked(f"{way} step", partial(denoise, z, 0.5))
        clocked("decoding", partial(decoded, z))
    seconds = {name: median(times[1:]) for name, times in parts.items()}
    counts = {"naive": (MANY,), "dual_branch": (MANY,), "one_pass": FEW}
    whole = {
        f"{way}_{steps}": seconds["conditioning"] + seconds["decoding"] + seconds[f"{way} encoding"]
        + steps * seconds[f"{way} step"]
        for way in counts for steps in counts[way]
    }  # fmt: skip
    return {
        "seconds": rounded(whole), "parts": rounded(seconds),
        "evaluations": {f"{way}_{steps}": steps * PASSES[way] for way in counts for steps in counts[way]},
        "conditioning_in_passes": round(seconds["conditioning"] / seconds["one_pass step"], 2),
    }  # fmt: skip


def decoded(z: Tensor) -> Tensor:
    """Pictures [F, H, W, 3] in 0..1."""
    return ((z[0].permute(1, 2, 3, 0) + 1) / 2).clamp(0, 1)


def ways(animator: Animator, told: AnimatorConditions) -> dict[str, Callable[[], Denoise]]:
    """The ways to guide, before their conditions are encoded."""
    return {
        "naive": lambda: naive(animator, told, STRONG),
        "dual_branch": lambda: dual_branch(animator, told, STRONG),
        "one_pass": lambda: plain(animator, told),
    }


def driven(shot: str, nets: Perception) -> tuple[Motion, Identity]:
    """A bundled clip's motion on a bundled character."""
    assets = ROOT / "workflows/assets"
    video = VideoFile(assets / f"{shot}.mp4")
    motion = encode_hands(video, nets, motion=encode_face(video, nets, motion=encode_body(video, nets)))
    picture = torch.from_numpy(np.array(Image.open(assets / f"{shot}.png").convert("RGB")))
    subject = create_subject([picture.permute(2, 0, 1).float() / 255], nets, name=shot).subject
    return retarget(motion, subject), Identity(subject)


def quality(args: argparse.Namespace, nets: Perception, clips: int, many: int) -> dict[str, Any]:
    """Metrics of every way on held-out clips, as given and without moved pixels."""
    teacher, text = build(*load_animator_file(args.teacher))
    student = build(*load_animator_file(args.student))[0] if args.student.is_file() else None
    scores: dict[str, dict[str, list[dict[str, float]]]] = {"as given": {}, "no moved pixels": {}}
    for index, (shard, clip) in enumerate(held_out(args.data, clips)):
        told = clip_conditions(shard, clip, teacher.params, nets, None)
        told = replace(told, text=text(text.tokenize(shard.words[clip].caption)[None]))
        truth = shard.frames.images[clip].float() / 255
        track = track_of(shard.frames, clip, slice(None))
        for given, found in scores.items():
            shown = told if given == "as given" else without_pixels(told)
            for name, frames in results(teacher, student, shown, many, index):
                correct, counted = joint_scores(read_pictures(frames, shard.fps, nets), track)["body_pck"]
                found.setdefault(name, []).append({
                    "l1": l1(frames, truth), "psnr": psnr(frames, truth), "ssim": ssim(frames, truth),
                    "pck": correct / max(counted, 1), **part_l1(frames, truth, told),
                })  # fmt: skip
    return {
        given: {name: rounded(mean_of(rows)) for name, rows in found.items()}
        for given, found in scores.items()
    }


def results(
    teacher: Animator, student: Animator | None, told: AnimatorConditions, many: int, seed: int
) -> Iterator[tuple[str, Tensor]]:
    """Frames [F, 3, H, W] in 0..1 of every way."""
    shift = teacher.params.shift
    z = torch.randn(told.moved[:, :-1].shape, generator=torch.Generator().manual_seed(seed))

    def frames(denoise: Denoise, steps: int) -> Tensor:
        made = solve(denoise, z, shifted_sigmas(steps, shift))
        return (made[0].transpose(0, 1) / 2 + 0.5).clamp(0, 1)

    yield f"teacher, dual branch, {many}", frames(dual_branch(teacher, told, STRONG), many)
    yield f"teacher, no guidance, {many}", frames(plain(teacher, told), many)
    for steps in FEW:
        yield f"teacher, no guidance, {steps}", frames(plain(teacher, told), steps)
        if student is not None:
            yield f"student, {steps}", frames(denoiser(student, told, STRONG), steps)


def without_pixels(told: AnimatorConditions) -> AnimatorConditions:
    """Nothing moved: the background alone, covered nowhere."""
    empty = torch.zeros_like(told.moved[:, -1:])
    return replace(told, moved=torch.cat((told.background.expand_as(told.moved[:, :-1]), empty), 1))


def part_l1(frames: Tensor, truth: Tensor, told: AnimatorConditions) -> dict[str, float]:
    """Mean absolute difference where hands and face are drawn; left out where they are not."""
    off = (frames - truth).abs().mean(1)
    found = {}
    for part, names in PARTS.items():
        drawn = told.maps[0, [LIMB_CHANNELS.index(name) for name in names]].amax(0)
        drawn = torch.nn.functional.interpolate(drawn[None], size=off.shape[-2:])[0]
        if drawn.amax() > 0:
            found[f"l1_{part}"] = float((off * drawn).sum() / drawn.sum())
    return found


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means over the clips that have a metric."""
    names = sorted({name for row in rows for name in row})
    return {name: fmean(row[name] for row in rows if name in row) for name in names}


def losses(found: dict[str, dict[str, float]], teacher: str) -> dict[str, float]:
    """How much worse the 4-step student is than the teacher, relative, for every metric."""
    own, wanted = found.get("student, 4"), found[teacher]
    if own is None:
        return {}
    return {
        name: round((wanted[name] - own[name] if name in HIGHER_IS_BETTER else own[name] - wanted[name])
                    / max(wanted[name], 1e-9), 4)
        for name in wanted
    }  # fmt: skip


def table(judged: dict[str, Any]) -> str:
    """The quality as Markdown."""
    lines = []
    for given, found in judged.items():
        metrics = list(next(iter(found.values())))
        lines += [f"| {given} | " + " | ".join(metrics) + " |", "|---" * (len(metrics) + 1) + "|"]
        lines += [
            f"| {name} | " + " | ".join(f"{row[m]:.4f}" for m in metrics) + " |"
            for name, row in found.items()
        ]
        lines.append("")
    return "\n".join(lines)


def rounded(values: dict[str, float]) -> dict[str, float]:
    """For reading."""
    return {name: round(value, 4) for name, value in values.items()}


if __name__ == "__main__":
    main()
