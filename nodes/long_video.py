"""A video of any length in one run, and its windows for those who loop themselves."""

from comfy_api.latest import InputImpl, io
from server import PromptServer

from ..kmc_core.engines.catalog import ENGINES
from ..kmc_core.engines.windows import plan_windows
from ..kmc_core.host.engines import engine_of
from ..kmc_core.host.fingerprint import graph_name
from ..kmc_core.host.long_video import long_video
from ..kmc_core.host.window_run import Sampling
from ..kmc_core.motion.part import part_of
from . import sockets
from .common_inputs import frames_input, sampling_inputs, share_input
from .engine_inputs import main_inputs, optional_inputs, parts_and_request, strength_inputs

# Their makers in the graph name them: a model or a sampler has no content that could be read.
NAMED_BY_GRAPH = (
    "model", "positive", "negative", "vae", "clip_vision", "video", "motion_prompt", "sampler", "guider",
    "draft",
)  # fmt: skip


class AnimateLongVideo(io.ComfyNode):
    """See kmc_core.host.long_video."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_AnimateLongVideo",
            display_name="Animate Long Video",
            category="KMC/animate",
            description=(
                "Animate a motion of any length, window by window: exactly its frames, with its frame rate "
                "and sound. Finished windows stay on disk, so a cancelled run goes on where it was."
            ),
            search_aliases=["long video", "loop", "extend", "sliding window", "resume"],
            hidden=[io.Hidden.unique_id, io.Hidden.dynprompt],
            inputs=[
                *main_inputs(),
                *_span_inputs(),
                *strength_inputs(),
                *sampling_inputs(
                    seed="Seed of the first window; the next has one more, and so on.",
                    steps="Steps of the model's simple schedule. Not used when sigmas are connected.",
                    cfg="Guidance; 1 is off and takes half the time. Not used with a guider.",
                ),
                io.Boolean.Input(
                    "anchor_colors",
                    default=False,
                    tooltip=(
                        "Hold colour and contrast of every window to the character's picture, in whole "
                        "pictures, before the next goes on from it. Counts for engines that go on from their "
                        "own frames; not with replace_person, whose scene is the video's own."
                    ),
                ),
                io.Boolean.Input(
                    "keep_windows",
                    default=True,
                    optional=True,
                    advanced=True,
                    tooltip=(
                        "Keep finished windows on disk when the video is done, so that a change makes only "
                        "some again. Off: they are deleted then; a cancelled run keeps them all the same."
                    ),
                ),
                *optional_inputs(),
                *_sampler_inputs(),
                io.Audio.Input(
                    "audio", optional=True, tooltip="Sound of the driving video, from Video Info."
                ),
            ],
            outputs=[
                io.Video.Output("video", tooltip="The whole video with its sound, for Save Video."),
                io.Int.Output("frames", tooltip="Number of its frames."),
                io.String.Output(
                    "report", tooltip="Which view each window was shown and why, as Markdown; room on disk."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        motion,
        start_frame,
        length,
        seed,
        steps,
        cfg,
        anchor_colors,
        keep_windows=True,
        denoise=1.0,
        sampler=None,
        sigmas=None,
        guider=None,
        audio=None,
        **inputs,
    ) -> io.NodeOutput:
        parts, request = parts_and_request({"motion": motion, "start_frame": start_frame, **inputs})
        node = cls.hidden.unique_id
        path, frames, report = long_video(
            parts,
            request,
            Sampling(seed, steps, cfg, sampler, sigmas, guider, denoise),
            start=start_frame,
            length=length,
            sound=audio,
            anchor_colors=anchor_colors,
            keep_windows=keep_windows,
            graph=graph_name(cls.hidden.dynprompt, node, NAMED_BY_GRAPH),
            tell=lambda text: PromptServer.instance.send_progress_text(text, node),
        )
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), frames, report)


class PlanWindows(io.ComfyNode):
    """See kmc_core.engines.windows."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_PlanWindows",
            display_name="Plan Windows",
            category="KMC/animate",
            description="The windows that an engine makes a long motion in, as lists, for your own loops.",
            search_aliases=["sliding window", "loop"],
            inputs=[
                io.Model.Input("model", tooltip="The engine; it tells the length and overlap of a window."),
                sockets.Motion.Input("motion", tooltip="The motion that is to be animated."),
                *_span_inputs(),
            ],
            outputs=[
                io.Int.Output(
                    "start_frame",
                    is_output_list=True,
                    tooltip="First new frame of each window, for Animate Conditioning.",
                ),
                io.Int.Output("length", is_output_list=True, tooltip="New frames of each window."),
                io.Int.Output("windows", tooltip="How many there are."),
            ],
        )

    @classmethod
    def execute(cls, model, motion, start_frame, length) -> io.NodeOutput:
        frames = part_of(motion, start_frame, length).frames
        windows = plan_windows(frames, ENGINES[engine_of(model)])
        starts = [start_frame + window.first for window in windows]
        return io.NodeOutput(starts, [window.end - window.first for window in windows], len(windows))


def _sampler_inputs() -> list:
    """What takes the place of the plain sampling."""
    return [
        share_input(
            "denoise",
            "With a draft: 1 starts from noise, 0.7 keeps its layout, 0.4 most of it. All steps "
            "lie in that part, so fewer are needed. Not used when sigmas are connected.",
            step=0.01,
            optional=True,
        ),
        io.Sampler.Input("sampler", optional=True, tooltip="From KSamplerSelect. Without: euler."),
        io.Sigmas.Input(
            "sigmas", optional=True, tooltip="From a scheduler such as Basic Scheduler, used by all."
        ),
        io.Guider.Input(
            "guider",
            optional=True,
            tooltip=(
                "Basic Guider or CFG Guider on the same model; its conditioning is replaced by each window's."
            ),
        ),
    ]


def _span_inputs() -> list:
    return [
        frames_input("start_frame", "First frame of the motion to use, from 0."),
        frames_input("length", "Number of frames. 0 uses all up to the end."),
    ]


NODES = [AnimateLongVideo, PlanWindows]
