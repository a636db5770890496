"""What few steps buy, and what they cost: make -s benchmark NAME=speed [QUICK=1] [ARGS="--student FILE"]

Time, of the bundled portrait and full body, 33 frames: conditioning, sampling and decoding by naive guidance
and dual-branch guidance of the teacher at 50 steps and by one pass a step at 1, 2, 4 and 8 steps (a student
and an undistilled teacher alike). Rounds of every way in turn, medians; a sampling's time is its encoding and
its number of steps times a step, since all steps are the same work; reading the driving video is not counted.
Then where the time of a pass goes, beside a large matrix product, and the live mode (live_speed).

Quality, on rendered held-out clips with exact truth (few_steps): teacher and student in few steps, also where
the conditions do not decide the result.

Prints one JSON object as its last line. worst_metric_loss is the largest relative loss of the 4-step student
against the teacher at 50 steps with the same guidance, over all metrics of the clips as given; null without
a student. --no-quality and --no-speed leave a half out.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.few_steps import FEW, STRONG, judge, losses, table  # noqa: E402
from benchmarks.live_speed import live  # noqa: E402
from benchmarks.pass_profile import profile_table, profiled  # noqa: E402
from kmc_core.engines.kmc import animate_conditions  # noqa: E402
from kmc_core.model.checkpoint import load_animator_file  # noqa: E402
from kmc_core.model.conditions import AnimatorConditions  # noqa: E402
from kmc_core.model.transformer import Animator  # noqa: E402
from kmc_core.motion.retarget import retarget  # noqa: E402
from kmc_core.motion.types import Motion  # noqa: E402
from kmc_core.perception.extract import (  # noqa: E402
    Perception,
    VideoFile,
    encode_body,
    encode_face,
    encode_hands,
)
from kmc_core.sampling.guidance import Denoise, dual_branch, naive, plain  # noqa: E402
from kmc_core.subject.create import create_subject  # noqa: E402
from kmc_core.subject.identity import Identity  # noqa: E402
from kmc_core.training.validate import build  # noqa: E402

FRAMES, MANY = 33, 50
SHOTS = ("portrait", "full_body")
PASSES = {"naive": 4, "dual_branch": 2, "one_pass": 1}
SAMPLING = {"conditioning": 1, "one_pass encoding": 1, "one_pass step": 4, "decoding": 1}  # in four steps
TEACHER = ROOT / "weights/animator/kmc_mini.safetensors"
STUDENT = ROOT / "runs/mini_distill/animator.safetensors"


def main() -> None:
    """Measure speed, then quality."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--teacher", type=Path, default=TEACHER)
    parser.add_argument("--student", type=Path, default=STUDENT)
    parser.add_argument("--data", type=Path, default=ROOT / "data/truth/val")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--many", type=int, default=MANY, help="steps of the teacher that quality is against")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--no-quality", action="store_true", help="time alone")
    parser.add_argument("--no-speed", action="store_true", help="quality alone")
    parser.add_argument("--quick", action="store_true", help="one round, four clips, a teacher of 16 steps")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rounds, clips, many = (1, 4, 16) if args.quick else (args.rounds, args.clips, args.many)
    nets = Perception.load(ROOT / "weights" / "perception", device="cpu")
    figures: dict[str, Any] = {"threads": args.threads, "load_average": round(os.getloadavg()[0], 1)}
    if not args.no_speed:
        figures |= fast(args.teacher, nets, rounds)
        print(profile_table(figures["profile"]), file=sys.stderr)
    if not args.no_quality:
        figures |= good(args, nets, clips, many)
        print(table(figures["quality"]), file=sys.stderr)
    print(json.dumps(figures))


@torch.no_grad()
def fast(teacher: Path, nets: Perception, rounds: int) -> dict[str, Any]:
    """All figures of time."""
    speed = {shot: timed(teacher, nets, shot, rounds) for shot in SHOTS}
    profile = speed["full_body"].pop("profile")
    del speed["portrait"]["profile"]
    four = [ways["seconds"]["one_pass_4"] for ways in speed.values()]
    return {
        "vs_dual": least(speed, "dual_branch_50", four),
        "vs_naive": least(speed, "naive_50", four),
        "fps_draft": round(min(FRAMES / ways["seconds"]["one_pass_1"] for ways in speed.values()), 2),
        "fps_4_steps": round(FRAMES / max(four), 2),
        "live": live(SHOTS),
        "speed": speed,
        "profile": profile,
    }


def good(args: argparse.Namespace, nets: Perception, clips: int, many: int) -> dict[str, Any]:
    """All figures of quality."""
    students = {"student": args.student} if args.student.is_file() else {}
    judged = judge(args.teacher, students, args.data, nets, clips=clips, many=many)
    lost = {case: losses(found, many) for case, found in judged.items()}
    own = [lost["as given"].get(f"student, {way}", {}) for way in ("4", "guided, 4")]
    return {
        "worst_metric_loss": max((loss for way in own for loss in way.values()), default=None),
        "losses": lost,
        "quality": judged,
    }


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
        "share_of_4_steps": {
            name: round(times * seconds[name] / whole["one_pass_4"], 3)
            for name, times in SAMPLING.items()
        },
        "profile": profiled(animator, told, z),
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


def rounded(values: dict[str, float]) -> dict[str, float]:
    """For reading."""
    return {name: round(value, 4) for name, value in values.items()}


if __name__ == "__main__":
    main()
