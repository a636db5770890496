"""The subject library: characters kept as files, taken out again and put together."""

from comfy_api.latest import io

from ..kmc_core.host import folders
from ..kmc_core.subject.catalogue import add_subject, merge_subjects
from ..kmc_core.subject.library import load_subject
from ..kmc_core.subject.sheet import likeness
from . import sockets


class SaveSubject(io.ComfyNode):
    """See kmc_core.subject.catalogue."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_SaveSubject",
            display_name="Save Subject",
            category="KMC/identity",
            description=(
                "Keep a character in the subject library (models/kmc_subjects), one file to reuse and share."
            ),
            is_output_node=True,
            inputs=[
                sockets.Subject.Input(
                    "subject", tooltip="The character to keep; its name becomes the file's name."
                ),
                io.Boolean.Input(
                    "overwrite",
                    default=False,
                    tooltip="Replace a character of the same name that is there already.",
                ),
            ],
            outputs=[sockets.Subject.Output("subject", tooltip="The same character, to go on with.")],
        )

    @classmethod
    def execute(cls, subject, overwrite) -> io.NodeOutput:
        add_subject(subject, folders.subject_folder(), overwrite=overwrite)
        return io.NodeOutput(subject)


class LoadSubject(io.ComfyNode):
    """See kmc_core.subject.library."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_LoadSubject",
            display_name="Load Subject",
            category="KMC/identity",
            description="Take a character from the subject library (models/kmc_subjects).",
            inputs=[
                io.Combo.Input("name", options=folders.subject_names(), tooltip="A character of the library.")
            ],
            outputs=[sockets.Subject.Output("subject", tooltip="The character, for Inject Identity.")],
        )

    @classmethod
    def fingerprint_inputs(cls, name) -> float:
        return folders.subject_path(name).stat().st_mtime

    @classmethod
    def execute(cls, name) -> io.NodeOutput:
        return io.NodeOutput(load_subject(folders.subject_path(name)))


class MergeSubjects(io.ComfyNode):
    """See kmc_core.subject.catalogue."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_MergeSubjects",
            display_name="Merge Subjects",
            category="KMC/identity",
            description="Put the views of two subjects of one character together, such as front and back.",
            search_aliases=["combine subjects", "add views"],
            inputs=[
                sockets.Subject.Input("first", tooltip="Its main view gives framing and colours."),
                sockets.Subject.Input("second", tooltip="Its views are added behind those of the first."),
                io.String.Input(
                    "name", default="", tooltip="Name of the result. Empty keeps the first one's."
                ),
            ],
            outputs=[
                sockets.Subject.Output("subject", tooltip="The character with the views of both."),
                io.String.Output(
                    "warnings", tooltip="Views that look like another person; empty where none do."
                ),
            ],
        )

    @classmethod
    def execute(cls, first, second, name) -> io.NodeOutput:
        merged = merge_subjects(first, second, name=name)
        return io.NodeOutput(merged, "\n".join(likeness(merged.views)))


NODES = [SaveSubject, LoadSubject, MergeSubjects]
