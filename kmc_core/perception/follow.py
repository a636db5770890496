"""One thing followed through a chunk of frames with the landmark net run in batches, not frame after frame.

Every few frames a key frame is looked at where the thing was last seen, or searched where that fails. The
regions between two keys are interpolated, all other frames are looked at in one batch, and each frame's
landmarks must imply the region that was used: frames that disagree are looked at again, frames that lost the
thing are searched.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import torch
from torch import Tensor

from .crops import normalised_angle

KEY_STRIDE = 6  # a fifth of a second at 30 fps: people move less than a region's margin
MIN_SCORE = 0.5  # the landmark nets' own "it is there"


class Tolerance(NamedTuple):
    """How far the region that was looked through may lie from the one that the landmarks imply."""

    shift: float  # share of the side
    zoom: float  # ratio of sides
    turn: float  # radians


LOOSE: Final = Tolerance(0.15, 1.25, 0.5)  # points of bodies and hands do not change within it


@dataclass(frozen=True)
class Look:
    """Landmarks of n frames, each seen through its roi."""

    points: Tensor  # [n, P, C] source pixels
    score: Tensor  # [n] 0..1, the thing is there
    roi: Tensor  # [n, 4] the region that the landmarks imply
    extra: Tensor  # [n, ...] whatever else the net tells


class Watcher(Protocol):
    """Knows the frames of a chunk and one kind of thing in them. Never called without frames."""

    tolerance: Tolerance

    def look_at(self, index: Tensor, rois: Tensor) -> Look:
        """Landmarks in the frames `index` [m] seen through rois [m, 4]."""
        ...

    def search(self, index: Tensor, near: Tensor) -> Tensor:
        """Rois [m, 4] of the thing in the frames `index`, nan where it is not found; `near` [m, 4] or nan."""
        ...

    def blank(self, n: int) -> Look:
        """n frames in which nothing is seen."""
        ...


def follow(watcher: Watcher, last: Tensor, anchors: Tensor) -> Look:
    """n frames of one thing; score 0 where it is not found.

    `anchors` [n, 3] are points (x, y and the angle of their axes) that the thing hangs on, see `at_rest`.
    `last` [4] is its roi before these frames as its anchor saw it, nan when unknown.
    """
    keys, others = key_frames(len(anchors))
    at_keys = _keys_settled(keys, last, anchors[keys], watcher)
    if not len(others):
        return at_keys
    seen = torch.where(at_keys.score[:, None] > 0, at_keys.roi, torch.nan)
    guess, nearest = between(keys, from_anchor(seen, anchors[keys]), others)
    away = anchors[others]
    at_others = _settled(others, to_frame(guess, away), to_frame(nearest, away), watcher)
    order = torch.cat([keys, others]).argsort()
    return join(at_keys, at_others, order)


def key_frames(count: int) -> tuple[Tensor, Tensor]:
    """Numbers of the key frames among `count` frames (the first, the last, and some between), and of all
    others."""
    keys = torch.unique(torch.cat([torch.arange(0, count, KEY_STRIDE), torch.tensor([count - 1])]))
    others = torch.ones(count, dtype=torch.bool)
    others[keys] = False
    return keys, torch.nonzero(others)[:, 0]


def at_rest(count: int) -> Tensor:
    """Anchors [n, 3] of a thing that hangs on nothing."""
    return torch.zeros(count, 3)


def held(anchors: Tensor, seen: Tensor, before: Tensor) -> Tensor:
    """Anchors [n, 3] with those that are not seen [n] replaced by the one seen last; `before` [3] all."""
    steps = torch.where(seen, torch.arange(1, len(seen) + 1), 0).cummax(0).values
    return torch.cat([before[None], anchors])[steps]


def from_anchor(rois: Tensor, anchors: Tensor) -> Tensor:
    """Rois [n, 4] in the axes of their anchors [n, 3]."""
    angle = anchors[:, 2]
    places = _rotated(rois[:, :2] - anchors[:, :2], -angle)
    return torch.cat([places, rois[:, 2:3], normalised_angle(rois[:, 3] - angle)[:, None]], dim=1)


def to_frame(rois: Tensor, anchors: Tensor) -> Tensor:
    """The inverse of `from_anchor`."""
    angle = anchors[:, 2]
    places = anchors[:, :2] + _rotated(rois[:, :2], angle)
    return torch.cat([places, rois[:, 2:3], normalised_angle(rois[:, 3] + angle)[:, None]], dim=1)


def _rotated(points: Tensor, angle: Tensor) -> Tensor:
    """Points [n, 2] turned clockwise on screen by angles [n]."""
    (x, y), cos, sin = points.unbind(-1), angle.cos(), angle.sin()
    return torch.stack([x * cos - y * sin, x * sin + y * cos], dim=-1)


def _keys_settled(keys: Tensor, last: Tensor, anchors: Tensor, watcher: Watcher) -> Look:
    """The key frames, from where the thing was last; where that is unknown, from its place in the first."""
    around = to_frame(last.expand(len(keys), 4), anchors)
    if not last.isnan().any():
        return _settled(keys, around, around, watcher)
    first = _settled(keys[:1], around[:1], around[:1], watcher)
    if len(keys) == 1:
        return first
    found = torch.where(first.score[:, None] > 0, first.roi, torch.nan)
    around = to_frame(from_anchor(found, anchors[:1]).expand(len(keys) - 1, 4), anchors[1:])
    rest = _settled(keys[1:], around, around, watcher)
    return join(first, rest, torch.arange(len(keys)))


def between(keys: Tensor, rois: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
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
    look = looked(index, guess, watcher)
    lost = torch.nonzero(look.score == 0)[:, 0]
    if len(lost):
        found = watcher.search(index[lost], near[lost])
        look = put(look, lost, looked(index[lost], found, watcher))
    return look


def looked(index: Tensor, rois: Tensor, watcher: Watcher) -> Look:
    """One look through each roi, and a second where the landmarks imply another; score 0 where it is not
    there."""
    known = torch.nonzero(~rois.isnan().any(1))[:, 0]
    if not len(known):
        return watcher.blank(len(index))
    seen = watcher.look_at(index[known], rois[known])
    agree = _agree(rois[known], seen.roi, watcher.tolerance)
    drifted = torch.nonzero((seen.score >= MIN_SCORE) & ~agree)[:, 0]
    if len(drifted):
        again = watcher.look_at(index[known][drifted], seen.roi[drifted])
        better = again.score >= MIN_SCORE
        seen = put(seen, drifted[better], take(again, better))
    seen = Look(seen.points, torch.where(seen.score < MIN_SCORE, 0, seen.score), seen.roi, seen.extra)
    return put(watcher.blank(len(index)), known, seen)


def _agree(used: Tensor, implied: Tensor, tolerance: Tolerance) -> Tensor:
    """Whether two sets of rois [m, 4] are the same region within tolerance -> [m]."""
    shift = (used[:, :2] - implied[:, :2]).norm(dim=-1) / used[:, 2]
    zoom = (used[:, 2] / implied[:, 2]).log().abs()
    turn = normalised_angle(used[:, 3] - implied[:, 3]).abs()
    return (shift < tolerance.shift) & (zoom < math.log(tolerance.zoom)) & (turn < tolerance.turn)


def _parts(look: Look) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return look.points, look.score, look.roi, look.extra


def take(look: Look, index: Tensor) -> Look:
    """The frames `index` (numbers, or a mask) of a look."""
    return Look(*(value[index] for value in _parts(look)))


def put(look: Look, index: Tensor, new: Look) -> Look:
    """`look` with the frames `index` replaced by `new`."""
    return Look(
        *(old.index_copy(0, index, value) for old, value in zip(_parts(look), _parts(new), strict=True))
    )


def join(first: Look, second: Look, order: Tensor) -> Look:
    """The frames of two looks, put in `order`."""
    return Look(*(torch.cat(pair)[order] for pair in zip(_parts(first), _parts(second), strict=True)))
