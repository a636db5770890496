"""Motion and identity as conditions of the animator, and its picture's detail in the result."""

from comfy_api.latest import io

from ..kmc_core.engines.detail import restore_detail
from ..kmc_core.engines.identity import shown_subject
from ..kmc_core.host.engines import one_run
from ..kmc_core.host.media import even_size, image_of, rgb_of
from ..kmc_core.host.nets import hooks
from ..kmc_core.motion.part import part_of
from . import sockets
from .common_inputs import (
    FILLED,
    WHOLE,
    frames_input,
    framing_input,
    person_input,
)
from .engine_inputs import main_inputs, optional_inputs, parts_and_request, strength_inputs


class AnimateConditioning(io.ComfyNode):
    """See kmc_core.host.engines."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_AnimateConditioning",
            display_name="Animate Conditioning",
            category="KMC/animate",
            description=(
                "Tell an engine what to move and how: motion and identity join the text conditioning of the "
                "KMC animator, Wan-Animate, Wan-Animate-2, SCAIL or SCAIL-2."
            ),
            inputs=[
                *main_inputs(),
                frames_input("start_frame", "First frame of the motion to use, from 0."),
                frames_input(
                    "length",
                    "Number of frames. 0 uses all up to the end; the 14B engines at most 77 or 81, for "
                    "more use Animate Long Video.",
                ),
                *strength_inputs(),
                *optional_inputs(),
                io.Image.Input(
                    "continue_motion",
                    optional=True,
                    tooltip=(
                        "Frames that end just before start_frame, to go on from (Wan-Animate, Wan-Animate-2, "
                        "SCAIL-2)."
                    ),
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    "positive", tooltip="Text, motion and identity, for the sampler's positive input."
                ),
                io.Conditioning.Output(
                    "negative", tooltip="The same without motion and identity, for the negative input."
                ),
                io.Latent.Output(
                    "latent",
                    tooltip="Empty clip of the right size and length, or the draft, for the sampler.",
                ),
                io.Float.Output("fps", tooltip="Frame rate of the motion, for Create Video."),
                io.Int.Output(
                    "trim_latent", tooltip="Latent frames to cut before decoding, for Trim Video Latent."
                ),
                io.Int.Output(
                    "trim_image", tooltip="Decoded frames to cut at the start, those of continue_motion."
                ),
                io.Int.Output(
                    "length", tooltip="Frames to keep after that; engines make 4 n + 1, so up to 3 too many."
                ),
            ],
        )

    @classmethod
    def execute(cls, motion, start_frame, length, continue_motion=None, **inputs) -> io.NodeOutput:
        parts, request = parts_and_request({"motion": motion, "start_frame": start_frame, **inputs})
        made, frames = one_run(parts, request, start_frame, length, before=continue_motion, **hooks())
        return io.NodeOutput(
            made.positive, made.negative, made.latent, motion.fps, made.trim_latent, made.trim_image, frames
        )


class RestoreDetail(io.ComfyNode):
    """See kmc_core.engines.detail."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_RestoreDetail",
            display_name="Restore Detail",
            category="KMC/animate",
            description="Enlarge an animation with the fine detail of the subject's own picture.",
            search_aliases=["upscale"],
            inputs=[
                io.Image.Input("images", tooltip="The animation, from VAE Decode."),
                sockets.Motion.Input(
                    "motion", tooltip="The fitted motion that Animate Conditioning was given."
                ),
                sockets.Identity.Input(
                    "identity", tooltip="The identity that Animate Conditioning was given."
                ),
                io.Int.Input(
                    "longest_side",
                    default=768,
                    min=0,
                    max=4096,
                    step=2,
                    tooltip=(
                        "Longer side of the result, in the shape of the picture, or of a cut animation. 0 is "
                        "the picture's own size, or leaves a cut animation as large as it is."
                    ),
                ),
                frames_input(
                    "start_frame",
                    "First frame of the motion that the animation was made from, as in Animate Conditioning.",
                ),
                person_input("Which person of the motion the animation follows, as in Animate Conditioning."),
                framing_input(),
            ],
            outputs=[io.Image.Output("images", tooltip="The enlarged animation, for Create Video.")],
        )

    @classmethod
    def execute(
        cls, images, motion, identity, longest_side, start_frame, person, framing=WHOLE
    ) -> io.NodeOutput:
        part = part_of(motion, start_frame, len(images))
        subject = shown_subject(identity, part, person)
        filled = framing == FILLED
        height, width = (rgb_of(images) if filled else subject.views[0].image).shape[-2:]
        chosen = {"size": even_size((width, height), longest_side), "track": person, "filled": filled}
        frames = restore_detail(rgb_of(images), part, subject, **chosen, **hooks())
        return io.NodeOutput(image_of(frames))


NODES = [AnimateConditioning, RestoreDetail]
