"""The Wan engines through the host's own nodes: called, and amended where they are wrong or lack a knob.

What the nodes give is kept as it is, with three exceptions: the rows of Wan-Animate's mask, which the host
packs wrongly; the strength of the pose below and above 1, which is taken around an empty pose; and the part
of the sampling in which pose and face count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import node_helpers
import torch
from torch import Tensor

import nodes as host_nodes

from ..engines.catalog import CLIP_VISION, ENGINES, VAE, Engine, EngineName
from ..engines.identity import shown_subject
from ..engines.kmc import Check, no_check
from ..engines.masks import pack_mask
from ..engines.node_inputs import NodeInputs
from ..engines.request import Request, held
from ..engines.scail import scail_inputs
from ..engines.wan_animate import wan_animate_inputs
from ..engines.wan_animate2 import wan_animate2_inputs
from ..errors import KMCError
from ..subject.identity import Identity
from .media import image_of
from .stretches import ALWAYS, stretches

CHANNELS, SPACE, TIME = 16, 8, 4  # of the latents of Wan 2.1's VAE: channels, pixels a side, frames


@dataclass(frozen=True)
class Parts:
    """What of the host an engine works with."""

    model: Any  # MODEL
    positive: Any  # CONDITIONING
    negative: Any
    vae: Any | None = None
    clip_vision: Any | None = None
    motion_prompt: Any | None = None  # CONDITIONING
    during: tuple[float, float] = ALWAYS  # part of the sampling in which the motion counts


class Conditioned(NamedTuple):
    """What a sampler takes, and what to cut from its result."""

    positive: Any
    negative: Any
    latent: dict[str, Any]
    trim_latent: int = 0  # latent frames at the start that are no part of the video
    trim_image: int = 0  # decoded frames at its start that were carried over


def wan_conditioning(
    name: EngineName,
    parts: Parts,
    request: Request,
    start: int,
    length: int,
    carried: Tensor | None = None,
    check: Check = no_check,
) -> Conditioned:
    """Conditioning for frames start .. start + length; `carried` [K, H, W, 3] are the first K of them.

    KMCError for a host without the engine's node, and for what is missing.
    """
    engine = ENGINES[name]
    node = _host_node(engine)
    _check_parts(engine, parts)
    _check_identity(name, request.identity)
    shown = shown_subject(request.identity, held(request.motion, start, length), request.person)
    request = replace(request, identity=replace(request.identity, subject=shown))
    inputs = _engine_inputs(name, request, start, length, check)
    check()
    carried_frames = 0 if carried is None else len(carried)
    given = _shared(parts, request, inputs, length) | _own(name, parts, request, inputs)
    if carried is not None:
        continued = "previous_frames" if name == "scail2" else "continue_motion"
        # The node takes the carried frames off the offset, so that the videos start with them.
        given |= {continued: carried, "video_frame_offset": carried_frames}
        count = {"scail2": "previous_frame_count", "wan_animate": "continue_motion_max_frames"}.get(name)
        given |= {} if count is None else {count: carried_frames}
    positive, negative, latent, *cuts = _called(node, given)
    trim_latent, trim_image = (cuts[0], cuts[1]) if len(cuts) > 2 else (0, carried_frames)
    if name == "wan_animate":
        change = _wan_animate_change(parts, request, inputs, positive, carried_frames)
        positive, negative = (_changed(each, *change, parts.during) for each in (positive, negative))
    elif name != "wan_animate2":
        positive, negative = _with_pose((positive, negative), parts.vae, request.strength("body"))
    return Conditioned(positive, negative, latent, trim_latent, trim_image)


def _host_node(engine: Engine) -> Any:
    node = vars(host_nodes)["NODE_CLASS_MAPPINGS"].get(engine.node)
    if node is None:
        raise KMCError(
            f"{engine.label} needs ComfyUI {engine.since} or later, which brings the node {engine.node}; "
            "update ComfyUI."
        )
    return node


def _called(node: Any, inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(node.execute(**inputs).result)


def _check_parts(engine: Engine, parts: Parts) -> None:
    if parts.vae is None:
        raise KMCError(f"{engine.label} needs its VAE; connect Load VAE with {VAE}.")
    found = (
        parts.vae.latent_channels,
        parts.vae.spacial_compression_decode(),
        parts.vae.temporal_compression_decode(),
    )
    if found != (CHANNELS, SPACE, TIME):
        raise KMCError(
            f"{engine.label} works with the VAE of Wan 2.1 ({CHANNELS} channels, {SPACE} pixels, {TIME} "
            f"frames), got one of {found[0]} channels, {found[1]} pixels and {found[2] or 'no'} frames; "
            f"connect Load VAE with {VAE}."
        )
    if parts.clip_vision is None:
        raise KMCError(
            f"{engine.label} looks at the character's picture with CLIP vision; connect Load CLIP Vision "
            f"with {CLIP_VISION}."
        )


def _check_identity(name: EngineName, identity: Identity) -> None:
    label = ENGINES[name].label
    if identity.strength != 1 and name != "wan_animate2":
        raise KMCError(
            f"{label} shows the character as it is, got identity strength {identity.strength}; set strength "
            "to 1 in Inject Identity."
        )
    if (identity.start, identity.end) != ALWAYS:
        raise KMCError(
            f"{label} shows the character in all of the sampling, got {identity.start} to {identity.end}; "
            "set start to 0 and end to 1 in Inject Identity."
        )


def _engine_inputs(name: EngineName, request: Request, start: int, length: int, check: Check) -> NodeInputs:
    if name == "wan_animate":
        return wan_animate_inputs(request, start, length, check)
    if name == "wan_animate2":
        return wan_animate2_inputs(request, start, length, check)
    return scail_inputs("scail2" if name == "scail2" else "scail", request, start, length, check)


def _shared(parts: Parts, request: Request, inputs: NodeInputs, length: int) -> dict[str, Any]:
    """What all three nodes take. CLIP vision sees the whole picture, squeezed, as in training."""
    pictures = {name: image_of(frames) for name, frames in inputs.pictures.items()}
    assert parts.clip_vision is not None
    seen = parts.clip_vision.encode_image(pictures["reference_image"][:1], crop=False)
    width, height = request.size
    return {
        "positive": parts.positive, "negative": parts.negative, "vae": parts.vae, "width": width,
        "height": height, "length": length, "batch_size": 1, "video_frame_offset": 0,
        "clip_vision_output": seen, **pictures, **inputs.masks, **inputs.options,
    }  # fmt: skip


def _own(name: EngineName, parts: Parts, request: Request, inputs: NodeInputs) -> dict[str, Any]:
    """What only one of the nodes takes."""
    start, end = parts.during
    if name == "wan_animate":
        return {"continue_motion_max_frames": 5}
    if name != "wan_animate2":
        return {"pose_strength": 1.0, "pose_start": start, "pose_end": end, "previous_frame_count": 5}
    assert parts.clip_vision is not None
    first = image_of(inputs.pictures["pose_video"][:1])
    prompt = {} if parts.motion_prompt is None else {"positive_pose": parts.motion_prompt}
    return prompt | {
        "pose_strength": request.strength("body"), "pose_start_percent": start, "pose_end_percent": end,
        "clip_vision_output_pose": parts.clip_vision.encode_image(first, crop=False),
    }  # fmt: skip


def _wan_animate_change(
    parts: Parts, request: Request, inputs: NodeInputs, positive: Any, carried: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values to set in Wan-Animate's conditioning: always, and outside the part of sampling that counts."""
    given = positive[0][1]
    change: dict[str, Any] = {}
    if request.replace_person:
        change["concat_mask"] = _packed(inputs.masks["character_mask"], given["concat_mask"], carried)
    strength, outside = request.strength("body"), {}
    if strength != 1 or parts.during != ALWAYS:
        empty = _empty_pose(parts.vae, given["pose_video_latent"])
        change["pose_video_latent"] = _around(empty, given["pose_video_latent"], strength)
        outside["pose_video_latent"] = empty
    if parts.during != ALWAYS and inputs.neutral_face is not None:
        shown = given["face_video_pixels"]
        rest = inputs.neutral_face.to(shown).transpose(0, 1)[None] * 2 - 1
        outside["face_video_pixels"] = rest.expand_as(shown).contiguous()
    return change, outside


def _packed(mask: Tensor, given: Tensor, carried: int) -> Tensor:
    """The host's mask with its rows where Wan-Animate expects them; reference and carried frames known."""
    packed = pack_mask(mask, (given.shape[-2], given.shape[-1])).to(given)
    packed[:, :, : -(-carried // TIME) if carried else 0] = 0
    return torch.cat([given[:, :, :1], packed], 2)


def _with_pose(conditionings: tuple[Any, Any], vae: Any, strength: float) -> tuple[Any, Any]:
    """Conditionings with their pose around an empty one; entries without a pose are kept."""
    if strength == 1:
        return conditionings
    key = "pose_video_latent"
    empty = _empty_pose(vae, next(v[key] for entries in conditionings for _, v in entries if key in v))

    def changed(values: dict[str, Any]) -> dict[str, Any]:
        return {**values, key: _around(empty, values[key], strength)} if key in values else values

    positive, negative = ([[text, changed(values)] for text, values in each] for each in conditionings)
    return positive, negative


def _empty_pose(vae: Any, pose: Tensor) -> Tensor:
    """The latent of a pose video in which nobody is, of the same size as this one [1, C, T, h, w]."""
    frames = (pose.shape[2] - 1) * TIME + 1
    return vae.encode(torch.zeros(frames, pose.shape[-2] * SPACE, pose.shape[-1] * SPACE, 3))


def _around(empty: Tensor, pose: Tensor, strength: float) -> Tensor:
    return pose if strength == 1 else empty + strength * (pose - empty)


def _changed(
    conditioning: Any, values: dict[str, Any], outside: dict[str, Any], during: tuple[float, float]
) -> Any:
    """The conditioning with values set, and others for the sampling before and after a part of it."""
    conditioning = node_helpers.conditioning_set_values(conditioning, values)
    if during == ALWAYS or not outside:
        return conditioning
    entries = []
    for text, old in conditioning:
        # The negative shows no face at all, before, after and meanwhile.
        without = {k: v for k, v in outside.items() if k != "face_video_pixels" or _shows(old)}
        for inside, part in stretches(old, during):
            entries.append([text, {**old, **({} if inside else without), **part}])
    return entries


def _shows(values: Mapping[str, Any]) -> bool:
    """Whether an entry shows a face: the host gives the negative a black picture."""
    face = values.get("face_video_pixels")
    return face is not None and bool((face != -1).any())
