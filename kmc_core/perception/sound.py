"""The sound of a video, decoded alone: pictures are skipped, so memory holds the samples and nothing else."""

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import torch
from av.container import InputContainer
from av.error import FFmpegError
from torch import Tensor

from ..errors import KMCError


class Sound(NamedTuple):
    """Samples of all channels."""

    waveform: Tensor  # [channels, samples] float -1..1
    rate: int  # samples a second


def read_sound(
    source: Path | str | BytesIO, *, start: float = 0.0, length: float | None = None
) -> Sound | None:
    """The last audio stream between `start` and `start + length` seconds; None when there is none to decode.

    Sample 0 belongs to the first picture from `start` on: sound that begins later is preceded by silence,
    sound from before is left out, so that both stay together in files whose clock does not begin at 0.
    """
    if isinstance(source, BytesIO):
        source.seek(0)
    try:
        with av.open(source if isinstance(source, BytesIO) else str(source)) as container:
            return _decode(container, start, length)
    except FFmpegError as error:
        raise KMCError(
            f"The sound of the video cannot be read ({error.strerror}); export the video again."
        ) from error


def _decode(container: InputContainer, start: float, length: float | None) -> Sound | None:
    # A stream that FFmpeg has no decoder for has no codec context; decoding it would crash.
    streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
    if not streams:
        return None
    stream, end = streams[-1], None if length is None else start + length
    origin = max(start, _first_picture(container))
    resampler = av.AudioResampler(format="fltp")
    if start:
        container.seek(int(start * av.time_base))
    pieces: list[np.ndarray] = []
    rate, first = 0, 0.0
    for packed in container.decode(stream):
        time = float(packed.time or 0.0)
        if end is not None and time >= end:
            break
        if time + packed.samples / packed.sample_rate <= origin:
            continue
        rate, first = packed.sample_rate, first if pieces else time
        pieces += [frame.to_ndarray() for frame in resampler.resample(packed)]
    if not pieces:
        return None
    samples = _aligned(np.concatenate(pieces, 1), round((first - origin) * rate))
    if end is not None:
        samples = samples[:, : max(0, round((end - origin) * rate))]
    return Sound(torch.from_numpy(samples).contiguous(), rate)


def _first_picture(container: InputContainer) -> float:
    """When the first picture is due, in seconds on the file's clock; 0 where the file has or tells none."""
    stream = next(iter(container.streams.video), None)
    if stream is None or stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)


def _aligned(samples: np.ndarray, offset: int) -> np.ndarray:
    """Samples [C, S] cut (below 0) or preceded by silence by `offset` samples."""
    return np.pad(samples[:, max(0, -offset) :], ((0, 0), (max(0, offset), 0)))
