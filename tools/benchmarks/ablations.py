"""What each part of the animator is there for: make -s benchmark NAME=ablations [QUICK=1]

The same weights are trained on for the same few steps, on clips that show hands or faces large, each time
without one part (and once with a patch discriminator), and judged on held-out clips by the metrics that the
part is there for, beside the whole.
Small scale: a minute of training each, which can show a direction and no size. Needs prepared training
clips (`make prepare ARGS="--data data/truth/train"`) and held-out ones. Prints one JSON object as its last
line.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.parts import nothing_moved, part_scores, without_parts  # noqa: E402
from benchmarks.turning import turning_person, with_views  # noqa: E402
from kmc_core.engines.kmc import build_conditions  # noqa: E402
from kmc_core.evaluate.reading import read_pictures  # noqa: E402
from kmc_core.evaluate.report import Estimate, difference, estimate  # noqa: E402
from kmc_core.evaluate.score import Gallery, Scores, Truth, score  # noqa: E402
from kmc_core.model.conditions import AnimatorConditions  # noqa: E402
from kmc_core.model.params import AnimatorParams  # noqa: E402
from kmc_core.perception.identity_net import EMBEDDING  # noqa: E402
from kmc_core.perception.suite import Perception  # noqa: E402
from kmc_core.sampling.solve import sample  # noqa: E402
from kmc_core.training.batch import Batch  # noqa: E402
from kmc_core.training.cli import build_model  # noqa: E402
from kmc_core.training.config import TrainConfig  # noqa: E402
from kmc_core.training.data import Clips, clip_conditions, track_of  # noqa: E402
from kmc_core.training.features import Judges  # noqa: E402
from kmc_core.training.loop import start_state, train_step  # noqa: E402
from kmc_core.training.loss_config import LossConfig  # noqa: E402
from kmc_core.training.objectives import flow_matching_loss  # noqa: E402
from kmc_core.training.shards import Shard  # noqa: E402
from kmc_core.training.strangers import as_stranger  # noqa: E402
from kmc_core.training.studio import Studio  # noqa: E402
from kmc_core.training.validate import held_out  # noqa: E402

Change = Callable[[AnimatorConditions], AnimatorConditions]

WHOLE: Final = "whole"
STEPS, CLIPS, PEOPLE = 40, 24, 4
QUICK_STEPS, QUICK_CLIPS, QUICK_PEOPLE = 4, 4, 1
SAMPLING: Final = 1  # step: more change nothing where conditions decide the result
TURNED: Final = 60.0  # degrees from which a person shows its side
VIEWS: Final = (1, 4)
CRITIC: Final = "with a critic"  # the one that is added, not left out
CRITIC_WEIGHT: Final = 0.05
NOBODY = Gallery(torch.zeros(0, EMBEDDING), torch.zeros(0, dtype=torch.long))


def unchanged(told: AnimatorConditions) -> AnimatorConditions:
    """All conditions as they are."""
    return told


def strange(told: AnimatorConditions) -> AnimatorConditions:
    """Motion as another person would give it, the same one each time."""
    return as_stranger(told, 1.0, torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class Ablation:
    """One part left out: from the conditions, in training and afterwards, or from the config."""

    metrics: tuple[str, ...]  # that it is there for
    told: Change = unchanged
    config: Mapping[str, Any] = field(default_factory=dict)  # overrides of TrainConfig
    judged: Change = unchanged  # conditions under which it and the whole are judged


def ablations(loss: LossConfig) -> dict[str, Ablation]:
    """Everything that is left out in turn, from a run with these losses."""
    return {
        "hands path": Ablation(("hand_pck", "l1_hands"), partial(without_parts, part="hands")),
        "face path": Ablation(("aed", "l1_face"), partial(without_parts, part="face")),
        "flow prior": Ablation(("body_pck", "ssim"), nothing_moved),
        "identity-agnostic training": Ablation(
            ("aed", "hand_pck", "l1_face", "l1_hands"),
            config={"loss": replace(loss, strangers=0.0)}, judged=strange,
        ),
        "distances in our nets": Ablation(
            ("body_pck", "hand_pck", "aed"), config={"loss": replace(loss, frames=0.0, regions=0.0)}
        ),
        CRITIC: Ablation(("ssim", "hand_pck", "aed"), config={"loss": replace(loss, critic=CRITIC_WEIGHT)}),
    }  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A held-out clip, what is told of it, and its truth."""

    shard: Shard
    told: AnimatorConditions  # without text
    caption: str
    truth: Truth


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few steps and clips: only whether it runs")
    parser.add_argument("--data", type=Path, default=ROOT / "data/truth", help="with train_prepared and val")
    parser.add_argument("--start", type=Path, default=ROOT / "weights/animator/kmc_mini.safetensors")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument(
        "--only", default="", help="one part, by its name in the table; others are left alone"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    steps, clips, people = (
        (QUICK_STEPS, QUICK_CLIPS, QUICK_PEOPLE) if args.quick else (args.steps, CLIPS, PEOPLE)
    )
    params = AnimatorParams()
    nets = Perception.load(ROOT / "weights/perception", device="cpu")
    cases = [case_of(shard, clip, params, nets) for shard, clip in held_out(args.data / "val", clips)]
    prepared = Clips.load(args.data / "train_prepared", params).closeups()
    loss = LossConfig(frames=1.0, clips=2, regions=1.0, each=2, strangers=1.0)
    config = TrainConfig(
        name="ablations", data="", out="", steps=steps, batch=3, views=2, rate=4e-4, warmup=5, decay_from=0.5,
        start=str(args.start), restart_head=True, loss=loss,
    )  # fmt: skip
    begun = time.monotonic()

    def told(new: list[dict[str, Any]]) -> list[dict[str, Any]]:
        print(f"{time.monotonic() - begun:.0f} s\n{table(new)}", file=sys.stderr, flush=True)
        return new

    whole = trained(config, params, prepared, unchanged)
    rows = []
    if not args.only:
        few, many = (turned(whole, count, params, people) for count in VIEWS)
        rows = told([row(f"{VIEWS[0]} view instead of {VIEWS[1]}, turned", "l1_person", many, few)])
    scored = {unchanged: judged(whole, cases, unchanged, nets), strange: judged(whole, cases, strange, nets)}
    for name, ablation in ablations(loss).items():
        if args.only not in ("", name):
            continue
        model = trained(replace(config, **ablation.config), params, prepared, ablation.told)
        change = ablation.judged if ablation.told is unchanged else ablation.told
        found = judged(model, cases, change, nets)
        left_out = name if name == CRITIC else f"without {name}"
        rows += told([row(left_out, m, scored[ablation.judged], found) for m in ablation.metrics])
    print(table(rows), file=sys.stderr)
    took = round(time.monotonic() - begun)
    print(json.dumps({"steps": steps, "clips": clips, "seconds": took, "rows": rows}))


def case_of(shard: Shard, clip: int, params: AnimatorParams, nets: Perception) -> Case:
    """One held-out clip."""
    frames = shard.frames.images[clip].float() / 255
    mask = shard.frames.masks[clip].float() / 255
    track = track_of(shard.frames, clip, slice(None))
    truth = Truth.of(frames, mask, track, read_pictures(frames, shard.fps, nets), None)
    told = clip_conditions(shard, clip, params, nets, None)
    return Case(shard, told, shard.words[clip].caption, truth)


def trained(config: TrainConfig, params: AnimatorParams, clips: Clips, change: Change) -> nn.ModuleDict:
    """The weights after the config's steps on the same batches with changed conditions."""
    state = start_state(build_model(params, config), config)
    judges = Judges.load(ROOT / "weights/perception") if config.loss.frames or config.loss.regions else None
    objective = partial(flow_matching_loss, drop=config.drop, config=config.loss, judges=judges)

    def draw(rng: torch.Generator) -> Batch:
        batch = clips.draw(rng, batch=config.batch, frames=config.frames, views=config.views)
        return replace(batch, conditions=change(batch.conditions))

    for _ in range(config.steps):
        train_step(state, config, draw, objective)
    return state.model.eval()


@torch.no_grad()
def judged(model: nn.ModuleDict, cases: Sequence[Case], change: Change, nets: Perception) -> list[Scores]:
    """Scores of every case from changed conditions."""
    found = []
    for index, case in enumerate(cases):
        words = model["text"](model["text"].tokenize(case.caption)[None])  # type: ignore[operator]
        frames = made(model, replace(change(case.told), text=words), index)
        reading = read_pictures(frames, case.shard.fps, nets)
        scores = score(frames, reading, case.truth, NOBODY)
        found.append(scores | part_scores(frames, case.truth.frames, case.told))
    return found


@torch.no_grad()
def made(model: nn.ModuleDict, told: AnimatorConditions, seed: int) -> Tensor:
    """Frames [F, 3, H, W] in 0..1."""
    rng = torch.Generator().manual_seed(seed)
    clip = sample(model["animator"], told, steps=SAMPLING, rng=rng)  # type: ignore[arg-type]
    return (clip[0].transpose(0, 1) / 2 + 0.5).clamp(0, 1)


@torch.no_grad()
def turned(model: nn.ModuleDict, views: int, params: AnimatorParams, people: int) -> list[Scores]:
    """L1 on the person in turned frames, for each of some people who turn around, from that many views."""
    studio, rows = Studio(), []
    yaws = np.arange(-150.0, 180.0, 30.0)
    for number in range(people):
        shot = ("full", "half")[number % 2]
        size = (params.size, params.size)
        who = turning_person(studio, f"val-ablation-{number}", shot, size, yaws, "wave")
        subject = with_views(who.subject, views)
        words = model["text"](model["text"].tokenize(subject.description)[None])  # type: ignore[operator]
        frames = made(model, build_conditions(who.motion, subject, words, params=params, size=size), number)
        far = who.yaws.abs() > TURNED
        off = ((frames - who.frames).abs().mean(1, keepdim=True) * who.masks)[far].sum()
        rows.append({"l1_person": (float(off), float(who.masks[far].sum()))})
    return rows


def row(name: str, metric: str, whole: Sequence[Scores], without: Sequence[Scores]) -> dict[str, Any]:
    """One line of the table: both figures, and their difference with its interval."""
    change = difference(without, whole, metric)
    values = [_rounded(estimate(scores, metric)) for scores in (whole, without)]
    return {"row": name, "metric": metric, WHOLE: values[0], "without": values[1], "change": _rounded(change)}


def _rounded(value: Estimate | None) -> list[float] | None:
    return None if value is None else [round(x, 4) for x in (value.value, value.low, value.high)]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| | metric | whole | without | change, 95 % |", "|---|---|---|---|---|"]
    for found in rows:
        whole, without, change = (found[key] for key in (WHOLE, "without", "change"))
        if change is None:
            continue
        span = f"{change[0]:+.4f} ({change[1]:+.4f} to {change[2]:+.4f})"
        lines.append(f"| {found['row']} | {found['metric']} | {whole[0]:.4f} | {without[0]:.4f} | {span} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
