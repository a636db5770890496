"""One person, or a stretch of frames, of a motion."""

from dataclasses import fields, replace
from typing import TypeVar

from torch import Tensor

from ..errors import KMCError
from .types import Action, Contact, FaceMotion, Intent, Motion, Track

Spanned = TypeVar("Spanned", Action, Contact)


def track_of(motion: Motion, index: int) -> Track:
    """The track of person `index`, from 0. KMCError when the motion does not hold that many people."""
    if not 0 <= index < len(motion.tracks):
        raise KMCError(
            f"The motion has {len(motion.tracks)} people, but person {index} was asked for; people count "
            "from 0."
        )
    return motion.tracks[index]


def part_of(motion: Motion, start: int = 0, length: int = 0) -> Motion:
    """Frames start .. start + length of every track; length 0 runs to the end. KMCError when they reach past
    it.
    """
    frames = motion.frames
    end = start + length if length else frames
    if not 0 <= start < end <= frames:
        asked = f"{length} frames from frame {start}" if length else f"the frames from {start} on"
        raise KMCError(
            f"The motion has {frames} frames, but {asked} were asked for; choose a part inside it."
        )
    if (start, end) == (0, frames):
        return motion
    return replace(motion, tracks=tuple(_cut(track, slice(start, end)) for track in motion.tracks))


def _cut(track: Track, part: slice) -> Track:
    def cut(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor[part]

    face = track.face
    if face is not None:
        face = FaceMotion(**{field.name: getattr(face, field.name)[part] for field in fields(FaceMotion)})
    intent = None if track.intent is None else intent_part(track.intent, part.start, part.stop)
    return Track(cut(track.body), cut(track.world), cut(track.hands), face, intent, track.name)


def intent_part(intent: Intent, start: int, end: int) -> Intent:
    """What of an intent falls into frames start .. end, counted from start."""

    def within(parts: tuple[Spanned, ...]) -> tuple[Spanned, ...]:
        return tuple(
            replace(part, start=max(part.start, start) - start, end=min(part.end, end) - start)
            for part in parts
            if part.start < end and part.end > start
        )

    return Intent(within(intent.actions), within(intent.contacts))
