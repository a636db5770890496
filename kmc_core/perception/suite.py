"""The nine nets that extraction looks with, loaded together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from .nets import Net, load_net

Backend = Literal["torch", "onnxruntime", "ai-edge-litert"]


@dataclass(frozen=True)
class Perception:
    """All perception nets on one device. Each takes [B, 3, H, W] RGB 0..1 and gives float32 tensors."""

    pose_detector: Net
    pose_landmarks: Net
    palm_detector: Net
    hand_landmarks: Net
    face_detector: Net
    face_landmarks: Net
    face_expressions: Net
    person_mask: Net
    face_identity: Net
    device: torch.device

    @classmethod
    def load(
        cls,
        weights_dir: Path,
        *,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
        backend: Backend = "torch",
    ) -> "Perception":
        """Load every net from `weights_dir/perception`. KMCError when a file is missing or damaged."""
        names = [name for name in cls.__dataclass_fields__ if name != "device"]
        place = torch.device(device)
        nets = {name: load_net(name, weights_dir, device=place, dtype=dtype, backend=backend) for name in names}
        return cls(**nets, device=place)
