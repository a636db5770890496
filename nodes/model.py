"""The animator as the host's own model."""

from comfy_api.latest import io

from ..kmc_core.host import folders
from ..kmc_core.host.animator import load_animator

DEFAULT = "kmc_mini.safetensors"


class LoadAnimator(io.ComfyNode):
    """See kmc_core.host.animator."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        names = folders.animator_names()
        return io.Schema(
            node_id="KMC_LoadAnimator",
            display_name="Load Animator",
            category="KMC/model",
            description="Load the KMC animator: a model, its text encoder and the VAE for its pixel latents.",
            inputs=[
                io.Combo.Input(
                    "checkpoint",
                    options=names,
                    default=DEFAULT if DEFAULT in names else None,
                    tooltip="A checkpoint that comes with the pack, or one from models/kmc.",
                )
            ],
            outputs=[
                io.Model.Output("model", tooltip="The animator, for Animate Conditioning and any sampler."),
                io.Clip.Output("clip", tooltip="Its text encoder, for CLIP Text Encode."),
                io.Vae.Output("vae", tooltip="Turns its pixel latents into pictures, for VAE Decode."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, checkpoint) -> float:
        path = folders.animator_path(checkpoint)
        return path.stat().st_mtime if path.is_file() else 0.0

    @classmethod
    def execute(cls, checkpoint) -> io.NodeOutput:
        return io.NodeOutput(*load_animator(folders.animator_path(checkpoint)))


NODES = [LoadAnimator]
