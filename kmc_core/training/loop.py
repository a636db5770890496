"""The training loop: owns the optimizer, the files and the clock; knows nothing of how a loss is made."""

import math
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from ..errors import KMCError
from ..model.checkpoint import save_animator
from ..model.params import AnimatorParams
from . import processes
from .batch import Batch
from .config import TrainConfig
from .journal import Journal
from .state import TrainState, load_state, save_state

PROBE: Final = 512  # side of the matrices that tell how fast the machine is

Objective = Callable[[nn.ModuleDict, Batch, torch.Generator], tuple[Tensor, dict[str, float]]]
Draw = Callable[[torch.Generator], Batch]


def start_state(model: nn.ModuleDict, config: TrainConfig) -> TrainState:
    """A run at step 0, on its device and shared among the processes."""
    processes.share(model.to(processes.device()))
    optimizer = torch.optim.AdamW(
        model.parameters(), config.rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
    )
    average = {name: value.clone() for name, value in model.state_dict().items()}
    return TrainState(model, average, optimizer, torch.Generator().manual_seed(config.seed))


def train(
    state: TrainState,
    config: TrainConfig,
    params: AnimatorParams,
    draw: Draw,
    objective: Objective,
    *,
    minutes: float = math.inf,
    adapt: Callable[[TrainState], dict[str, float]] | None = None,
) -> None:
    """Train until config.steps or for some minutes, resuming from config.out when it holds a checkpoint.

    `adapt` may change the state at every checkpoint, before it is written, and tells its figures.
    Writes out/last.safetensors (everything), out/animator.safetensors (the averaged weights, fp16) and what
    the Journal keeps. A loss that is not a number stops the run; the last checkpoint stays.
    """
    out = Path(config.out)
    last = out / "last.safetensors"
    if last.is_file():
        load_state(state, last)
        print(f"resumed {last} at step {state.step}", flush=True)
    journal = Journal(out, draw(torch.Generator().manual_seed(config.seed)))
    began = time.monotonic()
    try:
        while state.step < config.steps and processes.all_agree(time.monotonic() - began < minutes * 60):
            logs = train_step(state, config, draw, objective)
            at_checkpoint = state.step % config.save_every == 0
            if at_checkpoint and adapt is not None:
                logs |= adapt(state)
            journal.figures(state.step, time.monotonic() - began, logs)
            if at_checkpoint:
                save(state, out, params, config)
                journal.sheet(state)
        save(state, out, params, config)
    finally:
        journal.close()


def train_step(state: TrainState, config: TrainConfig, draw: Draw, objective: Objective) -> dict[str, float]:
    """One optimizer step; KMCError on a loss that is not a number."""
    for group in state.optimizer.param_groups:
        group["lr"] = config.rate * rate_factor(state.step, config)
    state.optimizer.zero_grad(set_to_none=True)
    logs = add_gradients(state, config, draw(state.rng), objective)
    if not math.isfinite(logs["loss"]):
        raise KMCError(
            f"The loss became {logs['loss']} at step {state.step}. "
            "Lower `rate` and start from the last checkpoint."
        )
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.clip_norm)
    state.optimizer.step()
    state.step += 1
    state.update_average(config.ema)
    return logs | {"norm": float(processes.whole(norm))}


def add_gradients(
    state: TrainState, config: TrainConfig, batch: Batch, objective: Objective
) -> dict[str, float]:
    """Gradients of the batch's mean loss, part by part; returns its mean figures.

    Every part has its own random numbers, so that it does not matter which process takes it.
    """
    seeds = torch.randint(2**62, (config.parts,), generator=state.rng).tolist()
    own = processes.own_parts(config.parts)
    device = next(state.model.parameters()).device
    figures: list[dict[str, float]] = []
    for part in own:
        rng = torch.Generator().manual_seed(seeds[part])
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu" or bfloat16_is_fast()):
            loss, logs = objective(state.model, batch.part(part, config.parts).to(device), rng)
        (loss / len(own)).backward()
        figures.append(logs)
    return processes.mean({name: sum(f[name] for f in figures) / len(own) for name in figures[0]})


@cache
def bfloat16_is_fast() -> bool:
    """Whether this processor multiplies bfloat16 about as fast as float32; others take 80 times
    as long.
    """

    def seconds(dtype: torch.dtype) -> float:
        a = torch.ones(PROBE, PROBE, dtype=dtype)
        torch.mm(a, a)  # the first product also sets things up
        times = []
        for _ in range(3):
            start = time.perf_counter()
            torch.mm(a, a)
            times.append(time.perf_counter() - start)
        return min(times)

    return seconds(torch.bfloat16) < 3 * seconds(torch.float32)


def rate_factor(step: int, config: TrainConfig) -> float:
    """Share of the learning rate: linear warm-up, flat, linear to zero."""
    left = (config.steps - step) / max(1.0, config.steps * (1 - config.decay_from))
    return max(0.0, min(1.0, (step + 1) / config.warmup, left))


def save(state: TrainState, out: Path, params: AnimatorParams, config: TrainConfig) -> None:
    """Checkpoint and the animator as it would be used."""
    save_state(state, out / "last.safetensors")
    used = {
        name: processes.whole(value)
        for name, value in state.average.items()
        if name.startswith(("animator.", "text."))
    }
    if processes.rank() == 0:
        notes = {"run": config.name, "step": str(state.step)}
        save_animator(out / "animator.safetensors", params, used, notes)
