"""Faces and hands again, large: each is animated by the engine in a steady close-up that starts from the
animation at partial noise, and is blended back.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import comfy.model_management as mm
import comfy.utils
import torch
from torch import Tensor

from ..engines.catalog import ENGINES, EngineName
from ..engines.close_up import CloseUp, Region, close_subject, close_up
from ..engines.framing import cover
from ..engines.kmc import canvas_size, placement
from ..engines.request import Draft, Request, Size, engine_size
from ..engines.windows import Window, blend_weights, plan_windows
from ..errors import KMCError
from ..motion.part import part_of
from ..perception.clips import TensorClip
from .animator import params_of
from .engines import engine_of
from .wan import Parts
from .window_run import Sampling, Show, check_sampling, mixed, pixels_of, run_window, schedule, shown_steps


@dataclass(frozen=True)
class Target:
    """One part that is made again."""

    camera: CloseUp
    request: Request  # of the close-up


def close_up_side(parts: Parts, side: int) -> int:
    """Pixels of a close-up: `side`, or with 0 as many as the engine was trained for. KMCError for a side that
    it does not take.
    """
    name = engine_of(parts.model)
    if name == "kmc":
        return canvas_size(params_of(parts.model), (1, 1), (side, side))[0]
    return engine_size(ENGINES[name], (1, 1), (side, side))[0]


def refine(
    frames: Tensor,
    parts: Parts,
    request: Request,
    sampling: Sampling,
    regions: tuple[Region, ...],
    *,
    start: int,
    tell: Callable[[str], None],
) -> tuple[Tensor, str]:
    """Frames [F, 3, H, W] 0..1 with these parts made again, and what was done, as Markdown.

    The frames show `request.motion` from frame `start` on; `request.size` is that of the close-ups.
    KMCError for what is missing, before the first run.
    """
    frames = frames.cpu().clone()  # the result, part by part
    _check(parts, request, sampling, frames, start)
    name = engine_of(parts.model)
    targets = {
        region: target
        for region in regions
        if (target := _target(name, request, region, start, len(frames))) is not None
    }
    if not targets:
        raise KMCError(
            f"No {' and no '.join(regions)} is shown both by the motion and by a picture of the character; "
            "add Encode Face Motion or Encode Hand Motion, or choose other parts."
        )
    windows = plan_windows(len(frames), ENGINES[name], start)
    place = _place(name == "kmc", request.motion.size, (frames.shape[-1], frames.shape[-2]))
    sigmas = schedule(parts, sampling)
    steps = len(sigmas) - 1
    bar = comfy.utils.ProgressBar(steps * len(windows) * len(targets))
    shows = map(shown_steps(parts, sampling, steps, bar), count())
    report = [f"- {region}: left as it is, motion or pictures do not show it" for region in regions
              if region not in targets]  # fmt: skip
    for region, target in targets.items():
        tell(f"{region.capitalize()} of {', '.join(targets)}")
        begun = time.monotonic()
        asked = _started_from(target.camera.frames(pixels_of(frames), place, start), target.request, start)
        close = _made_again(parts, asked, sampling, sigmas, windows, shows)
        for index, frame in enumerate(target.camera.put_back(frames, close, place, start)):
            mm.throw_exception_if_processing_interrupted()
            frames[index] = frame
        took = f"{len(windows)} windows of {steps} steps, {time.monotonic() - begun:.0f} s"
        report.append(f"- {region}: {took}, {request.size[0]} pixels a side")
    return frames, "\n".join(report)


def _check(parts: Parts, request: Request, sampling: Sampling, frames: Tensor, start: int) -> None:
    """KMCError for what is missing."""
    name = engine_of(parts.model)
    if name == "wan_animate2":
        raise KMCError(
            f"{ENGINES[name].label} looks at the video itself, which has no close-up of the character; use "
            "another engine here, such as Wan-Animate or the KMC animator."
        )
    if parts.vae is None:
        raise KMCError("The VAE is needed to read and to write pictures; connect the engine's own to vae.")
    part_of(request.motion, start, len(frames))
    check_sampling(parts, _started_from(frames, request, start), sampling)


def _started_from(frames: Tensor, request: Request, start: int) -> Request:
    return replace(request, draft=Draft(TensorClip(frames, request.motion.fps), start))


def _made_again(
    parts: Parts,
    request: Request,
    sampling: Sampling,
    sigmas: Tensor,
    windows: tuple[Window, ...],
    shows: Iterator[Show],
) -> Tensor:
    """[F, 3, S, S] uint8 the frames of all windows, one after the other."""
    made = torch.zeros(0, 3, *request.size[::-1], dtype=torch.uint8)
    for window in windows:
        carried = made[-window.carried :] if window.carried else None
        frames = pixels_of(run_window(parts, request, sampling, window, sigmas, carried, next(shows)))
        shared = made[len(made) - window.blended :]
        for index, weight in enumerate(blend_weights(window.blended)):
            frames[index] = mixed(shared[index], frames[index], weight)
        made = torch.cat([made[: len(made) - window.blended], frames])
    return made


def _target(name: EngineName, request: Request, region: Region, start: int, frames: int) -> Target | None:
    """What is asked of the engine for a part; None where the motion or the character does not show it."""
    side = request.size[0]
    camera = close_up(request.motion, request.person, region, side)
    subject = close_subject(request.subject, region, side)
    if camera is None or subject is None or not bool(camera.shown[start : start + frames].any()):
        return None
    changes: dict[str, Any] = {}
    if name != "wan_animate" or region != "face":
        changes["driver"] = None  # the video is not seen from near: what is drawn is
    if name == "wan_animate" and region != "face":
        changes["strengths"] = {**request.strengths, "face": 0.0}
    identity = replace(request.identity, subject=subject)
    return Target(
        camera, replace(request, motion=camera.motion(request.motion), identity=identity, **changes)
    )


def _place(letterbox: bool, picture: Size, size: Size) -> Tensor:
    """[2, 3] from the character's picture to an animation."""
    if not letterbox:
        return cover(picture, size)
    factor, offset = placement(picture, size)
    return torch.cat([factor.diag(), offset[:, None]], 1)
