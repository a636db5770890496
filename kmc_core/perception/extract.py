"""From a clip to a Motion: body, face and hands of one person, streamed in chunks of frames."""

from collections.abc import Callable

from ..motion.types import Motion
from .clips import Clip, TensorClip, VideoFile
from .person import PictureLook, face_embedding, look_at_picture, person_mask
from .suite import Perception

__all__ = [
    "Clip", "Perception", "PictureLook", "TensorClip", "VideoFile", "encode_body", "encode_face", "encode_hands",
    "face_embedding", "look_at_picture", "person_mask",
]  # fmt: skip

Progress = Callable[[int, int], None]  # frames done, frames in all
Check = Callable[[], None]  # raises to cancel


def _no_progress(done: int, total: int) -> None:
    pass


def _no_check() -> None:
    pass


def encode_body(
    clip: Clip,
    nets: Perception,
    *,
    motion: Motion | None = None,
    progress: Progress = _no_progress,
    check: Check = _no_check,
) -> Motion:
    """The person's 25 joints and world joints in every frame, added to the first track of `motion`.

    The largest person at the start is followed; where nobody is seen the confidence is 0. KMCError when the clip
    has no frames, nobody is ever seen, or `motion` was made from a clip of another length or size.
    """
    raise NotImplementedError


def encode_face(
    clip: Clip,
    nets: Perception,
    *,
    motion: Motion | None = None,
    progress: Progress = _no_progress,
    check: Check = _no_check,
) -> Motion:
    """Landmarks, 52 expression coefficients, head rotation and a stabilised crop of the face in every frame.

    With a body in `motion` the face is looked for at that person's head, and a face that is never seen gives
    confidence 0; without a body the largest face is followed and a clip without one raises KMCError.
    """
    raise NotImplementedError


def encode_hands(
    clip: Clip,
    nets: Perception,
    *,
    motion: Motion | None = None,
    progress: Progress = _no_progress,
    check: Check = _no_check,
) -> Motion:
    """21 points of the left and the right hand in every frame.

    With a body in `motion` the hands are looked for at that person's wrists, and hands that are never seen give
    confidence 0; without a body the two largest hands are followed and a clip without one raises KMCError.
    """
    raise NotImplementedError
