"""The host's pictures, videos and sounds as the core's, and back. The host holds [F, H, W, C], the core [F,
C, H, W].
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import uuid4

import comfy.model_management as mm
import folder_paths
import torch
import torch.nn.functional as F
from comfy_api.latest import InputImpl, Types, io, ui
from einops import rearrange
from torch import Tensor

from ..errors import KMCError
from ..motion.draw import draw_motion
from ..motion.types import Motion
from ..perception.clips import Clip, TensorClip, VideoFile
from ..perception.sound import read_sound

DRAWN_AT_ONCE = 16  # frames of a background in memory as floats


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


def drawn(
    motion: Motion,
    clip: Clip | None,
    longest_side: int,
    *,
    progress: Callable[[int, int], None],
    check: Callable[[], None],
) -> Tensor:
    """Frames uint8 [F, 3, H, W] of the motion as coloured limbs, over its clip or on black."""
    size = even_size(motion.size, longest_side)
    background = None if clip is None else (_resized(chunk, size) for chunk in clip.chunks(DRAWN_AT_ONCE))
    frames: list[Tensor] = []
    for chunk in draw_motion(motion, size=size if clip is None else None, background=background):
        check()
        frames += list(chunk)
        progress(len(frames), motion.frames)
    if not frames:
        raise KMCError("The motion has no frames to draw; encode a clip with at least one.")
    return torch.stack(frames)


def _resized(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 [n, 3, H, W] in another size (width, height)."""
    enlarged = F.interpolate(frames.float(), size=size[::-1], mode="bilinear", antialias=True)
    return enlarged.round().clamp(0, 255).to(torch.uint8)


def video_preview(images: Tensor, fps: float) -> ui.PreviewVideo:
    """Write IMAGE frames as a temporary mp4 and show it on the node. Width and height must be even."""
    rate = Fraction(fps).limit_denominator(1001)  # 1001: the NTSC rates, such as 30000/1001, stay exact
    name = f"kmc_{uuid4().hex[:12]}.mp4"
    video = InputImpl.VideoFromComponents(Types.VideoComponents(images=images, audio=None, frame_rate=rate))
    video.save_to(str(Path(folder_paths.get_temp_directory()) / name))
    return ui.PreviewVideo([ui.SavedResult(name, "", io.FolderType.temp)])
