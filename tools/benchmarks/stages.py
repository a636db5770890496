"""What each loss of distillation adds, at equal steps: make -s benchmark NAME=stages [QUICK=1]

Three students of one teacher, from one recipe, with the same clips in the same order: merged guidance alone
(a), with the trajectory (a+b), with matching as well (a+b+c), and with an adversary (a+b+c+d). Each then
makes held-out clips in four steps and in one, beside the teacher that was not distilled (few_steps).

A run that was cut off goes on where it was; another recipe or teacher needs another --out. Prints one JSON
object as its last line.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from benchmarks.few_steps import judge, losses, table  # noqa: E402
from kmc_core.perception.extract import Perception  # noqa: E402
from kmc_core.training.config import TrainConfig, read_config  # noqa: E402
from kmc_core.training.data import Clips  # noqa: E402
from kmc_core.training.distill_stage import distillation  # noqa: E402
from kmc_core.training.loop import start_state, train  # noqa: E402

# Weights of the losses. Matching's step has the size of a pixel's error, so it is kept small beside them.
STAGES = {
    "a merged": {"merged": 1.0, "trajectory": 0.0},
    "a+b trajectory": {"merged": 0.5, "trajectory": 0.5},
    "a+b+c matching": {"merged": 0.5, "trajectory": 0.5, "matching": 0.1},
    "a+b+c+d adversary": {"merged": 0.5, "trajectory": 0.5, "matching": 0.1, "adversarial": 0.01},
}
QUICK_STEPS = 24
FEW = (1, 4)


def main() -> None:
    """Train what is not trained yet, then compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", type=Path, default=ROOT / "configs/mini_distill.toml")
    parser.add_argument("--data", type=Path, default=ROOT / "data/truth/val", help="held-out clips")
    parser.add_argument("--out", type=Path, default=ROOT / "runs/stages")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_STEPS} steps, four clips")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    recipe = read_config(args.config)
    recipe = short(recipe) if args.quick else recipe
    steps, clips, many = recipe.steps, *((4, 16) if args.quick else (args.clips, 50))
    trained = {name: student(name, recipe, args.out / f"{steps}") for name in STAGES}
    nets = Perception.load(ROOT / "weights" / "perception", device="cpu")
    files = {name: file for name, (file, _) in trained.items()}
    judged = judge(Path(recipe.start), files, args.data, nets, clips=clips, many=many, few=FEW)
    print(table(judged), file=sys.stderr)
    print(json.dumps({
        "steps": steps, "minutes": {name: minutes for name, (_, minutes) in trained.items()},
        "losses": {case: losses(found, many) for case, found in judged.items()}, "quality": judged,
    }))  # fmt: skip


def short(recipe: TrainConfig) -> TrainConfig:
    """The recipe in few steps, with checkpoints on the way."""
    return replace(recipe, steps=QUICK_STEPS, save_every=min(recipe.save_every, QUICK_STEPS // 2))


def student(name: str, recipe: TrainConfig, out: Path) -> tuple[Path, float]:
    """The weights of one stage, and the minutes that its training took now."""
    assert recipe.distill is not None
    stage: dict[str, Any] = {"matching": 0.0, "adversarial": 0.0} | STAGES[name]
    config = replace(
        recipe, name=name, out=str(out / name.split()[0]), distill=replace(recipe.distill, **stage)
    )
    begun = time.monotonic()
    params, model, objective = distillation(config)
    clips = Clips.load(Path(config.data + "_prepared"), params)
    draw = partial(clips.draw, batch=config.batch, frames=config.frames, views=config.views)
    train(start_state(model, config), config, params, draw, objective)
    minutes = round((time.monotonic() - begun) / 60, 2)
    print(f"{name}: {minutes} min", file=sys.stderr, flush=True)
    return Path(config.out) / "animator.safetensors", minutes


if __name__ == "__main__":
    main()
