"""What a training run promises: exact resume, no lost checkpoint, clear stops."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from kmc_core.errors import KMCError
from kmc_core.model.checkpoint import load_animator_file
from kmc_core.model.text import TextEncoder
from kmc_core.model.transformer import build_animator
from kmc_core.training import state as state_file
from kmc_core.training.config import TrainConfig, read_config
from kmc_core.training.loop import start_state, train
from kmc_core.training.objectives import Batch, flow_matching_loss
from tiny import PARAMS, tiny_conditions, tiny_noise


def config(out: Path, steps: int) -> TrainConfig:
    return TrainConfig(
        name="tiny", data="", out=str(out), steps=steps, batch=2, rate=1e-3, warmup=1, save_every=2
    )


def draw(rng: torch.Generator) -> Batch:
    """A random batch; the same sequence for the same generator."""
    seed = int(torch.randint(1000, (1,), generator=rng))
    tokens = torch.randint(1, 64, (2, PARAMS.text.length), generator=rng)
    return Batch(tiny_noise(2, seed=seed).clamp(-1, 1), tiny_conditions(2, seed=seed), tokens)


def objective(model: nn.ModuleDict, batch: Batch, rng: torch.Generator):
    return flow_matching_loss(model, batch, rng, drop=0.1)


def run(out: Path, steps: int, until: int | None = None) -> list[str]:
    """Train to `until` in one go; returns the losses written."""
    model = nn.ModuleDict({"animator": build_animator(PARAMS), "text": _text()})
    whole = config(out, steps)
    state = start_state(model, whole)
    if until is not None:
        state_limit = iter(range(until))

        def limited(rng: torch.Generator) -> Batch:
            if next(state_limit, None) is None:
                raise KeyboardInterrupt
            return draw(rng)

        with pytest.raises(KeyboardInterrupt):
            train(state, whole, PARAMS, limited, objective)
    else:
        train(state, whole, PARAMS, draw, objective)
    return [line.split('"loss": ')[1] for line in (out / "metrics.jsonl").read_text().splitlines()]


def _text() -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder(PARAMS.text)


def test_a_resumed_run_equals_an_uninterrupted_one_to_the_last_digit(tmp_path: Path):
    whole = run(tmp_path / "whole", 6)
    run(tmp_path / "parts", 6, until=4)
    parts = run(tmp_path / "parts", 6)
    assert parts == whole
    for name in ("last.safetensors", "animator.safetensors"):
        resumed, straight = (load_file(tmp_path / folder / name) for folder in ("parts", "whole"))
        assert resumed.keys() == straight.keys()
        assert all(torch.equal(resumed[key], straight[key]) for key in straight)


def test_training_makes_the_animator_better_and_usable(tmp_path: Path):
    losses = [float(line.split(",")[0].rstrip("}")) for line in run(tmp_path, 40)]
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    params, weights = load_animator_file(tmp_path / "animator.safetensors")
    assert params == PARAMS
    assert {name.split(".")[0] for name in weights} == {"animator", "text"}


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(tmp_path: Path):
    run(tmp_path, 2)
    before = (tmp_path / "last.safetensors").read_bytes()
    model = nn.ModuleDict({"animator": build_animator(PARAMS), "text": _text()})

    def broken(model: nn.ModuleDict, batch: Batch, rng: torch.Generator):
        return torch.tensor(float("nan"), requires_grad=True), {"loss": float("nan")}

    longer = config(tmp_path, 4)
    with pytest.raises(KMCError, match="The loss became nan at step 2. Lower `rate`"):
        train(start_state(model, longer), longer, PARAMS, draw, broken)
    assert (tmp_path / "last.safetensors").read_bytes() == before


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run(tmp_path, 2)
    before = (tmp_path / "last.safetensors").read_bytes()

    def full(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state_file, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path, 4)
    assert (tmp_path / "last.safetensors").read_bytes() == before


def test_a_damaged_checkpoint_is_told(tmp_path: Path):
    run(tmp_path, 2)
    last = tmp_path / "last.safetensors"
    last.write_bytes(last.read_bytes()[:-9])
    with pytest.raises(KMCError, match="is damaged .* Delete it to start afresh"):
        run(tmp_path, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\nspeed = 3', r"unknown keys \['speed'\]"),
        ('name = "x"', "is incomplete"),
        ("name = ", "is not valid TOML"),
    ],
)
def test_a_wrong_config_is_told(tmp_path: Path, text: str, message: str):
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(KMCError, match=message):
        read_config(tmp_path / "run.toml")
