"""Train a tiny animator for some steps, as one of several processes: `python train_tiny.py OUT STEPS`."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from kmc_core.model.text import TextEncoder
from kmc_core.model.transformer import build_animator
from kmc_core.training import processes
from kmc_core.training.batch import Batch
from kmc_core.training.config import TrainConfig
from kmc_core.training.critic import PatchCritic
from kmc_core.training.loop import start_state, train
from kmc_core.training.loss_config import LossConfig
from kmc_core.training.objectives import flow_matching_loss
from kmc_core.training.state import TrainState
from kmc_core.training.strangers import Strangers, gap_of_strangers
from tiny import PARAMS, tiny_conditions, tiny_noise


def config(out: Path, steps: int, parts: int = 1) -> TrainConfig:
    return TrainConfig(
        name="tiny", data="", out=str(out), steps=steps, batch=2, parts=parts, rate=1e-3, warmup=1,
        decay_from=1, save_every=2,
    )  # fmt: skip


def networks() -> nn.ModuleDict:
    torch.manual_seed(0)
    text = TextEncoder(PARAMS.text)
    animator = build_animator(PARAMS)
    return nn.ModuleDict(
        {"animator": animator, "text": text, "critic": PatchCritic(3), "strangers": Strangers()}
    )


def draw(rng: torch.Generator) -> Batch:
    """A random batch; the same sequence for the same generator."""
    seed = int(torch.randint(1000, (1,), generator=rng))
    tokens = torch.randint(1, 64, (2, PARAMS.text.length), generator=rng)
    return Batch(tiny_noise(2, seed=seed).clamp(-1, 1), tiny_conditions(2, seed=seed), tokens)


LOSS = LossConfig(steady=0.5, strangers=1.0, carried=0.5)
objective = partial(flow_matching_loss, drop=0.1, config=LOSS)
late = partial(flow_matching_loss, drop=0.1, config=replace(LOSS, critic=0.02))


def adapt(state: TrainState) -> dict[str, float]:
    """Set how strongly motion is changed by something that the weights decide."""
    strangers = state.model["strangers"]
    assert isinstance(strangers, Strangers)
    batch = draw(torch.Generator().manual_seed(0)).to(processes.device())
    strangers.follow(abs(gap_of_strangers(state.model, batch)))
    return {"strangers": float(strangers.strength)}


@processes.joined()
def main() -> None:
    torch.set_num_threads(1)
    # In float32, Adam makes a step of what summing in another order leaves of a gradient that is nearly zero.
    torch.set_default_dtype(torch.float64)
    whole = config(Path(sys.argv[1]), int(sys.argv[2]), parts=2)
    train(start_state(networks(), whole), whole, PARAMS, draw, objective, adapt=adapt)


if __name__ == "__main__":
    main()
