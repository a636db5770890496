"""From a clip to a Motion: body, face and hands of one or several people, streamed in chunks of frames."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import KMCError
from ..motion.skeleton import HEAD_JOINTS, WRISTS
from ..motion.types import Motion, Track
from .body import BodyTracker
from .clips import Clip, TensorClip, VideoFile
from .face import FaceTracker, face_motion
from .hands import HandTracker
from .join import add_parts, join_people
from .people import PeopleTracker
from .person import PictureLook, face_embedding, look_at_picture, person_mask
from .stream import Check, Progress, no_check, no_progress, stream
from .suite import Perception
from .who import Choose, middle, own

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


@torch.no_grad()
def encode_body(
    clip: Clip,
    nets: Perception,
    *,
    motion: Motion | None = None,
    people: int = 1,
    choose: Choose = "largest",
    point: tuple[float, float] = (0.5, 0.5),
    progress: Progress = no_progress,
    check: Check = no_check,
) -> Motion:
    """25 joints and world joints of up to `people` people in every frame, added to `motion`.

    The people come in the order of `choose`, judged where they are first seen: the largest first, from left
    to right, or those nearest to `point` (shares of the picture's width and height). Who comes later is a
    later one; who leaves and returns stays the same. Each joins the track of `motion` that is the same person
    (`join.join_people`), else gets a track after those. Where a person is not seen the confidence is 0.
    KMCError when the clip has no frames, nobody is ever seen, or `motion` was made from a clip of another
    length, size or frame rate.
    """
    if people < 1:
        raise KMCError(f"{people} people were asked for; ask for at least 1.")
    if people == 1 and choose == "largest":
        one = BodyTracker(nets, clip.fps)
        parts = [
            [values[None] for values in one(frames)] for frames, _ in stream(clip, motion, progress, check)
        ]
    else:
        many = PeopleTracker(nets, clip.fps, clip.size, people, choose, point)
        parts = [many(frames) for frames, _ in stream(clip, motion, progress, check)]
    bodies, worlds = (torch.cat(values, dim=1) for values in zip(*parts, strict=True))  # N F 25 C
    found = [Track(body=b, world=w) for b, w in zip(bodies, worlds, strict=True) if b[..., 3].any()]
    if not found:
        raise KMCError(NO_PERSON)
    return join_people(motion or Motion(clip.fps, clip.size, ()), found)


@torch.no_grad()
def encode_face(
    clip: Clip,
    nets: Perception,
    *,
    motion: Motion | None = None,
    progress: Progress = no_progress,
    check: Check = no_check,
) -> Motion:
    """Landmarks, 52 expression coefficients, head rotation and a stabilised crop of the face in every frame.

    With bodies in `motion` the faces are looked for at their heads, and a face that is never seen gives
    confidence 0; without a body the largest face is followed and a clip without one raises KMCError. It joins
    the person that it is of, as bodies do.
    """
    bodies = _bodies(motion)
    trackers = [FaceTracker(nets) for _ in bodies]
    chunks = []
    for frames, span in stream(clip, motion, progress, check):
        around = [None if body is None else body[span] for body in bodies]
        seen = [tracker(frames, body) for tracker, body in zip(trackers, around, strict=True)]
        chunks.append(_own_faces([torch.stack(values) for values in zip(*seen, strict=True)], around))
    landmarks, expression, confidence = (torch.cat(values, dim=1) for values in zip(*chunks, strict=True))
    if not confidence.any() and None in bodies:
        raise KMCError(NO_FACE)
    faces = [face_motion(*face, clip.fps) for face in zip(landmarks, expression, confidence, strict=True)]
    return add_parts(motion or Motion(clip.fps, clip.size, ()), [Track(face=face) for face in faces])


@torch.no_grad()
def encode_hands(
    clip: Clip,
    nets: Perception,
    *,
    motion: Motion | None = None,
    progress: Progress = no_progress,
    check: Check = no_check,
) -> Motion:
    """21 points of the left and the right hand in every frame.

    With bodies in `motion` the hands are looked for at their wrists, and hands that are never seen give
    confidence 0; without a body the two largest hands are followed and a clip without one raises KMCError.
    They join the person that they are of, as bodies do.
    """
    bodies = _bodies(motion)
    trackers = [HandTracker(nets) for _ in bodies]
    chunks = []
    for frames, span in stream(clip, motion, progress, check):
        around = [None if body is None else body[span] for body in bodies]
        seen = [tracker(frames, body) for tracker, body in zip(trackers, around, strict=True)]
        chunks.append(_own_hands(torch.stack(seen), around))
    hands = torch.cat(chunks, dim=1)
    if not hands.any() and None in bodies:
        raise KMCError(NO_HAND)
    return add_parts(motion or Motion(clip.fps, clip.size, ()), [Track(hands=pair) for pair in hands])


def _bodies(motion: Motion | None) -> Sequence[Tensor | None]:
    """Joints [F, 25, 4] of the tracks that have a body; a single None where none has one."""
    tracks = motion.tracks if motion is not None else ()
    return [track.body for track in tracks if track.body is not None] or [None]


def _own_faces(seen: list[Tensor], around: list[Tensor | None]) -> list[Tensor]:
    """Landmarks [N, n, 478, 3], expressions [N, n, 52] and confidences [N, n] without others' faces."""
    landmarks, expression, confidence = seen
    if len(around) > 1:
        homes = torch.stack([middle(body, HEAD_JOINTS) for body in around if body is not None])
        kept = own(landmarks[..., :2], homes, confidence > 0)
        landmarks, expression = landmarks * kept[..., None, None], expression * kept[..., None]
        confidence = confidence * kept
    return [landmarks, expression, confidence]


def _own_hands(hands: Tensor, around: list[Tensor | None]) -> Tensor:
    """Hands [N, n, 2, 21, 4] without those of other people."""
    if len(around) > 1:
        homes = torch.stack(
            [middle(body, [wrist]) for body in around if body is not None for wrist in WRISTS]
        )
        flat = hands.transpose(1, 2).flatten(0, 1)  # N*2 n 21 4
        kept = own(flat[..., :2], homes, flat[..., 3].amax(-1) > 0)
        hands = (flat * kept[..., None, None]).unflatten(0, (-1, 2)).transpose(1, 2)
    return hands
