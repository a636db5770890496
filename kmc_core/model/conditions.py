"""What the animator is told, as a frozen batch of tensors. Pictures are in -1..1, maps and masks in 0..1."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

# Columns of `keep`: 1 uses the condition, 0 puts its learned null in its place.
KEEP: Final = ("body", "hands", "face", "identity", "text")
# What guidance can strengthen, with its columns of `keep`.
GUIDED: Final = MappingProxyType({"motion": KEEP[:3], "identity": KEEP[3:4], "text": KEEP[4:]})


@dataclass(frozen=True)
class AnimatorConditions:
    """Conditions of a batch of clips."""

    moved: Tensor  # [B, C+1, F, H, W] reference pixels moved to the target pose over the background; coverage
    background: Tensor  # [B, C, 1, H, W] the scene without the person
    maps: Tensor  # [B, M, F, H/2, W/2] drawn limbs
    hands: Tensor  # [B, F, 2, hand_features]
    hand_positions: Tensor  # [B, F, 2, 2] wrist y, x in signal pixels
    face: Tensor  # [B, F, face_features]
    references: Tensor  # [B, V, C+1, H, W] views and their person mask
    reference_maps: Tensor  # [B, V, M, H/2, W/2]
    identity: Tensor  # [B, identity_features]
    text: Tensor  # [B, L, text.dim]
    keep: Tensor  # [B, 5] see KEEP
    carried: Tensor | None = None  # [B, C, K, H, W] clean frames that the first K frames must equal
    guidance: Tensor | None = None  # [B, 3] strengths that a student imitates, in the order of GUIDED

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> "AnimatorConditions":
        """Every tensor on the device and in the floating-point type."""
        moved = {
            f.name: getattr(self, f.name).to(device=device, dtype=dtype)
            for f in fields(self)
            if getattr(self, f.name) is not None
        }
        return replace(self, **moved)

    def drop(self, *names: str) -> "AnimatorConditions":
        """The same conditions with the named columns of KEEP switched off for the whole batch."""
        keep = self.keep.clone()
        keep[:, [KEEP.index(name) for name in names]] = 0
        return replace(self, keep=keep)

    def with_guidance(self, strengths: tuple[float, float, float]) -> "AnimatorConditions":
        """The same conditions for a student that is to guide this strongly, in the order of GUIDED."""
        return replace(self, guidance=self.keep.new_tensor([strengths]).expand(len(self.keep), -1))


def batched(items: Sequence[AnimatorConditions]) -> AnimatorConditions:
    """Conditions of equal shapes, one after the other along the batch axis."""
    names = [f.name for f in fields(AnimatorConditions) if getattr(items[0], f.name) is not None]
    return replace(items[0], **{name: torch.cat([getattr(item, name) for item in items]) for name in names})
