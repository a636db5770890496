"""Words: a wish becomes the prompts that an engine expects, camera words a moving picture."""

from typing import get_args

from comfy_api.latest import io
from comfy_execution.graph_utils import ExecutionBlocker

from ..kmc_core.engines.filmed import Edges, film
from ..kmc_core.host.media import image_of, rgb_of
from ..kmc_core.host.nets import hooks
from ..kmc_core.host.text import text_generator
from ..kmc_core.motion.camera import apply_camera
from ..kmc_core.prompt.camera_words import asked_camera, camera_report
from ..kmc_core.prompt.enhance import enhance
from ..kmc_core.prompt.formats import ENGINES
from . import sockets
from .common_inputs import FILLED, WHOLE, framing_input


class EnhancePrompt(io.ComfyNode):
    """See kmc_core.prompt.enhance."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_EnhancePrompt",
            display_name="Enhance Prompt",
            category="KMC/prompt",
            description=(
                "Sort a wish into the words that the chosen engine expects, filled up from motion and "
                "subject."
            ),
            search_aliases=["prompt enhancer", "caption"],
            inputs=[
                io.String.Input(
                    "wish",
                    multiline=True,
                    default="",
                    placeholder="a woman in a red dress, on a beach at sunset, no hat",
                    tooltip=(
                        "What you want to see, in your own words, English or Chinese. Nothing of it is lost; "
                        "'no ...' goes to the negative."
                    ),
                ),
                io.Combo.Input(
                    "engine",
                    options=list(ENGINES),
                    default="kmc",
                    tooltip=(
                        "Whose prompt format to write: the KMC animator, Wan-Animate, Wan-Animate-2 or "
                        "SCAIL-2."
                    ),
                ),
                sockets.Motion.Input(
                    "motion",
                    optional=True,
                    tooltip=(
                        "Names action and framing when the wish does not. Where they disagree, the motion is "
                        "kept and the notes say so."
                    ),
                ),
                sockets.Subject.Input(
                    "subject",
                    optional=True,
                    tooltip="Its description fills in who and clothes when the wish does not.",
                ),
                io.Clip.Input(
                    "clip",
                    optional=True,
                    tooltip=(
                        "A language model (Qwen, Gemma, ...) that may rephrase the scene. Its answer is "
                        "checked; what does not hold is not used, and the notes say why."
                    ),
                ),
            ],
            outputs=_prompt_outputs(),
        )

    @classmethod
    def execute(cls, wish, engine, motion=None, subject=None, clip=None) -> io.NodeOutput:
        generate = None if clip is None else text_generator(clip)
        prompts = enhance(wish, engine, motion=motion, subject=subject, generate=generate)
        notes = "\n".join(prompts.notes)
        return io.NodeOutput(prompts.positive, prompts.negative, prompts.motion, prompts.camera, notes)


def _prompt_outputs() -> list:
    """The prompts and how they came about."""
    return [
        io.String.Output("positive", tooltip="Positive prompt, for CLIP Text Encode."),
        io.String.Output(
            "negative", tooltip="What to avoid, for CLIP Text Encode; used when cfg is above 1."
        ),
        io.String.Output("motion_prompt", tooltip="The action in words, for engines with a motion prompt."),
        io.String.Output("camera", tooltip="The camera in words; Apply Camera reads it."),
        io.String.Output(
            "notes", tooltip="How the wish was read, what gave way to the motion, what was not used."
        ),
    ]


class ApplyCamera(io.ComfyNode):
    """See kmc_core.engines.filmed and kmc_core.motion.camera."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_ApplyCamera",
            display_name="Apply Camera",
            category="KMC/motion",
            description=(
                "Film an animation, person and background, or a motion alone: pan, tilt, zoom, dolly, crane "
                "and roll, for engines without a camera of their own."
            ),
            search_aliases=["camera move", "pan", "zoom", "dolly"],
            inputs=[
                sockets.Motion.Input(
                    "motion", tooltip="The motion, after Retarget Motion: its size is the picture's."
                ),
                io.String.Input(
                    "camera",
                    default="",
                    placeholder="camera slowly zooms in",
                    tooltip=(
                        "The camera in words, English or Chinese, or the camera of Enhance Prompt. Empty "
                        "changes nothing."
                    ),
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=3.0,
                    step=0.05,
                    tooltip="How far the camera moves: 0 not at all, 2 twice as far.",
                ),
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip=(
                        "The finished animation of the motion, filmed with its background. Without it the "
                        "motion alone moves, before a still background."
                    ),
                ),
                io.Combo.Input(
                    "edges",
                    options=list(get_args(Edges)),
                    default="stay inside",
                    optional=True,
                    tooltip=(
                        "Where the camera would look beyond the animation. stay inside: all is enlarged by "
                        "what that takes. mirror: it goes on as its mirror image."
                    ),
                ),
                framing_input(),
            ],
            outputs=[
                sockets.Motion.Output("motion", tooltip="The motion as the camera films it."),
                io.String.Output(
                    "report", tooltip="The moves that were made, and those that a flat picture cannot show."
                ),
                io.Image.Output("images", tooltip="The animation as the camera films it, for Create Video."),
            ],
        )

    @classmethod
    def execute(
        cls, motion, camera, strength, images=None, edges="stay inside", framing=WHOLE
    ) -> io.NodeOutput:
        asked = asked_camera(camera)
        if images is None:
            blocked = ExecutionBlocker("Apply Camera has no pictures to film; connect images.")
            return io.NodeOutput(
                apply_camera(motion, asked, strength=strength), camera_report(asked), blocked
            )
        options = {"strength": strength, "edges": edges, "filled": framing == FILLED}
        frames, filmed = film(rgb_of(images), motion, asked, **options, **hooks())
        return io.NodeOutput(filmed, camera_report(asked), image_of(frames))


NODES = [EnhancePrompt, ApplyCamera]
