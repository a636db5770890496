"""Cameras, light and composition of rendered pictures."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .render import Camera, Light

Array = NDArray[np.float64]
Shot = Literal["full", "half", "face"]


def frame_shot(
    meshes: NDArray[np.float32],
    head: Array,
    hips: Array,
    shot: Shot,
    size: tuple[int, int],
    rng: np.random.Generator,
    head_size: float = 1.0,
) -> Camera:
    """A camera that frames `meshes` [F, V, 3] with `head` and `hips` [F, 3], a little different each time.

    `head_size` is that of the head against a person's.
    """
    top = float(meshes[..., 2].max())
    crown = float(head[:, 2].max()) + 0.17 * head_size
    if shot == "full":
        low, high, middle = float(meshes[..., 2].min()), top, (meshes.min((0, 1)) + meshes.max((0, 1))) / 2
        extent = max(high - low, float(np.ptp(meshes[..., 0]))) * rng.uniform(1.06, 1.3)
    elif shot == "half":
        low, high, middle = (
            float(hips[:, 2].min()) - rng.uniform(-0.05, 0.25),
            crown,
            (head.mean(0) + hips.mean(0)) / 2,
        )
        extent = (high - low) * rng.uniform(1.1, 1.3)
    else:
        low, high, middle = crown - head_size * rng.uniform(0.36, 0.55), crown, head.mean(0)
        extent = (high - low) * rng.uniform(1.05, 1.2)
    fov = float(rng.uniform(18, 32))
    distance = extent / 2 / np.tan(np.radians(fov) / 2) + 0.15
    slack = 0.03 * extent
    x, z = middle[0] + rng.uniform(-1, 1) * slack, (low + high) / 2 + rng.uniform(-1, 1) * slack
    eye = (x + rng.normal() * 0.05 * distance, middle[1] - distance, z + rng.uniform(-0.05, 0.12) * distance)
    return Camera(tuple(map(float, eye)), (float(x), float(middle[1]), float(z)), size, fov)


def random_light(rng: np.random.Generator) -> Light:
    """A key light from somewhere in front, of a slight tint."""
    angle, height = rng.uniform(-1.2, 1.2), rng.uniform(0.1, 0.9)
    tint = 1 + rng.normal(size=3) * 0.05
    key = rng.uniform(0.5, 0.95)
    key_light = tuple(map(float, key * tint))
    sky = tuple(map(float, rng.uniform(0.38, 0.62) * (1 + rng.normal(size=3) * 0.04)))
    ground = tuple(0.5 * s for s in sky)
    direction = (float(np.sin(angle)), float(-np.cos(angle)), float(height))
    return Light(direction, key_light, (-direction[0], -0.6, 0.2), (0.14, 0.16, 0.19), sky, ground)


def compose(rgba: NDArray[np.uint8], wall: Array) -> NDArray[np.uint8]:
    """Premultiplied [H, W, 4] over a wall [3, H, W] 0..1 -> uint8 [3, H, W]."""
    color, alpha = rgba[..., :3].transpose(2, 0, 1), rgba[..., 3] / 255
    return np.clip(color + wall * 255 * (1 - alpha) + 0.5, 0, 255).astype(np.uint8)
