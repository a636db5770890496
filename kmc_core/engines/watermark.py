"""An invisible mark in the pixels of a video, by the optional package invisible-watermark (MIT licence).

Its method dwtDctSvd writes bits into the lightness of small blocks and needs no network and no weights; at
STRENGTH the mark outlives Save Video's own compression. It tells that a video was made, and by its id which
one; it is no proof: whoever wants to can remove it.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from ..errors import KMCError
from .kmc import Check, Progress, no_check, no_progress

PACKAGE: Final = "imwatermark"
METHOD: Final = "dwtDctSvd"
SIGN: Final = b"KMC"
ID_BYTES: Final = 5
BITS: Final = (
    67  # sign, id and three zeros: a prime number, so that every bit meets all columns of the picture
)
STRENGTH: Final = {"scales": [0, 64, 0]}  # the package's 36 does not outlive crf 23 in small pictures
WRONG: Final = 2  # bits of the sign that compression may turn: chance gives them once in 56,000 videos
FEWEST: Final = 384 * 384  # pixels: below, too few blocks hold a bit to outlive crf 23
READ: Final = 8  # frames that are read, spread over the video


def mark_frames(
    frames: Tensor, name: bytes, *, progress: Progress = no_progress, check: Check = no_check
) -> Tensor:
    """Frames [F, 3, H, W] 0..1 with an id of ID_BYTES bytes in every one, rounded to 8 bit.

    KMCError where the package is not installed, or the frames are smaller than 384x384.
    """
    package = _package()
    if frames.shape[-1] * frames.shape[-2] < FEWEST:
        raise KMCError(
            f"The frames are {frames.shape[-1]}x{frames.shape[-2]}, too small for a watermark; make them at "
            "least 384x384 with Restore Detail, or switch the watermark off."
        )
    encoder = package.WatermarkEncoder()
    bits = np.unpackbits(np.frombuffer(SIGN + name, np.uint8))
    encoder.set_watermark("bits", [*bits, *[0] * (BITS - len(bits))])
    return _each(frames, lambda picture: encoder.encode(picture, METHOD, **STRENGTH), progress, check)


def read_mark(frames: Tensor) -> bytes | None:
    """The id in frames [F, 3, H, W] 0..1, None where no mark is found. KMCError without the package."""
    package = _package()
    if frames.shape[-1] * frames.shape[-2] < FEWEST:
        return None
    decoder = package.WatermarkDecoder("bits", BITS)
    places = torch.linspace(0, len(frames) - 1, min(READ, len(frames))).round().long()
    votes = np.mean([decoder.decode(_bgr(frames[place]), METHOD, **STRENGTH) for place in places.tolist()], 0)
    bits = votes > 0.5
    sign = np.unpackbits(np.frombuffer(SIGN, np.uint8)).astype(bool)
    if (bits[: len(sign)] != sign).sum() > WRONG:
        return None
    return np.packbits(bits[len(sign) :][: 8 * ID_BYTES]).tobytes()


def _each(frames: Tensor, change: Callable[[Any], Any], progress: Progress, check: Check) -> Tensor:
    result = torch.empty_like(frames)
    for index, frame in enumerate(frames):
        check()
        changed = np.ascontiguousarray(change(_bgr(frame))[..., ::-1])
        result[index] = torch.from_numpy(changed).movedim(-1, 0) / 255
        progress(index + 1, len(frames))
    return result


def _bgr(frame: Tensor) -> Any:
    """uint8 [H, W, 3] as the package wants it, of a frame [3, H, W] 0..1."""
    picture = (frame.float() * 255).round().clamp(0, 255).to(torch.uint8).movedim(0, -1).cpu().numpy()
    return np.ascontiguousarray(picture[..., ::-1])


def _package() -> Any:
    if not find_spec(PACKAGE):
        raise KMCError(
            "A watermark needs the package invisible-watermark, which is not installed here. Install it into "
            "ComfyUI's Python with `pip install invisible-watermark`, or switch the watermark off."
        )
    return import_module(PACKAGE)
