"""Small video files for the tests, and what is in the files that come out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import av
import numpy as np

SOUND_RATE = 16000  # samples a second


@dataclass(frozen=True)
class VideoFacts:
    """What a video file holds."""

    frames: int
    fps: float
    size: tuple[int, int]  # width, height
    sound: float | None  # seconds of sound, None without a sound stream


def frames_of(path: Path, count: int) -> list[np.ndarray]:
    """The first `count` frames of a video as RGB [H, W, 3]; a shorter video starts again."""
    with av.open(str(path)) as container:
        found = [frame.to_ndarray(format="rgb24") for frame in islice(container.decode(video=0), count)]
    return list(islice(cycle(found), count))


def write_video(path: Path, frames: Iterable[np.ndarray], fps: int, *, sound: bool = False) -> Path:
    """Write RGB frames [H, W, 3] of even size as mp4, with a quiet tone of the same length when asked for."""
    pictures = list(frames)
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"crf": "12"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        tone = container.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
        for picture in pictures:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        if tone is not None:
            container.mux(tone.encode(_tone(len(pictures) / fps)))
            container.mux(tone.encode(None))
    return path


def _tone(seconds: float) -> av.AudioFrame:
    times = np.arange(int(seconds * SOUND_RATE)) / SOUND_RATE
    samples = (0.1 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.rate, frame.time_base, frame.pts = SOUND_RATE, Fraction(1, SOUND_RATE), 0
    return frame


def facts_of(path: Path) -> VideoFacts:
    """Read a whole video file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        fps, size = float(stream.average_rate or 0), (stream.width, stream.height)
        frames = sum(1 for _ in container.decode(stream))
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return VideoFacts(frames, fps, size, None)
        sound = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    return VideoFacts(frames, fps, size, sound)
