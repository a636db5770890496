"""Words: a wish becomes the prompts that an engine expects."""

from comfy_api.latest import io

from ..kmc_core.prompt.enhance import enhance
from ..kmc_core.prompt.lexicon import ENGINES
from . import sockets


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
                        "What you want to see, in your own words. Nothing of it is lost; 'no ...' goes to "
                        "the negative."
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
                    "motion", optional=True, tooltip="Names action and framing when the wish does not."
                ),
                sockets.Subject.Input(
                    "subject",
                    optional=True,
                    tooltip="Its description fills in who and clothes when the wish does not.",
                ),
            ],
            outputs=[
                io.String.Output("positive", tooltip="Positive prompt, for CLIP Text Encode."),
                io.String.Output(
                    "negative", tooltip="What to avoid, for CLIP Text Encode; used when cfg is above 1."
                ),
                io.String.Output(
                    "motion_prompt", tooltip="The action in words, for engines with a motion prompt."
                ),
                io.String.Output("camera", tooltip="The camera in words."),
            ],
        )

    @classmethod
    def execute(cls, wish, engine, motion=None, subject=None) -> io.NodeOutput:
        prompts = enhance(wish, engine, motion=motion, subject=subject)
        return io.NodeOutput(prompts.positive, prompts.negative, prompts.motion, prompts.camera)


NODES = [EnhancePrompt]
