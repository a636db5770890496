"""A draft that is shown while its driving video is still being read: piece by piece, each going on from the
last frames of the one before.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import comfy.model_management as mm
import comfy.utils
import folder_paths
import torch
from PIL import Image
from torch import Tensor

from ..engines.live import live_pieces
from ..engines.request import Size
from ..engines.windows import Window
from ..errors import KMCError
from ..motion.placement import PlacementMode
from ..perception.clips import Clip
from ..subject.identity import Identity
from .animator import is_animator
from .engines import request_for
from .nets import perception
from .video_writer import write_video
from .wan import Parts
from .window_run import Sampling, pixels_of, run_window, schedule

PREVIEW_SIDE: Final = 512  # of a preview at most, as the host's own


@dataclass
class Playback:
    """Shows finished frames in the node's preview, one after the other at the pace at which they are made,
    whenever it is called; raises where the run was cancelled.
    """

    total: int
    begun: float = field(default_factory=time.perf_counter)
    first: float = 0.0  # seconds until the first frame was there
    made: int = 0
    waiting: deque[Tensor] = field(default_factory=deque)  # uint8 [3, H, W], not shown yet
    pace: float = 0.0  # seconds a frame
    due: float = 0.0

    def __post_init__(self) -> None:
        self.bar = comfy.utils.ProgressBar(max(1, self.total))
        self.latest = self.begun

    def __call__(self, *given: Any) -> None:
        """Show the next frame when it is due."""
        mm.throw_exception_if_processing_interrupted()
        if self.waiting and time.perf_counter() >= self.due:
            self._show()

    def add(self, frames: Tensor) -> None:
        """Frames uint8 [F, 3, H, W] that were just made; those of the piece before are shown first."""
        while self.waiting:
            self._show()
        now = time.perf_counter()
        self.pace, self.latest = (now - self.latest) / len(frames), now
        self.first = self.first or now - self.begun
        self.made += len(frames)
        self.waiting.extend(frames)
        self()

    def end(self) -> str:
        """Show what is left, and tell how fast it was."""
        while self.waiting:
            self._show()
        seconds = time.perf_counter() - self.begun
        return (
            f"First frame after {self.first:.2f} s, {self.made} frames in {seconds:.2f} s: "
            f"{self.made / seconds:.2f} frames a second"
        )

    def _show(self) -> None:
        picture = Image.fromarray(self.waiting.popleft().permute(1, 2, 0).contiguous().numpy())
        shown = self.made - len(self.waiting)
        self.bar.update_absolute(shown, max(self.total, self.made), ("JPEG", picture, PREVIEW_SIDE))
        self.due = time.perf_counter() + self.pace


def live_video(
    parts: Parts, clip: Clip, identity: Identity, sampling: Sampling, *, size: Size, fresh: int,
    placement: PlacementMode, strengths: Mapping[str, float], sound: Any | None,
) -> tuple[Path, int, str]:  # fmt: skip
    """A video file in the host's temp folder, its number of frames, and how fast it was.

    `fresh` frames of the clip are read, fitted, sampled and shown at a time. KMCError for any other model.
    """
    if not is_animator(parts.model):
        raise KMCError(
            "Animate Live makes drafts with the KMC animator; connect Load Animator, or take Animate Long "
            "Video."
        )
    if parts.vae is None:
        raise KMCError("The VAE is needed to decode each piece; connect vae of Load Animator.")
    playback = Playback(clip.frames or 0)
    frames = _frames(parts, clip, identity, sampling, size, fresh, placement, strengths, playback)
    path = Path(folder_paths.get_temp_directory()) / f"kmc_{uuid4().hex[:12]}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    written = write_video(path, frames, clip.fps, sound, 0)
    return path, written, playback.end()


def _frames(
    parts: Parts, clip: Clip, identity: Identity, sampling: Sampling, size: Size, fresh: int,
    placement: PlacementMode, strengths: Mapping[str, float], playback: Callable[..., None],
) -> Iterator[Tensor]:  # fmt: skip
    """Frames uint8 [3, H, W] as they come."""
    sigmas, last = schedule(parts, sampling), torch.zeros(0)
    pieces = live_pieces(
        clip, lambda: perception("torch"), identity.subject, fresh=fresh, placement=placement, check=playback
    )
    for index, piece in enumerate(pieces):
        motion, carried = piece.motion, piece.carried
        request = request_for(
            parts.model, motion, identity, size, strengths, person=0, driver=None, replace_person=False
        )
        window = Window(index, 0, motion.frames, carried, 0, motion.frames)
        before = last[-carried:] if carried else None
        last = pixels_of(
            run_window(parts, request, sampling, window, sigmas, before, playback, check=playback)
        )
        playback.add(last)
        yield from last
