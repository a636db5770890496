"""The limbs that the prior moves: their bones in a pose, and the maps that take one pose's limbs to
another's.

All coordinates are pixels of one canvas; F target frames at once.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..motion.bones import SEEN
from ..motion.skeleton import HEAD_JOINTS, JOINT

MIRRORED: Final = 0.5  # a fitted size this far off the body's own is no size


class Part(NamedTuple):
    """A cut-out around the bone a-b."""

    name: str
    a: str
    b: str
    radius: float  # half width over the torso's length: typical of adults, only decides who owns a pixel
    nearer: float  # torso lengths that it is drawn nearer than its joints say: hands lie on the body


PARTS: Final = (
    Part("torso", "neck", "pelvis", 0.30, 0.0),
    Part("head", "neck", "crown", 0.27, 0.10),
    *(
        Part(f"{side}_{name}", f"{side}_{a}", f"{side}_{b}", radius, nearer)
        for side in ("l", "r")
        for name, a, b, radius, nearer in (
            ("upper_arm", "shoulder", "elbow", 0.11, 0.02),
            ("forearm", "elbow", "wrist", 0.09, 0.04),
            ("hand", "wrist", "fingers", 0.11, 0.06),
            ("thigh", "hip", "knee", 0.16, -0.01),
            ("shin", "knee", "ankle", 0.12, 0.0),
            ("foot", "ankle", "toes", 0.11, 0.01),
        )
    ),
)
TORSO, HEAD = 0, 1
_TORSO_JOINTS = [JOINT[name] for name in ("r_shoulder", "l_shoulder", "r_hip", "l_hip")]


@dataclass(frozen=True)
class Pose:
    """Joints in canvas pixels: body [F, 25, 4], hands [F, 2, 21, 4], face landmarks [F, 478, 3] and
    confidence [F].
    """

    body: Tensor
    hands: Tensor
    landmarks: Tensor
    face_seen: Tensor


class Bones(NamedTuple):
    """End points [F, P, 2] of every part, their depth [F, P], whether they are known [F, P], torso length
    [F].
    """

    a: Tensor
    b: Tensor
    depth: Tensor
    known: Tensor
    scale: Tensor


def bones(pose: Pose) -> Bones:
    """Where every part's bone lies. Unknown hips are taken below the shoulders, unknown toes and fingers
    along the limb.
    """
    body = pose.body
    xy, z, seen = body[..., :2], body[..., 2], body[..., 3] >= SEEN
    points = {name: (xy[:, k], z[:, k], seen[:, k]) for name, k in JOINT.items()}
    shoulders = (xy[:, JOINT["l_shoulder"]] - xy[:, JOINT["r_shoulder"]]).norm(dim=-1)
    neck, pelvis = points["neck"], points["pelvis"]
    trunk = (pelvis[0] - neck[0]).norm(dim=-1)
    # Shoulders are about 0.75 of a torso apart; seen from the side they shrink, a seen trunk does not.
    scale = torch.where(pelvis[2], torch.maximum(trunk, shoulders), shoulders * 1.35).clamp(min=1.0)
    across = xy[:, JOINT["l_shoulder"]] - xy[:, JOINT["r_shoulder"]]
    down = F.normalize(torch.stack((-across[:, 1], across[:, 0]), -1), dim=-1)
    below = neck[0] + down * down[:, 1:].sign() * scale[:, None]
    points["pelvis"] = (torch.where(pelvis[2][:, None], pelvis[0], below), pelvis[1] * pelvis[2], neck[2])
    points["crown"] = _crown(points, xy, seen)
    for k, side in enumerate(("l", "r")):
        points[f"{side}_fingers"] = _fingers(points, pose.hands[:, k], side, scale)
        points[f"{side}_toes"] = _toes(points, side, scale)
    a, b = ([points[getattr(part, end)] for part in PARTS] for end in ("a", "b"))
    nearer = scale[:, None] * torch.tensor([part.nearer for part in PARTS], device=body.device)
    depth = torch.stack([(p[1] + q[1]) / 2 for p, q in zip(a, b, strict=True)], 1) - nearer
    known = torch.stack([p[2] & q[2] for p, q in zip(a, b, strict=True)], 1)
    return Bones(torch.stack([p[0] for p in a], 1), torch.stack([q[0] for q in b], 1), depth, known, scale)


def _crown(points: dict[str, tuple], xy: Tensor, seen: Tensor) -> tuple:
    """Top of the head: from the neck through the middle of the seen head joints, once more as far."""
    weight = seen[:, HEAD_JOINTS].to(xy)[..., None]
    middle = (xy[:, HEAD_JOINTS] * weight).sum(1) / weight.sum(1).clamp(min=1)
    neck = points["neck"]
    return (
        neck[0] + (middle - neck[0]) * 1.7,
        points["nose"][1] * points["nose"][2],
        neck[2] & (weight.sum((1, 2)) > 0),
    )


def _fingers(points: dict[str, tuple], hand: Tensor, side: str, scale: Tensor) -> tuple:
    wrist, elbow = points[f"{side}_wrist"], points[f"{side}_elbow"]
    along = F.normalize(wrist[0] - elbow[0], dim=-1) * scale[:, None] * 0.3
    seen = hand[:, 9, 3] >= SEEN
    knuckle = wrist[0] + (hand[:, 9, :2] - hand[:, 0, :2]) * 1.8  # 1.8: the middle finger's half-bent tip
    return torch.where(seen[:, None], knuckle, wrist[0] + along), wrist[1], wrist[2] & elbow[2]


def _toes(points: dict[str, tuple], side: str, scale: Tensor) -> tuple:
    ankle, toe = points[f"{side}_ankle"], points[f"{side}_big_toe"]
    down = ankle[0] + torch.stack((torch.zeros_like(scale), scale * 0.2), -1)
    return torch.where(toe[2][:, None], toe[0], down), ankle[1], ankle[2]


def part_transforms(source: Pose, here: Bones, target: Pose, there: Bones) -> tuple[Tensor, Tensor, Tensor]:
    """Affine maps [F, P, 2, 3] from target to source pixels, one a part; how much less [F, P] a part is
    stretched beyond the ends of its bone (the round end of a lengthened limb keeps its shape); and
    source over target size [F, P].
    """
    across = _size_ratio(here, there)
    direction = F.normalize(there.b - there.a, dim=-1)
    direction_source = F.normalize(here.b - here.a, dim=-1).expand_as(direction)
    length = (there.b - there.a).norm(dim=-1).clamp(min=1e-3)
    along = ((here.b - here.a).norm(dim=-1) / length).clamp(0.25, 4.0)
    # A limb that points at the camera is shorter, not thinner.
    linear = along[..., None, None] * _outer(direction_source, direction)
    linear = linear + across[:, None, None, None] * _outer(_normal(direction_source), _normal(direction))
    transforms = torch.cat((linear, (here.a - (linear @ there.a[..., None])[..., 0])[..., None]), -1)
    fitted = {
        TORSO: _fit_similarity(source.body[:, _TORSO_JOINTS], target.body[:, _TORSO_JOINTS]),
        HEAD: _fit_head(source, target),
    }
    beyond, sizes = across[:, None] / along, across[:, None].expand_as(along).clone()
    for part, (fit, usable) in fitted.items():
        size = fit[:, :, 0].norm(dim=-1)
        # Points that mirror (a person turned past the side) fit only a speck: then the bone alone decides.
        usable = usable & (size > across * MIRRORED) & (size < across / MIRRORED)
        transforms[:, part] = torch.where(usable[:, None, None], fit, transforms[:, part])
        beyond[:, part] = torch.where(usable, 1.0, beyond[:, part])
        sizes[:, part] = torch.where(usable, size, sizes[:, part])
    return transforms, beyond, sizes


def _size_ratio(here: Bones, there: Bones) -> Tensor:
    """Source over target body size [F]: one number for the clip, since a person does not grow."""
    seen = there.scale[there.known.any(1)]
    ratio = here.scale[0] / seen.median() if len(seen) else here.scale.new_ones(())
    return ratio.expand(len(there.scale))


def _fit_head(source: Pose, target: Pose) -> tuple[Tensor, Tensor]:
    """The similarity of the face landmarks where both faces are seen, else that of nose, eyes and ears."""
    joints, usable = _fit_similarity(source.body[:, HEAD_JOINTS], target.body[:, HEAD_JOINTS])
    seen = (source.face_seen >= SEEN) & (target.face_seen >= SEEN)
    landmarks, _ = _fit_similarity(_weighted(source.landmarks), _weighted(target.landmarks))
    return torch.where(seen[:, None, None], landmarks, joints), usable | seen


def _weighted(landmarks: Tensor) -> Tensor:
    return torch.cat((landmarks, torch.ones_like(landmarks[..., :1])), -1)


def _fit_similarity(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Least-squares similarity [F, 2, 3] from target to source points (x, y, _, confidence), and where it
    is determined.
    """
    weight = ((source[..., 3] >= SEEN) & (target[..., 3] >= SEEN)).to(source)[..., None]
    total = weight.sum(1).clamp(min=1e-6)
    p, q = target[..., :2], source[..., :2].expand_as(target[..., :2])
    p0, q0 = (p * weight).sum(1) / total, (q * weight).sum(1) / total
    p, q = (p - p0[:, None]) * weight, (q - q0[:, None]) * weight
    size = p.pow(2).sum((1, 2)).clamp(min=1e-6)
    c = (p * q).sum((1, 2)) / size
    s = (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).sum(1) / size
    linear = torch.stack((torch.stack((c, -s), -1), torch.stack((s, c), -1)), -2)
    offset = q0 - (linear @ p0[..., None])[..., 0]
    enough = weight.sum((1, 2)) >= 3
    return torch.cat((linear, offset[..., None]), -1), enough


def _normal(v: Tensor) -> Tensor:
    return torch.stack((-v[..., 1], v[..., 0]), -1)


def _outer(a: Tensor, b: Tensor) -> Tensor:
    return a[..., :, None] * b[..., None, :]
