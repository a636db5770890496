"""The inputs that all nodes share that drive an engine, and what is made of them."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ..kmc_core.host.engines import draft_of, driver_of, request_for
from ..kmc_core.host.wan import Parts
from . import sockets
from .common_inputs import person_input, share_input

STRENGTHS = {"body_strength": "body", "hand_strength": "hands", "face_strength": "face"}


def main_inputs() -> list[Any]:
    """Model, prompts, motion, identity and size."""
    return [*given_inputs(), *size_inputs()]


def size_inputs() -> list[Any]:
    """Width and height."""
    follows = "0 follows the other side in the picture's shape; both 0: the area the engine was trained for."
    return [
        io.Int.Input("width", default=0, min=0, max=4096, step=16, tooltip=f"Width of the result. {follows}"),
        io.Int.Input(
            "height", default=0, min=0, max=4096, step=16, tooltip=f"Height of the result. {follows}"
        ),
    ]


def given_inputs() -> list[Any]:
    """Model, prompts, motion and identity."""
    return [
        io.Model.Input(
            "model",
            tooltip=(
                "The animator from Load Animator, or Wan-Animate, Wan-Animate-2, SCAIL or SCAIL-2 from Load "
                "Diffusion Model."
            ),
        ),
        io.Conditioning.Input("positive", tooltip="The positive prompt from CLIP Text Encode."),
        io.Conditioning.Input(
            "negative", tooltip="The negative prompt from CLIP Text Encode; counts when cfg is above 1."
        ),
        sockets.Motion.Input("motion", tooltip="What to do, fitted to the subject by Retarget Motion."),
        sockets.Identity.Input("identity", tooltip="Who does it, from Inject Identity."),
    ]


def strength_inputs() -> list[Any]:
    """How closely each part follows, and which person."""

    return [
        share_input("body_strength", "How closely the body follows. 0 leaves it to the engine."),
        share_input("hand_strength", "How closely hands and fingers follow. 0 leaves them to the engine."),
        share_input(
            "face_strength", "How closely expression and head turn follow. 0 leaves them to the engine."
        ),
        person_input("Which person of the motion to follow when it holds several, from 0."),
    ]


def optional_inputs() -> list[Any]:
    """What only some engines need."""
    return [
        io.Vae.Input(
            "vae",
            optional=True,
            tooltip="The engine's VAE; all but the KMC animator need it, and a draft.",
        ),
        clip_vision_input(),
        *video_inputs(),
        io.Mask.Input(
            "mask",
            optional=True,
            tooltip=(
                "Masks of the person in the video, one or one a frame, for SCAIL-2 and for replacement. "
                "Without them the motion's outline serves."
            ),
        ),
        io.Conditioning.Input(
            "motion_prompt",
            optional=True,
            tooltip="What is done, from CLIP Text Encode, for Wan-Animate-2.",
        ),
        io.Boolean.Input(
            "replace_person",
            default=False,
            optional=True,
            tooltip=(
                "Keep the video and put the character in its person's place (Wan-Animate, SCAIL-2). Fit the "
                "motion with placement match video."
            ),
        ),
        share_input(
            "guide_start",
            "From which part of the sampling on pose and face count.",
            default=0.0,
            step=0.01,
            optional=True,
            advanced=True,
        ),
        share_input(
            "guide_end",
            "Up to which part of the sampling pose and face count.",
            step=0.01,
            optional=True,
            advanced=True,
        ),
        io.MultiType.Input(
            "draft",
            [io.Video, io.Image],
            optional=True,
            tooltip=(
                "A finished animation of the same frames, such as the KMC animator's, that the sampling "
                "starts from at denoise below 1."
            ),
        ),
    ]


def clip_vision_input() -> Any:
    """What the 14B engines look at pictures with."""
    return io.ClipVision.Input(
        "clip_vision",
        optional=True,
        tooltip="From Load CLIP Vision: clip_vision_h.safetensors. All but the KMC animator need it.",
    )


def video_inputs() -> list[Any]:
    """The driving video and its motion."""
    return [
        io.MultiType.Input(
            "video",
            [io.Video, io.Image],
            optional=True,
            tooltip=(
                "The driving video: Wan-Animate looks at its face, Wan-Animate-2 and SCAIL-2 at all of it."
            ),
        ),
        sockets.Motion.Input(
            "video_motion",
            optional=True,
            tooltip="The motion before Retarget Motion: it tells where in the video person and face are.",
        ),
    ]


def parts_and_request(inputs: Mapping[str, Any]) -> tuple[Parts, Any]:
    """The host's objects and the core's request out of a node's inputs, by their names."""
    parts = Parts(
        inputs["model"],
        inputs["positive"],
        inputs["negative"],
        inputs.get("vae"),
        inputs.get("clip_vision"),
        inputs.get("motion_prompt"),
        (inputs.get("guide_start", 0.0), inputs.get("guide_end", 1.0)),
    )
    request = request_for(
        inputs["model"],
        inputs["motion"],
        inputs["identity"],
        (inputs.get("width", 0), inputs.get("height", 0)),
        {part: inputs[name] for name, part in STRENGTHS.items()},
        person=inputs["person"],
        driver=driver_of(
            inputs.get("video"), inputs.get("video_motion"), inputs.get("mask"), inputs["motion"].fps
        ),
        replace_person=inputs.get("replace_person", False),
        draft=draft_of(inputs.get("draft"), inputs["start_frame"], inputs["motion"].fps),
    )
    return parts, request
