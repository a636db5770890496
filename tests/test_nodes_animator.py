"""The animator as the host's MODEL, CLIP and VAE: its samplers, previews, LoRA loader, caches and cancel
apply.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from checkpoints import TINY, tiny_text_encoder, write_tiny_animator
from harness.inprocess import InProcessHost
from kmc_core.model.checkpoint import load_animator_file, save_animator
from kmc_core.model.conditions import AnimatorConditions
from kmc_core.sampling.schedule import shifted_sigmas
from tiny import PARAMS, tiny_animator, tiny_conditions

FRAMES = 3


@pytest.fixture(scope="module", autouse=True)
def checkpoint(host: InProcessHost) -> Iterator[None]:
    path = write_tiny_animator(host.base)
    yield
    path.unlink()


def told(conditioning: Any, conditions: AnimatorConditions) -> Any:
    """The conditioning with the animator's conditions, as Animate Conditioning attaches them."""
    values = {
        f"kmc_{name}": value
        for name, value in vars(conditions).items()
        if value is not None and name != "text"
    }
    return [[text, entries | values] for text, entries in conditioning]


@pytest.fixture()
def graph(host: InProcessHost) -> dict[str, Any]:
    """Loader, conditions and latent; a test adds the sampler."""
    text = [[torch.randn(1, 8, 16, generator=torch.Generator().manual_seed(5)), {}]]
    conditions = tiny_conditions(frames=FRAMES)
    return {
        "load": {"class_type": "KMC_LoadAnimator", "inputs": {"checkpoint": TINY}},
        "positive": host.value(told(text, conditions)),
        "negative": host.value(told(text, conditions.drop("body", "face", "identity"))),
        "latent": host.value({"samples": torch.zeros(1, 3, FRAMES, 32, 32)}),
    }


def sampler(**changes: Any) -> dict[str, Any]:
    inputs = {
        "model": ["load", 0], "positive": ["positive", 0], "negative": ["negative", 0],
        "latent": ["latent", 0], "preset": "plain", "seed": 1, "steps": 2, "cfg": 1.0, "denoise": 1.0,
    }  # fmt: skip
    return {"class_type": "KMC_DistilledSampler", "inputs": inputs | changes}


def sunk(graph: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The graph with a node whose latent 0 is decoded and shown."""
    return graph | {
        "sample": node,
        "decode": {"class_type": "VAEDecode", "inputs": {"samples": ["sample", 0], "vae": ["load", 2]}},
        "show": {"class_type": "PreviewImage", "inputs": {"images": ["decode", 0]}},
    }


def ksampler(**changes: Any) -> dict[str, Any]:
    inputs = {
        "model": ["load", 0], "positive": ["positive", 0], "negative": ["negative", 0],
        "latent_image": ["latent", 0], "seed": 1, "steps": 2, "cfg": 1.0,
        "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0,
    }  # fmt: skip
    return {"class_type": "KSampler", "inputs": inputs | changes}


def sampled(host: InProcessHost, graph: dict[str, Any], node: dict[str, Any]) -> torch.Tensor:
    result = host.run(sunk(graph, node))
    assert result.success, result.error
    return result.output("sample")["samples"]


def test_one_step_gives_the_networks_own_prediction(host: InProcessHost, graph: dict[str, Any]) -> None:
    samples = sampled(host, graph, ksampler(steps=1))
    noise = torch.randn(samples.shape, generator=torch.manual_seed(1))
    conditions = tiny_conditions(frames=FRAMES)
    text = host.run(graph | {"show": {"class_type": "PreviewAny", "inputs": {"source": ["positive", 0]}}})
    conditions = AnimatorConditions(**{**vars(conditions), "text": text.output("positive")[0][0]})
    animator = tiny_animator().half().float()  # the file holds fp16
    with torch.no_grad():
        expected = animator(noise, torch.ones(1), conditions)
    torch.testing.assert_close(samples, expected, atol=1e-4, rtol=1e-4)


def test_distilled_sampler_is_the_hosts_euler_on_the_simple_schedule(
    host: InProcessHost, graph: dict[str, Any]
) -> None:
    torch.testing.assert_close(
        sampled(host, graph, sampler()), sampled(host, graph, ksampler()), atol=0, rtol=0
    )


def test_decoded_frames_show_the_latents_pixels(host: InProcessHost, graph: dict[str, Any]) -> None:
    result = host.run(sunk(graph, sampler()))
    frames, samples = result.output("decode"), result.output("sample")["samples"]
    assert tuple(frames.shape) == (FRAMES, 32, 32, 3)
    torch.testing.assert_close(frames, ((samples[0].permute(1, 2, 3, 0) + 1) / 2).clamp(0, 1))


def test_vae_encodes_what_it_decodes(host: InProcessHost, graph: dict[str, Any]) -> None:
    pictures = torch.rand(5, 32, 48, 3)
    encode = {"class_type": "VAEEncode", "inputs": {"pixels": ["pictures", 0], "vae": ["load", 2]}}
    result = host.run(sunk(graph | {"pictures": host.value(pictures)}, encode))
    assert tuple(result.output("sample")["samples"].shape) == (1, 3, 5, 32, 48)
    torch.testing.assert_close(result.output("decode"), pictures)


def test_a_batch_of_clips_repeats_the_conditions(host: InProcessHost, graph: dict[str, Any]) -> None:
    single = sampled(host, graph, ksampler(steps=1))
    latent = host.value({"samples": torch.zeros(2, 3, FRAMES, 32, 32)})
    both = sampled(host, graph | {"latent": latent}, ksampler(steps=1))
    assert len(both) == 2
    # Matrix products of another size round otherwise; a condition that is not repeated is off by 0.1.
    torch.testing.assert_close(both[:1], single, atol=1e-4, rtol=1e-4)


def test_guidance_extrapolates_from_the_negative(host: InProcessHost, graph: dict[str, Any]) -> None:
    positive = sampled(host, graph, ksampler(steps=1))
    negative = sampled(host, graph, ksampler(steps=1, positive=["negative", 0]))
    guided = sampled(host, graph, ksampler(steps=1, cfg=3.0))
    assert not torch.allclose(positive, negative, atol=1e-3)
    torch.testing.assert_close(guided, negative + 3 * (positive - negative), atol=1e-3, rtol=1e-3)


def test_custom_sampler_runs_the_animator(host: InProcessHost, graph: dict[str, Any]) -> None:
    nodes = graph | {
        "noise": {"class_type": "RandomNoise", "inputs": {"noise_seed": 1}},
        "guider": {
            "class_type": "BasicGuider",
            "inputs": {"model": ["load", 0], "conditioning": ["positive", 0]},
        },
        "method": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "sigmas": {
            "class_type": "BasicScheduler",
            "inputs": {"model": ["load", 0], "scheduler": "simple", "steps": 2, "denoise": 1.0},
        },
    }
    advanced = {
        "class_type": "SamplerCustomAdvanced",
        "inputs": {"noise": ["noise", 0], "guider": ["guider", 0], "sampler": ["method", 0],
                   "sigmas": ["sigmas", 0], "latent_image": ["latent", 0]},
    }  # fmt: skip
    torch.testing.assert_close(
        sampled(host, nodes, advanced), sampled(host, graph, ksampler()), atol=1e-5, rtol=1e-5
    )


def test_shift_node_of_the_host_changes_the_schedule(host: InProcessHost, graph: dict[str, Any]) -> None:
    shift = {"class_type": "ModelSamplingSD3", "inputs": {"model": ["load", 0], "shift": 5.0}}
    shifted = sampled(host, graph | {"shift": shift}, ksampler(model=["shift", 0], steps=3))
    plain = sampled(host, graph, ksampler(steps=3))
    assert torch.isfinite(shifted).all() and not torch.allclose(shifted, plain, atol=1e-4)
    one = sampled(host, graph | {"shift": shift}, ksampler(model=["shift", 0], steps=1))
    torch.testing.assert_close(one, sampled(host, graph, ksampler(steps=1)), atol=1e-4, rtol=1e-4)


def test_lora_of_the_host_reaches_the_animators_layers(host: InProcessHost, graph: dict[str, Any]) -> None:
    folder = host.base / "models" / "loras"
    folder.mkdir(parents=True, exist_ok=True)
    name = "diffusion_model.blocks.0.up"
    pair = {f"{name}.lora_up.weight": torch.ones(128, 2), f"{name}.lora_down.weight": torch.ones(2, 32)}
    save_file(pair, folder / "tiny_lora.safetensors")
    inputs = {"model": ["load", 0], "lora_name": "tiny_lora.safetensors", "strength_model": 0.0}
    lora = {"class_type": "LoraLoaderModelOnly", "inputs": inputs}
    plain = sampled(host, graph, ksampler(steps=1))
    off = sampled(host, graph | {"lora": lora}, ksampler(steps=1, model=["lora", 0]))
    torch.testing.assert_close(off, plain, atol=0, rtol=0)
    lora = {"class_type": "LoraLoaderModelOnly", "inputs": inputs | {"strength_model": 1.0}}
    on = sampled(host, graph | {"lora": lora}, ksampler(steps=1, model=["lora", 0]))
    assert not torch.allclose(on, plain, atol=1e-4)
    torch.testing.assert_close(sampled(host, graph, ksampler(steps=1)), plain, atol=0, rtol=0)


def test_text_encode_of_the_host_gives_the_encoders_embeddings(
    host: InProcessHost, graph: dict[str, Any]
) -> None:
    encode = {"class_type": "CLIPTextEncode", "inputs": {"text": "a woman in red", "clip": ["load", 1]}}
    result = host.run(
        {**graph, "sample": encode, "show": {"class_type": "PreviewAny", "inputs": {"source": ["sample", 0]}}}
    )
    assert result.success, result.error
    encoder = tiny_text_encoder().half().float()
    with torch.no_grad():
        expected = encoder(encoder.tokenize("a woman in red")[None])
    assert tuple(result.output("sample")[0][0].shape) == (1, PARAMS.text.length, PARAMS.text.dim)
    torch.testing.assert_close(result.output("sample")[0][0], expected, atol=1e-5, rtol=1e-5)


def test_each_step_shows_the_first_frame_as_it_becomes(host: InProcessHost, graph: dict[str, Any]) -> None:
    host.forget()
    result = host.run(sunk(graph, sampler(steps=3)))
    shown = [data for event, data in result.events if event == "preview"]
    assert len(shown) == 3
    last = torch.from_numpy(np.array(shown[-1][1])).float() / 255
    torch.testing.assert_close(last, result.output("decode")[0], atol=2 / 255, rtol=0)


def test_cancel_ends_sampling_within_a_step_and_the_next_run_works(
    host: InProcessHost, graph: dict[str, Any]
) -> None:
    steps: list[int] = []

    def cancel(event: str, data: Any) -> None:
        if event == "progress" and data.get("node") == "sample":
            steps.append(data["value"])
            host.interrupt()

    host.forget()
    assert host.run(sunk(graph, sampler(steps=20)), on_event=cancel).interrupted
    assert len(steps) <= 2
    assert host.run(sunk(graph, sampler())).success


def test_animator_without_conditions_tells_what_to_connect(
    host: InProcessHost, graph: dict[str, Any]
) -> None:
    bare = host.value([[torch.zeros(1, 8, 16), {}]])
    result = host.run(sunk(graph | {"positive": bare, "negative": bare}, sampler()))
    assert "Connect positive and negative of Animate Conditioning to the sampler." in (result.error or "")


@pytest.mark.parametrize("shape", [(1, 3, FRAMES, 40, 32), (1, 3, FRAMES + 1, 32, 32)])
def test_a_latent_of_another_size_or_length_is_refused(
    host: InProcessHost, graph: dict[str, Any], shape: tuple[int, ...]
) -> None:
    error = host.run(sunk(graph | {"latent": host.value({"samples": torch.zeros(shape)})}, sampler())).error
    assert (
        f"The latent is 32x{shape[3]} with {shape[2]} frames, its conditions are 32x32 with {FRAMES}. Use "
        "the latent of the same Animate Conditioning" in (error or "")
    )


def test_the_text_of_another_models_encoder_is_refused(host: InProcessHost, graph: dict[str, Any]) -> None:
    text = host.value(told([[torch.zeros(1, 77, 768), {}]], tiny_conditions(frames=FRAMES)))
    error = host.run(sunk(graph | {"positive": text, "negative": text}, sampler())).error or ""
    assert "The text has 768 features, the animator reads 16. Encode it with the clip of Load" in error


def test_the_hosts_schedule_is_the_one_of_training_and_validation(
    host: InProcessHost, graph: dict[str, Any]
) -> None:
    from comfy.samplers import calculate_sigmas

    prompt = graph | {"show": {"class_type": "PreviewAny", "inputs": {"source": ["load", 0]}}}
    model = host.run(prompt).output("load").model
    assert PARAMS.shift != 1
    for steps in (1, 2, 4, 8):
        sigmas = calculate_sigmas(model.model_sampling, "simple", steps)
        torch.testing.assert_close(sigmas, shifted_sigmas(steps, PARAMS.shift), atol=1e-5, rtol=1e-5)


def test_a_truncated_checkpoint_is_refused(host: InProcessHost) -> None:
    folder = host.base / "models" / "kmc"
    (folder / "cut.safetensors").write_bytes((folder / TINY).read_bytes()[:5000])
    load = {"class_type": "KMC_LoadAnimator", "inputs": {"checkpoint": "cut.safetensors"}}
    result = host.run({"1": load, "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}})
    assert "cut.safetensors is damaged" in (result.error or "")
    (folder / "cut.safetensors").unlink()


def test_weights_of_other_sizes_are_refused(host: InProcessHost) -> None:
    folder = host.base / "models" / "kmc"
    _, state = load_animator_file(folder / TINY)
    save_animator(folder / "wide.safetensors", replace(PARAMS, pixel_width=16), state, {})
    save_animator(folder / "more.safetensors", PARAMS, state | {"other.weight": torch.ones(1)}, {})
    for name, message in (
        ("wide", "The weights do not fit the checkpoint's own sizes"),
        ("more", "no animator has"),
    ):
        load = {"class_type": "KMC_LoadAnimator", "inputs": {"checkpoint": f"{name}.safetensors"}}
        result = host.run({"1": load, "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}})
        assert message in (result.error or "")
        (folder / f"{name}.safetensors").unlink()


def test_a_checkpoint_outside_the_folder_is_refused(host: InProcessHost) -> None:
    load = {"class_type": "KMC_LoadAnimator", "inputs": {"checkpoint": "../../secret.safetensors"}}
    result = host.run({"1": load, "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}})
    assert "Value not in list" in (result.error or "")
