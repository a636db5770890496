"""Finished runs of a long video on disk, without loss: they outlive a cancel, a crash and a restart."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import uuid4

import av
import folder_paths
import torch
from av.error import FFmpegError
from av.video.frame import VideoFrame
from einops import rearrange
from torch import Tensor

from ..errors import KMCError
from .video_writer import writing

FOLDER = "kmc_windows"  # inside the host's output folder: its temp folder is emptied at each start
SUFFIX = ".mkv"
CODEC, PIXELS = "ffv1", "bgr0"  # eight bits of red, green and blue, exactly
STORE_VERSION = 5  # raise it when the same inputs come to give other frames: older runs are not used then
RATE = 24  # the files are not for watching: the frame rate belongs to the result
BYTES_A_PIXEL = 2  # as much as a noisy picture needs; drawn or smooth ones need a third of it


class WindowStore:
    """Runs by the names of what they depend on (see fingerprint)."""

    def __init__(self) -> None:
        self.folder = Path(folder_paths.get_output_directory()) / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)

    def has(self, name: str, frames: int) -> bool:
        """Whether a run was finished, with all its frames."""
        try:
            with av.open(str(self._path(name))) as file:
                return sum(packet.size > 0 for packet in file.demux(video=0)) == frames
        except (FFmpegError, OSError):
            return False

    def write(self, name: str, frames: Tensor) -> None:
        """Keep a run's frames, uint8 [F, 3, H, W]; it counts as finished when all of them are on disk.
        KMCError when they cannot be written.
        """
        half = self.folder / f"{name}.{uuid4().hex[:8]}.part"  # two hosts may make the same run at once
        try:
            with writing(half):
                _encode(half, frames)
                with half.open("rb+") as file:
                    os.fsync(file.fileno())
                os.replace(half, self._path(name))
        finally:
            half.unlink(missing_ok=True)

    def read(self, name: str) -> Iterator[Tensor]:
        """A run's frames one by one, uint8 [3, H, W]. KMCError when the file is damaged."""
        try:
            with av.open(str(self._path(name))) as file:
                for frame in file.decode(video=0):
                    yield rearrange(torch.from_numpy(frame.to_ndarray(format="rgb24")), "h w c -> c h w")
        except FFmpegError as error:
            raise KMCError(
                f"The finished part {self._path(name)} cannot be read ({error.strerror}); delete it and "
                "queue again."
            ) from error

    def last(self, name: str, count: int) -> Tensor:
        """The last `count` frames of a run, uint8 [count, 3, H, W]."""
        tail: list[Tensor] = []
        for frame in self.read(name):
            tail = [*tail[-(count - 1) :], frame] if count > 1 else [frame]
        return torch.stack(tail)

    def remove(self, names: Iterable[str]) -> None:
        """Delete runs."""
        for name in names:
            self._path(name).unlink(missing_ok=True)

    def told(self) -> str:
        """How many finished runs lie here, of all videos, and how much room they take."""
        sizes = [path.stat().st_size for path in self.folder.glob(f"*{SUFFIX}")]
        return (
            f"{len(sizes)} finished windows of this and other videos take {sum(sizes) / 1e9:.1f} GB in "
            f"output/{FOLDER}; delete that folder whenever you like."
        )

    def require_room(self, pixels: int) -> None:
        """KMCError when the disk cannot hold so many more pixels."""
        need, free = pixels * BYTES_A_PIXEL, shutil.disk_usage(self.folder).free
        if free < need:
            raise KMCError(
                f"The parts of this video need up to {need / 1e9:.1f} GB in {self.folder}, "
                f"{free / 1e9:.1f} GB are free; make room or choose a smaller size."
            )

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"


def _encode(path: Path, frames: Tensor) -> None:
    with av.open(str(path), "w", format="matroska") as file:
        stream = file.add_stream(CODEC, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = frames.shape[3], frames.shape[2], PIXELS
        for picture in rearrange(frames, "f c h w -> f h w c").cpu().contiguous().numpy():
            file.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
