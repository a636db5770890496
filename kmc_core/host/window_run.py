"""One run of an engine, from conditioning to frames, by the host's own samplers, schedules and guiders."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import comfy.model_management as mm
import comfy.sample
import comfy.samplers
import latent_preview
import torch
from torch import Tensor

from ..engines.kmc import Check
from ..engines.request import Request
from ..engines.windows import Window
from ..errors import KMCError
from .engines import animated
from .media import frames_of, image_of
from .wan import Conditioned, Parts

SEEDS = 2**64
Show = Callable[..., None]  # the host's callback of a step: number, clean latent, noisy latent, steps


@dataclass(frozen=True)
class Sampling:
    """How each run is sampled. Run k has the seed + k, so that it comes out the same when sampled alone."""

    seed: int
    steps: int
    cfg: float
    sampler: Any | None = None  # SAMPLER; None is euler
    sigmas: Tensor | None = None  # None: `steps` of the model's own simple schedule
    guider: Any | None = None  # GUIDER, in the place of cfg
    denoise: float = 1.0  # share of the noise that the steps start from; below 1 they start from a draft

    def seed_of(self, run: int) -> int:
        """The seed of a run, from 0."""
        return (self.seed + run) % SEEDS


def check_sampling(parts: Parts, request: Request, sampling: Sampling) -> None:
    """KMCError when guider and draft do not fit the rest."""
    _check_guider(parts, sampling)
    if not 0 < sampling.denoise <= 1:
        raise KMCError(f"denoise is {sampling.denoise:g}, expected more than 0 and at most 1.")
    if sampling.sigmas is None and (request.draft is None) != (sampling.denoise == 1):
        found = "no draft is connected" if request.draft is None else "a draft is connected"
        raise KMCError(
            f"denoise is {sampling.denoise:g}, but {found}. A draft needs denoise below 1, such as 0.7; "
            "without one denoise must be 1."
        )


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


def schedule(parts: Parts, sampling: Sampling) -> Tensor:
    """The noise levels of every run, as the host's own KSampler has them."""
    if sampling.sigmas is not None:
        return sampling.sigmas
    model = _model(parts, sampling).get_model_object("model_sampling")
    whole = int(sampling.steps / sampling.denoise)
    return comfy.samplers.calculate_sigmas(model, "simple", whole)[-(sampling.steps + 1) :]


def shown_steps(parts: Parts, sampling: Sampling, steps: int, bar: Any) -> Callable[[int], Show]:
    """For the n-th of several runs: the callback that moves a progress bar and shows a preview."""
    model = _model(parts, sampling)
    previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)

    def of_run(number: int) -> Show:
        def show(step: int, x0: Tensor, x: Tensor, total: int) -> None:
            picture = None if previewer is None else previewer.decode_latent_to_preview_image("JPEG", x0)
            bar.update_absolute(number * steps + step + 1, preview=picture)

        return show

    return of_run


def run_window(
    parts: Parts,
    request: Request,
    sampling: Sampling,
    window: Window,
    sigmas: Tensor,
    carried: Tensor | None,
    show: Show,
    check: Check = mm.throw_exception_if_processing_interrupted,
) -> Tensor:
    """Frames [F, 3, H, W] 0..1 of a window, without those that it was given: `carried` uint8 [K, 3, H, W]."""
    made = animated(
        parts, request, window.start, window.length, carried=None if carried is None else image_of(carried),
        check=check,
    )  # fmt: skip
    latent = comfy.sample.fix_empty_latent_channels(_model(parts, sampling), made.latent["samples"])
    seed = sampling.seed_of(window.index)
    samples = _guider(parts, sampling, made).sample(
        comfy.sample.prepare_noise(latent, seed), latent, sampling.sampler or
        comfy.samplers.sampler_object("euler"), sigmas, denoise_mask=made.latent.get("noise_mask"),
        callback=show, disable_pbar=True, seed=seed,
    )  # fmt: skip
    assert parts.vae is not None
    pictures = parts.vae.decode(samples[:, :, made.trim_latent :])
    return frames_of(pictures.flatten(0, -4)).cpu().float().clamp(0, 1)[made.trim_image : window.kept]


def pixels_of(frames: Tensor) -> Tensor:
    """Frames 0..1 -> uint8."""
    return (frames.clamp(0, 1) * 255).round().to(torch.uint8)


def mixed(older: Tensor, newer: Tensor, weight: float) -> Tensor:
    """A uint8 frame between two."""
    return (older.float() + weight * (newer.float() - older.float())).round().to(torch.uint8)


def _model(parts: Parts, sampling: Sampling) -> Any:
    return parts.model if sampling.guider is None else sampling.guider.model_patcher


def _guider(parts: Parts, sampling: Sampling, made: Conditioned) -> Any:
    """The guider for one window: the given one's way of guiding with this window's conditioning."""
    told = {"positive": made.positive, "negative": made.negative}
    if sampling.guider is None:
        guider = comfy.samplers.CFGGuider(parts.model)
        guider.set_cfg(sampling.cfg)
        guider.inner_set_conds(told)
        return guider
    guider = copy.copy(sampling.guider)
    guider.original_conds = {}
    guider.inner_set_conds({name: told[name] for name in sampling.guider.original_conds})
    return guider
