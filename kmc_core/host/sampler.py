"""Sampling by the host's samplers: its previews, cancel and memory management apply."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import comfy.model_management as mm
import comfy.model_patcher
import comfy.sample
import comfy.samplers
import comfy.utils
import latent_preview
import node_helpers
import torch
from torch import Tensor

from ..errors import KMCError
from ..model.params import AnimatorParams
from ..sampling.guidance import NONE, Guidance, rescaled, second_branch
from ..sampling.schedule import shifted_sigmas
from .animator import PREFIX, is_animator, params_of

Preset = Literal["plain", "student", "teacher"]
PLAIN_STEPS: Final = 4  # the conditions nearly decide the result
TEACHER_STEPS: Final = 50


class DualBranchGuider(comfy.samplers.CFGGuider):
    """Guidance with a strength for each kind of condition, in two passes a step
    (kmc_core.sampling.guidance.dual_branch). The negative prompt takes the place of no text.
    """

    def __init__(self, model: Any, guidance: Guidance) -> None:
        """KMCError for a model that is not an animator's teacher."""
        teacher_params(model)
        super().__init__(model)
        self.guidance = guidance
        share, scale = second_branch(torch.tensor([guidance.strengths]))
        self.share = share
        self.set_cfg(float(scale))
        if guidance.rescale:
            self.model_options = comfy.model_patcher.set_model_options_post_cfg_function(
                comfy.model_patcher.create_model_options_clone(self.model_options), self._rescaled
            )

    def inner_set_conds(self, conds: dict[str, Any]) -> None:
        """The second branch is the positive with a share of it kept, the text on its way to the negative."""
        weak = [self._weakened(text, entry, conds["negative"]) for text, entry in conds["positive"]]
        super().inner_set_conds({"positive": conds["positive"], "negative": weak})

    def predict_noise(
        self,
        x: Tensor,
        timestep: Tensor,
        model_options: Mapping[str, Any] = MappingProxyType({}),
        seed: int | None = None,
    ) -> Tensor:
        low, high = self.guidance.interval
        # Only an interval needs the level here: reading it makes the host wait for the device.
        counts = self.guidance.interval == NONE.interval or low <= float(timestep.max()) <= high
        return comfy.samplers.sampling_function(
            self.inner_model, x, timestep, self.conds["negative"], self.conds["positive"],
            self.cfg if counts else 1.0, model_options=dict(model_options), seed=seed,
        )  # fmt: skip

    def _weakened(self, text: Tensor, entry: dict[str, Any], negative: Any) -> list[Any]:
        if PREFIX + "keep" not in entry:
            raise KMCError(
                "The positive conditioning holds no motion; connect positive of Animate Conditioning."
            )
        keep = entry[PREFIX + "keep"]
        # The text is exchanged for the negative's, not dropped: that column stays.
        share = torch.cat((self.share[:, :-1], torch.ones(1, 1)), 1).to(keep)
        without = negative[0][0].to(text)
        return [torch.lerp(without, text, float(self.share[0, -1])), entry | {PREFIX + "keep": keep * share}]

    def _rescaled(self, args: dict[str, Any]) -> Tensor:
        if args["cond_scale"] == 1:
            return args["denoised"]
        return rescaled(args["denoised"], args["cond_denoised"], self.guidance.rescale)


def teacher_params(model: Any) -> AnimatorParams:
    """Sizes of an animator that was not distilled. KMCError for a student and for other models."""
    params = _animator_params(model)
    if params.student_steps:
        raise KMCError(
            f"These weights are a student, distilled for {params.student_steps} steps with guidance in them; "
            "a teacher is needed here. Load the teacher's weights, or choose preset 'student'."
        )
    return params


def student_params(model: Any) -> AnimatorParams:
    """Sizes of a distilled animator. KMCError for a teacher and for other models."""
    params = _animator_params(model)
    if not params.student_steps:
        raise KMCError(
            "These weights are a teacher, not distilled; a student is needed here. Load a student's weights, "
            "or choose preset 'plain' or 'teacher'."
        )
    return params


def _animator_params(model: Any) -> AnimatorParams:
    if not is_animator(model):
        raise KMCError("This MODEL is not the KMC animator; connect the model of Load Animator.")
    return params_of(model)


def student_schedule(model: Any, steps: int) -> Tensor:
    """Noise levels [steps + 1] on which a student was distilled, whatever the MODEL's shift; steps 0 is its
    own number. KMCError for a teacher.
    """
    params = student_params(model)
    return shifted_sigmas(steps or params.student_steps, params.shift)


def sample(
    model: Any,
    positive: Any,
    negative: Any,
    latent: dict[str, Any],
    *,
    seed: int,
    preset: Preset,
    steps: int,
    cfg: float,
    strengths: tuple[float, float, float],
    denoise: float,
) -> dict[str, Any]:
    """LATENT after Euler steps on the flow model's schedule, guided as the preset says; steps 0 is the
    preset's own number. KMCError for weights that the preset is not for, and for a strength that it does not
    read.
    """
    if preset != "plain" and cfg != 1:
        raise KMCError(f"Preset '{preset}' guides by its three strengths, got cfg {cfg}; set cfg to 1.")
    if preset == "plain" and max(strengths) != 1:
        raise KMCError(
            f"Preset 'plain' guides by cfg, got strengths {strengths}; set them to 1, or choose "
            "preset 'teacher' or 'student'."
        )
    guidance = Guidance(*strengths)
    if preset == "student":
        params = student_params(model)
        steps = steps or params.student_steps
        told = torch.tensor([guidance.strengths])
        positive = node_helpers.conditioning_set_values(positive, {PREFIX + "guidance": told})
    if preset == "teacher":
        guider: Any = DualBranchGuider(model, guidance)
        steps = steps or TEACHER_STEPS
    else:
        guider = comfy.samplers.CFGGuider(model)
        guider.set_cfg(cfg)
        steps = steps or PLAIN_STEPS
    guider.set_conds(positive, negative)
    return _run(guider, latent, seed, steps, denoise)


def _run(guider: Any, latent: dict[str, Any], seed: int, steps: int, denoise: float) -> dict[str, Any]:
    model = guider.model_patcher
    start = comfy.sample.fix_empty_latent_channels(model, latent["samples"])
    noise = comfy.sample.prepare_noise(start, seed, latent.get("batch_index"))
    sampler = comfy.samplers.KSampler(
        model, steps, model.load_device, "euler", "simple", denoise, model.model_options
    )
    samples = guider.sample(
        noise, start, comfy.samplers.sampler_object("euler"), sampler.sigmas,
        denoise_mask=latent.get("noise_mask"), callback=latent_preview.prepare_callback(model, steps),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED, seed=seed,
    )  # fmt: skip
    kept = {key: value for key, value in latent.items() if key != "downscale_ratio_spacial"}
    return kept | {"samples": samples.to(mm.intermediate_device())}
