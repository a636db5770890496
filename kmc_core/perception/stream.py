"""A clip read once from end to end in chunks of frames, whatever is looked for in it."""

from collections.abc import Callable, Iterator

from torch import Tensor

from ..errors import KMCError
from ..motion.types import Motion
from .clips import Clip

CHUNK_FRAMES = 32
CHUNK_BYTES = 64 << 20  # of decoded pixels
SAME_FPS = 0.006  # frames a second: frame rates are typed with two decimals

Progress = Callable[[int, int], None]  # frames done, frames in all
Check = Callable[[], None]  # raises to cancel


def no_progress(done: int, total: int) -> None:
    """Tells nobody."""


def no_check() -> None:
    """Never cancels."""


def stream(
    clip: Clip, motion: Motion | None, progress: Progress, check: Check
) -> Iterator[tuple[Tensor, slice]]:
    """Chunks of frames uint8 [n, 3, H, W] and which frames of the clip they are.

    KMCError when the clip has no frames, or another size, frame rate or number of frames than `motion`.
    """
    if motion is not None:
        require_fps(motion, clip.fps, "this clip")
        if motion.size != clip.size:
            raise _another("{}x{} pixels".format(*motion.size), "{}x{}".format(*clip.size))
    known = motion.frames if motion is not None and motion.tracks else None
    width, height = clip.size
    done = 0
    for frames in clip.chunks(max(1, min(CHUNK_FRAMES, CHUNK_BYTES // (3 * width * height)))):
        check()
        start, done = done, done + len(frames)
        if known is not None and done > known:
            raise _another(f"{known} frames", "more")
        yield frames, slice(start, done)
        progress(done, max(done, clip.frames or known or 0))
    check()
    if not done:
        raise KMCError("The clip has no frames; give a clip with at least one.")
    if known is not None and known != done:
        raise _another(f"{known} frames", str(done))


def require_fps(motion: Motion, fps: float, what: str) -> None:
    """KMCError when `what` is to join a motion of another frame rate."""
    if abs(motion.fps - fps) > SAME_FPS:
        raise KMCError(
            f"The motion has {motion.fps:g} frames a second, {what} has {fps:g}; use the motion's own video, "
            f"and where you give the frame rate, give {motion.fps:g}."
        )


def _another(motion: str, clip: str) -> KMCError:
    return KMCError(f"The motion has {motion}, this clip has {clip}; use the video that the motion is from.")
