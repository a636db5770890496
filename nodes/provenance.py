"""What made a video: written into its file, and read back."""

import json
from fractions import Fraction

from comfy_api.latest import InputImpl, Types, io

from ..kmc_core.engines.watermark import mark_frames, read_mark
from ..kmc_core.host.media import image_of, rgb_of
from ..kmc_core.host.nets import hooks
from ..kmc_core.host.provenance import MarkedVideo, read_record, record_of
from . import sockets


class AddProvenance(io.ComfyNode):
    """See kmc_core.host.provenance and kmc_core.engines.watermark."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_AddProvenance",
            display_name="Add Provenance",
            category="KMC/animate",
            description=(
                "Write what made a video into its file: engine, weights, seeds, motion, and the character "
                "with its consent. Optionally mark its pixels invisibly."
            ),
            search_aliases=["metadata", "watermark", "content credentials"],
            inputs=[
                io.Video.Input("video", tooltip="The finished video, before Save Video."),
                io.Boolean.Input(
                    "metadata",
                    default=True,
                    tooltip="Write the record into the file. Off leaves the file without it.",
                ),
                io.Boolean.Input(
                    "watermark",
                    default=False,
                    tooltip=(
                        "Mark every frame invisibly with the record's id. Needs the package "
                        "invisible-watermark, about a second a frame, and all frames in memory."
                    ),
                ),
                io.Model.Input("model", optional=True, tooltip="The engine that made it, for the record."),
                sockets.Motion.Input(
                    "motion", optional=True, tooltip="The motion that it follows, for the record."
                ),
                sockets.Identity.Input(
                    "identity", optional=True, tooltip="The character that it shows, for the record."
                ),
            ],
            outputs=[
                io.Video.Output("video", tooltip="The same video with its record, for Save Video."),
                io.String.Output("record", tooltip="The record, as JSON."),
            ],
            hidden=[io.Hidden.dynprompt, io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, video, metadata, watermark, model=None, motion=None, identity=None) -> io.NodeOutput:
        subject = None if identity is None else identity.subject
        told = {"model": model, "motion": motion, "subject": subject}
        record = record_of(cls.hidden.dynprompt, cls.hidden.unique_id, **told)
        if watermark:
            video = _watermarked(video, bytes.fromhex(record["id"]))
        result = MarkedVideo(video, record) if metadata else video
        return io.NodeOutput(result, json.dumps(record, indent=2))


def _watermarked(video, name: bytes):
    """The video, decoded, with an id in every frame."""
    parts = video.get_components()
    images = image_of(mark_frames(rgb_of(parts.images), name, **hooks()))
    return InputImpl.VideoFromComponents(
        Types.VideoComponents(images=images, audio=parts.audio, frame_rate=Fraction(parts.frame_rate))
    )


class ReadProvenance(io.ComfyNode):
    """See kmc_core.host.provenance and kmc_core.engines.watermark."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_ReadProvenance",
            display_name="Read Provenance",
            category="KMC/animate",
            description="Read what made a video from its file, and the invisible mark from its pixels.",
            search_aliases=["metadata", "watermark"],
            inputs=[
                io.Video.Input("video", tooltip="A video, such as from Load Video."),
                io.Boolean.Input(
                    "watermark",
                    default=False,
                    tooltip=(
                        "Look for the invisible mark, too. Needs the package invisible-watermark, and all "
                        "frames in memory."
                    ),
                ),
            ],
            outputs=[
                io.String.Output("record", tooltip="The record as JSON; empty when the file has none."),
                io.String.Output("mark", tooltip="The id in the pixels; empty when none is found."),
            ],
        )

    @classmethod
    def execute(cls, video, watermark) -> io.NodeOutput:
        record = read_record(video)
        mark = read_mark(rgb_of(video.get_components().images)) if watermark else None
        return io.NodeOutput(
            "" if record is None else json.dumps(record, indent=2), mark.hex() if mark else ""
        )


NODES = [AddProvenance, ReadProvenance]
