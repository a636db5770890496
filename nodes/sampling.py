"""Sampling the animator: its sampler, and guider and schedule for the host's custom sampler."""

from typing import Any, get_args

from comfy_api.latest import io

from ..kmc_core.host.sampler import DualBranchGuider as Guider
from ..kmc_core.host.sampler import Preset, sample, student_schedule
from ..kmc_core.sampling.guidance import Guidance
from .common_inputs import sampling_inputs, share_input

KINDS = {
    "motion_guidance": "body, hands and face",
    "identity_guidance": "the character's looks",
    "text_guidance": "the prompt, away from the negative one",
}


def _strengths(**more: Any) -> list[Any]:
    return [
        io.Float.Input(
            name, default=1.0, min=1.0, max=10.0, step=0.1, **more,
            tooltip=f"How strongly {what} is exaggerated. 1 is not at all.",
        )
        for name, what in KINDS.items()
    ]  # fmt: skip


class DistilledSampler(io.ComfyNode):
    """See kmc_core.host.sampler.sample."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_DistilledSampler",
            display_name="Distilled Sampler",
            category="KMC/animate",
            description="Sample the animation: the Euler method on the flow model's own schedule.",
            search_aliases=["ksampler", "few step sampler"],
            inputs=[
                io.Model.Input("model", tooltip="The animator, with or without LoRAs."),
                io.Conditioning.Input("positive", tooltip="Positive of Animate Conditioning."),
                io.Conditioning.Input(
                    "negative",
                    tooltip=(
                        "Negative of Animate Conditioning; counts when cfg is not 1, and its prompt in "
                        "preset teacher."
                    ),
                ),
                io.Latent.Input(
                    "latent",
                    tooltip="Latent of Animate Conditioning, or one to start from with denoise below 1.",
                ),
                io.Combo.Input(
                    "preset",
                    options=list(get_args(Preset)),
                    default="plain",
                    tooltip=(
                        "plain: any weights, guided by cfg. student: distilled weights, one pass a step, "
                        "guided by the three strengths below. teacher: weights that were not distilled, many "
                        "steps, and two passes a step when a strength below is above 1."
                    ),
                ),
                *sampling_inputs(
                    seed="The same seed gives the same noise, so the same result.",
                    steps=(
                        "Evaluations of the network in time. 0 is the preset's own: plain 4, student what it "
                        "was distilled for, teacher 50."
                    ),
                    cfg="Guidance of preset plain: above 1 pushes away from the negative, at twice the time.",
                    own_steps=True,
                ),
                share_input(
                    "denoise", "1 starts from noise; less keeps that much of the given latent.", step=0.01
                ),
                *_strengths(optional=True, advanced=True),
            ],
            outputs=[io.Latent.Output("latent", tooltip="The sampled clip, for VAE Decode.")],
        )

    @classmethod
    def execute(
        cls, model, positive, negative, latent, preset, seed, steps, cfg, denoise,
        motion_guidance=1.0, identity_guidance=1.0, text_guidance=1.0,
    ) -> io.NodeOutput:  # fmt: skip
        strengths = motion_guidance, identity_guidance, text_guidance
        samples = sample(
            model, positive, negative, latent, seed=seed, preset=preset, steps=steps, cfg=cfg,
            strengths=strengths, denoise=denoise,
        )  # fmt: skip
        return io.NodeOutput(samples)


class DualBranchGuider(io.ComfyNode):
    """See kmc_core.host.sampler.DualBranchGuider."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_DualBranchGuider",
            display_name="Dual Branch Guider",
            category="KMC/animate",
            description=(
                "Guide the animator with a strength each for motion, identity and text, in two passes a "
                "step; with all of them at 1 in one. For Sampler Custom Advanced and Animate Long Video."
            ),
            search_aliases=["cfg guider", "multi condition guidance"],
            inputs=[
                io.Model.Input("model", tooltip="The animator; a student has its guidance within."),
                io.Conditioning.Input("positive", tooltip="Positive of Animate Conditioning."),
                io.Conditioning.Input(
                    "negative", tooltip="Negative of Animate Conditioning; its prompt is what counts."
                ),
                *_strengths(),
                share_input("from_noise", "Highest noise level at which it counts; 1 is pure noise."),
                share_input(
                    "to_noise", "Lowest noise level at which it counts; 0 is the clean clip.", default=0.0
                ),
                share_input(
                    "rescale",
                    "How far contrast is led back to that without guidance; strong guidance overdoes it.",
                    default=0.0,
                ),
            ],
            outputs=[
                io.Guider.Output("guider", tooltip="For Sampler Custom Advanced or Animate Long Video.")
            ],
        )

    @classmethod
    def execute(
        cls, model, positive, negative, motion_guidance, identity_guidance, text_guidance, from_noise,
        to_noise, rescale,
    ) -> io.NodeOutput:  # fmt: skip
        guidance = Guidance(
            motion_guidance, identity_guidance, text_guidance, (to_noise, from_noise), rescale
        )
        guider = Guider(model, guidance)
        guider.set_conds(positive, negative)
        return io.NodeOutput(guider)


class DistilledSigmas(io.ComfyNode):
    """See kmc_core.host.sampler.student_schedule."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_DistilledSigmas",
            display_name="Distilled Sigmas",
            category="KMC/animate",
            description=(
                "The noise levels that a student was distilled on, whatever shift the model is set to. A "
                "teacher is refused: Basic Scheduler has its levels."
            ),
            search_aliases=["scheduler", "few step schedule"],
            inputs=[
                io.Model.Input("model", tooltip="A distilled animator."),
                io.Int.Input(
                    "steps",
                    default=0,
                    min=0,
                    max=64,
                    tooltip=(
                        "0 is the number that it was distilled for. Half or a quarter of it skips levels, "
                        "more adds some between; both are outside of what it learned."
                    ),
                ),
            ],
            outputs=[io.Sigmas.Output("sigmas", tooltip="For Sampler Custom Advanced, with sampler euler.")],
        )

    @classmethod
    def execute(cls, model, steps) -> io.NodeOutput:
        return io.NodeOutput(student_schedule(model, steps))


NODES = [DistilledSampler, DualBranchGuider, DistilledSigmas]
