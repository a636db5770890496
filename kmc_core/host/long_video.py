"""A video of any length in one run of the graph: window by window, each kept on disk once it is done."""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import comfy.model_management as mm
import comfy.sample
import comfy.samplers
import comfy.utils
import folder_paths
import latent_preview
import torch
from torch import Tensor

from ..engines.catalog import ENGINES
from ..engines.faces import calm_frame
from ..engines.framing import video_place
from ..engines.request import Request, held
from ..engines.window_colors import anchored, colours_of
from ..engines.windows import Window, blend_weights, plan_windows
from ..errors import KMCError
from ..motion.part import part_of
from .engines import animated, engine_of
from .fingerprint import named
from .media import frames_of, image_of
from .video_writer import write_video
from .wan import Conditioned, Parts
from .window_store import STORE_VERSION, WindowStore

SEEDS = 2**64


@dataclass(frozen=True)
class Sampling:
    """How each run is sampled. Run k has the seed + k, so that it comes out the same when sampled alone."""

    seed: int
    steps: int
    cfg: float
    sampler: Any | None = None  # SAMPLER; None is euler
    sigmas: Tensor | None = None  # None: `steps` of the model's own simple schedule
    guider: Any | None = None  # GUIDER, in the place of cfg


@dataclass(frozen=True)
class LongVideo:
    """What makes a long video, and where its parts are kept."""

    parts: Parts
    request: Request
    sampling: Sampling
    windows: tuple[Window, ...]
    names: tuple[str, ...]  # of each window's file
    anchor_colors: bool
    store: WindowStore


def long_video(
    parts: Parts,
    request: Request,
    sampling: Sampling,
    *,
    start: int,
    length: int,
    sound: Any | None,
    anchor_colors: bool,
    graph: str,
    tell: Callable[[str], None],
) -> tuple[Path, int]:
    """Make frames start .. start + length (0: to the end) of a motion: a file in the host's temp folder and
    the number of its frames, exactly as many as were asked for.

    `graph` names what makes model, prompts, VAE and sampler: runs that are on disk and depend on the same
    are not made again. `tell` is told how far it is. KMCError before the first run for all that is missing.
    """
    engine = ENGINES[engine_of(parts.model)]
    if parts.vae is None:
        raise KMCError(f"The VAE is needed to decode each part; connect vae, for {engine.label} its own.")
    if anchor_colors and request.replace_person:
        raise KMCError(
            "anchor_colors changes whole pictures, so with replace_person the video's own scene too; switch "
            "anchor_colors off, and use Anchor Color on the person alone."
        )
    _check_guider(parts, sampling)
    whole = part_of(request.motion, start, length)
    windows = tuple(
        Window(w.index, w.start + start, w.length, w.carried, w.blended, w.kept)
        for w in plan_windows(whole.frames, engine)
    )
    store = WindowStore()
    made = LongVideo(
        parts, request, sampling, windows, _names(windows, parts, request, sampling, anchor_colors, graph),
        anchor_colors and engine.carried > 0, store,
    )  # fmt: skip
    missing = [
        w for w, name in zip(windows, made.names, strict=True) if not store.has(name, w.kept - w.carried)
    ]
    store.require_room(sum(w.kept for w in missing) * request.size[0] * request.size[1])
    _sample_missing(made, missing, tell)
    path = Path(folder_paths.get_temp_directory()) / f"kmc_{uuid4().hex[:12]}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = write_video(path, _joined(made), request.motion.fps, sound, start)
    return path, frames


def _names(
    windows: tuple[Window, ...],
    parts: Parts,
    request: Request,
    sampling: Sampling,
    anchor_colors: bool,
    graph: str,
) -> tuple[str, ...]:
    """Of all that a window depends on, the windows before it included where it goes on from them."""
    driver = request.driver
    common: list[Any] = [
        STORE_VERSION, graph, request.identity, list(request.size), request.replace_person,
        dict(request.strengths), request.person, list(parts.during), sampling.steps, sampling.cfg,
        sampling.sigmas, anchor_colors,
    ]  # fmt: skip
    if driver is not None:
        common += [list(driver.clip.size), calm_frame(driver.motion)]
        if ENGINES[engine_of(parts.model)].sees_video or request.replace_person:
            common.append(video_place(request, driver))
    names: list[str] = []
    for window in windows:
        motion = held(request.motion, window.start, window.length)
        seen = None if driver is None or driver.motion is None else driver.motion
        shown = [] if seen is None else [held(seen, min(window.start, seen.frames - 1), window.length)]
        masks = None if driver is None else driver.masks
        if masks is not None and len(masks) > 1:
            masks = masks[window.start : window.start + window.length]
        before = names[:1] + names[-1:] if window.carried else []
        seed = (sampling.seed + window.index) % SEEDS
        names.append(named(common, motion, shown, masks, window, seed, before))
    return tuple(names)


def _check_guider(parts: Parts, sampling: Sampling) -> None:
    guider = sampling.guider
    if guider is None:
        return
    if guider.model_patcher.model is not parts.model.model:
        raise KMCError("The guider has another model than this node; connect both to the same model.")
    if unknown := set(guider.original_conds) - {"positive", "negative"}:
        raise KMCError(
            f"The guider takes {', '.join(sorted(unknown))} beside positive and negative, which are not made "
            "here; use Basic Guider or CFG Guider."
        )


def _sample_missing(video: LongVideo, missing: list[Window], tell: Callable[[str], None]) -> None:
    """Make and keep every window that is not on disk, in order."""
    model = _model(video)
    sigmas = video.sampling.sigmas
    if sigmas is None:
        sigmas = comfy.samplers.calculate_sigmas(
            model.get_model_object("model_sampling"), "simple", video.sampling.steps
        )
    steps, begun = len(sigmas) - 1, time.monotonic()
    bar = comfy.utils.ProgressBar(steps * len(video.windows))
    previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)
    for done, window in enumerate(missing):
        tell(_how_far(video, window, done, len(missing), begun))

        def show(step: int, x0: Tensor, x: Tensor, total: int, index: int = window.index) -> None:
            picture = None if previewer is None else previewer.decode_latent_to_preview_image("JPEG", x0)
            bar.update_absolute(index * steps + step + 1, preview=picture)

        frames = _sampled(video, window, sigmas, show)
        video.store.write(video.names[window.index], (frames * 255).round().to(torch.uint8))
        mm.throw_exception_if_processing_interrupted()
    bar.update_absolute(steps * len(video.windows))


def _how_far(video: LongVideo, window: Window, done: int, of: int, begun: float) -> str:
    said = f"Part {window.index + 1} of {len(video.windows)}"
    kept = len(video.windows) - of
    said += f", {kept} kept from before" if kept else ""
    if done:
        minutes = (time.monotonic() - begun) / done * (of - done) / 60
        said += f", about {minutes:.0f} min left" if minutes >= 1 else ", less than a minute left"
    return said


def _sampled(video: LongVideo, window: Window, sigmas: Tensor, show: Callable[..., None]) -> Tensor:
    """Frames [F, 3, H, W] 0..1 of a window, without those that it was given."""
    carried = None
    if window.carried:
        tail = video.store.last(video.names[window.index - 1], window.carried)
        carried = image_of(tail)
    made = animated(
        video.parts, video.request, window.start, window.length, carried=carried,
        check=mm.throw_exception_if_processing_interrupted,
    )  # fmt: skip
    latent = comfy.sample.fix_empty_latent_channels(_model(video), made.latent["samples"])
    seed = (video.sampling.seed + window.index) % SEEDS
    samples = _guider(video, made).sample(
        comfy.sample.prepare_noise(latent, seed), latent, video.sampling.sampler or
        comfy.samplers.sampler_object("euler"), sigmas, denoise_mask=made.latent.get("noise_mask"),
        callback=show, disable_pbar=True, seed=seed,
    )  # fmt: skip
    assert video.parts.vae is not None
    pictures = video.parts.vae.decode(samples[:, :, made.trim_latent :])
    frames = frames_of(pictures.flatten(0, -4)).float().clamp(0, 1)[made.trim_image : window.kept]
    if window.index and video.anchor_colors:
        first = torch.stack(list(video.store.read(video.names[0]))).float() / 255
        frames = anchored(frames, colours_of(first))
    return frames


def _model(video: LongVideo) -> Any:
    guider = video.sampling.guider
    return video.parts.model if guider is None else guider.model_patcher


def _guider(video: LongVideo, made: Conditioned) -> Any:
    """The guider for one window: the given one's way of guiding with this window's conditioning."""
    told = {"positive": made.positive, "negative": made.negative}
    if video.sampling.guider is None:
        guider = comfy.samplers.CFGGuider(video.parts.model)
        guider.set_cfg(video.sampling.cfg)
        guider.inner_set_conds(told)
        return guider
    guider = copy.copy(video.sampling.guider)
    guider.original_conds = {}
    guider.inner_set_conds({name: told[name] for name in video.sampling.guider.original_conds})
    return guider


def _joined(video: LongVideo) -> Iterator[Tensor]:
    """All frames uint8 [3, H, W] in order; those that two windows share pass from the older to the newer."""
    shared: list[Tensor] = []
    following = [w.blended for w in video.windows[1:]] + [0]
    for window, name, later in zip(video.windows, video.names, following, strict=True):
        weights = blend_weights(window.blended)
        until = window.kept - window.carried - later
        rest: list[Tensor] = []
        for index, frame in enumerate(video.store.read(name)):
            mm.throw_exception_if_processing_interrupted()
            if index < len(weights):
                older = shared[index].float()
                frame = (older + weights[index] * (frame.float() - older)).round().to(torch.uint8)
            if index < until:
                yield frame
            else:
                rest.append(frame)
        shared = rest
