"""Who is animated: subjects from pictures, their library, and how they are shown to the animator."""

from comfy_api.latest import io

from ..kmc_core.errors import KMCError
from ..kmc_core.host import folders
from ..kmc_core.host.media import rgb_of
from ..kmc_core.host.nets import backends, hooks, perception
from ..kmc_core.subject.create import create_subject
from ..kmc_core.subject.identity import choose_identity
from ..kmc_core.subject.library import load_subject, save_subject, subject_file
from . import sockets


class CreateSubject(io.ComfyNode):
    """See kmc_core.subject.create."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_CreateSubject",
            display_name="Create Subject",
            category="KMC/identity",
            description=(
                "Make a character from one or more pictures: its pose, mask, head turn and face identity "
                "are read."
            ),
            search_aliases=["character", "reference image"],
            inputs=[
                io.Image.Input(
                    "images",
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
            ],
            outputs=[
                sockets.Subject.Output(
                    "subject", tooltip="The character, for Inject Identity and Save Subject."
                )
            ],
        )

    @classmethod
    def execute(cls, images, name, description, backend, mask=None) -> io.NodeOutput:
        masks = None if mask is None else list(mask.unsqueeze(1))
        nets = perception(backend)
        pictures = list(rgb_of(images))
        subject = create_subject(pictures, nets, name=name, description=description, masks=masks, **hooks())
        return io.NodeOutput(subject)


class SaveSubject(io.ComfyNode):
    """See kmc_core.subject.library."""

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
        path = subject_file(folders.subject_folder(), subject.name)
        if path.exists() and not overwrite:
            raise KMCError(
                f"The library has a subject '{subject.name}' already; rename this one or switch 'overwrite' "
                "on."
            )
        save_subject(subject, path)
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
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip=(
                        "1 keeps the character as pictured; lower lets the animator stray from it, 0 "
                        "leaves it out."
                    ),
                ),
                io.Combo.Input(
                    "views",
                    options=["all", "first"],
                    default="all",
                    tooltip=(
                        "all: every picture helps, most when the head turns. first: only the main picture, "
                        "faster."
                    ),
                ),
            ],
            outputs=[
                sockets.Identity.Output("identity", tooltip="The chosen views, for Animate Conditioning.")
            ],
        )

    @classmethod
    def execute(cls, subject, strength, views) -> io.NodeOutput:
        return io.NodeOutput(choose_identity(subject, strength, views))


NODES = [CreateSubject, SaveSubject, LoadSubject, InjectIdentity]
