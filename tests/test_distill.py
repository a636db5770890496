"""What distillation promises: each loss falls, known answers are reached, a run resumes exactly."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from checkpoints import tiny_text_encoder, write_tiny_animator, write_tiny_student
from kmc_core.errors import KMCError
from kmc_core.model.checkpoint import load_animator_file
from kmc_core.model.conditions import AnimatorConditions
from kmc_core.sampling.guidance import Guidance, dual_branch
from kmc_core.sampling.schedule import shifted_sigmas
from kmc_core.sampling.solve import stepped
from kmc_core.training.batch import Batch
from kmc_core.training.config import TrainConfig, read_config
from kmc_core.training.distill import (
    adversarial_losses,
    guided,
    matching_losses,
    merged_loss,
    own_clip,
    trajectory_loss,
)
from kmc_core.training.distill_config import DistillConfig
from kmc_core.training.distill_stage import distillation
from kmc_core.training.loop import start_state, train
from tiny import PARAMS, tiny_animator, tiny_conditions, tiny_noise

MEAN, SPREAD = 0.3, 0.5  # of the toy's clean pixels


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Thousands of tiny steps: threads would mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def draw(rng: torch.Generator) -> Batch:
    seed = int(torch.randint(4, (1,), generator=rng))
    tokens = torch.randint(1, 64, (2, PARAMS.text.length), generator=rng)
    return Batch(tiny_noise(2, seed=seed).clamp(-1, 1), tiny_conditions(2, seed=seed), tokens)


def config(base: Path, steps: int = 6, **distill: Any) -> TrainConfig:
    start = write_tiny_animator(base)
    return TrainConfig(
        name="tiny", data="", out=str(base / "run"), steps=steps, batch=2, rate=1e-3, warmup=1, save_every=2,
        start=str(start), distill=DistillConfig(**{"substeps": 2, **distill}),
    )  # fmt: skip


def run(whole: TrainConfig, until: int | None = None) -> None:
    params, model, objective = distillation(whole)
    # The first draw is for the sample sheets.
    left = iter(range(1 + (whole.steps if until is None else until)))

    def limited(rng: torch.Generator) -> Batch:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return draw(rng)

    state = start_state(model, whole)
    if until is None:
        train(state, whole, params, limited, objective)
    else:
        with pytest.raises(KeyboardInterrupt):
            train(state, whole, params, limited, objective)


def losses(whole: TrainConfig, name: str) -> list[float]:
    lines = (Path(whole.out) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)[name] for line in lines]


@pytest.mark.parametrize(
    ("weights", "name"),
    [({"merged": 1.0}, "merged"), ({"merged": 0.0, "trajectory": 1.0}, "trajectory")],
)
def test_each_loss_falls(tmp_path: Path, weights: dict[str, float], name: str):
    """On one batch with one noise, so that nothing but learning changes the loss."""
    whole = config(tmp_path, steps=40, **weights)
    params, model, objective = distillation(whole)

    def same(rng: torch.Generator) -> Batch:
        return draw(torch.Generator().manual_seed(0))

    def repeated(model: nn.ModuleDict, batch: Batch, rng: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        return objective(model, batch, torch.Generator().manual_seed(0))

    train(start_state(model, whole), whole, params, same, repeated)
    found = losses(whole, name)
    assert sum(found[-5:]) < 0.8 * sum(found[:5])


def test_a_resumed_distillation_equals_an_uninterrupted_one(tmp_path: Path):
    wanted = {"trajectory": 1.0, "matching": 0.1, "adversarial": 0.01}
    whole, parts = config(tmp_path / "whole", **wanted), config(tmp_path / "parts", **wanted)
    run(whole)
    run(parts, until=4)
    run(parts)
    for name in ("last.safetensors", "animator.safetensors"):
        resumed, straight = (load_file(Path(each.out) / name) for each in (parts, whole))
        assert resumed.keys() == straight.keys()
        assert all(torch.equal(resumed[key], straight[key]) for key in straight)


def test_the_result_is_a_student_that_the_pack_loads(tmp_path: Path):
    whole = config(tmp_path, steps=2, matching=0.1)
    run(whole)
    params, weights = load_animator_file(Path(whole.out) / "animator.safetensors")
    assert params == replace(PARAMS, student_steps=4)
    assert {name.split(".")[0] for name in weights} == {"animator", "text"}
    text = tiny_text_encoder().half().state_dict()
    assert all(torch.equal(weights[f"text.{name}"], value) for name, value in text.items())
    again = config(tmp_path / "again", steps=1, student=str(Path(whole.out) / "animator.safetensors"))
    run(again)


def test_a_student_is_no_teacher(tmp_path: Path):
    student = replace(config(tmp_path), start=str(write_tiny_student(tmp_path)))
    with pytest.raises(KMCError, match="must be a teacher; .* is a student already"):
        distillation(student)


def test_the_bundled_recipe_is_read_and_a_wrong_key_is_told(tmp_path: Path):
    recipe = Path(__file__).resolve().parents[1] / "configs" / "mini_distill.toml"
    assert read_config(recipe).distill == DistillConfig(substeps=4, merged=0.0, trajectory=1.0)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(recipe.read_text() + "speed = 3\n")
    with pytest.raises(KMCError, match="unexpected keyword argument 'speed'"):
        read_config(wrong)


@torch.no_grad()
def test_the_guided_teacher_of_training_is_that_of_sampling():
    teacher, z = tiny_animator(), tiny_noise()
    strengths = (3.0, 2.0, 1.5)
    expected = dual_branch(teacher, tiny_conditions(), Guidance(*strengths))(z, 0.5)
    told = tiny_conditions().with_guidance(strengths)
    torch.testing.assert_close(guided(teacher, z, torch.tensor([0.5]), told), expected, atol=1e-4, rtol=1e-3)


class Exact(nn.Module):
    """The best prediction of clean pixels that are normally distributed, x0 ~ N(mean, spread)."""

    def forward(self, z: Tensor, sigma: Tensor, told: AnimatorConditions) -> Tensor:
        sigma = sigma[:, None, None, None, None]
        share = (1 - sigma) * SPREAD**2 / ((1 - sigma) ** 2 * SPREAD**2 + sigma**2)
        return MEAN + share * (z - (1 - sigma) * MEAN)


class PerLevel(nn.Module):
    """A scale and an offset for each of the given noise levels: as much as such a problem needs."""

    def __init__(self, sigmas: Tensor) -> None:
        super().__init__()
        self.sigmas = sigmas
        self.line = nn.Parameter(torch.zeros(len(sigmas), 2))

    def forward(self, z: Tensor, sigma: Tensor, told: AnimatorConditions) -> Tensor:
        at = (self.sigmas[None] - sigma[:, None]).abs().argmin(1)
        scale, offset = self.line[at].unbind(1)
        return scale[:, None, None, None, None] * z + offset[:, None, None, None, None]


def toy() -> AnimatorConditions:
    c = tiny_conditions(8, frames=1)
    return replace(c, maps=torch.zeros_like(c.maps), guidance=torch.ones(8, 3))


def learn(module: nn.Module, loss: Any, steps: int, rate: float) -> None:
    optimizer = torch.optim.Adam(module.parameters(), rate)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / steps)
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def clean(rng: torch.Generator) -> Tensor:
    return MEAN + SPREAD * torch.randn(8, 3, 1, 32, 32, generator=rng)


def test_merged_guidance_reaches_the_teacher():
    sigmas, rng = shifted_sigmas(4, 3.0), torch.Generator().manual_seed(0)
    student = PerLevel(sigmas[:-1])
    learn(student, lambda: merged_loss(student, Exact(), clean(rng), toy(), rng, sigmas), 400, 0.05)
    z, told = clean(rng), toy()
    for sigma in sigmas[:-1]:
        level = sigma.expand(8)
        torch.testing.assert_close(student(z, level, told), Exact()(z, level, told), atol=0.03, rtol=0)


def test_a_phase_jump_lands_where_the_teachers_many_steps_do():
    substeps, rng = 4, torch.Generator().manual_seed(0)
    sigmas = shifted_sigmas(2 * substeps, 3.0)
    student, told = PerLevel(sigmas[:-1]), toy()
    loss = lambda: trajectory_loss(student, Exact(), clean(rng), told, rng, sigmas, substeps)  # noqa: E731
    learn(student, loss, 1500, 0.05)
    z = torch.randn(8, 3, 1, 32, 32, generator=rng)
    many = few = z
    for k in range(2 * substeps):
        many = stepped(many, Exact()(many, sigmas[k].expand(8), told), float(sigmas[k + 1] / sigmas[k]))
    for k in (0, substeps):
        few = stepped(few, student(few, sigmas[k].expand(8), told), float(sigmas[k + substeps] / sigmas[k]))
    one_step_each = z
    for k in (0, substeps):
        left = float(sigmas[k + substeps] / sigmas[k])
        one_step_each = stepped(one_step_each, Exact()(one_step_each, sigmas[k].expand(8), told), left)
    assert (few - many).abs().mean() < 0.25 * (one_step_each - many).abs().mean()


class Ahead(nn.Module):
    """A teacher that is wrong: all its pixels are brighter."""

    def forward(self, z: Tensor, sigma: Tensor, told: AnimatorConditions) -> Tensor:
        return Exact()(z, sigma, told) + 0.2 * sigma[:, None, None, None, None]


class Judging(nn.Module):
    """A parabola for each noise level: what tells two normal distributions apart."""

    def __init__(self, sigmas: Tensor) -> None:
        super().__init__()
        self.sigmas = sigmas
        self.curve = nn.Parameter(torch.zeros(len(sigmas), 3))

    def forward(self, z: Tensor, sigma: Tensor, told: AnimatorConditions) -> Tensor:
        at = (self.sigmas[None] - sigma[:, None]).abs().argmin(1)
        a, b, c = (part[:, None, None, None, None] for part in self.curve[at].unbind(1))
        return a + b * z + c * z.square()


def matched(teacher: nn.Module, adversarial: float, steps: int = 1500) -> Tensor:
    """Pixels of a one-step student after matching, with an adversary of that weight."""
    sigmas, rng = shifted_sigmas(1, 3.0), torch.Generator().manual_seed(0)
    student, fake, told = PerLevel(sigmas[:1]), PerLevel(torch.linspace(0, 1, 12)), toy()
    judge = Judging(torch.linspace(0, 1, 12))

    def loss() -> Tensor:
        x0 = own_clip(student, told, rng, sigmas)
        losses = sum(matching_losses(x0, fake, teacher, told, rng), torch.zeros(()))
        if adversarial:
            fooled, judging = adversarial_losses(x0, clean(rng), judge, told, rng)
            losses = losses + adversarial * fooled + judging
        return losses

    learn(nn.ModuleList([student, fake, judge]), loss, steps, 0.02)
    return student(torch.randn(8, 3, 1, 32, 32, generator=rng), torch.ones(8), told).detach()


def test_matching_gives_the_student_the_teachers_distribution():
    made = matched(Exact(), 0.0)
    assert math.isclose(float(made.mean()), MEAN, abs_tol=0.05)
    assert math.isclose(float(made.std()), SPREAD, rel_tol=0.15)


def test_beside_an_adversary_the_student_of_a_right_teacher_stays_right():
    made = matched(Exact(), 4.0)
    assert math.isclose(float(made.mean()), MEAN, abs_tol=0.05)
    assert math.isclose(float(made.std()), SPREAD, rel_tol=0.15)


def test_an_adversary_makes_up_for_most_of_what_the_teacher_has_wrong():
    alone, judged = (float(matched(Ahead(), weight).mean()) - MEAN for weight in (0.0, 4.0))
    assert alone > 0.1
    assert abs(judged) < 0.5 * alone


def test_the_students_adversarial_loss_leaves_the_judge_as_it_is_and_the_judges_the_student():
    rng, told = torch.Generator().manual_seed(0), toy()
    judge, x0 = Judging(torch.linspace(0, 1, 12)), clean(rng).requires_grad_()
    nn.init.normal_(judge.curve, generator=rng)
    fooled, judging = adversarial_losses(x0, clean(rng), judge, told, rng)
    (slope,) = torch.autograd.grad(fooled, x0, retain_graph=True)
    assert slope.abs().amax() > 0
    assert torch.autograd.grad(fooled, judge.curve, retain_graph=True, allow_unused=True) == (None,)
    assert torch.autograd.grad(judging, x0, retain_graph=True, allow_unused=True) == (None,)
    assert torch.autograd.grad(judging, judge.curve)[0].abs().amax() > 0
