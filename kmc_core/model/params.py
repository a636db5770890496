"""Sizes of the animator. A size is a value here, never a second class; they travel in the checkpoint's
metadata.
"""

from dataclasses import dataclass, field
from typing import Any

from ..motion.draw import LIMB_CHANNELS
from ..motion.skeleton import EXPRESSIONS


@dataclass(frozen=True)
class TextParams:
    """The small word-level text encoder."""

    vocabulary: int = 4096  # hash buckets for words
    length: int = 48  # tokens kept of a prompt
    dim: int = 128
    heads: int = 4
    depth: int = 1


@dataclass(frozen=True)
class AnimatorParams:
    """The diffusion transformer. The defaults are the bundled mini model on RGB pixels."""

    channels: int = 3  # of the signal space: 3 for pixels, a VAE's latent channels otherwise
    size: int = 192  # side of the pictures it was trained on, in signal pixels
    patch: int = 16
    dim: int = 256
    depth: int = 8
    heads: int = 4
    mlp_ratio: int = 4
    map_channels: int = len(LIMB_CHANNELS)  # maps are drawn at half the signal's resolution
    face_features: int = len(EXPRESSIONS) + 6 + 1  # expression, two columns of the rotation, confidence
    face_tokens: int = 4
    hand_features: int = (
        21 * 3 + 2 + 1 + 1
    )  # joints in the wrist's frame, wrist position, hand size, confidence
    identity_features: int = 128
    temporal_radius: int = (
        1  # a frame attends to this many neighbours on each side: cost stays linear in frames
    )
    rope_axes: tuple[int, int, int] = (16, 24, 24)  # head dimensions for time, y, x
    pixel_width: int = 32  # width of the convolutional head that places gates at pixel precision
    pixel_blocks: int = 2  # of it that look around in the moved pixels, each twice as far as the one before
    flow_range: float = 0.06  # furthest refinement of the moved pixels, share of the trained side
    shift: float = 3.0  # of the sampling schedule towards high noise (SD3, 2403.03206), where it is trained
    text: TextParams = field(default_factory=TextParams)
    student_steps: int = 0  # of the schedule that these weights were distilled for; 0 is a teacher

    def __post_init__(self) -> None:
        head = self.dim // self.heads
        if head * self.heads != self.dim or sum(self.rope_axes) != head:
            raise ValueError(f"rope_axes {self.rope_axes} must sum to dim / heads = {self.dim / self.heads}")
        if self.pixel_blocks < 0:
            raise ValueError(f"pixel_blocks must be 0 or more, got {self.pixel_blocks}")
        if self.patch % 2:
            raise ValueError(f"patch must be even, got {self.patch}: maps are drawn at half resolution")


def read_params(values: dict[str, Any]) -> AnimatorParams:
    """Sizes from plain values, as JSON and TOML have them; TypeError or ValueError for what does not fit."""
    text = TextParams(**values.get("text", {}))
    axes = tuple(values.get("rope_axes", AnimatorParams.rope_axes))
    return AnimatorParams(**values | {"text": text, "rope_axes": axes})
