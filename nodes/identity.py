"""Who is animated: subjects from pictures and clips, and how they are shown to an engine."""

from typing import get_args

from comfy_api.latest import io, ui

from ..kmc_core.host.media import clip_of, image_of, rgb_of
from ..kmc_core.host.nets import backends, hooks, perception
from ..kmc_core.subject.create import create_subject
from ..kmc_core.subject.identity import Part, Views, choose_identity
from ..kmc_core.subject.select import choices_report, choose_views, window_choice, windows_of
from ..kmc_core.subject.sheet import report, sheet
from . import sockets
from .common_inputs import person_input, share_input

CLIP_FPS = 24.0  # of an IMAGE batch as a clip; only its order counts


class CreateSubject(io.ComfyNode):
    """See kmc_core.subject.create."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_CreateSubject",
            display_name="Create Subject",
            category="KMC/identity",
            description=(
                "Make a character from pictures, a clip or both: its pose, mask, head turn and face identity "
                "are read, and the best views kept."
            ),
            search_aliases=["character", "reference image", "views"],
            inputs=[
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip=(
                        "One picture, or a batch of views of the same character. The first one gives "
                        "framing and colours."
                    ),
                ),
                io.String.Input(
                    "name",
                    default="character",
                    tooltip="The character's name, also its file's name in the library.",
                ),
                io.String.Input(
                    "description",
                    default="",
                    multiline=True,
                    tooltip=(
                        "Looks and clothes in words, such as 'a young woman in a green coat'. Used by "
                        "Enhance Prompt."
                    ),
                ),
                io.Combo.Input(
                    "backend", options=backends(), default="torch", tooltip="Runtime that reads the pictures."
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the character is (white), one for each picture. Without it, it is found.",
                ),
                *_view_inputs(),
                _consent_input(),
            ],
            outputs=[
                sockets.Subject.Output(
                    "subject", tooltip="The character, for Inject Identity and Save Subject."
                ),
                io.String.Output(
                    "report", tooltip="Which pictures became views, sides without one, and warnings."
                ),
                io.Image.Output("sheet", tooltip="All pictures with their numbers, the views framed."),
            ],
        )

    @classmethod
    def execute(
        cls, name, description, backend, images=None, mask=None, clip=None, choice="", most=8, consent=""
    ) -> io.NodeOutput:
        created = create_subject(
            [] if images is None else list(rgb_of(images)),
            perception(backend),
            name=name,
            description=description,
            masks=None if mask is None else list(mask.unsqueeze(1)),
            clip=None if clip is None else clip_of(clip, CLIP_FPS),
            choice=choice,
            most=most,
            consent=consent,
            **hooks(),
        )
        page = image_of(sheet(created)[None])
        shown = ui.PreviewImage(page, cls=cls)
        return io.NodeOutput(created.subject, report(created), page, ui=shown)


def _consent_input() -> io.String.Input:
    return io.String.Input(
        "consent",
        default="",
        optional=True,
        advanced=True,
        tooltip=(
            "Who agreed to be shown, and to what, in your words. Kept with the character; Add "
            "Provenance writes it into videos."
        ),
    )


def _view_inputs() -> list:
    """A clip to take views from, and which views are kept."""
    return [
        io.MultiType.Input(
            "clip",
            [io.Video, io.Image],
            optional=True,
            tooltip=(
                "A clip in which the character turns. Sharp frames of sides that the pictures do not "
                "show become views."
            ),
        ),
        io.String.Input(
            "choice",
            default="",
            optional=True,
            placeholder="3, 1, 5-8",
            tooltip=(
                "Numbers of the pictures on the sheet that become views, the main one first. Empty "
                "picks by itself."
            ),
        ),
        io.Int.Input(
            "most",
            default=8,
            min=1,
            max=32,
            optional=True,
            tooltip=(
                "How many frames of the clip become views at most when choice is empty; all pictures do."
            ),
        ),
    ]


class SelectView(io.ComfyNode):
    """See kmc_core.subject.select."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_SelectView",
            display_name="Select View",
            category="KMC/identity",
            description=(
                "Take the view of a character that faces as a stretch of the motion does, for engines with "
                "one reference picture."
            ),
            search_aliases=["reference per window", "best view"],
            inputs=[
                sockets.Subject.Input("subject", tooltip="The character with its views."),
                sockets.Motion.Input(
                    "motion", tooltip="The motion, fitted to the subject by Retarget Motion."
                ),
                io.Int.Input(
                    "window",
                    default=81,
                    min=0,
                    max=16384,
                    tooltip="Frames that the engine makes at a time. 0 is the whole motion at once.",
                ),
                io.Int.Input(
                    "overlap",
                    default=0,
                    min=0,
                    max=128,
                    tooltip="Frames that a window shares with the one before it.",
                ),
                io.Int.Input(
                    "number",
                    default=0,
                    min=0,
                    max=1024,
                    tooltip="Which window the picture is for, from 0.",
                ),
                person_input("Which person of the motion to follow when it holds several, from 0."),
            ],
            outputs=[
                io.Image.Output("image", tooltip="The picture of the view for that window."),
                io.Mask.Output("mask", tooltip="Where the character is in it."),
                io.Int.Output("view", tooltip="The view's number in the subject, from 1."),
                io.String.Output("report", tooltip="The view of every window and why, as Markdown."),
            ],
        )

    @classmethod
    def execute(cls, subject, motion, window, overlap, number, person) -> io.NodeOutput:
        windows = windows_of(motion.frames, window, overlap)
        choices = choose_views(motion, subject, windows, track=person)
        index = window_choice(choices, number).views[0]
        view = subject.views[index]
        told = choices_report(choices, subject, motion.fps)
        return io.NodeOutput(image_of(view.image[None]), view.mask, index + 1, told)


class InjectIdentity(io.ComfyNode):
    """See kmc_core.subject.identity."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_InjectIdentity",
            display_name="Inject Identity",
            category="KMC/identity",
            description="Choose which views of a character the animator sees, and how strongly they count.",
            inputs=[
                sockets.Subject.Input("subject", tooltip="The character to animate."),
                share_input(
                    "strength",
                    "1 keeps the character as pictured; lower lets the animator stray from it, 0 "
                    "leaves it out.",
                ),
                io.Combo.Input(
                    "views",
                    options=list(get_args(Views)),
                    default="all",
                    tooltip=(
                        "all: every picture helps, most when the head turns. first: only the main picture, "
                        "faster. matching: the main picture and those that face as the motion does."
                    ),
                ),
                io.Int.Input(
                    "most",
                    default=4,
                    min=1,
                    max=32,
                    optional=True,
                    tooltip="How many views at a time at most. Used by matching.",
                ),
                io.Combo.Input(
                    "part",
                    options=list(get_args(Part)),
                    default="whole character",
                    optional=True,
                    tooltip="What of the pictures counts; the rest is left to the prompt and the animator.",
                ),
                share_input(
                    "start",
                    "Share of the sampling from which the identity counts.",
                    default=0.0,
                    step=0.01,
                    optional=True,
                    advanced=True,
                ),
                share_input(
                    "end",
                    "Share of the sampling up to which the identity counts.",
                    step=0.01,
                    optional=True,
                    advanced=True,
                ),
            ],
            outputs=[
                sockets.Identity.Output("identity", tooltip="The chosen views, for Animate Conditioning.")
            ],
        )

    @classmethod
    def execute(
        cls, subject, strength, views, most=4, part="whole character", start=0.0, end=1.0
    ) -> io.NodeOutput:
        identity = choose_identity(subject, strength, views, most=most, part=part, start=start, end=end)
        return io.NodeOutput(identity)


NODES = [CreateSubject, SelectView, InjectIdentity]
