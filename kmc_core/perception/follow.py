"""One thing followed through a chunk of frames with the landmark net run in batches, not frame after frame.

Every few frames a key frame is looked at where the thing was last seen, or searched where that fails. The
regions between two keys are interpolated, all other frames are looked at in one batch, and each frame's
landmarks must imply the region that was used: frames that disagree are looked at again, frames that lost the
thing are searched.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .crops import normalised_angle

KEY_STRIDE = 6  # a fifth of a second at 30 fps: people move less than a region's margin
MIN_SCORE = 0.5  # the landmark nets' own "it is there"
SHIFT, ZOOM, TURN = 0.1, 1.25, 0.35  # tolerated disagreement: share of the side, ratio of sides, radians


@dataclass(frozen=True)
class Look:
    """Landmarks of n frames, each seen through its roi."""

    points: Tensor  # [n, P, C] source pixels
    score: Tensor  # [n] 0..1, the thing is there
    roi: Tensor  # [n, 4] the region that the landmarks imply
    extra: Tensor  # [n, ...] whatever else the net tells


class Watcher(Protocol):
    """Knows the frames of a chunk and one kind of thing in them. Never called without frames."""

    def look_at(self, index: Tensor, rois: Tensor) -> Look:
        """Landmarks in the frames `index` [m] seen through rois [m, 4]."""
        ...

    def search(self, index: Tensor, near: Tensor) -> Tensor:
        """Rois [m, 4] of the thing in the frames `index`, nan where it is not found; `near` [m, 4] or nan."""
        ...

    def blank(self, n: int) -> Look:
        """n frames in which nothing is seen."""
        ...


def follow(watcher: Watcher, last: Tensor, moved: Tensor) -> Look:
    """n frames of one thing; score 0 where it is not found.

    `last` [4] is its roi before them, nan when unknown. `moved` [n, 2] is how far a point that it hangs on
    has gone since then, zeros when there is no such point.
    """
    count = len(moved)
    moved = torch.cat([moved, torch.zeros(count, 2)], dim=1)
    keys = torch.unique(torch.cat([torch.arange(0, count, KEY_STRIDE), torch.tensor([count - 1])]))
    others = torch.tensor([i for i in range(count) if i not in set(keys.tolist())], dtype=torch.long)
    at_keys = _settled(keys, last + moved[keys], last + moved[keys], watcher)
    if not len(others):
        return at_keys
    seen = torch.where(at_keys.score[:, None] > 0, at_keys.roi, torch.nan)
    guess, nearest = _between(keys, seen - moved[keys], others)
    at_others = _settled(others, guess + moved[others], nearest + moved[others], watcher)
    order = torch.cat([keys, others]).argsort()
    return _join(at_keys, at_others, order)


def _between(keys: Tensor, rois: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Rois [n, 4] interpolated at `others` (nan where a neighbour is), and those of the nearest known key."""
    after = torch.searchsorted(keys, others)
    low, high = rois[after - 1], rois[after]
    share = ((others - keys[after - 1]) / (keys[after] - keys[after - 1]))[:, None]
    blend = low + (high - low) * share
    blend[:, 3] = low[:, 3] + normalised_angle(high[:, 3] - low[:, 3]) * share[:, 0]
    return blend, torch.where(low.isnan(), high, low)


def _settled(index: Tensor, guess: Tensor, near: Tensor, watcher: Watcher) -> Look:
    """Frames `index` looked at around `guess` [m, 4] where that is known, searched near `near` where it
    fails."""
    look = _looked(index, guess, watcher)
    lost = torch.nonzero(look.score == 0)[:, 0]
    if len(lost):
        found = watcher.search(index[lost], near[lost])
        look = _put(look, lost, _looked(index[lost], found, watcher))
    return look


def _looked(index: Tensor, rois: Tensor, watcher: Watcher) -> Look:
    """One look through each roi, and a second where the landmarks imply another; score 0 where it is not
    there."""
    known = torch.nonzero(~rois.isnan().any(1))[:, 0]
    if not len(known):
        return watcher.blank(len(index))
    seen = watcher.look_at(index[known], rois[known])
    drifted = torch.nonzero((seen.score >= MIN_SCORE) & ~_agree(rois[known], seen.roi))[:, 0]
    if len(drifted):
        again = watcher.look_at(index[known][drifted], seen.roi[drifted])
        better = again.score >= MIN_SCORE
        seen = _put(seen, drifted[better], _take(again, better))
    seen = Look(seen.points, torch.where(seen.score < MIN_SCORE, 0, seen.score), seen.roi, seen.extra)
    return _put(watcher.blank(len(index)), known, seen)


def _agree(used: Tensor, implied: Tensor) -> Tensor:
    """Whether two sets of rois [m, 4] are the same region within tolerance -> [m]."""
    shift = (used[:, :2] - implied[:, :2]).norm(dim=-1) / used[:, 2]
    zoom = (used[:, 2] / implied[:, 2]).log().abs()
    turn = normalised_angle(used[:, 3] - implied[:, 3]).abs()
    return (shift < SHIFT) & (zoom < torch.tensor(ZOOM).log()) & (turn < TURN)


def _parts(look: Look) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return look.points, look.score, look.roi, look.extra


def _take(look: Look, index: Tensor) -> Look:
    return Look(*(value[index] for value in _parts(look)))


def _put(look: Look, index: Tensor, new: Look) -> Look:
    """`look` with the frames `index` replaced by `new`."""
    return Look(
        *(old.index_copy(0, index, value) for old, value in zip(_parts(look), _parts(new), strict=True))
    )


def _join(first: Look, second: Look, order: Tensor) -> Look:
    return Look(*(torch.cat(pair)[order] for pair in zip(_parts(first), _parts(second), strict=True)))
