"""A finished animation as the latent that the sampling starts from, in the place of an empty one."""

from typing import Any

import torch
from torch import Tensor

from ..engines.framing import cover, framed
from ..engines.kmc import Check
from ..engines.request import Draft, Size, clip_frames
from .media import image_of
from .wan import Conditioned


def started_from(
    draft: Draft,
    made: Conditioned,
    vae: Any,
    size: Size,
    start: int,
    length: int,
    carried: Tensor | None,
    check: Check,
) -> Conditioned:
    """What a sampler takes for frames start .. start + length, starting from those of the draft.

    `carried` [K, H, W, 3] are the first K of them. What the conditioning puts before the video (Wan-Animate's
    reference) and what its noise mask keeps stay as they are.
    """
    given = 0 if carried is None else len(carried)
    place = cover(draft.clip.size, size)
    first = start + given - draft.start
    pictures = image_of(
        clip_frames(draft.clip, first, length - given, lambda frames, _: framed(frames, place, size), check)
    )
    if carried is not None:
        pictures = torch.cat([carried.to(pictures), pictures])
    samples, empty = vae.encode(pictures), made.latent["samples"]
    before = empty.shape[2] - samples.shape[2]
    if before:
        samples = torch.cat(
            [made.positive[0][1]["concat_latent_image"][:, :, :before].to(samples), samples], 2
        )
    mask = made.latent.get("noise_mask")
    if mask is not None:
        samples = torch.where(mask.to(samples) > 0, samples, empty.to(samples))
    return made._replace(latent={**made.latent, "samples": samples})
