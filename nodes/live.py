"""A draft that moves while its driving video is still being read."""

from comfy_api.latest import InputImpl, io

from ..kmc_core.host.live import live_video
from ..kmc_core.host.media import clip_of
from ..kmc_core.host.wan import Parts
from ..kmc_core.host.window_run import Sampling
from . import sockets
from .common_inputs import sampling_inputs
from .engine_inputs import STRENGTHS, size_inputs, strength_inputs


class AnimateLive(io.ComfyNode):
    """See kmc_core.host.live."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_AnimateLive",
            display_name="Animate Live",
            category="KMC/animate",
            description=(
                "A draft straight from a driving video: read, fitted and animated a few frames at a time, "
                "and shown on the node while it goes on."
            ),
            search_aliases=["preview", "draft", "streaming", "realtime"],
            inputs=[
                io.Model.Input("model", tooltip="The KMC animator, from Load Animator."),
                io.Conditioning.Input("positive", tooltip="The positive prompt from CLIP Text Encode."),
                io.Conditioning.Input(
                    "negative",
                    tooltip="The negative prompt from CLIP Text Encode; counts when cfg is above 1.",
                ),
                io.Vae.Input("vae", tooltip="The vae of Load Animator."),
                io.MultiType.Input(
                    "video", [io.Video, io.Image], tooltip="The driving video, which one person acts in."
                ),
                io.Float.Input(
                    "fps", default=24.0, min=0.1, max=1000.0, step=0.01,
                    tooltip="Frame rate of a batch of pictures. A video brings its own and this is not used.",
                ),
                sockets.Identity.Input("identity", tooltip="Who does it, from Inject Identity."),
                *size_inputs(),
                io.Int.Input(
                    "piece", default=8, min=4, max=64,
                    tooltip=(
                        "Frames that are read and made at a time. Fewer show the first one sooner; more "
                        "judge the person's proportions and calm face better, and are a little faster."
                    ),
                ),
                io.Combo.Input(
                    "placement", options=["match picture", "match video"], default="match picture",
                    tooltip=(
                        "As in Retarget Motion: the character's own place in its picture, or the driver's."
                    ),
                ),
                *strength_inputs()[: len(STRENGTHS)],
                *sampling_inputs(
                    seed="Seed of the first piece; the next has one more, and so on.",
                    steps="Steps of each piece: 1 for the quickest draft, 4 as in the other nodes.",
                    cfg="Guidance; 1 is off and takes half the time.",
                ),
                io.Audio.Input(
                    "audio", optional=True, tooltip="Sound of the driving video, from Video Info."
                ),
            ],
            outputs=[
                io.Video.Output("video", tooltip="The draft with its sound, for Save Video."),
                io.Int.Output("frames", tooltip="Number of its frames."),
                io.String.Output(
                    "report", tooltip="Seconds to the first frame, and frames a second."
                ),
            ],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, model, positive, negative, vae, video, fps, identity, width, height, piece, placement, seed,
        steps, cfg, audio=None, **strengths,
    ) -> io.NodeOutput:  # fmt: skip
        path, frames, report = live_video(
            Parts(model, positive, negative, vae), clip_of(video, fps), identity, Sampling(seed, steps, cfg),
            size=(width, height), fresh=piece, placement=placement, sound=audio,
            strengths={part: strengths[name] for name, part in STRENGTHS.items()},
        )  # fmt: skip
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), frames, report)


NODES = [AnimateLive]
