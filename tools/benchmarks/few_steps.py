"""What few steps cost in quality, on rendered held-out clips with exact truth: shared by speed and stages.

Cases: as given; without the moved pixels, where the network must paint by itself; from the first view alone
where the person turned away, so that much is shown that it never saw; and by words alone, with other colours
in them, without picture and background. The last has no truth: what counts there is the pose, and how far
the picture is from that of the guided teacher in many steps.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from benchmarks.parts import nothing_moved, part_scores
from kmc_core.engines.kmc import build_conditions
from kmc_core.evaluate.metrics import l1, psnr, ssim
from kmc_core.evaluate.reading import read_pictures
from kmc_core.evaluate.score import joint_scores
from kmc_core.model.checkpoint import load_animator_file
from kmc_core.model.conditions import AnimatorConditions
from kmc_core.model.text import TextEncoder
from kmc_core.model.transformer import Animator
from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.types import Track
from kmc_core.perception.extract import Perception
from kmc_core.sampling.guidance import Denoise, Guidance, dual_branch, plain
from kmc_core.sampling.schedule import shifted_sigmas
from kmc_core.sampling.solve import denoiser, solve
from kmc_core.training.data import motion_in, motion_of, subject_of, track_of
from kmc_core.training.shards import Shard
from kmc_core.training.validate import build, held_out

FEW = (1, 2, 4, 8)
STRONG = Guidance(motion=1.5, identity=1.5, text=1.5)
HIGHER_IS_BETTER = ("psnr", "ssim", "pck")
TURNED = 40.0  # degrees between the shoulders of picture and clip: the person turned away
COLOURS = (
    "red", "green", "blue", "yellow", "purple", "orange", "teal", "pink", "white", "black", "brown", "grey",
    "beige", "navy",
)  # fmt: skip

Scores = dict[str, float]
Judged = dict[str, dict[str, Scores]]  # by case and way


@dataclass(frozen=True)
class Case:
    """A clip as it is told."""

    name: str
    told: AnimatorConditions
    truth: Tensor | None  # [F, 3, H, W] in 0..1
    mask: Tensor  # [F, 1, H, W] where the person is
    track: Track
    fps: float


@torch.no_grad()
def judge(
    teacher: Path, students: dict[str, Path], data: Path, nets: Perception, *, clips: int, many: int,
    few: tuple[int, ...] = FEW,
) -> Judged:  # fmt: skip
    """Metrics of the teacher, in `many` and `few` steps, and of students in few, as means over clips."""
    animator, text = build(*load_animator_file(teacher))
    distilled = {name: build(*load_animator_file(path))[0] for name, path in students.items()}
    scores: dict[str, dict[str, list[Scores]]] = {}
    for index, (shard, clip) in enumerate(held_out(data, clips)):
        for case in cases_of(shard, clip, animator, text, nets):
            z = torch.randn(case.told.moved[:, :-1].shape, generator=torch.Generator().manual_seed(index))
            best: Tensor | None = None
            for name, denoise, steps in ways(animator, distilled, case.told, many, few):
                made = solve(denoise(), z, shifted_sigmas(steps, animator.params.shift))
                frames = (made[0].transpose(0, 1) / 2 + 0.5).clamp(0, 1)
                best = frames if best is None else best
                row = scored(frames, best, case, nets)
                scores.setdefault(case.name, {}).setdefault(name, []).append(row)
    return {case: {name: mean_of(rows) for name, rows in found.items()} for case, found in scores.items()}


def ways(
    teacher: Animator, students: dict[str, Animator], told: AnimatorConditions, many: int,
    few: tuple[int, ...],
) -> Iterator[tuple[str, Callable[[], Denoise], int]]:  # fmt: skip
    """Name, what is followed, and in how many steps; the guided teacher comes first."""
    yield f"teacher, guided, {many}", lambda: dual_branch(teacher, told, STRONG), many
    yield f"teacher, {many}", lambda: plain(teacher, told), many
    for steps in few:
        yield f"teacher, {steps}", lambda: plain(teacher, told), steps
    for name, student in students.items():
        for steps in few:
            yield f"{name}, {steps}", lambda student=student: denoiser(student, told, Guidance()), steps
        yield f"{name}, guided, 4", lambda student=student: denoiser(student, told, STRONG), 4


def cases_of(
    shard: Shard, clip: int, animator: Animator, text: TextEncoder, nets: Perception
) -> Iterator[Case]:
    """All cases that a clip is one of."""
    words = shard.words[clip]
    motion = motion_of(shard.frames, clip, shard.fps)
    subject = subject_of(shard.references, clip, words.subject, nets)
    track = track_of(shard.frames, clip, slice(None))
    truth, mask = shard.frames.images[clip].float() / 255, shard.frames.masks[clip].float() / 255

    def said(caption: str) -> Tensor:
        return text(text.tokenize(caption)[None])

    def told(views: int) -> AnimatorConditions:
        shown = replace(subject, views=subject.views[:views])
        larger = motion_in(motion, shown.views[0])
        return build_conditions(larger, shown, said(words.caption), params=animator.params, size=motion.size)

    given = told(len(subject.views))
    yield Case("as given", given, truth, mask, track, shard.fps)
    yield Case("no moved pixels", nothing_moved(given), truth, mask, track, shard.fps)
    if turned(track, track_of(shard.references, clip, slice(1))) > TURNED:
        yield Case("turned away, one view", told(1), truth, mask, track, shard.fps)
    blank = replace(
        given.drop("identity"),
        background=torch.zeros_like(given.background),
        text=said(edited(words.caption)),
    )
    yield Case("other words, no picture", blank, None, mask, track, shard.fps)


def edited(caption: str) -> str:
    """The caption with every colour exchanged for another."""
    other = dict(zip(COLOURS, COLOURS[5:] + COLOURS[:5], strict=True))
    return re.sub(r"[a-z]+", lambda word: other.get(word[0], word[0]), caption)


def turned(track: Track, picture: Track) -> float:
    """Degrees between the shoulders of a clip, the mean of its frames, and of a picture."""

    def angle(body: Tensor | None) -> Tensor:
        assert body is not None
        across = body[:, JOINT["l_shoulder"]] - body[:, JOINT["r_shoulder"]]
        return torch.atan2(-across[:, 2], across[:, 0])

    off = angle(track.body) - angle(picture.body)
    return float(torch.atan2(off.sin(), off.cos()).abs().mean()) * 180 / math.pi


def scored(frames: Tensor, best: Tensor, case: Case, nets: Perception) -> Scores:
    """Metrics of frames [F, 3, H, W] against the truth; without one, against what the guided teacher made."""
    correct, counted = joint_scores(read_pictures(frames, case.fps, nets), case.track)["body_pck"]
    pose = {"pck": correct / counted} if counted else {}
    if case.truth is None:
        return pose | {"l1_to_guided": l1(frames, best)}
    off = (frames - case.truth).abs().mean(1, keepdim=True)
    person = {"l1_person": float((off * case.mask).sum() / case.mask.sum().clamp(min=1))}
    whole = {"l1": l1(frames, case.truth), "psnr": psnr(frames, case.truth), "ssim": ssim(frames, case.truth)}
    sums = part_scores(frames, case.truth, case.told)
    parts = {name: total / weight for name, (total, weight) in sums.items()}
    return whole | person | parts | pose


def mean_of(rows: list[Scores]) -> Scores:
    """Means over the clips that have a metric, and how many clips there are."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    means = {name: round(fmean(row[name] for row in rows if name in row), 5) for name in names}
    return means | {"clips": len(rows)}


def losses(found: dict[str, Scores], many: int) -> dict[str, Scores]:
    """How much worse every way is than the teacher in many steps with the same guidance, relative, by
    metric.
    """
    return {
        name: {
            metric: round(_worse(metric, own[metric], wanted[metric]), 4)
            for metric in wanted
            if metric != "clips" and wanted[metric] > 0
        }
        for name, own in found.items()
        if (wanted := found[f"teacher, guided, {many}" if ", guided," in name else f"teacher, {many}"]) != own
    }


def _worse(metric: str, own: float, wanted: float) -> float:
    off = wanted - own if metric in HIGHER_IS_BETTER else own - wanted
    return off / wanted


def table(judged: Judged) -> str:
    """All figures as Markdown."""
    lines: list[str] = []
    for case, found in judged.items():
        first = next(iter(found.values()))
        metrics = [name for name in first if name != "clips"]
        lines += [f"| {case}, {first['clips']} clips | " + " | ".join(metrics) + " |"]
        lines += ["|---" * (len(metrics) + 1) + "|"]
        for name, row in found.items():
            lines.append(f"| {name} | " + " | ".join(f"{row[m]:.4f}" for m in metrics) + " |")
        lines.append("")
    return "\n".join(lines)
