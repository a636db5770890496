"""What a training step costs: make -s benchmark NAME=training [QUICK=1] [ARGS="--config FILE --threads 2"]

Clips a second, the share of what a large matrix product reaches on the same threads in the same run, and
where the time goes. One thread is timed by its processor time, so that other work on the machine counts
less; several by the clock. Needs prepared clips (`make prepare ARGS="--data data/truth/train"`). Prints one
JSON object as its last line.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [str(ROOT / "tools"), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]

from kmc_core.model.params import AnimatorParams  # noqa: E402
from kmc_core.training.batch import Batch  # noqa: E402
from kmc_core.training.cli import build_model  # noqa: E402
from kmc_core.training.config import TrainConfig, read_config  # noqa: E402
from kmc_core.training.data import Clips  # noqa: E402
from kmc_core.training.features import Judges  # noqa: E402
from kmc_core.training.loop import bfloat16_is_fast, start_state  # noqa: E402
from kmc_core.training.objectives import flow_matching_loss  # noqa: E402
from kmc_core.training.state import TrainState  # noqa: E402

SIDE: Final = 2048  # of the matrices that are multiplied
STEPS, QUICK_STEPS = 5, 2
WORK: Final = ("drawing", "network forward", "detectors forward", "detectors backward", "network backward",
               "optimizer", "rest")  # fmt: skip


@dataclass
class Clock:
    """Seconds of every kind of work."""

    now: Callable[[], float]
    seconds: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def at(self, work: str) -> Iterator[None]:
        """Count what happens inside."""
        begun = self.now()
        yield
        self.seconds[work] += self.now() - begun


class TimedJudges(Judges):
    """Judges whose forward passes are clocked."""

    clock: Clock

    def frames(self, *args: Any) -> Tensor:
        """As in Judges."""
        with self.clock.at("detectors forward"):
            return super().frames(*args)

    def regions(self, *args: Any) -> Tensor | None:
        """As in Judges."""
        with self.clock.at("detectors forward"):
            return super().regions(*args)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    parser.add_argument("--config", type=Path, default=ROOT / "configs/mini_clips.toml")
    parser.add_argument("--data", type=Path, default=None, help="prepared clips; else those of the config")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = replace(read_config(args.config), start="")
    params = replace(config.animator, size=config.size or AnimatorParams().size)
    clips = Clips.load(args.data or Path(config.data + "_prepared"), params)
    clock = Clock(time.process_time if args.threads == 1 else time.perf_counter)
    judges = TimedJudges(Judges.load(ROOT / "weights/perception").nets)
    judges.clock = clock
    wanted = judges if config.loss.frames or config.loss.regions else None
    objective = partial(flow_matching_loss, drop=config.drop, config=config.loss, judges=wanted)
    state = start_state(build_model(params, config), config)
    marks = watched(state.model["animator"], clock)
    draw = partial(clips.draw, batch=config.batch, frames=config.frames, views=config.views)
    rounds = []
    for number in range(QUICK_STEPS if args.quick else STEPS):
        with FlopCounterMode(display=False) as counted:  # the same step, untimed
            state.rng.manual_seed(number)
            step(state, config, draw(state.rng), objective, clock, marks)
        clock.seconds.clear()
        rate = matmul_rate(clock.now)
        state.rng.manual_seed(number)
        with clock.at("whole"):
            with clock.at("drawing"):
                batch = draw(state.rng)
            step(state, config, batch, objective, clock, marks)
        rounds.append(dict(clock.seconds) | {"matmul": rate, "work": counted.get_total_flops() / 1e9})
    print(json.dumps(figures(rounds, config, args.threads)))


def watched(network: nn.Module, clock: Clock) -> dict[str, float]:
    """Clock the network's forward passes; the result tells when the gradient of its output was known."""
    marks: dict[str, float] = {}

    def entered(*_: Any) -> None:
        marks["entered"] = clock.now()

    def left(module: nn.Module, inputs: Any, output: Tensor) -> None:
        clock.seconds["network forward"] += clock.now() - marks["entered"]
        if output.requires_grad:
            output.register_hook(lambda _: marks.update(known=clock.now()))

    network.register_forward_pre_hook(entered)
    network.register_forward_hook(left)
    return marks


def step(
    state: TrainState,
    config: TrainConfig,
    batch: Batch,
    objective: Callable,
    clock: Clock,
    marks: dict[str, float],
) -> None:
    """One step as the loop takes it, without parts."""
    state.optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_fast()):
        loss, _ = objective(state.model, batch, state.rng)
    begun = clock.now()
    loss.backward()
    clock.seconds["detectors backward"] += marks["known"] - begun
    clock.seconds["network backward"] += clock.now() - marks["known"]
    with clock.at("optimizer"):
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.clip_norm)
        state.optimizer.step()
        state.update_average(config.ema)


def matmul_rate(now: Callable[[], float]) -> float:
    """Operations a second, in 1e9, of a float32 product of large matrices."""
    a = torch.ones(SIDE, SIDE)
    a @ a
    begun = now()
    a @ a
    return 2 * SIDE**3 / (now() - begun) / 1e9


def figures(rounds: list[dict[str, float]], config: TrainConfig, threads: int) -> dict[str, Any]:
    """Medians over the rounds; steps differ in how many views they draw."""
    for found in rounds:
        found["rest"] = found["whole"] - sum(found.get(name, 0.0) for name in WORK if name != "rest")
    seconds = median(found["whole"] for found in rounds)
    reached = median(found["work"] / found["whole"] for found in rounds)
    matmul = median(found["matmul"] for found in rounds)
    return {
        "config": config.name, "threads": threads, "clips": config.batch, "frames": config.frames,
        "seconds_a_step": round(seconds, 2), "clips_a_second": round(config.batch / seconds, 2),
        "gigaflop_a_step": round(median(found["work"] for found in rounds), 1),
        "gigaflop_a_second": round(reached, 1), "matmul_gigaflop_a_second": round(matmul, 1),
        "share_of_matmul": round(reached / matmul, 3),
        "time": {n: round(median(f.get(n, 0.0) / f["whole"] for f in rounds), 3) for n in WORK},
    }  # fmt: skip


if __name__ == "__main__":
    main()
