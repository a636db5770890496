"""From a clip to a Motion: body, face and hands of one person, streamed in chunks of frames."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..errors import KMCError
from ..motion.types import Motion, Track
from .body import BodyTracker
from .clips import Clip, TensorClip, VideoFile
from .face import FaceTracker, face_motion
from .hands import HandTracker
from .person import PictureLook, face_embedding, look_at_picture, person_mask
from .suite import Perception

__all__ = [
    "Clip",
    "Perception",
    "PictureLook",
    "TensorClip",
    "VideoFile",
    "encode_body",
    "encode_face",
    "encode_hands",
    "face_embedding",
    "look_at_picture",
    "person_mask",
]

CHUNK_FRAMES = 32
CHUNK_BYTES = 64 << 20  # of decoded pixels: what the extraction of any clip needs beyond its result

NO_PERSON = (
    "No person was found in any frame; use a clip that shows one person at least from the chest up, upright "
    "and well lit."
)
NO_FACE = (
    "No face was found in any frame; use a clip that shows a face from the front or the side, or encode the "
    "body first so that small faces are found."
)
NO_HAND = (
    "No hand was found in any frame; use a clip with larger hands, or encode the body first so that "
    "small hands are found."
)

Progress = Callable[[int, int], None]  # frames done, frames in all
Check = Callable[[], None]  # raises to cancel


def _no_progress(done: int, total: int) -> None:
    pass


def _no_check() -> None:
    pass


@torch.no_grad()
def encode_body(
    clip: Clip,
    nets: Perception,
    *,
    motion: Motion | None = None,
    progress: Progress = _no_progress,
    check: Check = _no_check,
) -> Motion:
    """The person's 25 joints and world joints in every frame, added to the first track of `motion`.

    The largest person at the start is followed; where nobody is seen the confidence is 0. KMCError when the
    clip has no frames, nobody is ever seen, or `motion` was made from a clip of another length or size.
    """
    tracker = BodyTracker(nets, clip.fps)
    parts = [tracker(frames) for frames, _ in _stream(clip, motion, progress, check)]
    body, world = (torch.cat(values) for values in zip(*parts, strict=True))
    if not body[..., 3].any():
        raise KMCError(NO_PERSON)
    return _with_parts(clip, motion, body=body, world=world)


@torch.no_grad()
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
    tracker = FaceTracker(nets)
    parts = [tracker(frames, body) for frames, body in _stream(clip, motion, progress, check)]
    landmarks, expression, confidence = (torch.cat(values) for values in zip(*parts, strict=True))
    if not confidence.any() and _body(motion) is None:
        raise KMCError(NO_FACE)
    return _with_parts(clip, motion, face=face_motion(landmarks, expression, confidence, clip.fps))


@torch.no_grad()
def encode_hands(
    clip: Clip,
    nets: Perception,
    *,
    motion: Motion | None = None,
    progress: Progress = _no_progress,
    check: Check = _no_check,
) -> Motion:
    """21 points of the left and the right hand in every frame.

    With a body in `motion` the hands are looked for at that person's wrists, and hands that are never seen
    give confidence 0; without a body the two largest hands are followed and a clip without one raises
    KMCError.
    """
    tracker = HandTracker(nets)
    hands = torch.cat([tracker(frames, body) for frames, body in _stream(clip, motion, progress, check)])
    if not hands.any() and _body(motion) is None:
        raise KMCError(NO_HAND)
    return _with_parts(clip, motion, hands=hands)


def _stream(
    clip: Clip, motion: Motion | None, progress: Progress, check: Check
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Chunks of frames, each with the body [n, 25, 4] that `motion` knows there.

    KMCError at the end when the clip has no frames, or not as many as `motion`.
    """
    width, height = clip.size
    if motion is not None and motion.size != clip.size:
        raise KMCError(
            f"The motion was made from a clip of {motion.size[0]}x{motion.size[1]} pixels, this clip has "
            f"{width}x{height}; encode all parts from the same clip."
        )
    body = _body(motion)
    chunk = max(1, min(CHUNK_FRAMES, CHUNK_BYTES // (3 * width * height)))
    done = 0
    for frames in clip.chunks(chunk):
        check()
        start, done = done, done + len(frames)
        if body is None:
            yield frames, None
        elif done <= len(body):
            yield frames, body[start:done]
        progress(done, max(done, clip.frames or 0))
    check()
    if not done:
        raise KMCError("The clip has no frames; give a clip with at least one.")
    if motion is not None and motion.tracks and motion.frames != done:
        raise KMCError(
            f"The motion has {motion.frames} frames, this clip has {done}; "
            "encode all parts from the same clip."
        )


def _body(motion: Motion | None) -> Tensor | None:
    """Joints [F, 25, 4] of the first track, where there are any."""
    return motion.tracks[0].body if motion is not None and motion.tracks else None


def _with_parts(clip: Clip, motion: Motion | None, **parts: Any) -> Motion:
    """`motion`, or a new one, with `parts` in its first track."""
    tracks = motion.tracks if motion is not None and motion.tracks else (Track(),)
    first = replace(tracks[0], **parts)
    if motion is None:
        return Motion(fps=clip.fps, size=clip.size, tracks=(first,))
    return replace(motion, tracks=(first, *tracks[1:]))
