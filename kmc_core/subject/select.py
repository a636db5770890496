"""Which view of a subject for which stretch of a motion: the one that faces as the person does there.

An engine that takes one reference is given the best of every window; one that takes several, the best few.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from ..errors import KMCError
from ..motion.check_measures import level
from ..motion.part import part_of, track_of
from ..motion.types import Motion
from .facing import apart, facing, view_facing
from .types import Subject, View

FULL: Final = 3  # the level of a full body, see motion.check_measures.level
HIDDEN: Final = math.radians(12)  # a view that shows one level less counts as turned this much further
FAR: Final = math.radians(4)  # and one that shows more of the person, so its face smaller, this much
HOLD: Final = math.radians(4)  # another view must be nearer by this much to take over from the last window's
UNTOLD: Final = math.pi / 2  # a view or a person whose facing is not known counts as turned this far


@dataclass(frozen=True)
class Choice:
    """The views of one window."""

    start: int  # frames start .. end, exclusive
    end: int
    views: tuple[int, ...]  # positions in the subject, the best first
    facing: float  # yaw of the head, else the body, in the window's middle, radians; nan where unknown
    gap: float  # radians between the best view and the person
    held: bool  # the last window's best was kept, although another was nearer by a little


def windows_of(frames: int, length: int, overlap: int = 0) -> list[tuple[int, int]]:
    """Windows (start, end) of that length over all frames; the last may be shorter. 0 is one for all.

    Raises KMCError for an overlap that leaves nothing new in a window.
    """
    if length <= 0 or length >= frames:
        return [(0, frames)]
    if not 0 <= overlap < length:
        raise KMCError(f"The windows overlap by {overlap} of {length} frames; make the overlap smaller.")
    starts = range(0, frames - overlap, length - overlap)
    return [(start, min(start + length, frames)) for start in starts]


def choose_views(
    motion: Motion,
    subject: Subject,
    windows: Sequence[tuple[int, int]],
    *,
    most: int = 1,
    track: int = 0,
) -> list[Choice]:
    """The `most` best views of every window, for a motion in the pixels of the subject's main view."""
    person = track_of(motion, track)
    yaws = facing(person)
    sizes = [(view.image.shape[-1], view.image.shape[-2]) for view in subject.views]
    shown = [level(view.pose, size) for view, size in zip(subject.views, sizes, strict=True)]
    sides = torch.stack([view_facing(view) for view in subject.views])  # V 2
    choices: list[Choice] = []
    for start, end in windows:
        needed = level(track_of(part_of(motion, start, end - start), track), motion.size)
        costs = _turned(yaws[start:end], sides, needed) + torch.tensor([_framing(needed, s) for s in shown])
        order = costs.argsort(stable=True).tolist()
        last = choices[-1].views[0] if choices else order[0]
        held = last != order[0] and float(costs[last] - costs[order[0]]) < HOLD
        if held:
            order.remove(last)
            order.insert(0, last)
        middle = _mean(yaws[start:end, 0])
        gap = float(apart(torch.tensor(middle), sides[order[0], 0]))
        choices.append(Choice(start, end, tuple(order[:most]), middle, gap, held))
    return choices


def window_choice(choices: Sequence[Choice], number: int) -> Choice:
    """The choice of a window, from 0. KMCError when there are not that many."""
    if not 0 <= number < len(choices):
        raise KMCError(f"The motion has {len(choices)} windows, but window {number} was asked for, from 0.")
    return choices[number]


def _turned(yaws: Tensor, sides: Tensor, needed: int | None) -> Tensor:
    """[V] mean radians between the facing of person [F, 2] and views [V, 2]; a bust counts by its head."""
    body = (FULL if needed is None else needed) / FULL / 2
    gaps = apart(yaws[:, None], sides[None])  # F V 2
    both = gaps[..., 0] * (1 - body) + gaps[..., 1] * body
    return both.nanmean(0).nan_to_num(UNTOLD)


def _framing(needed: int | None, shown: int | None) -> float:
    """Radians that a view's framing is worth, by the levels that are needed and shown."""
    if needed is None or shown is None:
        return 0.0
    return HIDDEN * (needed - shown) if needed > shown else FAR * (shown - needed)


def _mean(yaw: Tensor) -> float:
    """Circular mean of yaws [F], nan where all are."""
    return float(torch.atan2(yaw.sin().nanmean(), yaw.cos().nanmean()))


def shown_views(motion: Motion, subject: Subject, most: int, track: int = 0) -> tuple[View, ...]:
    """At most `most` views for a motion: the main one, which gives framing and scene, then the nearest."""
    (choice,) = choose_views(motion, subject, [(0, motion.frames)], most=len(subject.views), track=track)
    others = [index for index in choice.views if index != 0]
    return tuple(subject.views[index] for index in (0, *others[: most - 1]))


def choices_report(choices: Sequence[Choice], subject: Subject, fps: float) -> str:
    """Markdown: for every window the view, how far it is turned from the person, and why; flips a minute."""
    lines = ["| frames | person | view | turned away | why |", "|---|---|---|---|---|"]
    for choice in choices:
        best = choice.views[0]
        why = "kept: no other is clearly nearer" if choice.held else "nearest"
        person = "unknown" if math.isnan(choice.facing) else f"{math.degrees(choice.facing):+.0f}°"
        gap = "unknown" if math.isnan(choice.gap) else f"{math.degrees(choice.gap):.0f}°"
        lines.append(
            f"| {choice.start} to {choice.end - 1} | {person} | {best + 1} ({subject.views[best].kind}) "
            f"| {gap} | {why} |"
        )
    return "\n".join([*lines, "", f"Changes of view: {flips_a_minute(choices, fps):.1f} a minute."])


def flips_a_minute(choices: Sequence[Choice], fps: float) -> float:
    """How often the best view changes from window to window, in a minute of the motion."""
    flips = sum(a.views[0] != b.views[0] for a, b in pairwise(choices))
    frames = choices[-1].end - choices[0].start
    return flips * 60 * fps / frames
