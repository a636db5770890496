"""The animator on held-out truth, beside two floors (copy the reference; the prior alone) and a ceiling
(the truth).

Held-out people do held-out motions; the motion is given on the character's own bones, so every frame has
exact truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..errors import KMCError
from ..evaluate.metrics import correct_joints, l1, psnr, ssim
from ..model.checkpoint import load_animator_file
from ..model.conditions import AnimatorConditions
from ..model.params import AnimatorParams
from ..model.text import TextEncoder
from ..model.transformer import Animator
from ..perception.clips import TensorClip
from ..perception.extract import encode_body
from ..perception.suite import Perception
from ..sampling.solve import sample
from .data import clip_conditions
from .shards import Shard, read_shard

METHODS: Final = ("copy the reference", "prior alone", "animator", "truth")
PCK_SHARE: Final = 0.1  # of the longer side of the box around the person's joints
SEEN_AT: Final = 256  # detectors look at frames of this side
SHEET_ROWS: Final = 12


@dataclass(frozen=True)
class Figures:
    """One method's means over clips, and its joint counts."""

    method: str
    l1: float
    psnr: float
    ssim: float
    pck: float
    shots: dict[str, float]  # PCK by shot


def evaluate(
    weights: Path, data: Path, nets: Perception, *, steps: int, clips: int, sheet: Path | None = None
) -> list[Figures]:
    """Figures of every method on the first `clips` clips of the shards in `data`; optionally a picture
    sheet.
    """
    params, state = load_animator_file(weights)
    animator, text = build(params, state)
    scores: dict[str, list[Score]] = {method: [] for method in METHODS}
    rows = []
    for index, (shard, clip) in enumerate(held_out(data, clips)):
        conditions = clip_conditions(shard, clip, params, nets, None)
        tokens = text.tokenize(shard.words[clip].caption)[None]
        conditions = replace(conditions, text=text(tokens))
        results = animate_all(animator, conditions, shard, clip, steps, seed=index)
        for method, frames in results.items():
            scores[method].append(score(frames, results["truth"], shard, clip, nets))
        rows.append(torch.cat([results[method][-1] for method in METHODS], 2))
    if sheet is not None:
        write_sheet(rows[:: max(1, len(rows) // SHEET_ROWS)], sheet)
    return [summary(method, scores[method]) for method in METHODS]


def build(params: AnimatorParams, state: dict[str, Tensor]) -> tuple[Animator, TextEncoder]:
    """The networks of a checkpoint in float32."""
    animator, text = Animator(params), TextEncoder(params.text)
    for prefix, module in (("animator.", animator), ("text.", text)):
        part = {k[len(prefix) :]: v.float() for k, v in state.items() if k.startswith(prefix)}
        module.load_state_dict(part)
    return animator.eval(), text.eval()


def held_out(data: Path, clips: int) -> Iterator[tuple[Shard, int]]:
    """The first clips of a folder of shards."""
    files = sorted(data.glob("*.safetensors"))
    if not files:
        raise KMCError(f"No truth shards in {data}. Render them first: make truth.")
    given = 0
    for file in files:
        shard = read_shard(file)
        for clip in range(min(len(shard.words), clips - given)):
            yield shard, clip
            given += 1
        if given >= clips:
            return


@torch.no_grad()
def animate_all(
    animator: Animator, conditions: AnimatorConditions, shard: Shard, clip: int, steps: int, seed: int
) -> dict[str, Tensor]:
    """Frames [F, 3, H, W] in 0..1 of every method."""
    truth = shard.frames.images[clip].float() / 255
    made = sample(animator, conditions, steps=steps, rng=torch.Generator().manual_seed(seed))
    return {
        "copy the reference": (conditions.references[0, :1, :3] / 2 + 0.5).expand_as(truth),
        "prior alone": (conditions.moved[0, :3].transpose(0, 1) / 2 + 0.5).clamp(0, 1),
        "animator": (made[0].transpose(0, 1) / 2 + 0.5).clamp(0, 1),
        "truth": truth,
    }


@dataclass(frozen=True)
class Score:
    """One clip of one method."""

    l1: float
    psnr: float
    ssim: float
    correct: int
    counted: int
    shot: str


def score(frames: Tensor, truth: Tensor, shard: Shard, clip: int, nets: Perception) -> Score:
    """Pixel metrics and joints found again on enlarged frames."""
    body = shard.frames.body[clip]
    enlarged = F.interpolate(frames, size=(SEEN_AT, SEEN_AT), mode="bicubic", align_corners=False).clamp(0, 1)
    try:
        found = encode_body(TensorClip(enlarged, fps=shard.fps), nets).tracks[0].body
        assert found is not None
    except KMCError:  # nobody is recognised on these frames: every joint is wrong
        found = torch.zeros_like(body)
    found = torch.cat((found[..., :2] * (frames.shape[-1] / SEEN_AT), found[..., 2:]), -1)
    seen = body[body[..., 3] > 0][:, :2]
    reach = PCK_SHARE * float((seen.amax(0) - seen.amin(0)).max())
    correct, counted = correct_joints(found, body, reach)
    return Score(
        l1(frames, truth), psnr(frames, truth), ssim(frames, truth), int(correct.sum()), int(counted.sum()),
        shard.words[clip].shot,
    )  # fmt: skip


def summary(method: str, scores: list[Score]) -> Figures:
    """Means over clips; PCK over all joints, and by shot."""

    def pck(part: list[Score]) -> float:
        return sum(s.correct for s in part) / max(1, sum(s.counted for s in part))

    shots = {shot: pck([s for s in scores if s.shot == shot]) for shot in sorted({s.shot for s in scores})}
    means = {name: float(np.mean([getattr(s, name) for s in scores])) for name in ("l1", "psnr", "ssim")}
    return Figures(method, pck=pck(scores), shots=shots, **means)


def table(figures: list[Figures]) -> str:
    """A Markdown table."""
    shots = list(figures[0].shots)
    head = ["", "L1", "PSNR", "SSIM", "PCK@0.1", *(f"PCK {shot}" for shot in shots)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for f in figures:
        cells = [
            f"{f.l1:.4f}",
            f"{f.psnr:.1f}",
            f"{f.ssim:.3f}",
            f"{f.pck:.3f}",
            *(f"{f.shots[s]:.3f}" for s in shots),
        ]
        lines.append("| " + " | ".join([f.method, *cells]) + " |")
    return "\n".join(lines)


def write_sheet(rows: list[Tensor], path: Path) -> None:
    """Rows [3, H, W] under each other as one picture; columns are METHODS."""
    picture = (torch.cat(rows, 1).clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
