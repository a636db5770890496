"""Prompts, identity and animation through the real host's graph."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from checkpoints import TINY, write_tiny_animator
from harness.inprocess import InProcessHost
from kmc_core.engines.kmc import build_conditions, canvas_size
from kmc_core.model.conditions import KEEP
from kmc_core.motion.retarget import retarget
from kmc_core.subject.identity import choose_identity
from moving_person import character, person
from subject_graph import creating, portrait, shown
from tiny import PARAMS

BETWEEN = 1e-5  # of the sampling: two stretches never count at one step
FRAMES = 6


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", autouse=True)
def checkpoint(host: InProcessHost) -> Iterator[None]:
    path = write_tiny_animator(host.base)
    yield
    path.unlink()


def test_enhance_prompt_reads_motion_and_subject(host: InProcessHost) -> None:
    subject = type(character())("Ada", character().views, "a woman in a green coat")
    inputs = {"wish": "on a beach, no hat", "engine": "kmc", "motion": ["1", 0], "subject": ["2", 0]}
    prompt = {
        "1": host.value(person(25)), "2": host.value(subject),
        "3": {"class_type": "KMC_EnhancePrompt", "inputs": inputs}, "4": shown("3"),
    }  # fmt: skip
    result = host.run(prompt)
    assert result.success, result.error
    assert result.output("3").startswith("a woman in a green coat, on a beach, ")
    assert result.output("3").endswith("full body")
    assert result.output("3", 1).startswith("hat, ") and result.output("3", 2) and result.output("3", 3)


def animating(host: InProcessHost, **changes: Any) -> dict[str, Any]:
    """Everything from the loader to the conditions, with a number person as driver and character."""
    subject = character()
    inputs = {
        "model": ["load", 0], "positive": ["text", 0], "negative": ["text", 0], "motion": ["motion", 0],
        "identity": ["identity", 0], "width": 0, "height": 0, "start_frame": 0, "length": 0,
        "body_strength": 1.0, "hand_strength": 1.0, "face_strength": 1.0, "person": 0,
    }  # fmt: skip
    return {
        "load": {"class_type": "KMC_LoadAnimator", "inputs": {"checkpoint": TINY}},
        "text": {"class_type": "CLIPTextEncode", "inputs": {"text": "a person", "clip": ["load", 1]}},
        "motion": host.value(retarget(person(FRAMES), subject)),
        "subject": host.value(subject),
        "identity": {
            "class_type": "KMC_InjectIdentity",
            "inputs": {"subject": ["subject", 0], "strength": 1.0, "views": "all"},
        },
        "tell": {"class_type": "KMC_AnimateConditioning", "inputs": inputs | changes},
        "show": shown("tell", 2),
    }


def test_conditions_are_those_of_the_core_and_the_latent_fits_the_picture(host: InProcessHost) -> None:
    result = host.run(animating(host))
    assert result.success, result.error
    width, height = canvas_size(PARAMS, (640, 720))
    assert tuple(result.output("tell", 2)["samples"].shape) == (1, 3, FRAMES, height, width)
    assert result.output("tell", 3) == 25.0
    motion, text = retarget(person(FRAMES), character()), torch.zeros(1, 8, 16)
    expected = build_conditions(motion, character(), text, params=PARAMS, size=(width, height))
    told = result.output("tell")[0][1]
    for name in ("moved", "maps", "hands", "face", "references", "identity", "keep"):
        torch.testing.assert_close(told[f"kmc_{name}"], getattr(expected, name), msg=name)
    negative = result.output("tell", 1)[0][1]
    assert negative["kmc_keep"].tolist() == [[0, 0, 0, 0, 1]]
    assert not any(key.startswith("kmc_") for key in result.output("text")[0][1]), "the input was changed"


def test_strengths_weigh_each_part_alone(host: InProcessHost) -> None:
    prompt = animating(host, body_strength=0.5, hand_strength=0.25, face_strength=0.0)
    prompt["identity"]["inputs"]["strength"] = 0.75
    keep = host.run(prompt).output("tell")[0][1]["kmc_keep"]
    assert dict(zip(KEEP, keep[0].tolist(), strict=True)) == {
        "body": 0.5, "hands": 0.25, "face": 0.0, "identity": 0.75, "text": 1.0,
    }  # fmt: skip


def test_a_part_of_the_motion_and_another_size_can_be_chosen(host: InProcessHost) -> None:
    result = host.run(animating(host, start_frame=2, length=3, width=48, height=64))
    assert result.success, result.error
    whole = host.run(animating(host, width=48, height=64))
    assert tuple(result.output("tell", 2)["samples"].shape) == (1, 3, 3, 64, 48)
    part = whole.output("tell")[0][1]["kmc_face"][:, 2:5]
    assert torch.equal(result.output("tell")[0][1]["kmc_face"], part)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_frame": 6}, "The motion has 6 frames, but start_frame is 6; frames count from 0."),
        (
            {"start_frame": 4, "length": 3},
            "The motion has 6 frames, but 3 frames from frame 4 were asked for",
        ),
        ({"width": 36}, "must be a multiple of 8, got 36x"),
        ({"person": 1}, "The motion has 1 people, but person 1 was asked for; people count from 0."),
    ],
)
def test_unusable_requests_tell_what_is_there(
    host: InProcessHost, changes: dict[str, Any], message: str
) -> None:
    assert message in (host.run(animating(host, **changes)).error or "")


def test_another_model_is_refused(host: InProcessHost) -> None:
    class Other:
        model = torch.nn.Linear(1, 1)

    prompt = animating(host, model=["other", 0]) | {"other": host.value(Other())}
    error = host.run(prompt).error or ""
    assert "This MODEL (Linear) cannot be driven by a motion. Load one of these with Load Animator" in error


def test_motion_and_picture_become_a_video_with_the_sound_of_the_driver(host: InProcessHost) -> None:
    sound = {"waveform": torch.zeros(1, 2, 16000), "sample_rate": 16000}
    sample = {
        "model": ["load", 0], "positive": ["tell", 0], "negative": ["tell", 1], "latent": ["tell", 2],
        "preset": "plain", "seed": 3, "steps": 2, "cfg": 2.0, "denoise": 1.0,
    }  # fmt: skip
    detail = {
        "images": ["decode", 0], "motion": ["motion", 0], "identity": ["identity", 0], "longest_side": 96,
        "start_frame": 1, "person": 0,
    }  # fmt: skip
    prompt = animating(host, start_frame=1, length=4) | {
        "sound": host.value(sound),
        "sample": {"class_type": "KMC_DistilledSampler", "inputs": sample},
        "decode": {"class_type": "VAEDecode", "inputs": {"samples": ["sample", 0], "vae": ["load", 2]}},
        "detail": {"class_type": "KMC_RestoreDetail", "inputs": detail},
        "video": {
            "class_type": "CreateVideo",
            "inputs": {"images": ["detail", 0], "fps": ["tell", 3], "audio": ["sound", 0]},
        },
        "save": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["video", 0], "filename_prefix": "video/x", "format": "mp4", "codec": "h264"},
        },
    }
    result = host.run(prompt)
    assert result.success, result.error
    assert tuple(result.output("detail").shape) == (4, 96, 86, 3)
    (saved,) = (host.output / "video").glob("x_*.mp4")
    from comfy_api.latest import InputImpl

    video = InputImpl.VideoFromFile(str(saved))
    assert video.get_frame_count() == 4 and float(video.get_frame_rate()) == 25.0
    assert video.get_components().audio is not None
    again = host.run(
        prompt | {"sample": {"class_type": "KMC_DistilledSampler", "inputs": sample | {"seed": 4}}}
    )
    assert {"load", "tell", "text"} <= again.cached and "sample" not in again.cached


def test_detail_needs_the_motion_of_the_same_frames(host: InProcessHost) -> None:
    subject = character()
    detail = {
        "images": ["images", 0], "motion": ["motion", 0], "identity": ["identity", 0], "longest_side": 64,
        "start_frame": 4, "person": 0,
    }  # fmt: skip
    prompt = {
        "images": host.value(torch.zeros(3, 32, 24, 3)),
        "motion": host.value(retarget(person(FRAMES), subject)),
        "identity": host.value(choose_identity(subject)),
        "detail": {"class_type": "KMC_RestoreDetail", "inputs": detail},
        "show": shown("detail"),
    }
    assert "The motion has 6 frames, but 3 frames from frame 4 were asked for" in (
        host.run(prompt).error or ""
    )


def test_cancel_ends_reading_pictures_and_restoring_detail(host: InProcessHost) -> None:
    subject = character()
    detail = {
        "images": ["images", 0], "motion": ["motion", 0], "identity": ["identity", 0], "longest_side": 64,
        "start_frame": 0, "person": 0,
    }  # fmt: skip
    restoring = {
        "images": host.value(torch.zeros(40, 32, 24, 3)),
        "motion": host.value(retarget(person(40), subject)),
        "identity": host.value(choose_identity(subject)),
        "node": {"class_type": "KMC_RestoreDetail", "inputs": detail},
        "show": shown("node"),
    }
    reading = creating(host, portrait().expand(40, -1, -1, -1))
    reading = {"images": reading["images"], "node": reading["create"], "show": shown("node")}
    for prompt in (restoring, reading):
        seen: list[int] = []

        def cancel(event: str, data: Any, seen: list[int] = seen) -> None:
            if event == "progress" and data["node"] == "node":
                seen.append(data["value"])
                host.interrupt()

        assert host.run(prompt, on_event=cancel).interrupted
        assert len(seen) <= 2 and seen[0] < 40
    assert host.run({"1": host.value(0), "2": shown("1")}).success


def test_an_identity_that_ends_early_is_told_to_the_host_in_stretches(host: InProcessHost) -> None:
    prompt = animating(host)
    prompt["identity"]["inputs"] |= {"start": 0.25, "end": 0.5}
    result = host.run(prompt)
    assert result.success, result.error
    told = [entry[1] for entry in result.output("tell")]
    assert [t["end_percent"] for t in told] == [0.25, 0.5, 1]
    assert [t["start_percent"] for t in told] == [0, 0.25 + BETWEEN, 0.5 + BETWEEN]
    assert [float(t["kmc_keep"][0, KEEP.index("identity")]) for t in told] == [0, 1, 0]
    prompt["identity"]["inputs"] |= {"start": 0.5, "end": 0.5}
    assert "start must be below end" in (host.run(prompt).error or "")


def test_the_users_own_part_of_the_sampling_stays(host: InProcessHost) -> None:
    from kmc_core.host.stretches import stretches

    def spans(start: float, end: float, during: tuple[float, float]) -> list[tuple[bool, float, float]]:
        cut = stretches({"start_percent": start, "end_percent": end}, during)
        return [(inside, round(p["start_percent"], 4), round(p["end_percent"], 4)) for inside, p in cut]

    assert spans(0.2, 0.6, (0.0, 0.5)) == [(True, 0.2, 0.5), (False, 0.5, 0.6)]
    assert spans(0.2, 0.6, (0.7, 1.0)) == [(False, 0.2, 0.6)]
    assert spans(0.2, 0.6, (0.0, 1.0)) == [(True, 0.2, 0.6)]
    prompt = animating(host)
    prompt["identity"]["inputs"] |= {"end": 0.5}
    prompt["late"] = {
        "class_type": "ConditioningSetTimestepRange",
        "inputs": {"conditioning": prompt["tell"]["inputs"]["positive"], "start": 0.25, "end": 1.0},
    }
    prompt["tell"]["inputs"]["positive"] = ["late", 0]
    told = [entry[1] for entry in host.run(prompt).output("tell")]
    assert [(t["start_percent"], t["end_percent"]) for t in told] == [(0.25, 0.5), (0.5 + BETWEEN, 1.0)]


def sampled(host: InProcessHost, **identity: Any) -> torch.Tensor:
    """Four steps of the tiny animator with inputs of Inject Identity."""
    prompt = animating(host)
    prompt["identity"]["inputs"] |= identity
    inputs = {
        "model": ["load", 0], "positive": ["tell", 0], "negative": ["tell", 1], "latent": ["tell", 2],
        "preset": "plain", "seed": 3, "steps": 4, "cfg": 1.0, "denoise": 1.0,
    }  # fmt: skip
    result = host.run(
        prompt | {"x": {"class_type": "KMC_DistilledSampler", "inputs": inputs}, "y": shown("x")}
    )
    assert result.success, result.error
    return result.output("x")["samples"]


def test_an_identity_for_a_stretch_of_the_sampling_lies_between_none_and_all(host: InProcessHost) -> None:
    none, early, full = (sampled(host, **k) for k in ({"strength": 0.0}, {"end": 0.5}, {}))
    assert not torch.equal(early, none) and not torch.equal(early, full) and not torch.equal(none, full)


def test_colours_of_an_animation_are_anchored(host: InProcessHost) -> None:
    subject = character()
    inputs = {
        "images": ["images", 0], "motion": ["motion", 0], "identity": ["identity", 0], "where": "person",
        "strength": 1.0, "steady": 1, "start_frame": 2, "person": 0,
    }  # fmt: skip
    prompt = {
        "images": host.value(torch.full((3, 72, 64, 3), 0.3)),
        "motion": host.value(retarget(person(FRAMES), subject)),
        "identity": host.value(choose_identity(subject)),
        "anchor": {"class_type": "KMC_AnchorColor", "inputs": inputs},
        "show": shown("anchor"),
    }
    result = host.run(prompt)
    assert result.success, result.error
    images = result.output("anchor")
    assert images.shape == (3, 72, 64, 3)
    assert 0.45 < float(images.amax()) < 0.55, "the picture of this person is grey"
    inputs["start_frame"] = 4
    assert "but 3 frames from frame 4 were asked for" in (host.run(prompt).error or "")
