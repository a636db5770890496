"""Proportions: the lengths of a person's bones, hands, head and face, and how two people compare in them.

A bone is measured in metres where the motion has them, because metres do not shrink when a limb points at the
camera, a person sits or stands sideways. Pixels are the fallback.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from .bones import SEEN, distance, head_width, weighted_median
from .character import Character
from .face_frame import face_scale
from .skeleton import BODY_BONES, BODY_JOINTS, JOINT
from .types import Track

# A length vector holds one entry per bone of BODY_BONES, then these four. The neck goes to the middle between
# the ears: a nod does not change its length, as it does that of the bone to the nose.
HEAD, HAND, FACE, NECK = (len(BODY_BONES) + k for k in range(4))
LENGTHS: Final = len(BODY_BONES) + 4

# A limb that would grow or shrink beyond this against the rest of the body is a wrong detection. Heads differ
# more than limbs: an adult has seven to eight heads of height, a drawn character as few as two and a half.
SMALLEST, LARGEST = 0.4, 2.5
KNUCKLES: Final = (5, 9, 17)  # of index, middle and little finger: what a palm's length is taken to
LARGEST_HEAD: Final = 4.0
SAME_DEPTH: Final = 0.1  # metres before or behind the pelvis at which a joint's nearness begins to count
SCALE_JOINTS: Final = 4  # joints that must be seen before a frame tells how large a metre is in it


def bone(a: str, b: str) -> int:
    """Index in BODY_BONES of the bone from joint `a` to joint `b`."""
    return BODY_BONES.index((JOINT[a], JOINT[b]))


def _mirrored(joint: int) -> int:
    name = BODY_JOINTS[joint]
    return JOINT.get({"l": "r", "r": "l"}.get(name[0], "") + name[1:], joint)


_MIRROR: Final = (
    *(BODY_BONES.index((_mirrored(a), _mirrored(b))) for a, b in BODY_BONES),
    HEAD,
    HAND,
    FACE,
    NECK,
)
_TRUNK: Final = (bone("pelvis", "neck"), bone("neck", "r_shoulder"))
_HEAD_BONES: Final = tuple(
    bone(a, b) for a, b in (("nose", "r_eye"), ("r_eye", "r_ear"), ("nose", "l_eye"), ("l_eye", "l_ear"))
)
_FOREARM: Final = bone("r_elbow", "r_wrist")
_TO_NOSE: Final = bone("neck", "nose")


def pixels_per_metre(track: Track) -> Tensor:
    """[F] size of a metre in each frame's picture: what maps metric joints onto those in the picture best.

    Joints at the pelvis' depth tell it best: nearer ones look larger. nan where too
    few joints are seen in both, or where the track has no metric joints.
    """
    if track.body is None or track.world is None:
        return torch.full((track.frames,), float("nan"))
    points, world, depth = track.body[..., :2].float(), track.world[..., :2].float(), track.world[..., 2:]
    weight = track.body[..., 3:].float() * (track.body[..., 3:] >= SEEN)  # F J 1
    enough = (weight > 0).sum(dim=(1, 2)) >= SCALE_JOINTS
    weight = weight / (1 + (depth.float() / SAME_DEPTH).square()).square()
    total = weight.sum(dim=1, keepdim=True).clamp(min=1e-6)
    points = points - (points * weight).sum(dim=1, keepdim=True) / total
    world = world - (world * weight).sum(dim=1, keepdim=True) / total
    spread = (weight * world.square()).sum(dim=(1, 2))
    scale = (weight * points * world).sum(dim=(1, 2)) / spread.clamp(min=1e-9)
    return scale.masked_fill(~(enough & (spread > 1e-6) & (scale > 0)), float("nan"))


def track_lengths(track: Track) -> tuple[Tensor, Tensor]:
    """Lengths in pixels and their confidences (0 where they do not count as seen), both [F, LENGTHS].

    Where the track has metric joints, pixels are those of the track's median distance to the camera.
    """
    frames = track.frames
    metre = pixels_per_metre(track)
    typical = metre.nanmedian()
    lengths, weights = torch.zeros(frames, LENGTHS), torch.zeros(frames, LENGTHS)
    if track.body is not None:
        points, metric = track.body.float(), bool(torch.isfinite(typical))
        if track.world is not None and metric:
            points = torch.cat([track.world.float() * typical, points[..., 3:]], dim=-1)
        for index, (a, b) in enumerate(BODY_BONES):
            lengths[:, index], weights[:, index] = _length(points, a, b, metric)
        lengths[:, HEAD], weights[:, HEAD] = _length(points, JOINT["r_ear"], JOINT["l_ear"], metric)
        if not metric:
            lengths[:, HEAD] = head_width(points)
            weights[:, HEAD] = (lengths[:, HEAD] > 0).float()
        neck = torch.stack([points[:, JOINT["neck"]], ears_middle(points)], dim=1)
        lengths[:, NECK], weights[:, NECK] = _length(neck, 0, 1, metric)
    if track.hands is not None:
        hands = track.hands.float()
        knuckles = hands[:, :, list(KNUCKLES)]  # F 2 3 4
        size = (knuckles[..., :3] - hands[:, :, :1, :3]).norm(dim=-1).mean(dim=-1)
        seen = torch.minimum(knuckles[..., 3].amin(dim=-1), hands[:, :, 0, 3])
        best = seen.argmax(dim=1, keepdim=True)
        lengths[:, HAND], weights[:, HAND] = size.gather(1, best)[:, 0], seen.gather(1, best)[:, 0]
    if track.face is not None:
        lengths[:, FACE], weights[:, FACE] = (
            face_scale(track.face.landmarks.float()),
            track.face.confidence.float(),
        )
    nearer = (typical / metre).nan_to_num(nan=1.0)
    lengths[:, [HAND, FACE]] *= nearer[:, None]
    return lengths, weights * (weights >= SEEN)


def ears_middle(points: Tensor) -> Tensor:
    """[F, 25, 4] -> [F, 4] the point between the ears, as sure as the less sure one."""
    ears = points[:, [JOINT["l_ear"], JOINT["r_ear"]]]
    return torch.cat([ears[..., :3].mean(dim=1), ears[..., 3:].amin(dim=1)], dim=-1)


def _length(points: Tensor, a: int, b: int, metric: bool) -> tuple[Tensor, Tensor]:
    """As `distance`, but with all of the depth where it is known in metres."""
    length, seen = distance(points, a, b)
    return ((points[..., a, :3] - points[..., b, :3]).norm(dim=-1) if metric else length), seen


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
    measured: Tensor  # [LENGTHS] the same before it was limited; nan where unknown


def compare(driver: Tensor, character: Tensor) -> Proportions:
    """Compare two length vectors [LENGTHS]."""
    ratio = character / driver
    ratio[torch.isinf(ratio)] = float("nan")  # a length of 0 in the driver says nothing
    size = next((value for value in map(_typical, _evidence(ratio)) if value == value), float("nan"))
    head = _first(ratio[FACE], ratio[HEAD])
    ratio[[*_HEAD_BONES, HEAD, FACE]] = head
    ratio[NECK] = _first(ratio[NECK], ratio[_TO_NOSE])
    ratio[HAND] = _first(ratio[HAND], ratio[_FOREARM])
    measured = ratio / size
    largest = torch.full((LENGTHS,), LARGEST)
    largest[[*_HEAD_BONES, _TO_NOSE, NECK, HEAD, FACE]] = LARGEST_HEAD
    relative = torch.minimum(measured.clamp(min=SMALLEST), largest)
    return Proportions(size, relative.nan_to_num(nan=1.0), measured)


def _evidence(ratio: Tensor) -> tuple[Tensor, ...]:
    """What tells the size, best first: the trunk, any bone but the head's, the face, the head, the hands."""
    return (
        ratio[list(_TRUNK)],
        ratio[: len(BODY_BONES)],
        ratio[FACE : FACE + 1],
        ratio[HEAD : HEAD + 1],
        ratio[HAND : HAND + 1],
    )


def _typical(ratios: Tensor) -> float:
    return float(ratios.log().nanmean().exp())


def _first(preferred: Tensor, otherwise: Tensor) -> float:
    return float(otherwise if torch.isnan(preferred) else preferred)
