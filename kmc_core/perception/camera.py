"""What the camera does in a clip, streamed: cuts, pan, tilt and zoom."""

from ..motion.shot import Shot, people_of, read_shot
from ..motion.types import Motion
from .clips import Clip
from .stream import Check, Progress, no_check, no_progress, stream


def watch_camera(
    clip: Clip, motion: Motion, *, progress: Progress = no_progress, check: Check = no_check
) -> Shot:
    """The shot of the clip that `motion` was encoded from, whose people do not count as background.

    KMCError when the clip has another size, frame rate or number of frames than the motion.
    """
    frames = (frames for frames, _ in stream(clip, motion, progress, check))
    return read_shot(frames, people_of(motion))
