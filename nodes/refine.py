"""Faces and hands made again, large."""

from dataclasses import replace
from typing import Any, Final

from comfy_api.latest import io
from server import PromptServer

from ..kmc_core.engines.close_up import Region
from ..kmc_core.host.media import image_of, rgb_of
from ..kmc_core.host.refine import close_up_side, refine
from ..kmc_core.host.window_run import Sampling
from .common_inputs import frames_input, sampling_inputs, share_input
from .engine_inputs import clip_vision_input, given_inputs, parts_and_request, strength_inputs, video_inputs

HANDS: Final[tuple[Region, ...]] = ("left hand", "right hand")
PARTS: Final[dict[str, tuple[Region, ...]]] = {
    "face": ("face",),
    "hands": HANDS,
    "face and hands": ("face", *HANDS),
}


class RefineParts(io.ComfyNode):
    """See kmc_core.host.refine."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_RefineParts",
            display_name="Refine Parts",
            category="KMC/animate",
            description=(
                "Make face and hands of an animation again, large: a steady close-up of each is sampled by "
                "the engine at partial noise and blended back. Each part costs as much as an animation of "
                "close_up pixels a side; a face and two hands three times that."
            ),
            search_aliases=["face detailer", "hand fix", "adetailer", "inpaint crop"],
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.Image.Input("images", tooltip="The animation, before or after Restore Detail."),
                *given_inputs(),
                io.Vae.Input("vae", tooltip="The engine's VAE."),
                io.Combo.Input(
                    "parts",
                    options=list(PARTS),
                    tooltip="What is made again. Each hand costs as much as the face.",
                ),
                share_input(
                    "denoise",
                    "How much is made anew: 0.3 sharpens, 0.6 may change the shape.",
                    default=0.4,
                    step=0.01,
                ),
                io.Int.Input(
                    "close_up",
                    default=0,
                    min=0,
                    max=2048,
                    step=16,
                    tooltip=(
                        "Pixels a side of a close-up. 0 is what the engine was trained for; half of that "
                        "takes a quarter of the time."
                    ),
                ),
                *sampling_inputs(
                    seed="Seed of the first window; the next has one more, and so on.",
                    steps="Steps within the part of the sampling that denoise leaves.",
                    cfg="Guidance; 1 is off and takes half the time.",
                ),
                frames_input(
                    "start_frame", "First frame of the motion that the animation shows, as in its engine."
                ),
                *strength_inputs(),
                clip_vision_input(),
                *video_inputs(),
                io.Sampler.Input("sampler", optional=True, tooltip="From KSamplerSelect. Without: euler."),
            ],
            outputs=[
                io.Image.Output("images", tooltip="The animation with these parts made again."),
                io.String.Output("report", tooltip="What was made again and how long it took, as Markdown."),
            ],
        )

    @classmethod
    def execute(
        cls, images, parts, denoise, close_up, seed, steps, cfg, start_frame, sampler=None, **inputs: Any
    ) -> io.NodeOutput:
        engine, request = parts_and_request({"start_frame": start_frame, **inputs})
        side = close_up_side(engine, close_up)
        frames, report = refine(
            rgb_of(images),
            engine,
            replace(request, size=(side, side)),
            Sampling(seed, steps, cfg, sampler, denoise=denoise),
            PARTS[parts],
            start=start_frame,
            tell=lambda text: PromptServer.instance.send_progress_text(text, cls.hidden.unique_id),
        )
        return io.NodeOutput(image_of(frames), report)


NODES = [RefineParts]
