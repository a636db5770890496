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

    Sample 0 is at `start`: a stream that begins later is preceded by silence, so that sound and pictures
    stay together.
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
    resampler = av.AudioResampler(format="fltp")
    if start:
        container.seek(int(start * av.time_base))
    pieces: list[np.ndarray] = []
    rate, first = 0, 0.0
    for packed in container.decode(stream):
        time = float(packed.time or 0.0)
        if end is not None and time >= end:
            break
        if time + packed.samples / packed.sample_rate <= start:
            continue
        rate, first = packed.sample_rate, first if pieces else time
        pieces += [frame.to_ndarray() for frame in resampler.resample(packed)]
    return (
        Sound(_aligned(np.concatenate(pieces, 1), round((first - start) * rate), length, rate), rate)
        if pieces
        else None
    )


def _aligned(samples: np.ndarray, offset: int, length: float | None, rate: int) -> Tensor:
    """Samples [C, S] from the start of the part: cut or padded by `offset` samples, then cut to `length`
    seconds.
    """
    samples = samples[:, max(0, -offset) :]
    samples = np.pad(samples, ((0, 0), (max(0, offset), 0)))
    return torch.from_numpy(samples if length is None else samples[:, : round(length * rate)]).contiguous()
