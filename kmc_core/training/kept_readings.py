"""Readings of pictures that come back in every evaluation, kept by what the pictures are."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from safetensors.torch import load_file, save_file
from torch import Tensor

from ..evaluate.reading import Reading

READ: Final = "1"  # raised when perception reads the same pictures otherwise


def kept_reading(folder: Path, frames: Tensor, read: Callable[[], Reading]) -> Reading:
    """The reading of frames [F, 3, H, W] in 0..1 from `folder`, or a new one that is put there, whole or not
    at all.
    """
    content = (frames * 255).round().byte().contiguous().numpy().tobytes()
    path = folder / f"{hashlib.sha256(READ.encode() + content).hexdigest()[:24]}.safetensors"
    if path.is_file():
        return Reading(**load_file(path))
    reading = read()
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({name: value.contiguous() for name, value in vars(reading).items()}, partial)
    partial.replace(path)
    return reading
