"""Masks as the engines read them: packed into latent frames, in blocks, and in identity colours."""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..motion.draw import LIMB_CHANNELS, limb_maps
from ..motion.types import Motion, Track
from ..subject.types import View
from .framing import framed
from .request import Driver, Size

# SCAIL-2 was trained on these colours, the first person's first.
PALETTE: Final = (
    (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0),
)  # fmt: skip
BLOCK: Final = 32  # pixels: Wan-Animate was trained on masks of blocks, which tell no outline
DRAWN_AT: Final = 0.25  # silhouettes are drawn at a quarter of the result: their blocks are coarser
GROWN: Final = 0.02  # of the shorter side: flesh and cloth around the drawn limbs
EDGE: Final = 0.5  # coverage from which on a pixel belongs to a person


def pack_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Frames [F, H, W] 0..1 -> [1, 4, T, h, w] at `size` (h, w): four rows for each latent frame.

    The VAE makes one latent frame of frame 0 and one of every four that follow: frame 0 fills the first four
    rows, frame f >= 1 is row f + 3 (Wan 2.2, wan/animate.py). F is 4 n + 1.
    """
    small = F.interpolate(mask[:, None].float(), size=size, mode="nearest-exact")[:, 0]
    rows = torch.cat([small[:1].expand(4, -1, -1), small[1:]])
    return rows.unflatten(0, (-1, 4)).transpose(0, 1)[None]


def silhouettes(motion: Motion) -> Tensor:
    """[tracks, F, H, W] 0 or 1: where each person of a motion is, at the motion's own size."""
    width, height = motion.size
    small = (max(1, round(height * DRAWN_AT)), max(1, round(width * DRAWN_AT)))
    return torch.stack([_silhouette(track, small, motion.size) for track in motion.tracks])


def _silhouette(track: Track, small: tuple[int, int], size: Size) -> Tensor:
    face = track.face
    maps = limb_maps(
        track.body,
        track.hands,
        None if face is None else face.landmarks,
        size=small,
        scale=small[0] / size[1],
        face_confidence=None if face is None else face.confidence,
    )
    body = maps[:, : LIMB_CHANNELS.index("face_upper")].amax(1, keepdim=True)
    reach = 1 + 2 * round(GROWN * min(small))
    grown = F.max_pool2d(body, reach, 1, padding=reach // 2)
    return (F.interpolate(grown, size=size[::-1], mode="bilinear")[:, 0] > EDGE).float()


def driver_masks(driver: Driver, motion: Motion, place: Tensor, start: int, size: Size) -> Tensor:
    """[F, H, W] where the person of the video is in the result, for the frames of `motion` (on the canvas).

    The masks that were given with the video, seen through `place`; else the silhouette of the motion.
    """
    if driver.masks is None:
        return silhouettes(motion)[0]
    frames = motion.frames
    index = torch.arange(start, start + frames).clamp(max=len(driver.masks) - 1)
    masks = (driver.masks[index, None] * 255).round().to(torch.uint8)
    return (framed(masks, place, size)[:, 0] > EDGE).float()


def blocks(masks: Tensor) -> Tensor:
    """[F, H, W] grown to whole blocks."""
    pooled = F.max_pool2d(masks[:, None], BLOCK, ceil_mode=True)
    whole = pooled.repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)
    return whole[:, 0, : masks.shape[1], : masks.shape[2]]


def coloured(masks: Tensor, background: float) -> Tensor:
    """Masks [people, F, H, W] -> [F, 3, H, W], each person in its colour; the first one covers the others."""
    picture = masks.new_full((masks.shape[1], 3, *masks.shape[2:]), background)
    for person in reversed(range(len(masks))):
        colour = masks.new_tensor(PALETTE[person])[None, :, None, None]
        picture = torch.where(masks[person][:, None] > EDGE, colour, picture)
    return picture


def view_mask(view: View) -> Tensor:
    """[1, 1, H, W]: the person of a view, as one of `coloured`'s people."""
    return view.mask[None].float()
