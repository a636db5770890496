"""A motion in time: cut, sped up or slowed down, looped without a seam, held still at its ends.

What a person means (`Track.intent`) and their name travel along.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import KMCError
from .bones import SEEN
from .mix import mix_tracks
from .part import Spanned, intent_part, part_of
from .rotations import slerp
from .types import Contact, FaceMotion, Intent, Motion, Track


def trim(motion: Motion, start: float, duration: float) -> Motion:
    """From `start` seconds on, `duration` seconds long (0: to the end), to the nearest frames.

    KMCError when that is no stretch of at least one frame inside the motion.
    """
    first = round(start * motion.fps)
    count = round((start + duration) * motion.fps) - first  # both ends rounded, as a video's trim does
    if start < 0 or duration < 0 or first >= motion.frames or first + count > motion.frames:
        raise KMCError(
            f"The motion is {_seconds(motion):.2f} s long, but {duration or 'all'} s from {start} s on "
            "were asked for; choose a part inside it."
        )
    return part_of(motion, first, max(1, count) if duration else 0)


def retime(motion: Motion, speed: float, fps: float = 0.0) -> Motion:
    """`speed` times as fast, at `fps` frames a second (0: as many as it has).

    Points between two frames lie on the straight line between them, heads on the shortest turn. Where one of
    the two frames does not see a point, the nearer frame decides alone, so no gap is bridged. KMCError for a
    speed or frame rate that is not above 0.
    """
    fps = fps or motion.fps
    if not (math.isfinite(speed) and speed > 0 and math.isfinite(fps) and fps > 0):
        raise KMCError(f"The speed is {speed} and the frame rate {fps}; give numbers above 0.")
    step = speed * motion.fps / fps  # old frames per new frame
    count = max(1, round(motion.frames / step)) if motion.frames else 0
    at = (torch.arange(count, dtype=torch.float64) * step).clamp(max=max(motion.frames - 1, 0))

    def span(start: int, end: int) -> tuple[int, int]:
        first = min(round(start / step), count - 1)
        return first, max(first + 1, min(round(end / step), count))

    tracks = tuple(
        replace(_between(track, at), intent=_moved_intent(track.intent, span)) for track in motion.tracks
    )
    return replace(motion, fps=fps, tracks=tracks)


def loop(motion: Motion, times: int, blend: float) -> Motion:
    """The motion `times` over; its last `blend` seconds flow into its first, so that no seam shows.

    Each round is shorter than the motion by `blend`; a single round is the motion as it is. KMCError for no
    round, and when the blend is longer than half of the motion.
    """
    if times == 1:
        return motion
    overlap = round(blend * motion.fps)
    if times < 1 or not 0 <= overlap <= motion.frames // 2:
        raise KMCError(
            f"{times} loops with a blend of {blend} s were asked for; give at least 1 loop and a blend of up "
            f"to half of the motion, {_seconds(motion) / 2:.2f} s."
        )
    length = motion.frames - overlap
    index = torch.arange(length).repeat(times)
    share = torch.arange(1, overlap + 1) / (overlap + 1)
    tracks = []
    for track in motion.tracks:
        head = taken(track, torch.arange(overlap))
        tail = taken(track, torch.arange(length, motion.frames))
        mixed = mix_tracks(tail, head, share) if overlap else head
        rest = taken(track, torch.arange(overlap, length))
        cycle = joined(mixed, rest)
        intent = (
            None if track.intent is None else _repeated(intent_part(track.intent, 0, length), length, times)
        )
        tracks.append(replace(taken(cycle, index), intent=intent))
    return replace(motion, tracks=tuple(tracks))


def hold(motion: Motion, start: float, end: float) -> Motion:
    """Stand still in the first frame for `start` seconds and in the last one for `end` seconds.

    Contacts of the held frames last as long; actions do not. KMCError for a time below 0.
    """
    before, after = round(start * motion.fps), round(end * motion.fps)
    if before < 0 or after < 0:
        raise KMCError(f"Holds of {start} s and {end} s were asked for; give times from 0 up.")
    frames = motion.frames
    index = (torch.arange(frames + before + after) - before).clamp(0, frames - 1)

    def shift(start: int, end: int) -> tuple[int, int]:
        return start + before, end + before

    def stretch(contact: Contact) -> Contact:
        return replace(
            contact,
            start=contact.start if contact.start > before else 0,
            end=contact.end if contact.end < before + frames else before + frames + after,
        )

    tracks = []
    for track in motion.tracks:
        intent = _moved_intent(track.intent, shift)
        if intent is not None:
            intent = replace(intent, contacts=tuple(map(stretch, intent.contacts)))
        tracks.append(replace(taken(track, index), intent=intent))
    return replace(motion, tracks=tuple(tracks))


def _seconds(motion: Motion) -> float:
    return motion.frames / motion.fps


def taken(track: Track, index: Tensor) -> Track:
    """The frames `index` [N] of a track, in that order; without its intent."""
    return _each(lambda part: part[index], track)


def joined(first: Track, second: Track) -> Track:
    """One track after another that has the same parts; without their intents."""
    return _each(lambda a, b: torch.cat([a, b.to(a)]), first, second)


def _each(change: Callable[..., Tensor], track: Track, *others: Track) -> Track:
    """Every tensor of a track, with those of others that have the same parts, changed; without intent."""

    def part(name: str) -> Tensor | None:
        tensors = [getattr(each, name) for each in (track, *others)]
        return None if tensors[0] is None else change(*tensors)

    face = None
    if track.face is not None:
        faces = [vars(each.face) for each in (track, *others)]
        face = FaceMotion(**{name: change(*(each[name] for each in faces)) for name in faces[0]})
    return Track(part("body"), part("world"), part("hands"), face, None, track.name)


def _between(track: Track, at: Tensor) -> Track:
    """The track at frames `at` [N], which may lie between two."""
    low = at.floor().long()
    high, near = at.ceil().long(), at.round().long()
    share = at - low

    def points(values: Tensor | None, confidence: Tensor | None) -> Tensor | None:
        if values is None:
            return None
        weight = share.reshape(-1, *[1] * (values.ndim - 1)).to(values)
        line = torch.lerp(values[low], values[high], weight)
        if confidence is None:
            return line
        both = (confidence[low] >= SEEN) & (confidence[high] >= SEEN)
        return torch.where(both.reshape(*both.shape, *[1] * (values.ndim - both.ndim)), line, values[near])

    body, hands, face = track.body, track.hands, track.face
    if face is not None:
        turned = slerp(face.rotation[low].double(), face.rotation[high].double(), share)
        both = (face.confidence[low] >= SEEN) & (face.confidence[high] >= SEEN) & (low != high)
        rotation = torch.where(both[:, None, None], turned, face.rotation[near].double())
        others = {name: points(part, face.confidence) for name, part in vars(face).items()}
        face = FaceMotion(**{**others, "rotation": rotation.to(face.rotation)})  # type: ignore[arg-type]
    return replace(
        track,
        body=points(body, None if body is None else body[..., 3]),
        world=points(track.world, None if body is None else body[..., 3]),
        hands=points(hands, None if hands is None else hands[..., 3]),
        face=face,
        intent=None,
    )


def _moved_intent(intent: Intent | None, span: Callable[[int, int], tuple[int, int]]) -> Intent | None:
    """An intent whose frames start .. end become `span(start, end)`."""
    if intent is None:
        return None

    def moved(parts: tuple[Spanned, ...]) -> tuple[Spanned, ...]:
        spans = [span(part.start, part.end) for part in parts]
        return tuple(replace(p, start=s, end=e) for p, (s, e) in zip(parts, spans, strict=True))

    return Intent(moved(intent.actions), moved(intent.contacts))


def _repeated(intent: Intent, length: int, times: int) -> Intent:
    """Everything once a round."""
    rounds = [_moved_intent(intent, lambda s, e, k=k: (s + k * length, e + k * length)) for k in range(times)]
    return Intent(
        tuple(action for each in rounds if each for action in each.actions),
        tuple(contact for each in rounds if each for contact in each.contacts),
    )
