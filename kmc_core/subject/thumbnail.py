"""Small pictures and colours of a view, for lists and sheets."""

import base64
from io import BytesIO
from typing import Final

import numpy as np
from einops import rearrange
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from .types import View

COLOURS: Final = 5
QUANTIZED_AT: Final = 64  # pixels of the longer side are enough to tell colours
QUALITY: Final = 82  # of a JPEG


def thumbnail(view: View, side: int) -> Image.Image:
    """The view with the longer side of that many pixels."""
    return _small(Image.fromarray(_bytes(view.image)), side)


def as_jpeg(image: Image.Image) -> str:
    """The picture as a JPEG in base64."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def palette(view: View) -> list[str]:
    """The colours of the person as "#rrggbb", the most frequent first; none where the mask is empty."""
    small = _small(Image.fromarray(_bytes(view.image)), QUANTIZED_AT)
    mask = Image.fromarray(_bytes(view.mask)[..., 0]).resize(small.size, Image.Resampling.BOX)
    pixels = np.asarray(small)[np.asarray(mask) > 127]  # N 3
    if not len(pixels):
        return []
    few = Image.fromarray(pixels[None]).quantize(COLOURS, Image.Quantize.MEDIANCUT)
    table = few.getpalette() or []
    counted = sorted(few.getcolors() or [], reverse=True)
    return ["#" + bytes(table[3 * int(index) :][:3]).hex() for _, index in counted]  # type: ignore[arg-type]


def _bytes(picture: Tensor) -> NDArray[np.uint8]:
    return (rearrange(picture, "c h w -> h w c") * 255).round().clamp(0, 255).byte().numpy()


def _small(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    return image.resize((width, height), Image.Resampling.BOX)
