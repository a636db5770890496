"""What the camera does in a clip, streamed: cuts, pan, tilt and zoom."""

from collections.abc import Callable, Iterator

from torch import Tensor

from ..errors import KMCError
from ..motion.shot import Shot, people_of, read_shot
from ..motion.types import Motion
from .clips import Clip
from .extract import CHUNK_BYTES, CHUNK_FRAMES


def read_camera(
    clip: Clip,
    motion: Motion,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Shot:
    """The shot of the clip that `motion` was encoded from, whose people do not count as background.

    KMCError when the clip has another size or another number of frames than the motion.
    """
    width, height = clip.size
    if motion.size != clip.size:
        raise KMCError(
            f"The motion was made from a clip of {motion.size[0]}x{motion.size[1]} pixels, this clip has "
            f"{width}x{height}; connect the video that the motion was encoded from."
        )

    def chunks() -> Iterator[Tensor]:
        done = 0
        for frames in clip.chunks(max(1, min(CHUNK_FRAMES, CHUNK_BYTES // (3 * width * height)))):
            yield frames
            done += len(frames)
            progress(done, max(done, motion.frames))

    shot = read_shot(chunks(), people_of(motion), check=check)
    if len(shot.step) != motion.frames:
        raise KMCError(
            f"The motion has {motion.frames} frames, this clip has {len(shot.step)}; connect the video "
            "that the motion was encoded from."
        )
    return shot
