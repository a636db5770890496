"""Which engine a MODEL is, and its conditioning: one way in for all of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from einops import rearrange
from torch import Tensor

from ..engines.catalog import ENGINES, EngineName, supported
from ..engines.framing import check_driver, needed_driver
from ..engines.kmc import (
    Check,
    Progress,
    animate_conditions,
    canvas_size,
    fitted_person,
    no_check,
    no_progress,
)
from ..engines.reference import requests_of_runs
from ..engines.request import Draft, Driver, Request, Size, engine_size
from ..errors import KMCError
from ..motion.part import part_of
from ..motion.types import Motion
from ..perception.stream import require_fps
from ..subject.identity import Identity
from .animator import attach, empty_latent, is_animator, params_of
from .draft import started_from
from .media import clip_of
from .stretches import ALWAYS
from .wan import Conditioned, Parts, wan_conditioning

# What the host says a Wan model is, after it has looked at its weights.
MODEL_TYPES: dict[str, EngineName] = {
    "animate": "wan_animate",
    "animate2": "wan_animate2",
    "scail": "scail",
    "scail2": "scail2",
}


def engine_of(model: Any) -> EngineName:
    """The engine that a MODEL is. KMCError with a list of all engines for any other model."""
    if is_animator(model):
        return "kmc"
    config = getattr(getattr(model.model, "model_config", None), "unet_config", {})
    name = MODEL_TYPES.get(config.get("model_type", ""))
    if name is None:
        raise KMCError(
            f"This MODEL ({type(model.model).__name__}) cannot be driven by a motion. Load one of these with "
            f"Load Animator or Load Diffusion Model:\n{supported()}"
        )
    return name


def driver_of(video: Any, motion: Motion | None, masks: Tensor | None, fps: float) -> Driver | None:
    """The driving video with its motion and masks; None without a video. KMCError for these alone."""
    if video is not None:
        return Driver(clip_of(video, fps), motion, masks)
    if motion is not None or masks is not None:
        raise KMCError("video_motion and mask belong to a video; connect video, or disconnect them.")
    return None


def draft_of(video: Any, start: int, fps: float) -> Draft | None:
    """The draft whose first frame shows frame `start` of the motion; None without one."""
    return None if video is None else Draft(clip_of(video, fps), start)


def request_for(
    model: Any,
    motion: Motion,
    identity: Identity,
    size: Size,
    strengths: Mapping[str, float],
    *,
    person: int,
    driver: Driver | None,
    replace_person: bool,
    draft: Draft | None = None,
) -> Request:
    """What a MODEL's engine is asked for. A side of `size` (width, height) that is 0 follows the picture, or
    the video when its person is replaced. KMCError for what the engine cannot do.
    """
    fitted_person(motion, identity.subject, person)
    if driver is not None:
        check_driver(driver, motion)
    if draft is not None:
        require_fps(motion, draft.clip.fps, "the draft")
    shape, name = motion.size, engine_of(model)
    request = Request(motion, identity, shape, driver, replace_person, strengths, person, draft)
    if name == "kmc":
        if replace_person:
            raise KMCError("The KMC animator replaces nobody; use Wan-Animate or SCAIL-2.")
        return replace(request, size=canvas_size(params_of(model), shape, size))
    if replace_person:
        shape = needed_driver(request, "to replace its person").clip.size
    return replace(request, size=engine_size(ENGINES[name], shape, size))


def animated(
    parts: Parts,
    request: Request,
    start: int,
    length: int,
    *,
    carried: Tensor | None = None,
    progress: Progress = no_progress,
    check: Check = no_check,
) -> Conditioned:
    """Conditioning and latent, empty or of the draft, for frames start .. start + length of a request, on
    whatever engine the model is. `carried` [K, H, W, 3] are the first K frames, as the run before left them.
    """
    made, size = _empty(parts, request, start, length, carried, progress, check)
    if request.draft is None:
        return made
    if parts.vae is None:
        raise KMCError(
            "A draft is connected, but the VAE that reads it is not; connect the engine's own to vae."
        )
    return started_from(request.draft, made, parts.vae, size, start, length, carried, check)


def _empty(
    parts: Parts,
    request: Request,
    start: int,
    length: int,
    carried: Tensor | None,
    progress: Progress,
    check: Check,
) -> tuple[Conditioned, Size]:
    """What starts from noise alone, and its size."""
    name = engine_of(parts.model)
    if name != "kmc":
        return wan_conditioning(name, parts, request, start, length, carried, check), request.size
    if parts.during != ALWAYS:
        raise KMCError(
            f"The KMC animator follows the motion in all of the sampling, got guide_start {parts.during[0]} "
            f"and guide_end {parts.during[1]}; set them to 0 and 1."
        )
    conditions, size = animate_conditions(
        request.motion,
        request.identity,
        params=params_of(parts.model),
        size=request.size,
        start=start,
        length=length,
        strengths=request.strengths,
        track=request.person,
        progress=progress,
        check=check,
    )
    if carried is not None:
        conditions = replace(conditions, carried=rearrange(carried.cpu() * 2 - 1, "f h w c -> 1 c f h w"))
    guided = conditions.drop("body", "hands", "face", "identity")
    latent = empty_latent(conditions.moved.shape[2], size)
    span = request.identity.start, request.identity.end
    positive, negative = attach(parts.positive, conditions, span), attach(parts.negative, guided)
    return Conditioned(positive, negative, latent, 0, 0 if carried is None else len(carried)), size


def one_run(
    parts: Parts,
    request: Request,
    start: int,
    length: int,
    *,
    before: Tensor | None = None,
    progress: Progress = no_progress,
    check: Check = no_check,
) -> tuple[Conditioned, int]:
    """Conditioning of a single run that makes `length` frames from `start` on, and how many it makes.

    `before` [F, H, W, 3] are frames that end at `start`. Length 0 takes what is left of the motion, at most
    the engine's own length. KMCError when the motion has fewer frames.
    """
    name = engine_of(parts.model)
    engine = ENGINES[name]
    if before is not None and not engine.carried:
        raise KMCError(f"{engine.label} cannot go on from given frames; disconnect continue_motion.")
    carried = None if before is None else before[-engine.carried :]
    given = 0 if carried is None else len(carried)
    left = request.motion.frames - start
    if left < 1:
        raise KMCError(
            f"The motion has {request.motion.frames} frames, but start_frame is {start}; frames count from 0."
        )
    if name != "kmc" and length + given > engine.window:
        raise KMCError(
            f"{engine.label} makes at most {engine.window - given} frames in a run, {length} were asked for; "
            "use Animate Long Video, which makes a motion of any length."
        )
    wanted = length or (left if name == "kmc" else min(left, engine.window - given))
    part_of(request.motion, start - given, wanted + given)
    if request.draft is not None:
        request.draft.check(wanted)
    ((request,), _) = requests_of_runs(engine, request, [(start, start + wanted)])
    run = engine.length(wanted + given)
    made = animated(parts, request, start - given, run, carried=carried, progress=progress, check=check)
    return made, wanted
