"""Guider, schedule and presets in the real host; weights of the wrong kind are told."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from checkpoints import STUDENT, TINY, write_tiny_animator, write_tiny_student
from harness.inprocess import InProcessHost
from kmc_core.model.conditions import AnimatorConditions
from kmc_core.sampling.guidance import Guidance, dual_branch, plain
from kmc_core.sampling.schedule import shifted_sigmas
from kmc_core.sampling.solve import solve
from tiny import PARAMS, tiny_animator, tiny_conditions, tiny_student

FRAMES = 3
STRENGTHS = {"motion_guidance": 3.0, "identity_guidance": 2.0, "text_guidance": 1.5}
STRONG = Guidance(*STRENGTHS.values())
TEXT, NEGATIVE = (torch.randn(1, 8, 16, generator=torch.Generator().manual_seed(k)) for k in (5, 6))


@pytest.fixture(scope="module", autouse=True)
def checkpoints(host: InProcessHost) -> Iterator[None]:
    paths = write_tiny_animator(host.base), write_tiny_student(host.base)
    yield
    for path in paths:
        path.unlink()


@pytest.fixture(autouse=True)
def fresh(host: InProcessHost) -> None:
    host.forget()


def conditions(text: torch.Tensor = TEXT) -> AnimatorConditions:
    return AnimatorConditions(**{**vars(tiny_conditions(frames=FRAMES)), "text": text})


def graph(host: InProcessHost, checkpoint: str = TINY) -> dict[str, Any]:
    told = {f"kmc_{k}": v for k, v in vars(conditions()).items() if v is not None and k != "text"}
    return {
        "load": {"class_type": "KMC_LoadAnimator", "inputs": {"checkpoint": checkpoint}},
        "positive": host.value([[TEXT, told]]),
        "negative": host.value([[NEGATIVE, told]]),
        "latent": host.value({"samples": torch.zeros(1, 3, FRAMES, 32, 32)}),
        "noise": {"class_type": "RandomNoise", "inputs": {"noise_seed": 1}},
        "method": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "sigmas": {
            "class_type": "BasicScheduler",
            "inputs": {"model": ["load", 0], "scheduler": "simple", "steps": 2, "denoise": 1.0},
        },
        "guider": {
            "class_type": "KMC_DualBranchGuider",
            "inputs": {"model": ["load", 0], "positive": ["positive", 0], "negative": ["negative", 0],
                       **STRENGTHS, "from_noise": 1.0, "to_noise": 0.0, "rescale": 0.0},
        },
        "sample": {
            "class_type": "SamplerCustomAdvanced",
            "inputs": {"noise": ["noise", 0], "guider": ["guider", 0], "sampler": ["method", 0],
                       "sigmas": ["sigmas", 0], "latent_image": ["latent", 0]},
        },
        "show": {"class_type": "PreviewAny", "inputs": {"source": ["sample", 0]}},
    }  # fmt: skip


def sampler(preset: str, **changes: Any) -> dict[str, Any]:
    inputs = {
        "model": ["load", 0], "positive": ["positive", 0], "negative": ["negative", 0],
        "latent": ["latent", 0], "preset": preset, "seed": 1, "steps": 2, "cfg": 1.0, "denoise": 1.0,
    }  # fmt: skip
    return {"class_type": "KMC_DistilledSampler", "inputs": inputs | changes}


def sampled(host: InProcessHost, nodes: dict[str, Any]) -> torch.Tensor:
    result = host.run(nodes)
    assert result.success, result.error
    return result.output("sample")["samples"]


def noise() -> torch.Tensor:
    return torch.randn(1, 3, FRAMES, 32, 32, generator=torch.manual_seed(1))


@torch.no_grad()
def test_the_guider_gives_what_the_core_gives(host: InProcessHost) -> None:
    # The host exchanges the prompt where the core drops it: both agree where the text is not guided.
    nodes = graph(host)
    nodes["guider"]["inputs"]["text_guidance"] = 1.0
    animator = tiny_animator().half().float()
    guided = dual_branch(animator, conditions(), Guidance(motion=3.0, identity=2.0))
    expected = solve(guided, noise(), shifted_sigmas(2, PARAMS.shift))
    torch.testing.assert_close(sampled(host, nodes), expected, atol=2e-3, rtol=1e-3)


def test_the_negative_prompt_counts_with_text_guidance_alone(host: InProcessHost) -> None:
    nodes = graph(host)
    same = nodes | {"negative": nodes["positive"]}
    assert not torch.allclose(sampled(host, nodes), sampled(host, same), atol=1e-4)
    host.forget()
    for each in (nodes, same):
        each["guider"]["inputs"]["text_guidance"] = 1.0
    assert torch.equal(sampled(host, nodes), sampled(host, same))


def test_strengths_of_one_are_the_hosts_basic_guider_to_the_last_bit(host: InProcessHost) -> None:
    nodes = graph(host)
    nodes["guider"]["inputs"] |= dict.fromkeys(STRENGTHS, 1.0)
    basic = {"model": ["load", 0], "conditioning": ["positive", 0]}
    plainly = sampled(host, nodes | {"guider": {"class_type": "BasicGuider", "inputs": basic}})
    assert torch.equal(sampled(host, nodes), plainly)


def test_teacher_preset_is_the_guider_in_one_node(host: InProcessHost) -> None:
    one = sampled(host, graph(host) | {"sample": sampler("teacher", **STRENGTHS)})
    assert torch.equal(one, sampled(host, graph(host)))


@pytest.mark.parametrize("changes", [{"rescale": 0.7}, {"from_noise": 0.8}])
def test_interval_and_rescale_reach_the_sampling(host: InProcessHost, changes: dict[str, float]) -> None:
    nodes = graph(host)
    plainly = sampled(host, nodes)
    nodes["guider"]["inputs"] |= changes
    assert not torch.allclose(sampled(host, nodes), plainly, atol=1e-4)


@torch.no_grad()
def test_student_preset_tells_the_student_its_strengths_and_takes_one_pass(host: InProcessHost) -> None:
    samples = sampled(host, graph(host, STUDENT) | {"sample": sampler("student", steps=0, **STRENGTHS)})
    student = tiny_student().half().float()
    told = conditions().with_guidance(STRONG.strengths)
    expected = solve(plain(student, told), noise(), shifted_sigmas(4, PARAMS.shift))
    torch.testing.assert_close(samples, expected, atol=2e-3, rtol=1e-3)
    host.forget()
    plainly = sampled(host, graph(host, STUDENT) | {"sample": sampler("student", steps=0)})
    assert not torch.allclose(plainly, samples, atol=1e-3)


def test_distilled_sigmas_are_the_schedule_of_training_whatever_the_shift(host: InProcessHost) -> None:
    shift = {"class_type": "ModelSamplingSD3", "inputs": {"model": ["load", 0], "shift": 5.0}}
    sigmas = {"class_type": "KMC_DistilledSigmas", "inputs": {"model": ["shift", 0], "steps": 0}}
    show = {"class_type": "PreviewAny", "inputs": {"source": ["sigmas", 0]}}
    load = graph(host, STUDENT)["load"]
    result = host.run({"load": load, "shift": shift, "sigmas": sigmas, "show": show})
    torch.testing.assert_close(result.output("sigmas"), shifted_sigmas(4, PARAMS.shift))


@pytest.mark.parametrize(
    ("checkpoint", "node", "message"),
    [
        (STUDENT, None, "These weights are a student, distilled for 4 steps"),
        (STUDENT, sampler("teacher"), "These weights are a student, distilled for 4 steps"),
        (TINY, sampler("student"), "These weights are a teacher, not distilled"),
        (TINY, sampler("teacher", cfg=2.0), "guides by its three strengths, got cfg 2.0; set cfg to 1."),
        (TINY, sampler("plain", text_guidance=2.0), "Preset 'plain' guides by cfg, got strengths"),
    ],
)
def test_weights_and_strengths_that_a_preset_is_not_for_are_told(
    host: InProcessHost, checkpoint: str, node: dict[str, Any] | None, message: str
) -> None:
    nodes = graph(host, checkpoint)
    assert message in (host.run(nodes | ({} if node is None else {"sample": node})).error or "")


def test_a_teacher_has_no_distilled_schedule(host: InProcessHost) -> None:
    sigmas = {"class_type": "KMC_DistilledSigmas", "inputs": {"model": ["load", 0], "steps": 4}}
    assert "These weights are a teacher" in (host.run(graph(host) | {"sigmas": sigmas}).error or "")


def test_the_same_seed_gives_the_same_clip_after_a_cancel(host: InProcessHost) -> None:
    nodes = graph(host) | {"sample": sampler("teacher", steps=6, **STRENGTHS)}
    first = sampled(host, nodes)
    host.forget()

    def cancel(event: str, data: Any) -> None:
        if event == "progress" and data.get("node") == "sample":
            host.interrupt()

    assert host.run(nodes, on_event=cancel).interrupted
    assert torch.equal(sampled(host, nodes), first)


@pytest.mark.parametrize("preset", ["plain", "teacher", "student"])
def test_a_batch_of_two_equals_two_of_one(host: InProcessHost, preset: str) -> None:
    nodes = graph(host, STUDENT if preset == "student" else TINY)
    strengths = {} if preset == "plain" else STRENGTHS
    nodes |= {"sample": sampler(preset, **strengths)}
    empty = torch.zeros(2, 3, FRAMES, 32, 32)
    both = sampled(host, nodes | {"latent": host.value({"samples": empty})})
    assert not torch.allclose(both[0], both[1], atol=1e-2)
    for k in range(2):  # the host's own way to make one of a batch again
        latent = host.value({"samples": empty[:1], "batch_index": [k]})
        alone = sampled(host, nodes | {"latent": latent})
        torch.testing.assert_close(both[k : k + 1], alone, atol=1e-3, rtol=1e-3)


def test_a_student_without_strengths_is_one_that_was_told_of_no_guidance(host: InProcessHost) -> None:
    """A strength of 1 is no guidance, to the last bit."""
    nodes = graph(host, STUDENT)
    ones = sampled(host, nodes | {"sample": sampler("student", **dict.fromkeys(STRENGTHS, 1.0))})
    plainly = sampled(host, nodes | {"sample": sampler("plain")})
    assert torch.equal(ones, plainly)


def test_conditions_are_encoded_once_a_run(host: InProcessHost, monkeypatch: pytest.MonkeyPatch) -> None:
    network = type(host.run(graph(host)).output("load").model.diffusion_model)
    encode, encoded = network.encode, []
    monkeypatch.setattr(network, "encode", lambda self, c: encoded.append(1) or encode(self, c))
    host.forget()
    sampled(host, graph(host) | {"sample": sampler("teacher", steps=5, **STRENGTHS)})
    assert len(encoded) == 2  # one for each branch
