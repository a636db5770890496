"""A video file with sound, written while its frames come: memory holds one of them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import torch
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from einops import rearrange
from torch import Tensor

from ..errors import KMCError

# No loss that an eye sees; Save Video copies it as it is. Without mbtree, whose fast paths read memory that
# nobody has set: the same frames now and then made another file.
OPTIONS = {"crf": "12", "preset": "medium", "mbtree": "0"}
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """KMCError when what is done inside cannot be written to `path`."""
    try:
        yield
    except (FFmpegError, OSError) as error:
        raise KMCError(
            f"{path} cannot be written ({error.strerror}); make room on its disk, or allow writing there, "
            "and queue again: finished parts are kept."
        ) from error


def write_video(
    path: Path, frames: Iterable[Tensor], fps: float, sound: Mapping[str, Any] | None, start: int
) -> int:
    """Frames uint8 [3, H, W], of even sides, as an mp4 with as much sound; returns how many there were.

    `sound` is the host's AUDIO of the driving video, `start` the frame of it that the result starts with.
    KMCError when it cannot be written.
    """
    rate = Fraction(fps).limit_denominator(1001)  # 1001: the NTSC rates, such as 30000/1001, stay exact
    with writing(path), av.open(str(path), "w", options={"movflags": "faststart"}) as file:
        video = file.add_stream("libx264", rate=rate, options=OPTIONS)
        audio = None if sound is None else _sound_stream(file, sound)
        count = 0
        for frame in frames:
            if count == 0:
                video.width, video.height, video.pix_fmt = frame.shape[2], frame.shape[1], "yuv420p"
            picture = rearrange(frame, "c h w -> h w c").contiguous().numpy()
            file.mux(video.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
            count += 1
        file.mux(video.encode())
        if audio is not None and sound is not None:
            waveform = _part(sound, float(start / rate), float(count / rate))
            layout = LAYOUTS[waveform.shape[0]]
            samples = AudioFrame.from_ndarray(waveform.numpy(), format="fltp", layout=layout)
            samples.sample_rate, samples.pts = int(sound["sample_rate"]), 0
            file.mux(audio.encode(samples))
            file.mux(audio.encode())
    return count


def _sound_stream(file: OutputContainer, sound: Mapping[str, Any]) -> AudioStream:
    stream = file.add_stream("aac", rate=int(sound["sample_rate"]))
    stream.layout = LAYOUTS.get(sound["waveform"].shape[1], "stereo")
    return stream


def _part(sound: Mapping[str, Any], start: float, seconds: float) -> Tensor:
    """[channels, samples] of a stretch of sound; silence where it has ended."""
    rate = int(sound["sample_rate"])
    first, length = round(start * rate), round(seconds * rate)
    waveform = sound["waveform"][0].float()
    if waveform.shape[0] not in LAYOUTS:
        waveform = waveform.mean(0, keepdim=True).expand(2, -1)
    part = waveform[:, first : first + length]
    return torch.nn.functional.pad(part, (0, length - part.shape[1])).contiguous()
