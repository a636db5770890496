"""What a training run promises: exact resume, no lost checkpoint, clear stops."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from kmc_core.errors import KMCError
from kmc_core.model.checkpoint import load_animator_file
from kmc_core.training import state as state_file
from kmc_core.training.batch import Batch
from kmc_core.training.config import read_config
from kmc_core.training.loop import start_state, train
from kmc_core.training.plan import plan
from tiny import PARAMS
from train_tiny import adapt, config, draw, late, networks


def run(out: Path, steps: int, until: int | None = None) -> list[str]:
    """Train to `until` in one go; returns the losses written."""
    model = networks()
    whole = config(out, steps)
    state = start_state(model, whole)
    if until is not None:
        state_limit = iter(range(1 + until))  # the first draw is for the sample sheets

        def limited(rng: torch.Generator) -> Batch:
            if next(state_limit, None) is None:
                raise KeyboardInterrupt
            return draw(rng)

        with pytest.raises(KeyboardInterrupt):
            train(state, whole, PARAMS, limited, late, adapt=adapt)
    else:
        train(state, whole, PARAMS, draw, late, adapt=adapt)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [repr(line["loss"]) for line in lines]


def test_a_resumed_run_equals_an_uninterrupted_one_to_the_last_digit(tmp_path: Path):
    whole = run(tmp_path / "whole", 6)
    run(tmp_path / "parts", 6, until=4)
    parts = run(tmp_path / "parts", 6)
    assert parts == whole
    for name in ("last.safetensors", "animator.safetensors"):
        resumed, straight = (load_file(tmp_path / folder / name) for folder in ("parts", "whole"))
        assert resumed.keys() == straight.keys()
        assert all(torch.equal(resumed[key], straight[key]) for key in straight)


def test_two_processes_equal_one(tmp_path: Path):
    """Shared weights (FSDP2 over gloo), each process with half of every batch; one goes on from what two
    have written, and two from what one has.
    """
    for out, runs in {"one": [(1, 4)], "two": [(2, 4)], "turns": [(1, 1), (2, 2), (1, 4)]}.items():
        for count, steps in runs:
            train_in_processes(tmp_path / out, count, steps)
    one, *others = (load_file(tmp_path / out / "last.safetensors") for out in ("one", "two", "turns"))
    for other in others:
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert torch.allclose(value, other[name], atol=1e-7), name


def train_in_processes(out: Path, count: int, steps: int) -> None:
    """Run train_tiny.py in some processes that know of each other as torchrun tells them."""
    command = [sys.executable, str(Path(__file__).with_name("train_tiny.py")), str(out), str(steps)]
    started = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    for rank in range(count):
        group = {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank)}
        group |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        started.append(subprocess.Popen(command, env=os.environ | (group if count > 1 else {})))
    assert [process.wait(300) for process in started] == [0] * count


def test_training_makes_the_animator_better_and_usable(tmp_path: Path):
    losses = [float(loss) for loss in run(tmp_path, 40)]
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    params, weights = load_animator_file(tmp_path / "animator.safetensors")
    assert params == PARAMS
    assert {name.split(".")[0] for name in weights} == {"animator", "text"}


def test_a_run_tells_its_figures_and_shows_what_it_makes(tmp_path: Path):
    run(tmp_path, 4)
    figures = EventAccumulator(str(tmp_path)).Reload().Scalars("loss")
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [f.step for f in figures] == [line["step"] for line in lines] == [1, 2, 3, 4]
    assert [f.value for f in figures] == pytest.approx([line["loss"] for line in lines])
    sheets = [np.asarray(Image.open(tmp_path / "samples" / f"00000{step}.png")) for step in (2, 4)]
    side = PARAMS.size
    assert sheets[0].shape == (2 * side, 4 * side, 3)
    apart = np.abs(sheets[0].astype(int) - sheets[1]).reshape(2 * side, 4, side, 3).max((0, 2, 3))
    assert apart[2] > 0 and (apart[[0, 1, 3]] == 0).all()  # only what is made changes
    true = draw(torch.Generator().manual_seed(0)).x0[0, :, 1].permute(1, 2, 0)
    assert np.abs(sheets[0][:side, 3 * side :] - (true.numpy() + 1) * 127.5).max() <= 1


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(tmp_path: Path):
    run(tmp_path, 2)
    before = (tmp_path / "last.safetensors").read_bytes()
    model = networks()

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


def test_a_plan_counts_what_a_step_costs():
    short = config(Path("out"), 1)
    one, two = (plan(PARAMS, replace(short, batch=batch)) for batch in (1, 2))
    assert one["parameters_million"] == sum(p.numel() for part in ("animator", "text")
                                            for p in networks()[part].parameters()) / 1e6  # fmt: skip
    assert two["gigaflop_a_step"] == pytest.approx(2 * one["gigaflop_a_step"])
    assert two["activations_gib"] == pytest.approx(2 * one["activations_gib"], rel=0.05)
    parted = plan(PARAMS, replace(short, batch=2, parts=2))
    assert parted["activations_gib"] == one["activations_gib"]
    assert parted["gigaflop_a_step"] == two["gigaflop_a_step"]


def test_a_config_gives_the_animators_sizes(tmp_path: Path):
    sizes = "[animator]\ndim = 128\nheads = 2\ntext.dim = 32"
    (tmp_path / "run.toml").write_text(f'name = "x"\ndata = ""\nout = ""\nsteps = 1\nbatch = 1\n{sizes}')
    animator = read_config(tmp_path / "run.toml").animator
    assert (animator.dim, animator.heads, animator.text.dim, animator.depth) == (128, 2, 32, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\nspeed = 3', r"unknown keys \['speed'\]"),
        ('name = "x"', "is incomplete"),
        ("name = ", "is not valid TOML"),
        ("[animator]\ndim = 100", "must sum to dim / heads"),
        ('trains = "embed_face"', "trains must be a list"),
        ("size = 192\n[distill]\nsteps = 4", r"a distillation does not use \['size'\]"),
    ],
)
def test_a_wrong_config_is_told(tmp_path: Path, text: str, message: str):
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(KMCError, match=message):
        read_config(tmp_path / "run.toml")
