"""The engines that can be driven, what their hosts call them, and where their files come from.

Lengths, overlaps and sizes are those that the models were trained with; file names and folders those of
ComfyUI's own templates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

EngineName = Literal["kmc", "wan_animate", "wan_animate2", "scail", "scail2"]


@dataclass(frozen=True)
class ModelFile:
    """A file that an engine needs."""

    name: str
    folder: str  # below ComfyUI's folder models/
    size: str

    def __str__(self) -> str:
        return f"{self.name} in models/{self.folder} ({self.size})"


@dataclass(frozen=True)
class Engine:
    """One family of models."""

    label: str
    model: ModelFile
    node: str = ""  # id of the host's node that builds its conditioning; "" for our own
    since: str = ""  # first ComfyUI release with that node
    window: int = 0  # frames of one run
    carried: int = 0  # frames of the run before that a run starts with
    blended: int = 0  # frames that runs share where nothing is carried
    step: int = 1  # a length is a multiple of this plus 1
    multiple: int = 16  # of width and height
    area: int = 832 * 480  # pixels of a picture where no size is given
    sees_video: bool = False  # reads the whole video, not only its motion
    one_view: bool = False  # is shown one picture of the character; else all its views

    def length(self, frames: int) -> int:
        """The shortest length of a run that holds so many frames."""
        return -(-(frames - 1) // self.step) * self.step + 1

    @property
    def fresh(self) -> int:
        """Frames that a run adds to the one before it."""
        return self.window - self.carried - self.blended


VAE: Final = ModelFile("wan_2.1_vae.safetensors", "vae", "0.25 GB")
TEXT: Final = ModelFile("umt5_xxl_fp8_e4m3fn_scaled.safetensors", "text_encoders", "6.7 GB")
CLIP_VISION: Final = ModelFile("clip_vision_h.safetensors", "clip_vision", "1.3 GB")

ENGINES: Final[Mapping[EngineName, Engine]] = {
    "kmc": Engine(
        "KMC animator", ModelFile("kmc_mini.safetensors", "kmc", "comes with this pack"), window=48, blended=8
    ),
    "wan_animate": Engine(
        "Wan-Animate",
        ModelFile("Wan2_2-Animate-14B_fp8_e4m3fn_scaled_KJ.safetensors", "diffusion_models", "18.4 GB"),
        node="WanAnimateToVideo", since="0.3.60", window=77, carried=5, step=4, one_view=True,
    ),
    "wan_animate2": Engine(
        "Wan-Animate-2",
        ModelFile("wan_animate_2_distill_int8_convrot.safetensors", "diffusion_models", "16.6 GB"),
        node="WanAnimate2ToVideo", since="0.31", window=81, carried=1, step=4, sees_video=True,
        one_view=True,
    ),
    "scail": Engine(
        "SCAIL",
        ModelFile("Wan21-14B-SCAIL-preview_fp8_e4m3fn_scaled_KJ.safetensors", "diffusion_models", "17 GB"),
        node="WanSCAILToVideo", since="0.25", window=81, step=4, blended=5, multiple=32, area=896 * 512,
        one_view=True,
    ),
    "scail2": Engine(
        "SCAIL-2",
        ModelFile("wan2.1_14B_SCAIL_2_fp8_scaled.safetensors", "diffusion_models", "17.7 GB"),
        node="WanSCAILToVideo", since="0.25", window=81, carried=5, step=4, multiple=32, area=896 * 512,
        sees_video=True,
    ),
}  # fmt: skip


def supported() -> str:
    """What can be driven, one engine a line, with the file that each needs."""
    return "\n".join(
        f"- {engine.label}: {engine.model}" + (f", ComfyUI {engine.since} or later" if engine.since else "")
        for engine in ENGINES.values()
    )
