"""Bundled videos and pictures, so that a workflow runs on a fresh installation, nothing to find first."""

from comfy_api.latest import io, ui

from ..kmc_core.host.examples import PICTURE, VIDEO, example_names, example_picture, example_video


class ExampleVideo(io.ComfyNode):
    """See kmc_core.host.examples."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_ExampleVideo",
            display_name="Example Video",
            category="KMC/examples",
            description="A driving video that comes with the pack. Use Load Video for your own.",
            inputs=[
                io.Combo.Input("name", options=example_names(VIDEO), tooltip="One of the bundled videos.")
            ],
            outputs=[io.Video.Output("video", tooltip="The video, for the Encode nodes.")],
        )

    @classmethod
    def execute(cls, name) -> io.NodeOutput:
        return io.NodeOutput(example_video(name))


class ExampleImage(io.ComfyNode):
    """See kmc_core.host.examples."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_ExampleImage",
            display_name="Example Image",
            category="KMC/examples",
            description="A character picture that comes with the pack. Use Load Image for your own.",
            inputs=[
                io.Combo.Input("name", options=example_names(PICTURE), tooltip="One of the bundled pictures.")
            ],
            outputs=[io.Image.Output("image", tooltip="The picture, for Create Subject.")],
        )

    @classmethod
    def execute(cls, name) -> io.NodeOutput:
        image = example_picture(name)
        return io.NodeOutput(image, ui=ui.PreviewImage(image, cls=cls))


NODES = [ExampleVideo, ExampleImage]
