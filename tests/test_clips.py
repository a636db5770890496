"""Clips give the same frames from files and tensors, again and again, and refuse what they cannot read."""

import struct
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

import media
from kmc_core.errors import KMCError
from kmc_core.perception.clips import Clip, TensorClip, VideoFile

FRAMES = 12
EXPECTED_SHAPE = "expected [frames, 1, 3 or 4 channels, height, width]."
EXPECTED_TYPE = "expected uint8 or floats from 0 to 1."
UNREADABLE = (
    "The video cannot be read (Invalid data found when processing input); it is damaged or no video, "
    "so export it again."
)
CUT = (
    r"^The video 'cut\.mp4' breaks off after \d\.\d\d of 4\.80 seconds; it is truncated, "
    r"so export or download it again\.$"
)


def read(clip: Clip, n: int = 5) -> Tensor:
    return torch.cat([frames.contiguous() for frames in clip.chunks(n)])


def shades(width: int, height: int) -> np.ndarray:
    """FRAMES grey frames, brighter from frame to frame, the left half darker: [F, H, W, 3]."""
    frames = np.zeros((FRAMES, height, width, 3), np.uint8)
    frames += (np.arange(FRAMES, dtype=np.uint8) * 10 + 40)[:, None, None, None]
    frames[:, :, : width // 2] //= 2
    return frames


def write_video(
    path: Path, frames: np.ndarray, *, codec: str = "libx264", pix_fmt: str = "yuv420p", **options: str
) -> Path:
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=10, options={} if codec != "libx264" else {"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], pix_fmt
        for picture in frames:
            layout = "rgba" if picture.shape[-1] == 4 else "rgb24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format=layout)))
        container.mux(stream.encode())
    return path


def test_a_video_gives_its_frames_in_order_and_again(tmp_path: Path) -> None:
    frames = shades(64, 48)
    clip = VideoFile(write_video(tmp_path / "a.mp4", frames))
    assert (clip.fps, clip.size, clip.frames) == (10.0, (64, 48), FRAMES)
    first = read(clip)
    assert first.shape == (FRAMES, 3, 48, 64) and first.dtype == torch.uint8
    assert (first.float() - torch.from_numpy(frames).permute(0, 3, 1, 2).float()).abs().mean() < 3
    assert [len(chunk) for chunk in clip.chunks(5)] == [5, 5, 2]
    assert torch.equal(read(clip), first)


def test_a_video_in_memory_equals_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", shades(64, 48))
    assert torch.equal(read(VideoFile(BytesIO(path.read_bytes()))), read(VideoFile(path)))


def test_start_and_length_keep_a_part(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", shades(64, 48))
    part = VideoFile(path, start=0.5, length=0.3)
    assert part.frames is None
    assert torch.equal(read(part), read(VideoFile(path))[5:8])


@pytest.mark.parametrize("size", [(50, 98), (98, 50), (51, 37)])
def test_portrait_landscape_and_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mkv", shades(*size), codec="ffv1", pix_fmt="bgr0")
    clip = VideoFile(path)
    assert clip.size == size
    assert torch.equal(read(clip), torch.from_numpy(shades(*size)).permute(0, 3, 1, 2))


def test_8_bit_grey_is_repeated(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", shades(50, 40), codec="ffv1", pix_fmt="gray")
    frames = read(VideoFile(path))
    assert torch.equal(frames[:, 0], frames[:, 2])
    assert (frames[:, 0].float() - torch.from_numpy(shades(50, 40))[..., 0].float()).abs().max() <= 2


def test_transparent_pixels_lie_over_mid_grey(tmp_path: Path) -> None:
    frames = np.concatenate([shades(50, 40), np.full((FRAMES, 40, 50, 1), 255, np.uint8)], axis=-1)
    frames[:, :20, :, 3] = 0
    path = write_video(tmp_path / "a.mkv", frames, codec="ffv1", pix_fmt="bgra")
    from_file, from_tensor = (
        read(VideoFile(path)),
        read(TensorClip(torch.from_numpy(frames).permute(0, 3, 1, 2), 10)),
    )
    assert (from_file[:, :, :20] == 128).all()
    assert torch.equal(from_file, from_tensor)


def test_rotation_metadata_turns_the_picture() -> None:
    upright = VideoFile(BytesIO(phone_video(turned=False)))
    turned = VideoFile(BytesIO(phone_video(turned=True)))
    assert upright.size == (64, 48) and turned.size == (48, 64)
    assert torch.equal(read(turned), read(upright).rot90(-1, (2, 3)))


def phone_video(*, turned: bool) -> bytes:
    """An mp4 whose track header asks for a quarter turn clockwise, as phones write them."""
    buffer = BytesIO()
    buffer.name = "a.mp4"
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in shades(64, 48):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    data = buffer.getvalue()
    one, minus = (1 << 16).to_bytes(4, "big"), (-1 << 16).to_bytes(4, "big", signed=True)
    zero, unit = bytes(4), (1 << 30).to_bytes(4, "big")
    plain = one + zero * 3 + one + zero * 3 + unit
    quarter = zero + one + zero + minus + zero * 4 + unit
    at = data.index(plain, data.index(b"tkhd"))
    return data[:at] + quarter + data[at + len(plain) :] if turned else data


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tensors_become_rgb(channels: int) -> None:
    images = torch.rand(3, channels, 7, 9, generator=torch.Generator().manual_seed(0))
    frames = read(TensorClip(images, 24.0), 2)
    assert frames.shape == (3, 3, 7, 9) and frames.dtype == torch.uint8
    if channels != 4:
        assert (frames / 255 - images).abs().max() < 0.003


@pytest.mark.parametrize(
    ("images", "fps", "message"),
    [
        (torch.zeros(3, 2, 8, 8), 24, f"Frames have shape (3, 2, 8, 8), {EXPECTED_SHAPE}"),
        (torch.zeros(3, 8, 8), 24, f"Frames have shape (3, 8, 8), {EXPECTED_SHAPE}"),
        (torch.zeros(3, 3, 8, 8).int(), 24, f"Frames have type torch.int32, {EXPECTED_TYPE}"),
        (torch.zeros(3, 3, 8, 8), 0, "The frame rate is 0, expected a number above 0."),
    ],
)
def test_tensors_that_are_no_clip_are_refused(images: Tensor, fps: float, message: str) -> None:
    with pytest.raises(KMCError) as refusal:
        TensorClip(images, fps)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "libx264"), ("matroska", "libx264"), ("webm", "libvpx-vp9")]
)
def test_a_last_frame_that_is_held_for_seconds_is_no_damage(container: str, codec: str) -> None:
    """As screen recorders write where nothing moves any more."""
    clip = VideoFile(held_video(container, codec))
    assert len(read(clip)) == FRAMES


def held_video(container: str, codec: str) -> BytesIO:
    """FRAMES frames of 40 ms, the last one shown for 3 seconds."""
    buffer, clock = BytesIO(), Fraction(1, 1000)
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=25, options={"bf": "0"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.time_base = 64, 48, "yuv420p", clock
        packets = []
        for i, picture in enumerate(shades(64, 48)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = i * 40, clock
            packets += stream.encode(frame)
        packets += stream.encode()
        for packet in packets:
            packet.duration = int((3 if packet is packets[-1] else Fraction(40, 1000)) / packet.time_base)
            file.mux(packet)
    buffer.seek(0)
    return buffer


def test_a_stream_that_starts_late_is_no_damage(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", shades(64, 48), output_ts_offset="20")
    assert len(read(VideoFile(path))) == FRAMES


def test_frames_that_an_edit_hides_are_not_promised() -> None:
    """Phones trim without encoding again: the file keeps frames that players skip."""
    data = phone_video(turned=False)
    at = data.index(b"elst") + 8  # after the name, version and flags: one edit, its milliseconds, its start
    edits, milliseconds, start = struct.unpack_from(">III", data, at)
    assert (edits, milliseconds) == (1, FRAMES * 100)
    with av.open(BytesIO(data)) as container:
        half = round(Fraction(6, 10) / container.streams.video[0].time_base)
    trimmed = data[: at + 4] + struct.pack(">II", 600, start + half) + data[at + 12 :]
    clip = VideoFile(BytesIO(trimmed))
    count = len(read(clip))
    assert count == FRAMES // 2
    assert clip.frames in (None, count)


def faststart(tmp_path: Path) -> bytes:
    """A video whose index comes first, so that a cut file still opens."""
    frames = np.random.default_rng(0).integers(0, 255, (FRAMES * 4, 48, 64, 3), dtype=np.uint8)
    return write_video(tmp_path / "f.mp4", frames, movflags="faststart").read_bytes()


def test_a_truncated_video_is_refused_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    data = faststart(tmp_path)
    path.write_bytes(data[: len(data) // 2])
    clip = VideoFile(path)
    with pytest.raises(KMCError, match=CUT):
        read(clip)


def test_a_video_without_its_index_is_refused(tmp_path: Path) -> None:
    data = write_video(tmp_path / "a.mp4", shades(64, 48)).read_bytes()
    with pytest.raises(KMCError) as refusal:
        VideoFile(BytesIO(data[: data.index(b"moov")]))
    assert str(refusal.value) == UNREADABLE


def test_a_video_with_ruined_frames_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", shades(64, 48), codec="ffv1", pix_fmt="bgr0")
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(255 for _ in range(len(data) // 2 - len(data) // 3))
    path.write_bytes(data)
    with pytest.raises(KMCError, match=r"^The video 'a\.mkv' (cannot be read|breaks off)"):
        read(VideoFile(path))


def test_an_empty_file_a_sound_file_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KMCError, match=r"^The video cannot be read .* so export it again"):
        VideoFile(BytesIO(b""))
    sound = tmp_path / "a.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        samples.sample_rate = 8000
        container.mux(stream.encode(samples))
    for path, message in (
        (sound, "The video 'a.wav' holds no picture stream; give a video file."),
        (tmp_path / "no.mp4", "The video 'no.mp4' does not exist; choose a file that does."),
    ):
        with pytest.raises(KMCError) as refusal:
            VideoFile(path)
        assert str(refusal.value) == message


def test_a_part_beyond_the_end_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", shades(64, 48))
    with pytest.raises(KMCError) as refusal:
        VideoFile(path, start=60.0)
    assert (
        str(refusal.value)
        == "The video 'a.mp4' has no frame between 60.0 s and its end; choose another part."
    )
    with pytest.raises(KMCError, match="expected a start of 0 or more and a length above 0"):
        VideoFile(path, start=-1.0)


def test_a_real_video_keeps_its_frame_rate() -> None:
    clip = VideoFile(media.talking_head())
    assert clip.size == (176, 144) and clip.frames == 120
    assert clip.fps == pytest.approx(30000 / 1001)
