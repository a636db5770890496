"""How good a result is, in numbers and by eye."""

from comfy_api.latest import io, ui

from ..kmc_core.evaluate.animation import evaluate_animation
from ..kmc_core.evaluate.blind import score_answers, write_sheet
from ..kmc_core.evaluate.plot import plot_frames
from ..kmc_core.host.folders import new_sheet_path, result_folders
from ..kmc_core.host.media import image_of, rgb_of
from ..kmc_core.host.nets import backends, hooks, perception
from . import sockets
from .common_inputs import person_input


class EvaluateAnimation(io.ComfyNode):
    """See kmc_core.evaluate.animation."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_EvaluateAnimation",
            display_name="Evaluate Animation",
            category="KMC/evaluate",
            description="Measure how well a result follows its motion and keeps its character.",
            search_aliases=["metrics", "quality", "pck", "identity similarity", "flicker"],
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="The frames of the result, from any engine."),
                sockets.Motion.Input(
                    "motion", tooltip="The motion that it was made from, fitted to the subject."
                ),
                sockets.Subject.Input("subject", tooltip="The character that it shows."),
                io.Combo.Input(
                    "backend",
                    options=backends(),
                    default="torch",
                    advanced=True,
                    tooltip="Runtime of the perception nets.",
                ),
                person_input("Which person of the motion the result shows, from 0.", optional=True),
            ],
            outputs=[
                io.String.Output("table", tooltip="All figures with their worst frame, as Markdown."),
                io.Image.Output("plot", tooltip="Every figure over the frames."),
                io.String.Output("json", tooltip="All figures, of the whole result and of each frame."),
            ],
        )

    @classmethod
    def execute(cls, images, motion, subject, backend, person=0) -> io.NodeOutput:
        nets = perception(backend)
        found = evaluate_animation(rgb_of(images), motion, subject, nets, person=person, **hooks())
        plot, table = image_of(plot_frames(found.frames)[None]), found.as_markdown()
        return io.NodeOutput(table, plot, found.as_json(), ui=ui.PreviewImage(plot, cls=cls))


class BlindCompare(io.ComfyNode):
    """See kmc_core.evaluate.blind."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_BlindCompare",
            display_name="Blind Compare",
            category="KMC/evaluate",
            description="Make a page on which people judge results without knowing whose they are.",
            search_aliases=["gsb", "good same bad", "side by side", "user study"],
            is_output_node=True,
            inputs=[
                io.String.Input(
                    "folders",
                    default="ours\nother",
                    multiline=True,
                    tooltip="Folders in the output folder, one a line; the first is compared to all others.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="blind/compare",
                    tooltip="Name of the page in the output folder.",
                ),
                io.Int.Input("seed", default=0, min=0, max=0xFFFFFFFF, tooltip="Draws order and sides."),
                io.String.Input(
                    "answers",
                    default="",
                    multiline=True,
                    tooltip="What the page gave at the end, of one or more judges, one a line; empty before.",
                ),
            ],
            outputs=[
                io.String.Output("page", tooltip="Path of the page; it works offline."),
                io.String.Output("scores", tooltip="(G+S)/(B+S) of every axis, from the answers."),
            ],
        )

    @classmethod
    def execute(cls, folders, filename_prefix, seed, answers) -> io.NodeOutput:
        found = result_folders(folders)
        path = new_sheet_path(filename_prefix)
        write_sheet(found, path, seed)
        return io.NodeOutput(str(path), score_answers(answers, found, seed))


NODES = [EvaluateAnimation, BlindCompare]
