"""What a user gets who prepares the pictures and connects the host's own engine nodes."""

from dataclasses import replace
from typing import Any

import torch

from harness.inprocess import InProcessHost
from kmc_core.engines.kmc import no_check
from kmc_core.engines.request import Driver, Request
from kmc_core.engines.scail import scail_inputs
from kmc_core.engines.wan_animate import wan_animate_inputs
from kmc_core.motion.retarget import retarget
from kmc_core.perception.clips import TensorClip
from kmc_core.subject.identity import Identity
from moving_person import HEIGHT, WIDTH, Build, character, person

FRAMES, LENGTH, SIZE = 13, 9, (64, 96)
CARRIED = 5
DRIVER = person(FRAMES)
SUBJECT = character(Build(arm=1.2))
FITTED = retarget(DRIVER, SUBJECT)
IDENTITY = Identity(SUBJECT, 1.0)
VIDEO = torch.rand(FRAMES, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(3))


def core_request(**changes: Any) -> Request:
    driver = Driver(TensorClip(VIDEO.permute(0, 3, 1, 2), 25.0), DRIVER)
    return replace(Request(FITTED, IDENTITY, SIZE, driver), **changes)


def images(frames: torch.Tensor) -> torch.Tensor:
    return frames.permute(0, 2, 3, 1).contiguous()


def assert_same(ours: Any, theirs: Any) -> None:
    """Two CONDITIONING lists with the same texts, keys and tensors."""
    assert len(ours) == len(theirs)
    for (text, values), (other_text, other) in zip(ours, theirs, strict=True):
        assert torch.equal(text, other_text)
        assert set(values) == set(other)
        for key, value in values.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, other[key]), key
            elif key == "reference_latents":
                assert all(torch.equal(a, b) for a, b in zip(value, other[key], strict=True))
            elif key == "clip_vision_output":
                name = "penultimate_hidden_states"
                assert torch.equal(value[name], other[key][name])
            else:
                assert value == other[key], key


def wan_by_hand(host: InProcessHost, inputs: dict[str, Any], **more: Any) -> tuple[Any, ...]:
    """What a user gets who prepares the pictures and connects the host's own nodes."""
    made = wan_animate_inputs(core_request(**more.pop("request", {})), more.pop("start", 0), LENGTH, no_check)
    pictures = {name: images(frames) for name, frames in made.pictures.items()}
    (seen,) = host.call(
        "CLIPVisionEncode",
        clip_vision=inputs["clip_vision"],
        image=pictures["reference_image"],
        crop="none",
    )
    given = {
        "positive": inputs["positive"], "negative": inputs["negative"], "vae": inputs["vae"],
        "width": SIZE[0], "height": SIZE[1], "length": LENGTH, "batch_size": 1, "clip_vision_output": seen,
        "continue_motion_max_frames": CARRIED, "video_frame_offset": 0, **pictures, **made.masks,
    }  # fmt: skip
    return host.call("WanAnimateToVideo", **{**given, **more})


def scail_by_hand(host: InProcessHost, inputs: dict[str, Any], name: Any, **more: Any) -> tuple[Any, ...]:
    start, request = more.pop("start", 0), core_request(**more.pop("request", {}))
    made = scail_inputs(name, request, start, LENGTH, no_check)
    pictures = {key: images(frames) for key, frames in made.pictures.items()}
    (seen,) = host.call(
        "CLIPVisionEncode",
        clip_vision=inputs["clip_vision"],
        image=pictures["reference_image"][:1],
        crop="none",
    )
    given = {
        "positive": inputs["positive"], "negative": inputs["negative"], "vae": inputs["vae"],
        "width": SIZE[0], "height": SIZE[1], "length": LENGTH, "batch_size": 1, "pose_strength": 1.0,
        "pose_start": 0.0, "pose_end": 1.0, "video_frame_offset": 0, "previous_frame_count": CARRIED,
        "clip_vision_output": seen, **pictures, **made.options,
    }  # fmt: skip
    return host.call("WanSCAILToVideo", **{**given, **more})
