"""Two motions in one: blended, or one person's body with another's hands or face."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from ..errors import KMCError
from .bones import SEEN
from .edit import placed
from .face_frame import HeadFrame, from_head_frame, to_head_frame
from .mix import mix_tracks
from .part import part_of
from .placement import Placement
from .proportions import FACE, HAND, compare, track_lengths, typical_lengths
from .skeleton import JOINT
from .timing import retime
from .types import FaceMotion, Motion, Track

Take = Literal["blend", "hands", "face"]
ARMS = ((JOINT["l_elbow"], JOINT["l_wrist"]), (JOINT["r_elbow"], JOINT["r_wrist"]))


def combine(motion: Motion, other: Motion, take: Take, share: float = 1.0) -> Motion:
    """`motion` with `share` (0..1) of `other`: of all its parts ("blend"), of its hands, or of its face.

    Hands come onto the wrists, in the size of the body and turned with its forearms; a face brings its
    expression and gaze onto the head, which keeps its own turn where it shows a face. Person by person; who
    has no counterpart, or one without that part, stays. Names and intents are those of `motion`. `other` is
    brought to its frame rate and size and cut to its length; KMCError when it is shorter, when nobody in it
    who has a counterpart has the part, and for an unknown part or share.
    """
    if take not in ("blend", "hands", "face"):
        raise KMCError(f"The part to take is '{take}'; choose blend, hands or face.")
    if not 0 <= share <= 1:
        raise KMCError(f"The share of the other motion is {share}; give a number from 0 to 1.")
    fitting: dict[str, Callable[[Track, Track], Track]] = {
        "blend": _with_all, "hands": _with_hands, "face": _with_face,
    }  # fmt: skip
    if take != "blend" and all(getattr(track, take) is None for track in other.tracks[: len(motion.tracks)]):
        node = {"hands": "Encode Hand Motion", "face": "Encode Face Motion"}[take]
        raise KMCError(
            f"The other motion has no {take} for the people of the first; add it with {node}, or choose "
            "the person with Select Person."
        )
    tracks = list(motion.tracks)
    for index, (own, theirs) in enumerate(zip(motion.tracks, _matched(other, motion).tracks, strict=False)):
        goal = fitting[take](own, theirs)
        tracks[index] = _towards(own, goal, share)
    return replace(motion, tracks=tuple(tracks))


def _matched(other: Motion, motion: Motion) -> Motion:
    """`other` at the frame rate, length and size of `motion`."""
    other = other if other.fps == motion.fps else retime(other, 1.0, motion.fps)
    if other.frames < motion.frames:
        raise KMCError(
            f"The other motion has {other.frames} frames at {motion.fps:g} frames a second, the first "
            f"{motion.frames}; loop, hold or slow it with Retime Motion, or trim the first."
        )
    other = part_of(other, 0, motion.frames)
    if other.size == motion.size:
        return other
    source, target = torch.tensor(other.size).float(), torch.tensor(motion.size).float()
    place = Placement(source / 2, target / 2, float((target / source).min()))
    return replace(other, size=motion.size, tracks=tuple(placed(track, place) for track in other.tracks))


def _towards(own: Track, goal: Track, share: float) -> Track:
    """A share of the way; parts that `own` lacks come whole."""
    if share == 0 or goal is own:
        return own
    if share == 1:
        return goal
    names = ("body", "world", "hands", "face")
    start = replace(own, **{n: getattr(goal, n) for n in names if getattr(own, n) is None})
    return mix_tracks(start, goal, torch.full((goal.frames,), share))


def _with_all(own: Track, other: Track) -> Track:
    parts = {name: getattr(other, name) for name in ("body", "world", "hands", "face")}
    mixed = {name: part for name, part in parts.items() if part is not None}
    if other.body is not None:
        mixed["world"] = other.world  # metres of another body are none of this one's
    return replace(own, **mixed)


def _with_hands(own: Track, other: Track) -> Track:
    if other.hands is None:
        return own
    size = _size(other, own, HAND)
    hands = [_hand(own, other, side, size) for side in (0, 1)]
    return replace(own, hands=torch.stack(hands, dim=1))


def _size(other: Track, own: Track, part: int) -> float:
    """Pixels of `own` for one pixel of the other's hand or face; 1 where nothing compares."""
    proportions = compare(typical_lengths(*track_lengths(other)), typical_lengths(*track_lengths(own)))
    size = proportions.size * float(proportions.relative[part])
    return size if math.isfinite(size) else 1.0


def _hand(own: Track, other: Track, side: int, size: float) -> Tensor:
    """[F, 21, 4] the other's hand on the own wrist; unseen where that place is not known."""
    assert other.hands is not None
    hand = other.hands[:, side].float()
    places = [] if own.body is None else [own.body[:, ARMS[side][1]].float()]
    places += [] if own.hands is None else [own.hands[:, side, 0].float()]
    if not places:
        return hand
    place = places[0]
    for more in places[1:]:
        place = torch.where(place[:, 3:] >= SEEN, place, more)
    shape = (hand[..., :3] - hand[:, :1, :3]) * size
    shape = torch.cat([shape[..., :2] @ _forearm_turn(own, other, side), shape[..., 2:]], dim=-1)
    shape[..., :2] += place[:, None, :2]
    points = torch.cat([shape, hand[..., 3:]], dim=-1)
    return points * (hand[..., 3:] >= SEEN) * (place[:, 3] >= SEEN)[:, None, None]


def _forearm_turn(own: Track, other: Track, side: int) -> Tensor:
    """[F, 2, 2], for rows: from the other's forearm to the own one; none where one is unseen."""
    angles, seen = [], []
    for track in (own, other):
        if track.body is None:
            return torch.eye(2).expand(own.frames, 2, 2)
        elbow, wrist = (track.body[:, joint].float() for joint in ARMS[side])
        way = wrist[:, :2] - elbow[:, :2]
        angles.append(torch.atan2(way[:, 1], way[:, 0]))
        seen.append(torch.minimum(elbow[:, 3], wrist[:, 3]) >= SEEN)
    turn = (angles[0] - angles[1]) * (seen[0] & seen[1])
    return torch.stack([turn.cos(), turn.sin(), -turn.sin(), turn.cos()], dim=-1).unflatten(-1, (2, 2))


def _with_face(own: Track, other: Track) -> Track:
    if other.face is None:
        return own
    theirs, head = other.face, to_head_frame(other.face)
    size = _size(other, own, FACE)
    centre, placed_at = _head_place(own, other, head, size)
    crop = torch.cat(
        [centre[:, :2] + (theirs.crop[:, :2] - head.centre[:, :2]) * size, theirs.crop[:, 2:] * size], 1
    )
    moved = HeadFrame(centre, head.scale * size, head.rotation, head.shape)
    if own.face is not None:  # where the own head shows a face, it keeps its place, size, turn and crop
        mine, shown = to_head_frame(own.face), own.face.confidence >= SEEN
        moved = HeadFrame(
            torch.where(shown[:, None], mine.centre, moved.centre),
            torch.where(shown, mine.scale, moved.scale),
            torch.where(shown[:, None, None], mine.rotation, moved.rotation),
            head.shape,
        )
        crop = torch.where(shown[:, None], own.face.crop.float(), crop)
        placed_at = placed_at | shown
    seen = placed_at & (theirs.confidence >= SEEN)
    face = FaceMotion(
        landmarks=from_head_frame(moved) * seen[:, None, None],
        expression=theirs.expression * seen[:, None],
        rotation=torch.where(seen[:, None, None], moved.rotation, torch.eye(3)),
        crop=crop * seen[:, None],
        confidence=theirs.confidence * seen,
    )
    return replace(own, face=face)


def _head_place(own: Track, other: Track, head: HeadFrame, size: float) -> tuple[Tensor, Tensor]:
    """[F, 3] where the other's head comes to lie by the noses of both bodies, and where that is known [F]."""
    if own.body is None:
        return head.centre, torch.full((own.frames,), own.face is None)
    nose = own.body[:, JOINT["nose"]].float()
    known = nose[:, 3] >= SEEN
    away = torch.zeros_like(head.centre[:, :2])
    if other.body is not None:
        theirs = other.body[:, JOINT["nose"]].float()
        away = (head.centre[:, :2] - theirs[:, :2]) * (theirs[:, 3:] >= SEEN)
    return torch.cat([nose[:, :2] + away * size, head.centre[:, 2:] * size], dim=1), known
