"""Sound is cut to the pictures it belongs to, whatever the file's clock says."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from kmc_core.perception.clips import VideoFile
from kmc_core.perception.sound import read_sound

FPS, RATE = 25, 8000
LOUD_FROM = 1.0  # seconds on the file's own clock: silence before, a tone after
PRECISION = 0.06  # seconds: compressed sound comes in blocks and rings around an edge


def write_video(
    path: Path, *, picture_from: float = 0.0, sound_from: float = 0.0, until: float = 2.0, **options: str
) -> Path:
    """Grey pictures and a tone that starts LOUD_FROM; both end at `until` seconds."""
    with av.open(str(path), "w", options=options) as container:
        video = container.add_stream("libx264", rate=FPS, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        for i in range(round(picture_from * FPS), round(until * FPS)):
            picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), format="rgb24")
            picture.pts, picture.time_base = i, Fraction(1, FPS)
            container.mux(video.encode(picture))
        container.mux(video.encode())
        container.mux(sound.encode(_tone(sound_from, until)))
        container.mux(sound.encode())
    return path


def _tone(start: float, end: float) -> av.AudioFrame:
    times = np.arange(round(start * RATE), round(end * RATE)) / RATE
    samples = (np.sin(2 * np.pi * 440 * times) * 0.5 * (times >= LOUD_FROM)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), round(start * RATE)
    return frame


def onset(waveform: Tensor) -> float:
    """Seconds until the tone."""
    return int((waveform[0].abs() > 0.2).nonzero()[0, 0]) / RATE


def seconds(path: Path, **part: float) -> tuple[float, float, float]:
    """Of the pictures, of the sound, and until the tone."""
    clip, sound = VideoFile(path, **part), read_sound(path, **part)
    assert sound is not None and sound.rate == RATE and sound.waveform.dtype == torch.float32
    return sum(map(len, clip.chunks(16))) / FPS, sound.waveform.shape[1] / RATE, onset(sound.waveform)


@pytest.mark.parametrize("offset", ["0", "60", "40000"])
def test_a_broadcast_clock_adds_no_silence(tmp_path: Path, offset: str) -> None:
    pictures, sound, tone = seconds(write_video(tmp_path / "a.ts", output_ts_offset=offset))
    assert pictures == 2.0
    assert sound == pytest.approx(2.0, abs=0.2)  # the last block of compressed sound may run over
    assert tone == pytest.approx(LOUD_FROM, abs=PRECISION)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_sound_from_before_the_first_picture_is_left_out(tmp_path: Path, name: str) -> None:
    pictures, sound, tone = seconds(write_video(tmp_path / name, picture_from=0.6))
    assert pictures == pytest.approx(1.4)
    assert sound == pytest.approx(1.4, abs=0.2)
    assert tone == pytest.approx(LOUD_FROM - 0.6, abs=PRECISION)


def test_sound_that_begins_late_is_preceded_by_silence(tmp_path: Path) -> None:
    _, sound, tone = seconds(write_video(tmp_path / "a.mkv", sound_from=0.6))
    assert sound == pytest.approx(2.0, abs=0.2)
    assert tone == pytest.approx(LOUD_FROM, abs=PRECISION)


def test_a_part_keeps_sound_and_pictures_together(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv")
    pictures, sound, tone = seconds(path, start=0.8, length=0.6)
    assert (pictures, sound) == (pytest.approx(0.6), pytest.approx(0.6, abs=1 / RATE))
    assert tone == pytest.approx(LOUD_FROM - 0.8, abs=PRECISION)


def test_a_part_from_before_the_first_picture_begins_with_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", picture_from=0.6)
    pictures, sound, tone = seconds(path, start=0.2, length=1.2)
    assert (pictures, sound) == (pytest.approx(0.8), pytest.approx(0.8, abs=1 / RATE))
    assert tone == pytest.approx(LOUD_FROM - 0.6, abs=PRECISION)


def test_a_silent_file_has_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        container.mux(video.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(video.encode())
    assert read_sound(path) is None
