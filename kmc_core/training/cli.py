"""Train and evaluate from the command line: `python -m kmc_core.training.cli --help`."""

import argparse
import json
import math
import shlex
import sys
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from ..errors import KMCError
from ..evaluate.report import as_json, page, summarize, tables
from ..model.checkpoint import load_animator_file
from ..model.params import AnimatorParams
from ..model.text import TextEncoder
from ..model.transformer import Animator, build_animator, start_at_prior
from ..perception.suite import Perception
from . import processes
from .config import TrainConfig, read_config
from .critic import PatchCritic
from .data import Clips, prepare_folder, track_of
from .distill_stage import distillation
from .features import Judges
from .loop import Draw, Objective, start_state, train
from .noise import measure
from .objectives import flow_matching_loss
from .plan import plan
from .state import TrainState
from .strangers import Strangers, gap_of_strangers
from .validate import SHEET_COLUMNS, evaluate, held_out

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
EXAMPLES = 1  # seed of the clips on which the gap of strangers is measured


def build_model(params: AnimatorParams, config: TrainConfig) -> nn.ModuleDict:
    """The animator and its text encoder, fresh or from config.start, and what the loss needs beside them."""
    torch.manual_seed(config.seed)
    text = TextEncoder(params.text)
    model = nn.ModuleDict({"animator": build_animator(params, config.seed), "text": text})
    if config.start:
        _, weights = load_animator_file(Path(config.start))
        _load(model, weights, config.start)
        if config.restart_head:
            start_at_prior(cast(Animator, model["animator"]))
    if config.trains:
        _freeze_others(model, config.trains)
    if config.loss.critic:
        model["critic"] = PatchCritic(params.channels)
    if config.loss.strangers:
        model["strangers"] = Strangers()
    return model


def _load(model: nn.ModuleDict, weights: dict[str, Tensor], source: str) -> None:
    """Put all weights into the networks; older files lack what places face and hands, and all of the head's
    blocks, which then start without effect.
    """
    new = [
        part
        for part in (".place_", ".head.look.", ".head.around.")
        if not any(part in name for name in weights)
    ]
    fresh = {name: value for name, value in model.state_dict().items() if any(part in name for part in new)}
    try:
        model.load_state_dict(fresh | {name: value.float() for name, value in weights.items()})
    except RuntimeError as error:
        raise KMCError(f"`start` {source} does not fit an animator of these sizes: {error}") from error


def _freeze_others(model: nn.ModuleDict, trains: tuple[str, ...]) -> None:
    names = [name for name, _ in model.named_parameters()]
    if unknown := [part for part in trains if not any(part in name for name in names)]:
        raise KMCError(f"No weight's name has {unknown} in it, which `trains` asks for; there are {names}.")
    for name, weight in model.named_parameters():
        weight.requires_grad_(any(part in name for part in trains))


@processes.joined()
def run_training(arguments: argparse.Namespace) -> None:
    """Prepare what is not prepared, then train."""
    config = read_config(arguments.config)
    params = load_animator_file(Path(config.start))[0] if config.start else config.animator
    if config.size:
        params = replace(params, size=config.size)
    params = replace(params, pixel_blocks=max(params.pixel_blocks, config.pixel_blocks))
    if arguments.dry_run:
        print(json.dumps({name: round(value, 2) for name, value in plan(params, config).items()}))
        return
    prepared = Path(config.data + "_prepared")
    if not arguments.prepared:
        if processes.count() > 1:
            raise KMCError(
                "Several processes cannot prepare clips together: `make prepare`, then --prepared."
            )
        prepare(Path(config.data), params)
    clips = Clips.load(prepared, params)
    if config.closeups:
        clips = clips.closeups()
    if config.distill is not None:
        params, model, objective = distillation(config)
    else:
        model, objective = build_model(params, config), _flow_matching(config)
    print(
        f"{config.name}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters, "
        f"{len(clips)} clips",
        flush=True,
    )
    draw = partial(clips.draw, batch=config.batch, frames=config.frames, views=config.views)
    train(
        start_state(model, config),
        config,
        params,
        draw,
        objective,
        minutes=arguments.minutes,
        adapt=partial(_meet_strangers, draw=draw) if "strangers" in model else None,
    )


def _flow_matching(config: TrainConfig) -> Objective:
    judges = Judges.load(WEIGHTS / "perception") if config.loss.frames or config.loss.regions else None
    return partial(flow_matching_loss, drop=config.drop, config=config.loss, judges=judges)


def _meet_strangers(state: TrainState, draw: Draw) -> dict[str, float]:
    """Measure on the same clips each time what strangers' motion costs, and perturb motion as strongly."""
    examples = draw(torch.Generator().manual_seed(EXAMPLES)).to(processes.device())
    gap = gap_of_strangers(state.model, examples)
    strangers = cast(Strangers, state.model["strangers"])
    strangers.follow(gap)
    return {"gap_of_strangers": gap, "strangers": float(strangers.strength)}


def run_prepare(arguments: argparse.Namespace) -> None:
    """Turn truth shards into conditions."""
    prepare(arguments.data, AnimatorParams())


def prepare(source: Path, params: AnimatorParams) -> None:
    """Turn a folder of truth shards into conditions for an animator, in the folder beside it."""
    nets = Perception.load(WEIGHTS / "perception", device="cpu")

    def tell(done: int, total: int) -> None:
        print(f"prepared {done} of {total} shards", flush=True)

    prepare_folder(source, source.with_name(source.name + "_prepared"), params, nets, tell)


def run_evaluation(arguments: argparse.Namespace) -> None:
    """Measure an animator on held-out shards beside its floors and its ceiling."""
    nets = Perception.load(WEIGHTS / "perception", device="cpu")

    def tell(done: int, total: int) -> None:
        print(f"\r{done} of {total} clips", end="\n" if done == total else "", file=sys.stderr, flush=True)

    page_at: Path | None = arguments.page
    sheet = page_at.parent / "images/results.jpg" if page_at else arguments.sheet
    measured = evaluate(
        arguments.weights,
        arguments.data,
        nets,
        steps=arguments.steps,
        clips=arguments.clips,
        sheet=sheet,
        progress=tell,
    )
    figures = summarize(measured)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(as_json(figures))
    print(tables(figures))
    if page_at:
        command = f'make evaluate ARGS="{shlex.join(sys.argv[sys.argv.index("evaluate") + 1 :])}"'
        made = f"{date.today().isoformat()}, {arguments.machine}"
        page_at.write_text(page(figures, "images/results.jpg", SHEET_COLUMNS, command, made))


def run_noise(arguments: argparse.Namespace) -> None:
    """Measure the extractor's errors, which training adds to exact truth."""
    nets = Perception.load(WEIGHTS / "perception", device="cpu")
    clips = [
        (shard, clip, track_of(shard.frames, clip, slice(None)))
        for shard, clip in held_out(arguments.data, arguments.clips)
    ]
    print(json.dumps({name: round(value, 4) for name, value in measure(clips, nets).items()}))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="kmc", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train", help="train an animator from a config")
    command.add_argument("--config", type=Path, required=True)
    command.add_argument(
        "--minutes", type=float, default=math.inf, help="stop after this long; run again to resume"
    )
    command.add_argument("--prepared", action="store_true", help="use the prepared clips as they are")
    command.add_argument("--dry-run", action="store_true", help="tell what a step costs, and stop")
    command.set_defaults(run=run_training)
    command = commands.add_parser("prepare", help="turn truth shards into conditions")
    command.add_argument("--data", type=Path, required=True)
    command.set_defaults(run=run_prepare)
    command = commands.add_parser("evaluate", help="measure an animator on held-out truth")
    command.add_argument("--weights", type=Path, default=WEIGHTS / "animator" / "kmc_mini.safetensors")
    command.add_argument("--data", type=Path, nargs="+", default=[Path("data/truth/val")])
    command.add_argument("--steps", type=int, default=4)
    command.add_argument("--clips", type=int, default=64)
    command.add_argument("--sheet", type=Path, default=None, help="write a picture sheet here")
    command.add_argument(
        "--page", type=Path, default=None, help="write this page, docs/results.md, and its picture sheet"
    )
    command.add_argument("--machine", default="machine not told", help="what the page says it ran on")
    command.add_argument("--json", type=Path, default=Path("runs/evaluation.json"))
    command.set_defaults(run=run_evaluation)
    command = commands.add_parser("noise", help="measure the extractor's errors on rendered truth")
    command.add_argument("--data", type=Path, default=Path("data/truth/val"))
    command.add_argument("--clips", type=int, default=64)
    command.set_defaults(run=run_noise)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
