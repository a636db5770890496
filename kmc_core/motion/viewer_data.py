"""A motion as the viewer in the page reads it: the drawn points alone, quantised, in one small file.

The viewer knows no skeleton of its own: which points make which line, and in which colour, is in the file.
docs/formats.md describes it.
"""

from dataclasses import asdict
from typing import Any, Final

import torch
from torch import Tensor

from .bones import SEEN
from .draw_preview import (
    BONE_COLOURS,
    FACE_COLOUR,
    FINGER_COLOURS,
    FULL_CONFIDENCE,
    IRIS_COLOUR,
    LIPS_COLOUR,
    Colour,
)
from .face_mesh import CLOSED_LINES, INNER_LIPS, LEFT_IRIS, OPEN_LINES, OUTER_LIPS, OVAL, RIGHT_IRIS
from .files import FileKind, pack_tensors
from .skeleton import JOINT, LEFT, RIGHT
from .types import Contact, Motion, Track

VIEW_FILE: Final = FileKind("view")
# Coordinates reach one picture beyond each edge; 65,535 steps over three pictures are finer than any screen.
REACH: Final = 1.0
STEPS: Final = 32767  # from the picture's middle to either end of the reach
KNUCKLE: Final = 9  # of the middle finger: the middle of a hand

# The face's lines by landmark; of the oval, which is smooth, every second point is enough.
FACE_LINES: Final = (*(OVAL[::2] if line is OVAL else line for line in CLOSED_LINES), *OPEN_LINES)
FACE_POINTS: Final = tuple(dict.fromkeys(landmark for line in FACE_LINES for landmark in line))


def viewer_data(motion: Motion) -> bytes:
    """The file of a motion: body, hands and face lines of every track as 16-bit shares of the picture."""
    tensors: dict[str, Tensor] = {}
    for index, track in enumerate(motion.tracks):
        for name, (points, confidence) in _parts(track).items():
            tensors[f"tracks.{index}.{name}"] = _quantised(points, motion.size)
            tensors[f"tracks.{index}.{name}.confidence"] = _seen(points, confidence)
    about = {
        "fps": motion.fps,
        "size": list(motion.size),
        "frames": motion.frames,
        "reach": REACH,
        "seen": SEEN,
        "sure": FULL_CONFIDENCE,
        "lines": {"body": _body_lines(), "hands": _hand_lines(), "face": _face_lines()},
        "people": [_person(track) for track in motion.tracks],
    }
    return pack_tensors(VIEW_FILE, tensors, about)


def _parts(track: Track) -> dict[str, tuple[Tensor, Tensor]]:
    """By part: points [F, P, 2] in source pixels and their confidence [F, P]."""
    parts: dict[str, tuple[Tensor, Tensor]] = {}
    if track.body is not None:
        parts["body"] = (track.body[..., :2], track.body[..., 3])
    if track.hands is not None:
        hands = track.hands.flatten(1, 2)  # F 42 4: left, then right
        parts["hands"] = (hands[..., :2], hands[..., 3])
    if track.face is not None:
        points = track.face.landmarks[:, list(FACE_POINTS), :2]
        parts["face"] = (points, track.face.confidence[:, None].expand(points.shape[:2]))
    return parts


def _quantised(points: Tensor, size: tuple[int, int]) -> Tensor:
    """[F, P, 2] pixels -> int16: 0 in the picture's middle, +-STEPS at the ends of the reach."""
    share = points.detach().cpu().double() / torch.tensor(size, dtype=torch.float64) - 0.5
    scaled = (share.nan_to_num() * STEPS / (0.5 + REACH)).round()
    return scaled.clamp(-STEPS, STEPS).to(torch.int16)


def _seen(points: Tensor, confidence: Tensor) -> Tensor:
    """[F, P] confidence -> uint8 0..255; 0 also for a point without a place: one not finite, or at 0, 0."""
    placed = points.isfinite().all(-1) & (points != 0).any(-1)
    return ((confidence.float().nan_to_num() * placed) * 255).round().clamp(0, 255).to(torch.uint8).cpu()


def _line(points: list[int], colour: Colour) -> dict[str, Any]:
    return {"points": points, "colour": list(colour)}


def _body_lines() -> list[dict[str, Any]]:
    return [_line([JOINT[start], JOINT[end]], colour) for (start, end), colour in BONE_COLOURS.items()]


def _hand_lines() -> list[dict[str, Any]]:
    """A line from the wrist along each finger, of both hands."""
    return [
        _line([21 * side, *(21 * side + 4 * finger + joint for joint in range(1, 5))], colour)
        for side in (LEFT, RIGHT)
        for finger, colour in enumerate(FINGER_COLOURS)
    ]


def _face_lines() -> list[dict[str, Any]]:
    lines = []
    for line in FACE_LINES:
        colour = LIPS_COLOUR if line in (OUTER_LIPS, INNER_LIPS) else FACE_COLOUR
        if line in (LEFT_IRIS, RIGHT_IRIS):
            colour = IRIS_COLOUR
        closed = line if line in OPEN_LINES else (*line, line[0])
        lines.append(_line([FACE_POINTS.index(landmark) for landmark in closed], colour))
    return lines


def _person(track: Track) -> dict[str, Any]:
    """Name, actions and contacts of a track, each contact with the points that it may be marked at."""
    intent = None if track.intent is None else asdict(track.intent)
    contacts = () if track.intent is None else track.intent.contacts
    return {
        "name": track.name,
        "actions": [] if intent is None else list(intent["actions"]),
        "contacts": [asdict(contact) | {"at": _places(contact)} for contact in contacts],
    }


def _places(contact: Contact) -> list[tuple[str, int]]:
    """Part and point of what touches, the best first: the first one that is seen is marked."""
    side = contact.side[0]
    if contact.kind == "foot-ground":
        return [("body", JOINT[f"{side}_big_toe"]), ("body", JOINT[f"{side}_ankle"])]
    hand = LEFT if contact.side == "left" else RIGHT
    return [("hands", 21 * hand + KNUCKLE), ("body", JOINT[f"{side}_wrist"])]
