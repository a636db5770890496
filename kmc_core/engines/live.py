"""A motion fitted to a subject while its video is still being read: piece by piece, and none of them knows
what comes after it.

Lengths, place and the face at rest are judged by the first piece and hold for all. Hands do not reach for
what they touched: contacts are found over longer stretches.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from ..errors import KMCError
from ..motion.intent import find_intent
from ..motion.placement import PlacementMode
from ..motion.retarget import retarget
from ..motion.timing import joined, taken
from ..motion.types import Intent, Motion, Track
from ..perception.body import BodyTracker
from ..perception.clips import Clip
from ..perception.face import FaceTracker, face_motion
from ..perception.hands import HandTracker
from ..perception.suite import Perception
from ..subject.types import Subject

CARRIED: Final = 2  # frames that a piece repeats of the one before: its neighbours, and theirs
NOBODY: Final = (
    "Nobody is seen in the first {} frames, which tell the person's proportions. Trim the video to where the "
    "person comes in, or make the pieces longer."
)


@dataclass(frozen=True)
class Piece:
    """Some frames of a fitted motion."""

    motion: Motion
    carried: int  # of its frames, the first: the last ones of the piece before


@torch.no_grad()
def live_pieces(
    clip: Clip, nets: Callable[[], Perception], subject: Subject, *, fresh: int, placement: PlacementMode,
    check: Callable[[], None],
) -> Iterator[Piece]:  # fmt: skip
    """Pieces of `fresh` new frames, the last of as many as are left. `nets` is asked once a piece, so that a
    host can bring the nets back. KMCError where nobody is seen in the first piece.
    """
    reader = Reader(nets(), clip.fps, check)
    first: Motion | None = None
    before: Track | None = None
    for frames in clip.chunks(fresh):
        nets()
        seen = Motion(clip.fps, clip.size, (reader(frames),))
        if first is None:
            first = _first(seen)
        fitted = retarget(seen, subject, placement=placement, keep_contacts=False, judged_by=first)
        (track,) = fitted.tracks
        carried = 0 if before is None else CARRIED
        whole = track if before is None else joined(taken(before, torch.arange(-CARRIED, 0)), track)
        yield Piece(replace(fitted, tracks=(replace(whole, intent=None),)), carried)
        before = whole
    if first is None:
        raise KMCError("The video has no frames; give one with at least one.")


class Reader:
    """Follows one person through the pieces of a clip: body, hands and face."""

    def __init__(self, nets: Perception, fps: float, check: Callable[[], None]) -> None:
        self._body, self._face, self._hands = BodyTracker(nets, fps), FaceTracker(nets), HandTracker(nets)
        self._fps, self._check = fps, check

    def __call__(self, frames: Tensor) -> Track:
        """uint8 [n, 3, H, W] -> the person in them; where it is not seen the confidence is 0."""
        self._check()
        body, world = self._body(frames)
        self._check()
        face = face_motion(*self._face(frames, body), self._fps)
        self._check()
        return Track(body, world, self._hands(frames, body), face, Intent())


def _first(seen: Motion) -> Motion:
    """The first piece with the feet that stand in it. KMCError where it shows nobody."""
    (track,) = seen.tracks
    assert track.body is not None
    if not bool(track.body[..., 3].any()):
        raise KMCError(NOBODY.format(seen.frames))
    return replace(seen, tracks=(replace(track, intent=find_intent(track, seen.fps)),))
