"""Proportions: the lengths of a person's bones, hands, head and face, and how two people compare in them."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from .bones import SEEN, distance, head_width, weighted_median
from .character import Character
from .face_frame import face_scale
from .skeleton import BODY_BONES, BODY_JOINTS, JOINT
from .types import Track

# A length vector holds one entry per bone of BODY_BONES, then these three.
HEAD, HAND, FACE = (len(BODY_BONES) + k for k in range(3))
LENGTHS: Final = len(BODY_BONES) + 3

# A limb that would grow or shrink beyond this against the rest of the body is a wrong detection.
SMALLEST, LARGEST = 0.4, 2.5


def bone(a: str, b: str) -> int:
    """Index in BODY_BONES of the bone from joint `a` to joint `b`."""
    return BODY_BONES.index((JOINT[a], JOINT[b]))


def _mirrored(joint: int) -> int:
    name = BODY_JOINTS[joint]
    return JOINT.get({"l": "r", "r": "l"}.get(name[0], "") + name[1:], joint)


_MIRROR: Final = (*(BODY_BONES.index((_mirrored(a), _mirrored(b))) for a, b in BODY_BONES), HEAD, HAND, FACE)
_TRUNK: Final = (bone("pelvis", "neck"), bone("neck", "r_shoulder"))
_HEAD_BONES: Final = tuple(
    bone(a, b) for a, b in (("nose", "r_eye"), ("r_eye", "r_ear"), ("nose", "l_eye"), ("l_eye", "l_ear"))
)
_FOREARM: Final = bone("r_elbow", "r_wrist")


def track_lengths(track: Track) -> tuple[Tensor, Tensor]:
    """Lengths in pixels and their confidences (0 where they do not count as seen), both [F, LENGTHS]."""
    frames = track.frames
    lengths, weights = torch.zeros(frames, LENGTHS), torch.zeros(frames, LENGTHS)
    if track.body is not None:
        body = track.body.float()
        for index, (a, b) in enumerate(BODY_BONES):
            lengths[:, index], weights[:, index] = distance(body, a, b)
        lengths[:, HEAD] = head_width(body)
        weights[:, HEAD] = (lengths[:, HEAD] > 0).float()
    if track.hands is not None:
        palms = [distance(track.hands.float(), 0, knuckle) for knuckle in (5, 9, 17)]  # F 2
        size, seen = (
            torch.stack([size for size, _ in palms]).mean(0),
            torch.stack([seen for _, seen in palms]).amin(0),
        )
        best = seen.argmax(dim=1, keepdim=True)
        lengths[:, HAND], weights[:, HAND] = size.gather(1, best)[:, 0], seen.gather(1, best)[:, 0]
    if track.face is not None:
        lengths[:, FACE], weights[:, FACE] = (
            face_scale(track.face.landmarks.float()),
            track.face.confidence.float(),
        )
    return lengths, weights * (weights >= SEEN)


def typical_lengths(lengths: Tensor, weights: Tensor) -> Tensor:
    """[N, LENGTHS] samples -> [LENGTHS] medians, left and right alike; nan where never seen."""
    mirror = list(_MIRROR)
    return weighted_median(torch.cat([lengths, lengths[:, mirror]]), torch.cat([weights, weights[:, mirror]]))


def character_lengths(character: Character) -> Tensor:
    """[LENGTHS] in pixels of the first view, from every view that shares a length with the first."""
    samples = [track_lengths(view.pose) for view in character.views]
    first = typical_lengths(*samples[0])
    lengths, weights = [samples[0][0]], [samples[0][1]]
    for view_lengths, view_weights in samples[1:]:
        scale = (first / typical_lengths(view_lengths, view_weights)).nanmedian()
        if torch.isfinite(scale):
            lengths.append(view_lengths * scale)
            weights.append(view_weights)
    return typical_lengths(torch.cat(lengths), torch.cat(weights))


@dataclass(frozen=True)
class Proportions:
    """How a character differs from the driver: `size` times as large, each part `relative` times that."""

    size: float  # character pixels per driver pixel, judged by the trunk; nan where nothing compares
    relative: Tensor  # [LENGTHS], 1 where unknown


def compare(driver: Tensor, character: Tensor) -> Proportions:
    """Compare two length vectors [LENGTHS]."""
    ratio = character / driver
    ratio[torch.isinf(ratio)] = float("nan")  # a length of 0 in the driver says nothing
    size = next((value for value in map(_typical, _evidence(ratio)) if value == value), float("nan"))
    head = _first(ratio[FACE], ratio[HEAD])
    ratio[[*_HEAD_BONES, HEAD, FACE]] = head
    ratio[HAND] = _first(ratio[HAND], ratio[_FOREARM])
    relative = (ratio / size).clamp(SMALLEST, LARGEST)
    return Proportions(size, relative.nan_to_num(nan=1.0))


def _evidence(ratio: Tensor) -> tuple[Tensor, ...]:
    """What tells the size, best first: the trunk, any bone but the head's, the face, the head, the hands."""
    return (
        ratio[list(_TRUNK)],
        ratio[: len(BODY_BONES)],
        ratio[FACE : FACE + 1],
        ratio[HEAD : HEAD + 1],
        ratio[HAND:FACE],
    )


def _typical(ratios: Tensor) -> float:
    return float(ratios.log().nanmean().exp())


def _first(preferred: Tensor, otherwise: Tensor) -> float:
    return float(otherwise if torch.isnan(preferred) else preferred)
