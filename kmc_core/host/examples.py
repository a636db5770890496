"""The videos and pictures that come with the pack, so that a fresh installation has something to run."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfy_api.latest import InputImpl
from einops import rearrange
from PIL import Image
from torch import Tensor

from ..errors import KMCError
from .media import image_of

EXAMPLES = Path(__file__).parents[2] / "workflows" / "assets"
VIDEO, PICTURE = ".mp4", ".png"


def example_names(suffix: str) -> list[str]:
    """Names of the bundled files with an ending."""
    return sorted(path.name for path in EXAMPLES.glob(f"*{suffix}"))


def example_video(name: str) -> Any:
    """A bundled clip as the host's VIDEO, decoded only when it is read."""
    return InputImpl.VideoFromFile(str(_path(name, VIDEO)))


def example_picture(name: str) -> Tensor:
    """A bundled picture as the host's IMAGE [1, H, W, 3]."""
    with Image.open(_path(name, PICTURE)) as opened:
        pixels = torch.from_numpy(np.array(opened.convert("RGB")))
    return image_of(rearrange(pixels, "h w c -> 1 c h w"))


def _path(name: str, suffix: str) -> Path:
    names = example_names(suffix)
    if name not in names:
        raise KMCError(f"There is no bundled example '{name}'; there are {', '.join(names) or 'none'}.")
    return EXAMPLES / name
