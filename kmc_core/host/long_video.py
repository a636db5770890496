"""A video of any length in one run of the graph: window by window, each kept on disk once it is done."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import comfy.model_management as mm
import comfy.utils
import folder_paths
from torch import Tensor

from ..engines.catalog import ENGINES
from ..engines.color import anchor_color
from ..engines.faces import calm_frame
from ..engines.framing import video_place
from ..engines.reference import requests_of_runs
from ..engines.request import Request, held
from ..engines.windows import Window, blend_weights, plan_windows
from ..errors import KMCError
from ..motion.part import part_of
from .engines import engine_of
from .fingerprint import named
from .video_writer import write_video
from .wan import Parts
from .window_run import Sampling, check_sampling, mixed, pixels_of, run_window, schedule, shown_steps
from .window_store import STORE_VERSION, WindowStore


@dataclass(frozen=True)
class LongVideo:
    """What makes a long video, and where its parts are kept."""

    parts: Parts
    requests: tuple[Request, ...]  # of each window
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
    keep_windows: bool,
    graph: str,
    tell: Callable[[str], None],
) -> tuple[Path, int, str]:
    """Make frames start .. start + length (0: to the end) of a motion: a file in the host's temp folder, the
    number of its frames, exactly as many as were asked for, and a report in Markdown.

    `graph` names what makes model, prompts, VAE and sampler: runs that are on disk and depend on the same
    are not made again. `tell` is told how far it is. KMCError before the first run for all that is missing.
    """
    engine = ENGINES[engine_of(parts.model)]
    if parts.vae is None:
        raise KMCError(f"The VAE is needed to decode each part; connect vae, for {engine.label} its own.")
    if anchor_colors and request.replace_person:
        raise KMCError(
            "anchor_colors changes whole pictures, so with replace_person the video's own scene too; switch "
            "anchor_colors off."
        )
    check_sampling(parts, request, sampling)
    frames = part_of(request.motion, start, length).frames
    if request.draft is not None:
        request.draft.check(frames)
    windows = plan_windows(frames, engine, start)
    requests, views = requests_of_runs(engine, request, [(w.start, w.end) for w in windows])
    names = _names(windows, parts, requests, sampling, anchor_colors, graph)
    store = WindowStore()
    made = LongVideo(
        parts, requests, sampling, windows, names, anchor_colors and engine.carried > 0, store
    )  # fmt: skip
    missing = [w for w, name in zip(windows, names, strict=True) if not store.has(name, w.kept - w.carried)]
    store.require_room(sum(w.kept for w in missing) * request.size[0] * request.size[1])
    _sample_missing(made, missing, tell)
    path = Path(folder_paths.get_temp_directory()) / f"kmc_{uuid4().hex[:12]}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    written = write_video(path, _joined(made), request.motion.fps, sound, start)
    if not keep_windows:
        store.remove(names)
    return path, written, f"{views}\n\n{store.told()}"


def _names(
    windows: tuple[Window, ...],
    parts: Parts,
    requests: tuple[Request, ...],
    sampling: Sampling,
    anchor_colors: bool,
    graph: str,
) -> tuple[str, ...]:
    """Of all that a window depends on, the windows before it included where it goes on from them."""
    request = requests[0]
    driver = request.driver
    common: list[Any] = [
        STORE_VERSION, graph, list(request.size), request.replace_person,
        dict(request.strengths), request.person, list(parts.during), sampling.steps, sampling.cfg,
        sampling.sigmas, sampling.denoise, anchor_colors,
    ]  # fmt: skip
    if driver is not None:
        common += [list(driver.clip.size), calm_frame(driver.motion)]
        if ENGINES[engine_of(parts.model)].sees_video or request.replace_person:
            common.append(video_place(request, driver))
    names: list[str] = []
    for window, asked in zip(windows, requests, strict=True):
        motion = held(request.motion, window.start, window.length)
        seen = None if driver is None or driver.motion is None else driver.motion
        shown = [] if seen is None else [held(seen, min(window.start, seen.frames - 1), window.length)]
        masks = None if driver is None else driver.masks
        if masks is not None and len(masks) > 1:
            masks = masks[window.start : window.start + window.length]
        before = names[-1:] if window.carried else []
        draft = None if request.draft is None else window.start - request.draft.start
        seed = sampling.seed_of(window.index)
        names.append(named(common, asked.identity, motion, shown, masks, draft, window, seed, before))
    return tuple(names)


def _sample_missing(video: LongVideo, missing: list[Window], tell: Callable[[str], None]) -> None:
    """Make and keep every window that is not on disk, in order."""
    sigmas = schedule(video.parts, video.sampling)
    steps, begun = len(sigmas) - 1, time.monotonic()
    bar = comfy.utils.ProgressBar(steps * len(video.windows))
    show = shown_steps(video.parts, video.sampling, steps, bar)
    for done, window in enumerate(missing):
        tell(_how_far(video, window, done, len(missing), begun))
        request, carried = video.requests[window.index], None
        if window.carried:
            carried = video.store.last(video.names[window.index - 1], window.carried)
        frames = run_window(
            video.parts, request, video.sampling, window, sigmas, carried, show(window.index)
        )  # fmt: skip
        if video.anchor_colors:
            frames = _anchored(frames, window, request)
        video.store.write(video.names[window.index], pixels_of(frames))
        mm.throw_exception_if_processing_interrupted()
    bar.update_absolute(steps * len(video.windows))


def _anchored(frames: Tensor, window: Window, request: Request) -> Tensor:
    """A window's new frames in the colours of the character's picture, before the next goes on from them."""
    motion = part_of(request.motion, window.start + window.carried, len(frames))
    return anchor_color(
        frames, motion, request.subject, where="whole picture", track=request.person, filled=True,
        check=mm.throw_exception_if_processing_interrupted,
    )  # fmt: skip


def _how_far(video: LongVideo, window: Window, done: int, of: int, begun: float) -> str:
    said = f"Part {window.index + 1} of {len(video.windows)}"
    kept = len(video.windows) - of
    said += f", {kept} kept from before" if kept else ""
    if done:
        minutes = (time.monotonic() - begun) / done * (of - done) / 60
        said += f", about {minutes:.0f} min left" if minutes >= 1 else ", less than a minute left"
    return said


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
                frame = mixed(shared[index], frame, weights[index])
            if index < until:
                yield frame
            else:
                rest.append(frame)
        shared = rest
