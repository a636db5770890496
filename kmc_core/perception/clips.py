"""Clips as streams of uint8 RGB frames: files decoded on the fly, and tensors that are in memory already."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import torch
from av import VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from einops import rearrange
from torch import Tensor

from ..errors import KMCError

BACKDROP = 128  # transparent pixels are laid over mid-grey, which no detector mistakes for skin or cloth
SHORTFALL = 0.05  # a stream that ends this much before its declared length is damaged, not merely rounded
DURATION_TAG = re.compile(r"(\d+):(\d+):(\d+\.\d+)")


class Clip(Protocol):
    """Frames of one shot. `chunks` can be called again and starts from the first frame each time."""

    @property
    def fps(self) -> float: ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    @property
    def frames(self) -> int | None:
        """Number of frames, None where only reading tells."""
        ...

    def chunks(self, n: int) -> Iterator[Tensor]:
        """Runs of up to n frames, uint8 [n, 3, H, W]."""
        ...


@dataclass(frozen=True)
class TensorClip:
    """Frames in memory: [F, 1, 3 or 4, H, W], uint8 or float 0..1. Grey is repeated, alpha laid over
    mid-grey."""

    images: Tensor
    fps: float

    def __post_init__(self) -> None:
        shape = tuple(self.images.shape)
        if self.images.ndim != 4 or shape[1] not in (1, 3, 4):
            raise KMCError(
                f"Frames have shape {shape}, expected [frames, 1, 3 or 4 channels, height, width]."
            )
        if self.images.dtype != torch.uint8 and not self.images.is_floating_point():
            raise KMCError(f"Frames have type {self.images.dtype}, expected uint8 or floats from 0 to 1.")
        if not self.fps > 0:
            raise KMCError(f"The frame rate is {self.fps}, expected a number above 0.")

    @property
    def size(self) -> tuple[int, int]:
        return self.images.shape[3], self.images.shape[2]

    @property
    def frames(self) -> int:
        return len(self.images)

    def chunks(self, n: int) -> Iterator[Tensor]:
        for frames in self.images.split(n) if len(self.images) else ():
            if frames.is_floating_point():
                frames = (frames.float() * 255).round_().clamp_(0, 255).to(torch.uint8)
            yield _as_rgb(frames)


def _as_rgb(frames: Tensor) -> Tensor:
    """uint8 [n, 1, 3 or 4, H, W] -> [n, 3, H, W]."""
    if frames.shape[1] == 4:
        alpha = frames[:, 3:].float() / 255
        return (frames[:, :3] * alpha + BACKDROP * (1 - alpha)).round().to(torch.uint8)
    return frames.expand(-1, 3, -1, -1)


@dataclass(frozen=True)
class _Facts:
    size: tuple[int, int]  # width, height as displayed
    fps: float
    frames: int | None


class VideoFile:
    """A video that is decoded while it is read. Rotation metadata is honoured; alpha is laid over mid-grey.

    `start` and `length` in seconds keep a part of it (timestamps from `start` up to `start + length`).
    KMCError when it cannot be opened, holds no picture, or breaks off; a missing end shows when the file has
    been read to it.
    """

    def __init__(
        self, source: Path | str | BytesIO, *, start: float = 0.0, length: float | None = None
    ) -> None:
        if start < 0 or (length is not None and length <= 0):
            raise KMCError(
                f"The clip starts at {start} s and lasts {length} s, "
                "expected a start of 0 or more and a length above 0."
            )
        self.source, self.start, self.length = source, start, length
        self._facts = self._read_facts()

    @property
    def fps(self) -> float:
        return self._facts.fps

    @property
    def size(self) -> tuple[int, int]:
        return self._facts.size

    @property
    def frames(self) -> int | None:
        return self._facts.frames

    def chunks(self, n: int) -> Iterator[Tensor]:
        with self._open() as (container, stream):
            pictures = (self._picture(frame) for frame in self._kept(container, stream))
            for first in pictures:
                run = np.empty((n, *first.shape), np.uint8)  # filled as decoded: a list first would double it
                count = 0
                for count, picture in enumerate(chain([first], islice(pictures, n - 1)), start=1):
                    run[count - 1] = picture
                yield rearrange(torch.from_numpy(run[:count]), "f h w c -> f c h w")

    def _read_facts(self) -> _Facts:
        with self._open() as (container, stream):
            first = next(self._kept(container, stream), None)
            if first is None:
                raise KMCError(
                    f"{self._name} has no frame between {self.start} s and its end; choose another part."
                )
            turned = _quarter_turns(first) % 2
            rate = stream.average_rate or stream.guessed_rate
            if not rate:
                raise KMCError(f"{self._name} does not tell its frame rate; convert it, for example to mp4.")
            whole = self.start == 0 and self.length is None
            return _Facts(
                size=(first.height, first.width) if turned else (first.width, first.height),
                fps=float(rate),
                frames=_declared_frames(stream) if whole else None,
            )

    @property
    def _name(self) -> str:
        return "The video" if isinstance(self.source, BytesIO) else f"The video '{Path(self.source).name}'"

    @contextmanager
    def _open(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        if isinstance(self.source, BytesIO):
            self.source.seek(0)
        try:
            with av.open(self.source if isinstance(self.source, BytesIO) else str(self.source)) as container:
                if not container.streams.video:
                    raise KMCError(f"{self._name} holds no picture stream; give a video file.")
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                yield container, stream
        except FileNotFoundError as error:
            raise KMCError(f"{self._name} does not exist; choose a file that does.") from error
        except FFmpegError as error:
            raise KMCError(f"{self._name} cannot be read ({error.strerror}); it is damaged or no video, "
                           "so export it again.") from error  # fmt: skip

    def _kept(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Decoded frames of the chosen part; KMCError when the stream ends early."""
        base = stream.time_base or Fraction(1, av.time_base)
        start = int(self.start / base)
        end = None if self.length is None else int((self.start + self.length) / base)
        if start:
            container.seek(start, stream=stream)
        last, shown = None, 0
        for frame, duration in _decoded(container, stream):
            if frame.pts is not None and frame.pts < start:
                continue
            if end is not None and frame.pts is not None and frame.pts >= end:
                return
            last, shown = frame.pts, duration
            yield frame
        if end is None and last is not None:
            self._refuse_shortfall(stream, last * base, shown * base)

    def _refuse_shortfall(self, stream: VideoStream, last: Fraction, shown: Fraction) -> None:
        """KMCError when the last frame, at `last` seconds and `shown` for so many (0: not told), is not the
        end."""
        declared = _declared_seconds(stream)
        if declared is None or not stream.average_rate:
            return
        origin = _begin(stream)
        seen = float(last - origin + (shown or 1 / stream.average_rate))
        if declared - seen > max(SHORTFALL * declared, 2 / float(stream.average_rate)):
            raise KMCError(f"{self._name} breaks off after {seen:.2f} of {declared:.2f} seconds; "
                           "it is truncated, so export or download it again.")  # fmt: skip

    def _picture(self, frame: VideoFrame) -> np.ndarray:
        """uint8 RGB [H, W, 3], upright, in the size of the first frame."""
        width, height = self.size if _quarter_turns(frame) % 2 == 0 else self.size[::-1]
        has_alpha = any(part.is_alpha for part in frame.format.components)
        pixels = frame.to_ndarray(format="rgba" if has_alpha else "rgb24", width=width, height=height)
        if has_alpha:
            image = rearrange(torch.from_numpy(pixels), "h w c -> 1 c h w")
            pixels = rearrange(_as_rgb(image), "1 c h w -> h w c").numpy()
        return np.rot90(pixels, _quarter_turns(frame))


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[tuple[VideoFrame, int]]:
    """Frames and how long each is shown, in the stream's time base; 0 where the file does not tell.

    Screen recorders hold a frame for seconds; only the packets tell in every PyAV that hosts bring.
    """
    durations: dict[int, int] = {}
    for packet in container.demux(stream):
        if packet.pts is not None:
            durations[packet.pts] = packet.duration or 0
        for frame in packet.decode():
            yield frame, 0 if frame.pts is None else durations.pop(frame.pts, 0)


def _declared_frames(stream: VideoStream) -> int | None:
    """How many frames the header promises; None where it promises none, or counts some that an edit of the
    file hides (then they last longer than the stream)."""
    if not (stream.frames and stream.duration and stream.average_rate):
        return None
    fitting = float(stream.duration * _tick(stream) * stream.average_rate)
    return stream.frames if abs(stream.frames - fitting) < 1 else None


def _declared_seconds(stream: VideoStream) -> float | None:
    """How long the stream says it is: in its header, or in the tag that Matroska writers leave (they count
    from 0, not from the first frame); None where nowhere."""
    if stream.duration:
        return float(stream.duration * _tick(stream))
    tag = DURATION_TAG.fullmatch(stream.metadata.get("DURATION", ""))
    if tag is None:
        return None
    return float(int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) - _begin(stream))


def _begin(stream: VideoStream) -> Fraction:
    """When the first frame is due, in seconds on the file's clock."""
    return (stream.start_time or 0) * _tick(stream)


def _tick(stream: VideoStream) -> Fraction:
    """Seconds of one unit of the stream's times; 0 where the file does not tell."""
    return stream.time_base or Fraction(0)


def _quarter_turns(frame: VideoFrame) -> int:
    """Counter-clockwise quarter turns that bring the stored picture upright."""
    return round(frame.rotation / 90) % 4
