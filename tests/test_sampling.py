"""What sampling promises: guidance in two passes, none at strength 1, the same clip for the same seed."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from kmc_core.errors import KMCError
from kmc_core.model.conditions import AnimatorConditions, batched
from kmc_core.model.transformer import Animator, Encoded, build_animator
from kmc_core.sampling.guidance import NONE, Guidance, dual_branch, naive, plain
from kmc_core.sampling.schedule import shifted_sigmas
from kmc_core.sampling.solve import sample, solve
from tiny import PARAMS, tiny_animator, tiny_conditions, tiny_noise

STRONG = Guidance(motion=3.0, identity=2.0, text=1.5)


class Counting(Animator):
    """An animator that counts its evaluations, a clip each, and its encodings."""

    clips = encodings = 0

    def denoise(self, z: torch.Tensor, *args: Any) -> torch.Tensor:
        self.clips += len(z)
        return super().denoise(z, *args)

    def encode(self, c: AnimatorConditions) -> Encoded:
        self.encodings += 1
        return super().encode(c)


class Additive(Animator):
    """Each kind of condition adds its own part, in proportion to how much of it is kept."""

    def denoise(self, z: torch.Tensor, sigma: Any, c: AnimatorConditions, encoded: Any) -> torch.Tensor:
        worth = c.keep.new_tensor([0.5, 1.0, 2.0, 3.0, 7.0])
        return z + (c.keep * worth).sum(1)[:, None, None, None, None]


def run(model: Animator, guidance: Guidance = NONE, steps: int = 2, **changes: Any) -> torch.Tensor:
    conditions = changes.pop("conditions", tiny_conditions())
    rng = torch.Generator().manual_seed(changes.pop("seed", 3))
    return sample(model, conditions, steps=steps, rng=rng, guidance=guidance, **changes)


def counting() -> Counting:
    model = Counting(PARAMS)
    model.load_state_dict(tiny_animator().state_dict())
    return model.eval()


@torch.no_grad()
def test_strength_one_is_no_guidance_to_the_last_bit():
    model, conditions = tiny_animator(), tiny_conditions()
    sigmas = shifted_sigmas(3, PARAMS.shift)
    alone = solve(plain(model, conditions), tiny_noise(), sigmas)
    for way in (dual_branch, naive):
        assert torch.equal(solve(way(model, conditions, Guidance()), tiny_noise(), sigmas), alone)
        assert not torch.allclose(solve(way(model, conditions, STRONG), tiny_noise(), sigmas), alone)


@torch.no_grad()
@pytest.mark.parametrize(("guidance", "evaluations"), [(Guidance(), 3), (STRONG, 6)])
def test_dual_branch_takes_two_passes_and_encodes_once(guidance: Guidance, evaluations: int):
    model = counting()
    run(model, guidance, steps=3)
    assert (model.clips, model.encodings) == (evaluations, 1)


@torch.no_grad()
def test_naive_guidance_takes_four_passes():
    model = counting()
    naive(model, tiny_conditions(), STRONG)(tiny_noise(), 0.5)
    assert (model.clips, model.encodings) == (4, 1)


@torch.no_grad()
def test_where_contributions_add_up_both_ways_agree_and_each_kind_has_its_strength():
    model, conditions = Additive(PARAMS), tiny_conditions()
    expected = tiny_noise() + 3 * 3.5 + 2 * 3.0 + 1.5 * 7.0
    for way in (dual_branch, naive):
        torch.testing.assert_close(way(model, conditions, STRONG)(tiny_noise(), 0.5), expected)


@torch.no_grad()
def test_branches_one_after_the_other_equal_those_in_one_forward():
    model, conditions = tiny_animator(), tiny_conditions(2)
    for way in (dual_branch, naive):
        one, both = (way(model, conditions, STRONG, together=t)(tiny_noise(2), 0.5) for t in (False, True))
        torch.testing.assert_close(one, both, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_guidance_counts_in_its_interval_only():
    model = counting()
    within = replace(STRONG, interval=(0.5, 0.95))
    run(model, within, steps=4)  # at noise 1, 0.9, 0.75 and 0.5
    assert model.clips == 4 + 3
    conditions, z = tiny_conditions(), tiny_noise()
    guided, alone = dual_branch(model, conditions, within), plain(model, conditions)
    assert torch.equal(guided(z, 1.0), alone(z, 1.0))
    assert not torch.allclose(guided(z, 0.9), alone(z, 0.9))


@torch.no_grad()
def test_rescale_leads_contrast_back_to_that_of_the_conditions():
    model, conditions, z = tiny_animator(), tiny_conditions(), tiny_noise()
    full = plain(model, conditions)(z, 0.5)
    plainly, back = (dual_branch(model, conditions, replace(STRONG, rescale=r))(z, 0.5) for r in (0.0, 1.0))
    assert abs(plainly.std() / full.std() - 1) > 0.01
    torch.testing.assert_close(back.std(), full.std())


@torch.no_grad()
def test_the_same_seed_gives_the_same_clip_also_after_a_cancelled_run():
    model = tiny_animator()
    first = run(model, STRONG)

    def cancel(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run(model, STRONG, progress=cancel)
    assert torch.equal(run(model, STRONG), first)
    assert not torch.allclose(run(model, STRONG, seed=4), first)


@torch.no_grad()
def test_a_batch_of_two_equals_two_of_one():
    model, clips = tiny_animator(), [tiny_conditions(seed=k) for k in range(2)]
    z, sigmas = tiny_noise(2), shifted_sigmas(3, PARAMS.shift)
    together = solve(dual_branch(model, batched(clips), STRONG), z, sigmas)
    for k, clip in enumerate(clips):
        alone = solve(dual_branch(model, clip, STRONG), z[k : k + 1], sigmas)
        torch.testing.assert_close(together[k : k + 1], alone, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_no_step_waits_for_the_device():
    """A tensor without data cannot be read: whatever asks for a value fails."""
    model, conditions = Animator(PARAMS, device="meta"), tiny_conditions().to("meta")
    for guidance in (NONE, STRONG, replace(STRONG, interval=(0.5, 0.95), rescale=0.5)):
        denoise = dual_branch(model, conditions, guidance)
        assert solve(denoise, tiny_noise().to("meta"), shifted_sigmas(3, PARAMS.shift)).is_meta


@torch.no_grad()
def test_the_network_compiles_as_one_graph():
    model, conditions, level = tiny_animator(), tiny_conditions(), torch.tensor([0.5])
    encoded = model.encode(conditions)
    compiled = torch.compile(model.denoise, backend="eager", fullgraph=True)
    torch.testing.assert_close(
        compiled(tiny_noise(), level, conditions, encoded),
        model.denoise(tiny_noise(), level, conditions, encoded),
    )


def test_few_steps_are_some_of_the_many():
    for steps in (1, 2, 4):
        torch.testing.assert_close(shifted_sigmas(8, 3.0)[:: 8 // steps], shifted_sigmas(steps, 3.0))


def test_strengths_below_one_are_refused():
    with pytest.raises(KMCError, match="start at 1, which is no guidance"):
        Guidance(text=0.5)


@torch.no_grad()
def test_a_student_starts_as_its_teacher_and_is_told_the_strengths():
    teacher = tiny_animator()
    student = build_animator(replace(PARAMS, student_steps=4))
    fresh = {k: v for k, v in student.state_dict().items() if k.startswith("embed_guidance")}
    student.load_state_dict(teacher.state_dict() | fresh)
    assert torch.equal(run(student, STRONG), run(teacher))
    last = student.embed_guidance[2]
    torch.nn.init.normal_(last.weight, generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(run(student, STRONG), run(student))
    with pytest.raises(KMCError, match="has learned strengths of guidance alone"):
        run(student, replace(STRONG, rescale=0.5))
