"""Our perception nets as judges: a blur that no detector reads is no animation, however small its pixel
error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..perception.nets import Net, NetName, load_net
from .processes import device
from .regions import CHIP, FACE, LEFT_HAND, RIGHT_HAND, cut

# The person detector sees limbs on the whole picture; the face detector's early maps are sharp on small
# faces.
OF_FRAMES: Final[tuple[tuple[NetName, tuple[str, ...]], ...]] = (
    ("pose_detector", ("stride2", "stride4", "stride8", "stride16")),
    ("face_detector", ("stride2", "stride4")),
)
# What is read from faces and hands is decided by these nets, so they look at them as they do in use.
OF_REGIONS: Final[tuple[tuple[NetName, tuple[int, ...], tuple[str, ...]], ...]] = (
    ("face_landmarks", (FACE,), ("stride4", "stride8", "stride16", "stride32", "stride64")),
    ("hand_landmarks", (LEFT_HAND, RIGHT_HAND), ("stride4", "stride8", "stride16", "stride32")),
    ("face_identity", (CHIP,), ()),  # its embedding
)

Look = Callable[[Tensor], Tensor]  # pictures [N, 3, H, W] -> what a net is shown of them


@dataclass(frozen=True)
class Judges:
    """Distances between pictures as our nets see them, differentiable in the first ones."""

    nets: dict[NetName, Net]

    @classmethod
    def load(cls, weights_dir: Path) -> "Judges":
        """Load the nets that judge, on the device that trains."""
        names: list[NetName] = [judge[0] for judge in (*OF_FRAMES, *OF_REGIONS)]
        return cls({name: load_net(name, weights_dir, device=device()) for name in names})

    def frames(self, made: Tensor, true: Tensor) -> Tensor:
        """Of whole pictures [N, 3, H, W] in 0..1."""
        return torch.stack(
            [self._distance(name, maps, _fitted(self.nets[name]), made, true) for name, maps in OF_FRAMES]
        ).mean()

    def regions(
        self, made: Tensor, true: Tensor, regions: Tensor, count: int, rng: torch.Generator
    ) -> Tensor:
        """Of up to `count` random faces, hands and chips each, at regions [N, 4, 4] of pictures [N, 3, H, W];
        0 where there are none.
        """
        found = []
        for name, parts, maps in OF_REGIONS:
            shown = torch.nonzero(regions[:, list(parts), 2].cpu() > 0)
            chosen = shown[torch.randperm(len(shown), generator=rng)[:count]]
            if not len(chosen):
                continue
            picture, part = chosen[:, 0], torch.tensor(parts)[chosen[:, 1]]
            look = partial(cut, rois=regions[picture, part], size=_size(self.nets[name]))
            found.append(self._distance(name, maps, look, made[picture], true[picture]))
        return torch.stack(found).mean() if found else made.sum() * 0

    def _distance(
        self,
        name: NetName,
        maps: tuple[str, ...],
        look: Callable[[Tensor], Tensor],
        made: Tensor,
        true: Tensor,
    ) -> Tensor:
        """Mean relative L1 between a net's maps, or its first output where no maps are named."""

        def read(pictures: Tensor) -> list[Tensor]:
            return _read(self.nets[name], look(pictures.float()), maps)

        with torch.autocast(made.device.type, enabled=False):
            with torch.no_grad():
                wanted = read(true)
            got = read(made)
        return torch.stack(
            [(a - b).abs().mean() / b.abs().mean().clamp(min=1e-6) for a, b in zip(got, wanted, strict=True)]
        ).mean()


def _read(net: Net, pictures: Tensor, maps: tuple[str, ...]) -> list[Tensor]:
    if not maps:
        return [net(pictures)[0]]
    features = net.features(pictures)
    return [features[name] for name in maps]


def _fitted(net: Net) -> Look:
    return partial(F.interpolate, size=_size(net), mode="bilinear", align_corners=False)


def _size(net: Net) -> tuple[int, int]:
    return net.input_shape[-2], net.input_shape[-1]
