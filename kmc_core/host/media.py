"""The host's pictures, videos and sounds as the core's, and back. The host holds [F, H, W, C], the core [F,
C, H, W].
"""

from typing import Any

import comfy.model_management as mm
import torch
from comfy_api.latest import InputImpl
from einops import rearrange
from torch import Tensor

from ..errors import KMCError
from ..perception.clips import Clip, TensorClip, VideoFile
from ..perception.sound import read_sound


def frames_of(images: Tensor) -> Tensor:
    """Host IMAGE [F, H, W, 1|3|4] -> frames [F, 1|3|4, H, W], values unchanged."""
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise KMCError(
            f"Expected pictures [frames, height, width, 1, 3 or 4], got {list(images.shape)}; connect an "
            "IMAGE."
        )
    return rearrange(images, "f h w c -> f c h w")


def rgb_of(images: Tensor) -> Tensor:
    """Host IMAGE [F, H, W, 1|3|4] -> RGB [F, 3, H, W] 0..1; grey is repeated, alpha is laid over mid-grey."""
    frames = frames_of(images)
    if frames.shape[1] == 4:
        alpha = frames[:, 3:]
        return frames[:, :3] * alpha + 0.5 * (1 - alpha)
    return frames.expand(-1, 3, -1, -1)


def image_of(frames: Tensor) -> Tensor:
    """Frames [F, 3, H, W], uint8 or 0..1 -> host IMAGE [F, H, W, 3] 0..1 on the host's intermediate
    device.
    """
    images = rearrange(frames, "f c h w -> f h w c")
    images = images.float() / 255 if images.dtype == torch.uint8 else images.float()
    return images.contiguous().to(mm.intermediate_device())


def clip_of(video: Any, fps: float) -> Clip:
    """Host VIDEO or IMAGE batch -> a clip. A file is streamed, never decoded whole; its trim is honoured.

    `fps` is the frame rate of an IMAGE batch; a VIDEO brings its own.
    """
    if isinstance(video, torch.Tensor):
        return TensorClip(frames_of(video), fps)
    if isinstance(video, InputImpl.VideoFromComponents):
        components = video.get_components()
        return TensorClip(frames_of(components.images), float(components.frame_rate))
    start, length = trim_window(video)
    return VideoFile(video.get_stream_source(), start=start, length=length)


def trim_window(video: Any) -> tuple[float, float | None]:
    """Start and length in seconds of the part of a VIDEO that is in use; length None runs to the end."""
    if hasattr(video, "get_active_trim_window"):
        start, length = video.get_active_trim_window()
    else:  # older hosts keep the window in private fields; a negative start counts from the end
        start = getattr(video, "_VideoFromFile__start_time", 0.0)
        length = getattr(video, "_VideoFromFile__duration", 0.0)
        if start < 0:
            start = max(InputImpl.VideoFromFile(video.get_stream_source()).get_duration() + start, 0.0)
    return float(start), float(length) or None


def sound_of(video: Any) -> Any | None:
    """The host's AUDIO of a VIDEO, its trim honoured and no picture decoded; None for a silent one."""
    if isinstance(video, InputImpl.VideoFromComponents):
        return video.get_components().audio
    start, length = trim_window(video)
    sound = read_sound(video.get_stream_source(), start=start, length=length)
    return None if sound is None else {"waveform": sound.waveform[None], "sample_rate": sound.rate}


def even_size(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """Width and height in the same shape with that longer side, 0 for the size itself; even, as videos
    need.
    """
    scale = longest_side / max(size) if longest_side else 1.0
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return width, height
