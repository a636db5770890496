"""Pre-flight: what will go wrong, told before anything is sampled."""

from comfy_api.latest import io, ui

from ..kmc_core.host.media import clip_of, image_of
from ..kmc_core.host.nets import hooks
from ..kmc_core.motion.check import check_motion
from ..kmc_core.motion.check_picture import as_markdown, report_picture
from ..kmc_core.perception.camera import watch_camera
from . import sockets
from .common_inputs import person_input


class CheckMotion(io.ComfyNode):
    """See kmc_core.motion.check."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_CheckMotion",
            display_name="Check Motion",
            category="KMC/motion",
            description=(
                "Compare a driving motion with the character that shall do it, and tell what will go wrong."
            ),
            search_aliases=["preflight", "framing", "validate", "crop"],
            is_output_node=True,
            inputs=[
                sockets.Motion.Input("motion", tooltip="The motion of the driving video."),
                sockets.Subject.Input("subject", tooltip="The character that shall do it."),
                io.Boolean.Input(
                    "stop_on_red",
                    default=False,
                    tooltip="End the run with a message where something is red, before anything is sampled.",
                ),
                io.MultiType.Input(
                    "video",
                    [io.Video, io.Image],
                    optional=True,
                    tooltip="The driving video, to find cuts and camera motion in. It is streamed.",
                ),
                sockets.Motion.Input(
                    "fitted",
                    optional=True,
                    tooltip="The motion after Retarget Motion, to see whether it stays in the picture.",
                ),
                person_input(
                    "Which person of the motion is checked when it holds several, from 0.", optional=True
                ),
            ],
            outputs=[
                sockets.Motion.Output(
                    "motion",
                    tooltip="The fitted motion, else the motion; going on with it waits for the check.",
                ),
                io.String.Output("light", tooltip="green, amber or red: the worst of all findings."),
                io.String.Output("report", tooltip="All findings with value, limit and remedy, as Markdown."),
                io.Image.Output("picture", tooltip="The same as a picture, with both framings."),
                io.Int.Output(
                    "x", tooltip="Left edge of the driver's part that the picture shows, for Image Crop."
                ),
                io.Int.Output("y", tooltip="Top edge of that part."),
                io.Int.Output(
                    "width", tooltip="Width of that part, in the shape of the character's picture."
                ),
                io.Int.Output("height", tooltip="Height of that part."),
            ],
        )

    @classmethod
    def execute(cls, motion, subject, stop_on_red, video=None, fitted=None, person=0) -> io.NodeOutput:
        shot = None if video is None else watch_camera(clip_of(video, motion.fps), motion, **hooks())
        report = check_motion(motion, subject, shot=shot, fitted=fitted, person=person)
        if stop_on_red:
            report.require()
        picture = image_of(report_picture(report, motion, subject, person)[None])
        on = motion if fitted is None else fitted
        shown = ui.PreviewImage(picture, cls=cls)
        return io.NodeOutput(on, report.light, as_markdown(report), picture, *report.crop, ui=shown)


NODES = [CheckMotion]
