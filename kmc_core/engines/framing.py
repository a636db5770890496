"""From the pixels of pictures and videos to those of a result, as maps [2, 3] of points."""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import KMCError
from ..motion.bones import SEEN
from ..motion.camera import moved_by
from ..motion.types import Motion, Track
from ..perception.stream import require_fps
from .request import Driver, Request, Size, only_person

FEWEST_POINTS: Final = 2  # a scale and a shift need two
ASTRAY: Final = 0.2  # of the video's diagonal: a fitted motion this far from the video's person is elsewhere


def cover(picture: Size, size: Size) -> Tensor:
    """A picture (width, height) that fills the result, cut in its middle, as the host's nodes do it."""
    width, height = picture
    left = top = 0
    if width / height > size[0] / size[1]:
        left = round((width - width * (size[0] / size[1]) / (width / height)) / 2)
    else:
        top = round((height - height * (width / height) / (size[0] / size[1])) / 2)
    across, down = size[0] / (width - 2 * left), size[1] / (height - 2 * top)
    return torch.tensor([[across, 0.0, -left * across], [0.0, down, -top * down]])


def chained(outer: Tensor, inner: Tensor) -> Tensor:
    """First `inner`, then `outer`, both [2, 3]."""
    return torch.cat([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2:] + outer[:, 2:]], 1)


def on_canvas(motion: Motion, place: Tensor, size: Size) -> Motion:
    """A motion in the pixels of a result of `size`."""
    return moved_by(motion, place.expand(motion.frames, 2, 3), size)


def motion_place(request: Request) -> Tensor:
    """[2, 3] from the pixels of the subject's picture, where the motion is, to those of the result.

    When the character replaces the person of the video, the result is in the video's frame: there the motion
    must have been fitted by "match video", which lays the video's frame into the middle of the picture.
    """
    if not request.replace_person:
        return cover(request.motion.size, request.size)
    driver = needed_driver(request, "to replace its person")
    source, picture = driver.clip.size, request.motion.size
    scale = min(picture[0] / source[0], picture[1] / source[1])
    back = torch.tensor(
        [
            [1 / scale, 0.0, source[0] / 2 - picture[0] / 2 / scale],
            [0.0, 1 / scale, source[1] / 2 - picture[1] / 2 / scale],
        ]
    )
    if driver.motion is not None:
        _check_place(driver.motion, on_canvas(request.motion, back, source))
    return chained(cover(source, request.size), back)


def video_place(request: Request, driver: Driver) -> Tensor:
    """[2, 3] from the pixels of the video to those of the result: its person comes to lie on the character.

    The similarity is the one that maps the joints found in the video best to those of the fitted motion.
    """
    if request.replace_person:
        return cover(driver.clip.size, request.size)
    picture = cover(request.motion.size, request.size)
    if driver.motion is None:
        return cover(driver.clip.size, request.size)
    found = _joints(only_person(driver.motion, "The video's motion"))
    fitted = _joints(only_person(request.motion, "The motion"))
    frames = min(len(found), len(fitted))
    return chained(picture, _similarity(found[:frames], fitted[:frames]))


def framed(frames: Tensor, place: Tensor, size: Size) -> Tensor:
    """uint8 [n, C, H, W] seen through `place` [2, 3] at `size`: float [n, C, h, w] 0..1.

    Beyond the frames' edges their last pixels go on. What is made smaller is averaged first.
    """
    height, width = frames.shape[-2:]
    scale = min(1.0, float(place[:, :2].diagonal().mean()))
    pixels = frames.float() / 255
    if scale < 1:
        small = [max(1, round(side * scale)) for side in (height, width)]
        pixels = F.interpolate(pixels, size=small, mode="bilinear", antialias=True)
    x = (torch.arange(size[0]) + 0.5 - place[0, 2]) / place[0, 0] * 2 / width - 1
    y = (torch.arange(size[1]) + 0.5 - place[1, 2]) / place[1, 1] * 2 / height - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
    moved = F.grid_sample(pixels, grid.expand(len(frames), -1, -1, -1), padding_mode="border",
                          align_corners=False)  # fmt: skip
    return moved.clamp(0, 1)


def needed_driver(request: Request, purpose: str) -> Driver:
    """The request's video. KMCError when it has none."""
    if request.driver is None:
        raise KMCError(f"The driving video is needed {purpose}; connect video.")
    return request.driver


def check_driver(driver: Driver, motion: Motion) -> None:
    """KMCError when video, its motion, its masks and the fitted motion do not belong together."""
    clip, found, masks = driver.clip, driver.motion, driver.masks
    require_fps(motion, clip.fps, "the video")
    if clip.frames is not None and clip.frames < motion.frames:
        raise _apart(f"The motion has {motion.frames} frames, the video has {clip.frames}")
    if found is not None:
        require_fps(motion, found.fps, "video_motion")
        if found.frames != motion.frames:
            raise _apart(f"The motion has {motion.frames} frames, video_motion has {found.frames}")
        if found.size != clip.size:
            raise _apart(
                f"video_motion is in pixels of {_shape(found.size)}, the video has {_shape(clip.size)}"
            )
    if masks is None:
        return
    if 1 < len(masks) < motion.frames or not len(masks):
        raise _apart(f"The motion has {motion.frames} frames, there are {len(masks)} masks")
    if (masks.shape[-1], masks.shape[-2]) != clip.size:
        size = (masks.shape[-1], masks.shape[-2])
        raise _apart(f"The masks have {_shape(size)} pixels, the video has {_shape(clip.size)}")


def _apart(found: str) -> KMCError:
    return KMCError(
        f"{found}; use the video that the motion was made from, its own motion and its own masks."
    )


def _shape(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


def _joints(track: Track) -> Tensor:
    """[F, N, 3] x, y and confidence of body joints, else of the face."""
    if track.body is not None:
        return track.body[..., (0, 1, 3)].float()
    if track.face is None:
        raise KMCError("The motion has neither body nor face to frame the video by; encode the body.")
    seen = track.face.confidence.float()[:, None, None]
    return torch.cat([track.face.landmarks[..., :2].float(), seen.expand(-1, 478, 1)], -1)


def _similarity(found: Tensor, fitted: Tensor) -> Tensor:
    """[2, 3] scale and shift that map points [F, N, 3] best onto others, in the least-squares sense."""
    weight = torch.minimum(found[..., 2], fitted[..., 2]).double()
    weight = (weight * (weight >= SEEN)).flatten()
    if int((weight > 0).sum()) < FEWEST_POINTS:
        raise KMCError(
            "Nobody is seen both in the video's motion and in the fitted one; use the motion that Retarget "
            "Motion was given."
        )
    p, q = found[..., :2].double().reshape(-1, 2), fitted[..., :2].double().reshape(-1, 2)
    share = (weight / weight.sum())[:, None]
    p_mean, q_mean = (p * share).sum(0), (q * share).sum(0)
    spread = float(((p - p_mean).square() * share).sum())
    scale = float((((p - p_mean) * (q - q_mean)) * share).sum()) / max(spread, 1e-9)
    shift = q_mean - scale * p_mean
    return torch.tensor([[scale, 0.0, float(shift[0])], [0.0, scale, float(shift[1])]])


def _check_place(found: Motion, fitted: Motion) -> None:
    """KMCError when the fitted motion is not where the person of the video is."""
    a, b = _joints(only_person(found, "The video's motion")), _joints(only_person(fitted, "The motion"))
    frames = min(len(a), len(b))
    weight = torch.minimum(a[:frames, :, 2], b[:frames, :, 2])[..., None]
    gap = ((a[:frames, :, :2] - b[:frames, :, :2]) * weight).sum((0, 1)) / weight.sum().clamp(min=1e-6)
    if float(gap.norm()) > ASTRAY * float(torch.tensor(found.size, dtype=torch.float32).norm()):
        raise KMCError(
            "To replace the person of the video the motion must lie where that person is; set placement to "
            "'match video' in Retarget Motion."
        )
