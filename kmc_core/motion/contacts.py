"""Contacts: when a hand touches the face, the other hand, a hip or an arm, and a foot stands on the ground.

A contact begins below one distance and ends above a larger one, so that it does not flicker.
"""

from collections.abc import Iterator
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from .bones import SEEN
from .skeleton import JOINT
from .solid import SIDES, Side, Solid
from .types import Contact, ContactKind, Track

# (begins below, ends above). Head widths from the palm's middle to a point of the face; torso lengths (about
# half a metre) for all others. A palm's middle keeps some centimetres from the skin that it lies on.
FACE: Final = (0.8, 1.1)
HAND: Final = (0.27, 0.36)
HIP: Final = (0.42, 0.52)
ARM: Final = (0.34, 0.42)
FOOT_HEIGHT: Final = (0.16, 0.24)  # above the lower foot
FOOT_SPEED: Final = (0.8, 1.3)  # torso lengths a second
AIRBORNE: Final = 0.12  # torso lengths by which both feet leave the ground in a jump
AIR_SECONDS: Final = 1.0  # the ground is where the feet were lowest within this time
DEPTH_WEIGHT: Final = 0.6  # depths are found less well than places in the picture
# Torso lengths by which an elbow is further out than its hand: a hand on the hip comes from the side, one
# that hangs beside it from above.
ELBOW_OUT: Final = 0.08
SHORTEST: Final = 0.08  # seconds; a clap is that short
RESTING: Final = 0.5  # seconds that a hand on a hip or an arm rests there, at least; less is passing by
SPEED_WINDOW: Final = 0.2  # seconds over which a foot's speed is taken

FACE_POINTS: Final = ("nose", "r_eye", "l_eye", "r_ear", "l_ear")


def find_contacts(body: Solid, feet: Tensor | None, fps: float) -> tuple[Contact, ...]:
    """All contacts of a person, in the order of their start.

    feet: [F, 2, 3] left and right foot in the picture, in pixels with unseen ones nan; None looks for none.
    """
    found = list(_hand_contacts(body, fps))
    if feet is not None:
        found += list(_foot_contacts(body, feet, fps))
    return tuple(sorted(found, key=lambda contact: (contact.start, contact.kind, contact.side)))


def find_feet(track: Track) -> Tensor | None:
    """[F, 2, 3] left and right ankle in pixels, nan where unseen; None without a body."""
    if track.body is None:
        return None
    ankles = track.body[:, [JOINT["l_ankle"], JOINT["r_ankle"]]].float()
    return ankles[..., :3].masked_fill(ankles[..., 3:] < SEEN, float("nan"))


def spans(gap: Tensor, begin: float, end: float, shortest: int = 1) -> list[tuple[int, int]]:
    """Frames start .. end (exclusive) in which a gap [F] fell below `begin` and has not passed `end`."""
    found, start = [], None
    for frame, value in enumerate([*gap.tolist(), float("inf")]):
        if start is None and value < begin:
            start = frame
        elif start is not None and not value < end:
            if frame - start >= shortest:
                found.append((start, frame))
            start = None
    return found


def nearest_on(a: Tensor, b: Tensor, point: Tensor) -> Tensor:
    """[F] share of the way from a to b [F, 3] at which the line comes nearest to a point [F, 3]."""
    along = b - a
    return ((point - a) * along).sum(-1).div(along.square().sum(-1).clamp(min=1e-12)).clamp(0, 1)


def _elbow_out(body: Solid, side: Side) -> Tensor:
    """[F] how much further out to its side an elbow is than its hand, in torso lengths."""
    across = body.at(f"{side[0]}_shoulder") - body.at("neck")
    across = across / across.norm(dim=-1, keepdim=True).clamp(min=1e-9)
    return ((body.at(f"{side[0]}_elbow") - body.at(f"{side[0]}_wrist")) * across).sum(-1) / body.torso


def _hand_contacts(body: Solid, fps: float) -> Iterator[Contact]:
    gaps: dict[ContactKind, tuple[float, float]] = {"hand-face": FACE, "hand-hand": HAND, "hand-hip": HIP}
    if body.metric:  # without depth, every arm before the body seems to touch the other
        gaps["hand-arm"] = ARM
    for side in SIDES:
        for kind, (begin, end) in gaps.items():
            gap = hand_gap(body, kind, side)
            seconds = RESTING if kind in ("hand-hip", "hand-arm") else SHORTEST
            shortest = max(1, min(round(seconds * fps), len(gap)))
            for first, last in spans(gap, begin, end, shortest):
                yield Contact(kind, side, first, last)


def hand_gap(body: Solid, kind: ContactKind, side: Side) -> Tensor:
    """[F] how far a hand is from what it may touch, in the units of the constants above; inf where unseen."""
    palm, other = body.palms[:, SIDES[side]], body.palms[:, 1 - SIDES[side]]
    away = {"left": "r", "right": "l"}[side]
    hand = f"{side[0]}_wrist"
    if kind == "hand-face":
        gap = torch.stack([_distance(palm, body.at(name)) for name in FACE_POINTS]).amin(0) / body.head
        return _unseen_far(gap, body, hand, "nose")
    if kind == "hand-hand":
        gap = _distance(palm, other) / body.torso
        return _unseen_far(gap, body, "l_wrist", "r_wrist")
    if kind == "hand-hip":
        reach = _distance(body.at(hand), body.at(f"{side[0]}_hip"))
        gap = reach.masked_fill(_elbow_out(body, side) < ELBOW_OUT, float("inf")) / body.torso
        return _unseen_far(gap, body, hand, "pelvis")
    parts = [(f"{away}_shoulder", f"{away}_elbow"), (f"{away}_elbow", f"{away}_wrist")]
    along = [_to_line(body.at(a), body.at(b), palm) for a, b in parts]
    hands = _distance(palm, other) / body.torso < HAND[1]  # touching hands are not hands on arms
    gap = torch.stack(along).amin(0).masked_fill(hands, float("inf")) / body.torso
    return _unseen_far(gap, body, hand, f"{away}_elbow", f"{away}_wrist")


def _to_line(a: Tensor, b: Tensor, point: Tensor) -> Tensor:
    return _distance(a + nearest_on(a, b, point)[:, None] * (b - a), point)


def _distance(a: Tensor, b: Tensor) -> Tensor:
    step = a - b
    return torch.hypot(step[..., :2].norm(dim=-1), DEPTH_WEIGHT * step[..., 2])


def _unseen_far(gap: Tensor, body: Solid, *names: str) -> Tensor:
    seen = body.seen[:, [JOINT[name] for name in names]].all(dim=1)
    return gap.masked_fill(~seen, float("inf"))


def _foot_contacts(body: Solid, feet: Tensor, fps: float) -> Iterator[Contact]:
    """A foot stands where it neither moves nor is much higher than the other, and the person does not fly."""
    torso = body.torso * body.pixels  # F
    height = -feet[..., 1]
    lower = height.nan_to_num(nan=float("inf")).amin(dim=1)
    above = (height - lower[:, None]) / torso[:, None]
    flying = (lower - local_ground(height, fps)) / torso > AIRBORNE
    reach = max(1, round(SPEED_WINDOW * fps / 2))
    for side, row in SIDES.items():
        speed = moving(feet[:, row, :2], reach, fps) / torso
        gap = torch.maximum(above[:, row] / FOOT_HEIGHT[0], speed / FOOT_SPEED[0])
        gap = gap.nan_to_num(nan=float("inf")).masked_fill(flying & (speed > FOOT_SPEED[0] / 2), float("inf"))
        loosest = min(FOOT_HEIGHT[1] / FOOT_HEIGHT[0], FOOT_SPEED[1] / FOOT_SPEED[0])
        for first, last in spans(gap, 1.0, loosest, max(1, round(SHORTEST * fps))):
            yield Contact("foot-ground", side, first, last)


def local_ground(height: Tensor, fps: float) -> Tensor:
    """[F] where the ground is: the least height of both feet [F, 2] (nan where unseen) within AIR_SECONDS."""
    lower = height.nan_to_num(nan=float("inf")).amin(dim=1)
    reach = round(AIR_SECONDS * fps)
    return -F.max_pool1d(-lower[None, None], 2 * reach + 1, 1, reach)[0, 0]


def moving(path: Tensor, reach: int, fps: float) -> Tensor:
    """[F] speed per second of a path [F, D], over `reach` frames to both sides."""
    index = torch.arange(len(path))
    before, after = (index - reach).clamp(min=0), (index + reach).clamp(max=len(path) - 1)
    return (path[after] - path[before]).norm(dim=-1) * fps / (after - before).clamp(min=1)
