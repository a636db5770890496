"""Motion: read from videos, files and other extractors; looked at, kept, and fitted to a subject."""

from collections.abc import Sequence

from comfy_api.latest import io

from ..kmc_core.host import folders
from ..kmc_core.host.media import clip_of
from ..kmc_core.host.nets import backends, hooks, perception
from ..kmc_core.host.preview import preview
from ..kmc_core.motion.files import load_motion, save_motion
from ..kmc_core.motion.fit_report import report_fit
from ..kmc_core.motion.retarget import retarget
from ..kmc_core.perception.extract import encode_body, encode_face, encode_hands
from . import sockets
from .common_inputs import person_input
from .people import people_inputs


def _encoder_schema(
    part: str, node_id: str, display_name: str, finds: str, joins: str, more: Sequence = ()
) -> io.Schema:
    """The schema that the three encoders share; `more` inputs come last."""
    return io.Schema(
        node_id=node_id,
        display_name=display_name,
        category="KMC/motion",
        description=f"Read {finds} from a driving video, in every frame.",
        search_aliases=["pose", "motion capture", "keypoints", part],
        inputs=[
            io.MultiType.Input(
                "video",
                [io.Video, io.Image],
                tooltip=(
                    "The driving video, or a batch of pictures. A video file is streamed: any length fits."
                ),
            ),
            io.Float.Input(
                "fps",
                default=24.0,
                min=0.1,
                max=1000.0,
                step=0.01,
                tooltip="Frame rate of a batch of pictures. A video brings its own and this is not used.",
            ),
            io.Combo.Input(
                "backend",
                options=backends(),
                default="torch",
                tooltip="Runtime of the nets. torch runs anywhere; others show when they are installed.",
            ),
            sockets.Motion.Input(
                "motion",
                optional=True,
                tooltip=f"The motion so far, of the same video and frame rate. {joins}",
            ),
            *more,
        ],
        outputs=[sockets.Motion.Output("motion", tooltip=f"The motion with the {part}.")],
    )


class EncodeBodyMotion(io.ComfyNode):
    """See kmc_core.perception.extract.encode_body."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        finds = "the body's joints"
        joins = "Each body joins the person who is at its place there, else it is a new person."
        more = people_inputs()
        return _encoder_schema("body", "KMC_EncodeBodyMotion", "Encode Body Motion", finds, joins, more)

    @classmethod
    def execute(
        cls, video, fps, backend, motion=None, people=1, choose="largest", x=0.5, y=0.5
    ) -> io.NodeOutput:
        which = {"people": people, "choose": choose, "point": (x, y)}
        clip = clip_of(video, fps)
        return io.NodeOutput(encode_body(clip, perception(backend), motion=motion, **which, **hooks()))


class EncodeFaceMotion(io.ComfyNode):
    """See kmc_core.perception.extract.encode_face."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        finds = "expression, head turn and landmarks"
        joins = "Faces are looked for at the heads of its bodies."
        return _encoder_schema("face", "KMC_EncodeFaceMotion", "Encode Face Motion", finds, joins)

    @classmethod
    def execute(cls, video, fps, backend, motion=None) -> io.NodeOutput:
        clip = clip_of(video, fps)
        return io.NodeOutput(encode_face(clip, perception(backend), motion=motion, **hooks()))


class EncodeHandMotion(io.ComfyNode):
    """See kmc_core.perception.extract.encode_hands."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        finds = "both hands and all fingers"
        joins = "Hands are looked for at the wrists of its bodies."
        return _encoder_schema("hands", "KMC_EncodeHandMotion", "Encode Hand Motion", finds, joins)

    @classmethod
    def execute(cls, video, fps, backend, motion=None) -> io.NodeOutput:
        clip = clip_of(video, fps)
        return io.NodeOutput(encode_hands(clip, perception(backend), motion=motion, **hooks()))


class RetargetMotion(io.ComfyNode):
    """See kmc_core.motion.retarget."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_RetargetMotion",
            display_name="Retarget Motion",
            category="KMC/motion",
            description=(
                "Fit a motion to a character: its proportions, its place in the picture, its own face at "
                "rest."
            ),
            inputs=[
                sockets.Motion.Input("motion", tooltip="The motion of the driving video."),
                sockets.Subject.Input("subject", tooltip="The character that shall do it."),
                io.Combo.Input(
                    "placement",
                    options=["match picture", "match video"],
                    default="match picture",
                    tooltip=(
                        "match picture: the character keeps its size and place. "
                        "match video: it takes those of the driving person."
                    ),
                ),
                _strength("body_strength", "How far the body leaves the character's own pose."),
                _strength("face_strength", "How strong the expressions are."),
                _strength("hand_strength", "How far the fingers leave the character's own pose."),
                person_input("Which person of the motion to take when it holds several, from 0."),
                io.Boolean.Input(
                    "keep_contacts",
                    default=True,
                    optional=True,
                    advanced=True,
                    tooltip=(
                        "Hands reach for what the driver's touch (face, other hand, hips, arms), and feet "
                        "stay on the ground. Off keeps the driver's angles alone."
                    ),
                ),
            ],
            outputs=[
                sockets.Motion.Output(
                    "motion", tooltip="The motion in the character's picture, for Animate Conditioning."
                ),
                io.String.Output(
                    "report",
                    tooltip="Which proportions were taken or limited, what is missing, actions and touches.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        motion,
        subject,
        placement,
        body_strength,
        face_strength,
        hand_strength,
        person,
        keep_contacts=True,
    ) -> io.NodeOutput:
        fitted = retarget(
            motion,
            subject,
            placement=placement,
            track=person,
            body_strength=body_strength,
            face_strength=face_strength,
            hand_strength=hand_strength,
            keep_contacts=keep_contacts,
        )
        return io.NodeOutput(fitted, report_fit(motion, fitted, subject, track=person))


def _strength(name: str, tooltip: str) -> io.Float.Input:
    more = "1 is the driver's motion, 0 is at rest, above 1 exaggerates."
    return io.Float.Input(name, default=1.0, min=0.0, max=2.0, step=0.05, tooltip=f"{tooltip} {more}")


class SaveMotion(io.ComfyNode):
    """See kmc_core.motion.files."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_SaveMotion",
            display_name="Save Motion",
            category="KMC/motion",
            description=(
                "Keep a motion as one file in the output folder, to reuse and share without its video."
            ),
            is_output_node=True,
            inputs=[
                sockets.Motion.Input("motion", tooltip="The motion to keep."),
                io.String.Input(
                    "filename_prefix",
                    default=f"{folders.MOTIONS}/motion",
                    tooltip=(
                        "Folder and beginning of the file's name inside the output folder; a number is added."
                    ),
                ),
            ],
            outputs=[sockets.Motion.Output("motion", tooltip="The same motion, to go on with.")],
        )

    @classmethod
    def execute(cls, motion, filename_prefix) -> io.NodeOutput:
        save_motion(motion, folders.new_motion_path(filename_prefix))
        return io.NodeOutput(motion)


class LoadMotion(io.ComfyNode):
    """See kmc_core.motion.files."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_LoadMotion",
            display_name="Load Motion",
            category="KMC/motion",
            description="Take a motion from a file that Save Motion wrote.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=folders.motion_names(),
                    tooltip="A motion in the input folder, or one that Save Motion wrote ([output]).",
                )
            ],
            outputs=[sockets.Motion.Output("motion", tooltip="The motion, bit for bit as it was saved.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file) -> float:
        return folders.motion_path(file).stat().st_mtime

    @classmethod
    def execute(cls, file) -> io.NodeOutput:
        return io.NodeOutput(load_motion(folders.motion_path(file)))


class PreviewMotion(io.ComfyNode):
    """See kmc_core.host.preview and the viewer in js/."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_PreviewMotion",
            display_name="Preview Motion",
            category="KMC/motion",
            description=(
                "Play and scrub a motion on the node: body, hands and face, alone, over its video or beside "
                "another motion."
            ),
            search_aliases=["draw pose", "skeleton"],
            is_output_node=True,
            inputs=[
                sockets.Motion.Input("motion", tooltip="The motion to look at."),
                io.MultiType.Input(
                    "video",
                    [io.Video, io.Image],
                    optional=True,
                    tooltip=(
                        "The video that the motion was read from; the drawing lies over it. Black without it."
                    ),
                ),
                io.Int.Input(
                    "longest_side",
                    default=512,
                    min=0,
                    max=4096,
                    step=2,
                    tooltip=(
                        "Longer side of the drawing in pixels. 0 is the motion's own size; long clips need "
                        "memory."
                    ),
                ),
                sockets.Motion.Input(
                    "compare",
                    optional=True,
                    tooltip=(
                        "Another motion to see beside it, in step, such as the one before Retarget Motion."
                    ),
                ),
            ],
            outputs=[io.Image.Output("images", tooltip="The drawn frames.")],
        )

    @classmethod
    def execute(cls, motion, longest_side, video=None, compare=None) -> io.NodeOutput:
        clip = None if video is None else clip_of(video, motion.fps)
        images, shown = preview(motion, clip, compare, longest_side, **hooks())
        return io.NodeOutput(images, ui=shown)


NODES = [
    EncodeBodyMotion,
    EncodeFaceMotion,
    EncodeHandMotion,
    RetargetMotion,
    PreviewMotion,
    SaveMotion,
    LoadMotion,
]
