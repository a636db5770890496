"""Several people: how many to follow and which, taking one out of a motion, two characters in one scene."""

from typing import get_args

from comfy_api.latest import io

from ..kmc_core.engines.identity import shown_subject
from ..kmc_core.engines.together import Front, Member, put_together, together_report
from ..kmc_core.host.media import image_of, rgb_of
from ..kmc_core.host.nets import hooks
from ..kmc_core.motion.people import By, select_person
from ..kmc_core.perception.who import Choose
from . import sockets
from .common_inputs import FILLED, WHOLE, framing_input


def people_inputs() -> list:
    """How many people to follow, and which: optional, so that older workflows go on following one."""
    return [
        io.Int.Input(
            "people",
            default=1,
            min=1,
            max=8,
            optional=True,
            tooltip="How many people to follow at most. In a new motion they are the people from 0 on.",
        ),
        io.Combo.Input(
            "choose",
            options=list(get_args(Choose)),
            default="largest",
            optional=True,
            tooltip="Who comes first, judged where people are first seen. Who comes later is numbered later.",
        ),
        *point_inputs("choose at point", optional=True),
    ]


def point_inputs(choice: str, *, optional: bool = False) -> list:
    """A place in the picture where a person is found."""
    return [
        io.Float.Input(
            name,
            default=0.5,
            min=0.0,
            max=1.0,
            step=0.01,
            optional=optional,
            advanced=True,
            tooltip=f"Place from {way}, as a share of the picture from 0 to 1. Used by {choice}.",
        )
        for name, way in (("x", "left to right"), ("y", "top to bottom"))
    ]


class SelectPerson(io.ComfyNode):
    """See kmc_core.motion.people."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_SelectPerson",
            display_name="Select Person",
            category="KMC/motion",
            description="Take one person of a motion that holds several, and give it a name.",
            search_aliases=["track", "people", "multi person"],
            inputs=[
                sockets.Motion.Input("motion", tooltip="A motion of one or more people."),
                io.Combo.Input(
                    "by",
                    options=list(get_args(By)),
                    default="number",
                    tooltip="How to find the person. Size and place are those where it is first seen.",
                ),
                io.Int.Input(
                    "number",
                    default=0,
                    min=0,
                    max=15,
                    tooltip="The person's number, from 0, in the motion's order. Used by number.",
                ),
                io.String.Input("name", default="", tooltip="The person's name. Used by name."),
                *point_inputs("by at point"),
                io.String.Input(
                    "rename",
                    default="",
                    tooltip="A new name, kept in the motion and in its file. Empty keeps the old one.",
                ),
            ],
            outputs=[sockets.Motion.Output("motion", tooltip="The motion of that person alone.")],
        )

    @classmethod
    def execute(cls, motion, by, number, name, x, y, rename) -> io.NodeOutput:
        chosen = select_person(motion, by, number=number, name=name, point=(x, y), rename=rename)
        return io.NodeOutput(chosen)


class ComposePeople(io.ComfyNode):
    """See kmc_core.engines.together."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_ComposePeople",
            display_name="Compose People",
            category="KMC/animate",
            description=(
                "Put two animated characters into one scene, each in the place of the person of the video "
                "that it follows."
            ),
            search_aliases=["multi person", "two characters", "composite"],
            inputs=[
                io.Image.Input("images", tooltip="The first character's animation; its scene is kept."),
                sockets.Motion.Input(
                    "motion", tooltip="Its fitted motion, from Retarget Motion with placement match video."
                ),
                sockets.Identity.Input("identity", tooltip="The identity that it was made with."),
                io.Image.Input("images_2", tooltip="The second character's animation, of as many frames."),
                sockets.Motion.Input(
                    "motion_2",
                    tooltip="Its fitted motion: another person, also with placement match video.",
                ),
                sockets.Identity.Input("identity_2", tooltip="The identity that it was made with."),
                sockets.Motion.Input(
                    "video_motion",
                    tooltip="The motion of all people, which both Retarget Motion were given.",
                ),
                io.Combo.Input(
                    "in_front",
                    options=list(get_args(Front)),
                    default="by place",
                    tooltip=(
                        "Who covers the other. by place: whoever stands lower in the picture, from frame to "
                        "frame; where feet are not seen, whoever is larger."
                    ),
                ),
                framing_input(),
            ],
            outputs=[
                io.Image.Output("images", tooltip="Both in the first one's scene, for Create Video."),
                io.String.Output("report", tooltip="Who follows whom, and who is in front when."),
            ],
        )

    @classmethod
    def execute(
        cls,
        images,
        motion,
        identity,
        images_2,
        motion_2,
        identity_2,
        video_motion,
        in_front,
        framing=WHOLE,
    ) -> io.NodeOutput:
        members = [
            Member(rgb_of(pictures), moved, shown_subject(who, moved), filled=framing == FILLED)
            for pictures, moved, who in ((images, motion, identity), (images_2, motion_2, identity_2))
        ]
        made = put_together(*members, video_motion, front=in_front, **hooks())
        report = together_report(made, members[0].subject, members[1].subject, video_motion)
        return io.NodeOutput(image_of(made.frames), report)


NODES = [SelectPerson, ComposePeople]
