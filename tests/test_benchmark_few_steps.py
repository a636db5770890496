"""What the benchmark of few steps counts on: words that differ, signs of losses, parts that add up."""

import json
import re
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from benchmarks import stages
from benchmarks.few_steps import COLOURS, TURNED, edited, losses, turned
from benchmarks.pass_profile import REST, profiled
from checkpoints import write_tiny_animator
from kmc_core.model.checkpoint import load_animator_file
from kmc_core.training.config import TrainConfig
from kmc_core.training.data import BYTES, made_with
from kmc_core.training.distill_config import DistillConfig
from moving_person import person
from tiny import PARAMS, tiny_animator, tiny_conditions, tiny_noise


def test_an_edited_caption_has_other_colours_and_is_else_the_same():
    caption = "a woman in a red and navy shirt, plain dark grey background, nodding"
    other = edited(caption)
    words = list(zip(re.findall(r"[\w,]+", caption), re.findall(r"[\w,]+", other), strict=True))
    assert all((a != b) == (a in COLOURS) for a, b in words)


def test_a_loss_is_positive_where_a_way_is_worse_than_its_own_teacher():
    row = {"l1": 0.1, "ssim": 0.8, "pck": 0.0, "clips": 2}
    found = {
        "teacher, guided, 50": row | {"l1": 0.2}, "teacher, 50": row,
        "student, 4": row | {"l1": 0.11, "ssim": 0.9}, "student, guided, 4": row | {"l1": 0.11},
    }  # fmt: skip
    lost = losses(found, 50)
    assert lost["student, 4"] == {"l1": pytest.approx(0.1), "ssim": pytest.approx(-0.125)}
    assert lost["student, guided, 4"]["l1"] == pytest.approx(-0.45)


def test_turned_away_is_told_from_facing():
    facing, track = person(1).tracks[0], person(3).tracks[0]
    assert facing.body is not None and track.body is not None
    assert turned(track, facing) < TURNED
    back = track.body.clone()
    back[..., 0] = 640 - back[..., 0]  # the left shoulder is where the right one was
    assert turned(replace(track, body=back), facing) > TURNED


@torch.no_grad()
def test_the_parts_of_a_pass_add_up_and_the_network_is_left_as_it_was():
    model, told, z = tiny_animator(), tiny_conditions(), tiny_noise()
    encoded, level = model.encode(told), torch.tensor([0.5])
    before = model.denoise(z, level, told, encoded)
    found = profiled(model, told, z)
    assert set(found["share"]) >= {"attention", "MLP", "projections", "pixel head", "embeddings", REST}
    assert sum(found["share"].values()) == pytest.approx(1, abs=0.01)
    assert found["gigaflop"].keys() >= found["share"].keys() - {REST}
    assert torch.equal(model.denoise(z, level, told, encoded), before)


def prepared_clips(folder: Path) -> None:
    """Two clips of noise for PARAMS, as `make prepare` keeps them."""
    folder.mkdir(parents=True)
    told = tiny_conditions(2)
    kept = {
        f.name: value.clamp(0, 1).mul(255).byte() if f.name in BYTES else value.half()
        for f in fields(told)
        if f.name not in ("text", "keep") and (value := getattr(told, f.name)) is not None
    }
    clean = tiny_noise(2).clamp(0, 1).mul(255).byte()
    kept |= {
        "tokens": torch.ones(2, PARAMS.text.length, dtype=torch.short),
        "regions": torch.zeros(2, 3, 4, 4),
    }
    save_file(kept | {"x0": clean}, folder / "shard_00000.safetensors", made_with(PARAMS))


@pytest.mark.parametrize("stage", list(stages.STAGES))
def test_every_stage_trains_from_one_recipe(tmp_path: Path, stage: str):
    prepared_clips(tmp_path / "clips_prepared")
    recipe = TrainConfig(
        name="tiny", data=str(tmp_path / "clips"), out="", steps=2, batch=2, frames=2, views=2, save_every=2,
        start=str(write_tiny_animator(tmp_path)), distill=DistillConfig(substeps=2),
    )  # fmt: skip
    make = partial(stages.student, stage, recipe, tmp_path / "out")
    file, _ = make()
    assert load_animator_file(file)[0].student_steps == 4
    told = (file.parent / "metrics.jsonl").read_text().splitlines()

    wanted = {name for name, weight in stages.STAGES[stage].items() if weight}
    assert wanted <= json.loads(told[0]).keys()
    make()  # nothing is trained twice
    assert (file.parent / "metrics.jsonl").read_text().splitlines() == told


def test_a_cut_off_run_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The whole command, cut off in the first stage after its first checkpoint."""
    prepared_clips(tmp_path / "clips_prepared")
    config = tmp_path / "recipe.toml"
    config.write_text(
        f'name = "tiny"\ndata = "{tmp_path / "clips"}"\nout = ""\nsteps = 3\nbatch = 2\nframes = 2\n'
        f'views = 2\nsave_every = 1\nstart = "{write_tiny_animator(tmp_path)}"\n[distill]\nsubsteps = 2\n'
    )
    monkeypatch.setattr("sys.argv", ["stages", "--config", str(config), "--out", str(tmp_path / "out")])
    run = stages.train

    def cut_off(state, config, params, draw, objective):
        def once(*given):
            if state.step == 2:
                raise KeyboardInterrupt
            return objective(*given)

        run(state, config, params, draw, once)

    monkeypatch.setattr(stages, "train", cut_off)
    with pytest.raises(KeyboardInterrupt):
        stages.main()
    monkeypatch.setattr(stages, "train", run)
    monkeypatch.setattr(stages, "STAGES", {"a merged": stages.STAGES["a merged"]})
    monkeypatch.setattr(stages, "judge", lambda *given, **more: {})
    monkeypatch.setattr(stages.Perception, "load", lambda *given, **more: None)
    stages.main()
    assert "at step 2" in capsys.readouterr().out
    assert stages.short(replace(stages.read_config(config), save_every=500)).save_every < stages.QUICK_STEPS
