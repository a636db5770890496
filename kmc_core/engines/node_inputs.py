"""What an engine's own node of the host takes, before the host is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class NodeInputs:
    """Values by the names of the node's inputs."""

    pictures: Mapping[str, Tensor]  # [F, 3, H, W] 0..1
    masks: Mapping[str, Tensor] = field(default_factory=dict)  # [F, H, W] 0..1
    options: Mapping[str, float | bool] = field(default_factory=dict)
    neutral_face: Tensor | None = None  # [1, 3, 512, 512] 0..1, what face strength 0 shows
