"""The solid figure behind a pose: points in 3-D and the capsules between them, ready to be drawn.

A head and, in a bust shot, the lower end of the torso have no joints of their own; they follow from those
that are seen. They exist in drawings only: a Motion never holds them.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from .bones import SEEN, TORSO_PER_HAND, TORSO_PER_HEAD, TORSO_PER_SHOULDERS, head_width, torso_length
from .face_mesh import HEAD_JOINTS
from .skeleton import BODY_JOINTS, HAND_BONES, JOINT, LEFT, RIGHT

HAND_START: Final = {LEFT: len(BODY_JOINTS), RIGHT: len(BODY_JOINTS) + 21}
EXTRA: Final = len(BODY_JOINTS) + 42  # first of the derived points
CROWN, JAW, HEAD, SPINE_END, R_WAIST, L_WAIST = range(EXTRA, EXTRA + 6)
HEAD_RADIUS: Final = -1.0  # stands for "half the head's width" in the table below

# Anatomy of an adult in units of the torso (50 cm): half the thickness of each part.
UPPER_ARM, LOWER_ARM, UPPER_LEG, LOWER_LEG, FOOT, NECK, SPINE, PALM, FINGER = (
    0.1, 0.08, 0.16, 0.11, 0.08, 0.1, 0.22, 0.04, 0.02,
)  # fmt: skip


class Capsule(NamedTuple):
    """A line from point `start` to point `end` with a radius in torso lengths."""

    start: int
    end: int
    radius: float


def _hand(side: int) -> tuple[Capsule, ...]:
    first = HAND_START[side]
    palm = Capsule(first, first + 9, PALM)  # wrist to middle knuckle: the hand's axis
    bones = (Capsule(first + a, first + b, FINGER if a else PALM) for a, b in HAND_BONES if (a, b) != (0, 9))
    return (palm, *bones)


def _limb(start: str, end: str, radius: float) -> tuple[Capsule, ...]:
    return (Capsule(JOINT[start], JOINT[end], radius),)


def _foot(side: str) -> tuple[Capsule, ...]:
    heel, toe, small, ankle = (JOINT[f"{side}_{name}"] for name in ("heel", "big_toe", "small_toe", "ankle"))
    return (Capsule(heel, toe, FOOT), Capsule(heel, small, FOOT), Capsule(ankle, toe, FOOT))


# The first capsule of a limb is its axis: depth runs along it.
LIMBS: Final[dict[str, tuple[Capsule, ...]]] = {
    "head": (Capsule(CROWN, JAW, HEAD_RADIUS), Capsule(JOINT["neck"], HEAD, NECK)),
    "torso": (
        Capsule(JOINT["neck"], SPINE_END, SPINE),
        Capsule(JOINT["r_shoulder"], JOINT["l_shoulder"], UPPER_ARM),
    ),
    "r_upper_arm": _limb("r_shoulder", "r_elbow", UPPER_ARM),
    "r_lower_arm": _limb("r_elbow", "r_wrist", LOWER_ARM),
    "l_upper_arm": _limb("l_shoulder", "l_elbow", UPPER_ARM),
    "l_lower_arm": _limb("l_elbow", "l_wrist", LOWER_ARM),
    "r_hand": _hand(RIGHT),
    "l_hand": _hand(LEFT),
    "r_upper_leg": _limb("r_hip", "r_knee", UPPER_LEG),
    "r_lower_leg": _limb("r_knee", "r_ankle", LOWER_LEG),
    "l_upper_leg": _limb("l_hip", "l_knee", UPPER_LEG),
    "l_lower_leg": _limb("l_knee", "l_ankle", LOWER_LEG),
    "r_foot": _foot("r"),
    "l_foot": _foot("l"),
}
TORSO_CORNERS: Final = (JOINT["r_shoulder"], JOINT["l_shoulder"], L_WAIST, R_WAIST)
TORSO_PAD: Final = 0.1  # flesh around the quad of shoulders and hips, torso lengths


@dataclass(frozen=True)
class Figure:
    """Points and measures of F poses in the pixels of the drawing."""

    points: Tensor  # [F, P, 4] x, y, z, confidence: body, left hand, right hand, derived points
    unit: Tensor  # [F] torso length
    head_radius: Tensor  # [F]

    def radii(self, capsules: tuple[Capsule, ...]) -> Tensor:
        """[F, K] radius of each capsule in pixels."""
        return torch.stack(
            [self.head_radius if c.radius == HEAD_RADIUS else self.unit * c.radius for c in capsules], dim=1
        )


def build_figure(
    body: Tensor | None, hands: Tensor | None, face_landmarks: Tensor | None, face_seen: Tensor
) -> Figure:
    """The figure of F poses, all in pixels of the drawing.

    body [F, 25, 4], hands [F, 2, 21, 4] and face_landmarks [F, 478, 3] may each be None; face_seen [F] is the
    face's confidence. Head joints that the body lacks come from the face.
    """
    frames = len(face_seen)
    if body is None:
        body = face_seen.new_zeros(frames, len(BODY_JOINTS), 4)
    if face_landmarks is not None:
        body = _with_head_of_face(body, face_landmarks, face_seen)
    if hands is None:
        hands = body.new_zeros(frames, 2, 21, 4)
    unit = torch.maximum(torso_length(body), TORSO_PER_HAND * _hand_length(hands)).clamp(min=1e-3)
    head = torch.maximum(head_width(body), unit / TORSO_PER_HEAD * 0.8)
    points = torch.cat(
        [body, _hands_in_depth(body, hands), _head_points(body, head), _waist_points(body, unit)], dim=1
    )  # F P 4
    return Figure(points, unit, head / 2)


def _with_head_of_face(body: Tensor, landmarks: Tensor, seen: Tensor) -> Tensor:
    body = body.clone()
    depth = body[:, JOINT["nose"], 2] * (body[:, JOINT["nose"], 3] >= SEEN)
    for name, index in HEAD_JOINTS.items():
        missing = body[:, JOINT[name], 3] < SEEN
        point = torch.cat(
            [landmarks[:, index, :2], (landmarks[:, index, 2] + depth)[:, None], seen[:, None]], dim=1
        )
        body[:, JOINT[name]] = torch.where(missing[:, None], point, body[:, JOINT[name]])
    return body


def _hand_length(hands: Tensor) -> Tensor:
    """[F, 2, 21, 4] -> [F] wrist to middle knuckle twice, of the larger hand that is seen."""
    length = 2 * (hands[:, :, 9, :3] - hands[:, :, 0, :3]).norm(dim=-1)
    return (length * (hands[:, :, (0, 9), 3].amin(dim=2) >= SEEN)).amax(dim=1) * 0.5


def _hands_in_depth(body: Tensor, hands: Tensor) -> Tensor:
    """[F, 2, 21, 4] with z from the pelvis instead of the wrist -> [F, 42, 4]."""
    wrists = body[:, (JOINT["l_wrist"], JOINT["r_wrist"])]  # F 2 4
    depth = wrists[..., 2] * (wrists[..., 3] >= SEEN)
    hands = hands.clone()
    hands[..., 2] += depth[:, :, None]
    return hands.flatten(1, 2)


def _head_points(body: Tensor, width: Tensor) -> Tensor:
    """Crown, jaw and centre of the head, [F, 3, 4]; crown and jaw are the ends of its capsule's axis."""
    group = body[:, [JOINT[name] for name in HEAD_JOINTS]]  # F 5 4: nose, eyes, ears
    ears = group[:, 3:]
    seen = (group[..., 3:] >= SEEN).to(body.dtype)
    mean = (group[..., :3] * seen).sum(1) / seen.sum(1).clamp(min=1)
    both_ears = ears[..., 3].amin(1, keepdim=True) >= SEEN
    centre = torch.where(both_ears, ears[..., :3].mean(1), mean)
    neck = body[:, JOINT["neck"]]
    stand = torch.where(neck[:, 3:] >= SEEN, centre[:, :2] - neck[:, :2], centre.new_tensor([0.0, -1.0]))
    across = (ears[:, 1, :2] - ears[:, 0, :2]) * both_ears / width[:, None]
    up = torch.nn.functional.pad(_square_to(across, stand), (0, 1))
    confidence = group[..., 3].amax(1, keepdim=True)
    ends = (centre + up * width[:, None] * offset for offset in (0.3, -0.3, 0.0))
    return torch.stack([torch.cat([end, confidence], dim=1) for end in ends], dim=1)


def _waist_points(body: Tensor, unit: Tensor) -> Tensor:
    """Lower end of the spine, right and left hip, [F, 3, 4]; hung from the shoulders without hips."""
    right, left, neck, nose = (body[:, JOINT[name]] for name in ("r_shoulder", "l_shoulder", "neck", "nose"))
    hang = torch.where(nose[:, 3:] >= SEEN, neck[:, :2] - nose[:, :2], neck.new_tensor([0.0, 1.0]))
    down = _square_to((left - right)[:, :2] * TORSO_PER_SHOULDERS / unit[:, None], hang)
    drop = torch.nn.functional.pad(down * unit[:, None], (0, 2))
    confidence = torch.minimum(right[:, 3], left[:, 3])
    middle = (right + left) / 2
    hung = torch.stack(
        [middle + drop, middle + 0.7 * (right - middle) + drop, middle + 0.7 * (left - middle) + drop], 1
    )
    hung[..., 3] = confidence[:, None]
    hips = body[:, (JOINT["pelvis"], JOINT["r_hip"], JOINT["l_hip"])]
    return torch.where((hips[..., 3].amin(1) >= SEEN)[:, None, None], hips, hung)


def _square_to(across: Tensor, towards: Tensor) -> Tensor:
    """Unit vectors [F, 2] square to `across` (about 1 long seen from the front) on the side of `towards`.

    The shorter `across` (a side view), the more `towards` itself decides.
    """
    square = torch.stack([-across[:, 1], across[:, 0]], dim=1)
    square = square * torch.where((square * towards).sum(1, keepdim=True) < 0, -1.0, 1.0)
    weight = across.norm(dim=1, keepdim=True).clamp(max=1)
    towards = towards / towards.norm(dim=1, keepdim=True).clamp(min=1e-6)
    mixed = square + (1 - weight) * towards
    return mixed / mixed.norm(dim=1, keepdim=True).clamp(min=1e-6)
