"""Backgrounds with structure: plain, gradients, noise, stripes, rectangles, blurred photographs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]

# scikit-image's bundled pictures without people, all public domain or CC0.
PHOTOS: Final = ("brick", "grass", "gravel", "rocket", "hubble_deep_field", "coffee", "chelsea")


@dataclass(frozen=True)
class Backdrop:
    """A wall somewhat larger than a picture, so that other cameras see other parts of it."""

    wall: Array  # [3, H, W] 0..1
    words: str

    def cut(self, size: tuple[int, int], rng: np.random.Generator | None) -> Array:
        """[3, height, width] from the middle, or from a random place."""
        height, width = self.wall.shape[1:]
        top, left = (height - size[1]) // 2, (width - size[0]) // 2
        if rng is not None:
            top, left = int(rng.integers(0, height - size[1] + 1)), int(rng.integers(0, width - size[0] + 1))
        return self.wall[:, top : top + size[1], left : left + size[0]]


def random_backdrop(size: tuple[int, int], rng: np.random.Generator) -> Backdrop:
    """A backdrop for pictures of `size` (width, height)."""
    kinds = list(_KINDS)
    kind = kinds[int(rng.choice(len(kinds), p=[0.3, 0.2, 0.14, 0.1, 0.11, 0.15]))]
    shape = (int(size[1] * 1.5), int(size[0] * 1.5))
    a, b = rng.uniform(0.08, 0.95, (2, 3))
    if rng.random() < 0.4:  # studio greys and soft tints
        a, b = (x.mean() + 0.12 * (x - x.mean()) for x in (a, b))
    wall = np.clip(_KINDS[kind](shape, a, b, rng), 0, 1)
    return Backdrop(wall, f"{kind.format(color=color_word(a))} background")


def color_word(color: Array) -> str:
    """The nearest plain colour word."""
    words = {
        "black": (0.08, 0.08, 0.08),
        "dark grey": (0.3, 0.3, 0.3),
        "grey": (0.55, 0.55, 0.55),
        "white": (0.92, 0.92, 0.92),
        "red": (0.7, 0.15, 0.15),
        "green": (0.2, 0.55, 0.25),
        "blue": (0.2, 0.3, 0.7),
        "yellow": (0.85, 0.8, 0.25),
        "purple": (0.5, 0.25, 0.65),
        "orange": (0.85, 0.5, 0.2),
        "pink": (0.85, 0.5, 0.65),
        "teal": (0.2, 0.6, 0.6),
        "brown": (0.4, 0.28, 0.18),
        "beige": (0.8, 0.74, 0.6),
    }
    return min(words, key=lambda word: float(np.square(color - np.array(words[word])).sum()))


def _plain(shape: tuple[int, int], a: Array, b: Array, rng: np.random.Generator) -> Array:
    return np.broadcast_to(a[:, None, None], (3, *shape)).copy()


def _gradient(shape: tuple[int, int], a: Array, b: Array, rng: np.random.Generator) -> Array:
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    t = np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)
    if rng.random() < 0.4:  # a lit wall: bright in the middle
        t = np.exp(-6 * ((x - 0.5) ** 2 + (y - 0.45) ** 2))
    return b[:, None, None] + (a - b)[:, None, None] * t


def _cloudy(shape: tuple[int, int], a: Array, b: Array, rng: np.random.Generator) -> Array:
    field = sum(_resize(rng.normal(size=(1, n, n)), shape) / k for k, n in ((1, 3), (2, 7), (3.5, 15)))
    return a[:, None, None] + (b - a)[:, None, None] * np.clip(0.35 * field + 0.3, 0, 1)


def _striped(shape: tuple[int, int], a: Array, b: Array, rng: np.random.Generator) -> Array:
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    angle = rng.choice([0, np.pi / 2, np.pi / 4])
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * rng.uniform(15, 45) + rng.uniform(0, 6))
    t = np.clip(0.5 + 4 * wave, 0, 1) * rng.uniform(0.3, 0.8)
    return a[:, None, None] + (b - a)[:, None, None] * t


def _furnished(shape: tuple[int, int], a: Array, b: Array, rng: np.random.Generator) -> Array:
    wall = _gradient(shape, a, a * 0.8, rng)
    floor = int(shape[0] * rng.uniform(0.62, 0.85))
    wall[:, floor:] = (b * 0.7)[:, None, None]
    for _ in range(int(rng.integers(2, 7))):
        h, w = (int(s * rng.uniform(0.08, 0.35)) for s in shape)
        top, left = int(rng.integers(0, floor)), int(rng.integers(0, shape[1] - w))
        wall[:, top : top + h, left : left + w] = rng.uniform(0.1, 0.9, 3)[:, None, None]
    return wall


def _photograph(shape: tuple[int, int], a: Array, b: Array, rng: np.random.Generator) -> Array:
    photo = _photo(str(rng.choice(PHOTOS)))
    side = int(min(photo.shape[1:]) * rng.uniform(0.5, 1))
    top, left = (int(rng.integers(0, s - side + 1)) for s in photo.shape[1:])
    part = photo[:, top : top + side, left : left + side]
    coarse = max(8, int(shape[0] / rng.uniform(2, 8)))  # out of focus
    return _resize(_resize(part, (coarse, coarse)), shape) * rng.uniform(0.7, 1.1)


_KINDS: Final[dict[str, Callable[[tuple[int, int], Array, Array, np.random.Generator], Array]]] = {
    "plain {color}": _plain,
    "{color} gradient": _gradient,
    "cloudy {color}": _cloudy,
    "{color} striped": _striped,
    "{color} room": _furnished,
    "photographed": _photograph,
}


@cache
def _photo(name: str) -> Array:
    import skimage.data
    from skimage.color import gray2rgb

    photo = getattr(skimage.data, name)()
    photo = gray2rgb(photo) if photo.ndim == 2 else photo
    return photo[..., :3].transpose(2, 0, 1) / 255.0


def _resize(image: Array, shape: tuple[int, int]) -> Array:
    tensor = torch.from_numpy(np.ascontiguousarray(image))[None]
    return torch.nn.functional.interpolate(tensor, shape, mode="bicubic", antialias=True)[0].numpy()
