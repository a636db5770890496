"""Colours held over a long video."""

from typing import get_args

from comfy_api.latest import io

from ..kmc_core.engines.color import Where, anchor_color
from ..kmc_core.engines.identity import shown_subject
from ..kmc_core.host.media import image_of, rgb_of
from ..kmc_core.host.nets import hooks
from ..kmc_core.motion.part import part_of
from . import sockets
from .common_inputs import FILLED, WHOLE, frames_input, framing_input, person_input, share_input


class AnchorColor(io.ComfyNode):
    """See kmc_core.engines.color."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_AnchorColor",
            display_name="Anchor Color",
            category="KMC/animate",
            description=(
                "Hold colour and contrast of an animation to the character's own picture, so that a long "
                "video does not drift."
            ),
            search_aliases=["color match", "drift", "contrast"],
            inputs=[
                io.Image.Input("images", tooltip="The animation, in the framing of the character's picture."),
                sockets.Motion.Input("motion", tooltip="The fitted motion that it was made from."),
                sockets.Identity.Input("identity", tooltip="The identity that it was made with."),
                io.Combo.Input(
                    "where",
                    options=list(get_args(Where)),
                    default="person",
                    tooltip="person: change the person alone. whole picture: change all like the person.",
                ),
                share_input(
                    "strength", "1 is the picture's colours; lower leaves more of the scene's light."
                ),
                io.Int.Input(
                    "steady",
                    default=24,
                    min=1,
                    max=1000,
                    tooltip="Frames over which the change is averaged: many are calm, few follow fast drift.",
                ),
                frames_input(
                    "start_frame",
                    "First frame of the motion that the animation was made from, as in its engine.",
                ),
                person_input("Which person of the motion the animation follows, from 0."),
                framing_input(),
            ],
            outputs=[io.Image.Output("images", tooltip="The animation in the colours of the picture.")],
        )

    @classmethod
    def execute(
        cls, images, motion, identity, where, strength, steady, start_frame, person, framing=WHOLE
    ) -> io.NodeOutput:
        part = part_of(motion, start_frame, len(images))
        subject = shown_subject(identity, part, person)
        chosen = {"where": where, "strength": strength, "steady": steady, "track": person,
                  "filled": framing == FILLED}  # fmt: skip
        return io.NodeOutput(image_of(anchor_color(rgb_of(images), part, subject, **chosen, **hooks())))


NODES = [AnchorColor]
