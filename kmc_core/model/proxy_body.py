"""The proxy body: a low-poly person that any Pose can take, so that pixels of one pose find their place in
another.

Axes as in a Motion: x right, y down, z away; the person at rest faces the camera, in metres. Made by
`python -m kmc_core.training.export_proxy`.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from ..motion.bones import SEEN
from ..motion.face_mesh import RIGID
from ..motion.skeleton import BODY_JOINTS, FACE_LANDMARKS, JOINT
from .limbs import Pose

FILE: Final = Path(__file__).with_name("proxy_body.safetensors")
BODY, HAND = 25, 21
HAND_AT: Final = (BODY, BODY + HAND)  # where the left and the right hand's joints begin
KNUCKLES: Final = (5, 9, 17)  # index, middle and little finger


class Part(NamedTuple):
    """One rigid part between joints a and b that hangs on its parent; `nearer` metres that it is drawn nearer
    than its joints say: hands lie on the body, and found depths are rough.
    """

    name: str
    a: int
    b: int
    parent: int
    nearer: float = 0.0


def _parts() -> tuple[Part, ...]:
    neck, pelvis = JOINT["neck"], JOINT["pelvis"]
    parts = [Part("hips", pelvis, neck, 1), Part("chest", neck, pelvis, 1), Part("head", neck, JOINT["nose"], 1)]
    for side, hand in zip("lr", HAND_AT, strict=True):
        shoulder, elbow, wrist = (JOINT[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
        hip, knee, ankle, toe = (JOINT[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "big_toe"))
        first = len(parts)
        parts += [
            Part(f"{side}_upper_arm", shoulder, elbow, 1),
            Part(f"{side}_forearm", elbow, wrist, first, 0.01),
            Part(f"{side}_hand", hand, hand + KNUCKLES[1], first + 1, 0.02),
            Part(f"{side}_thigh", hip, knee, 0),
            Part(f"{side}_shin", knee, ankle, first + 3),
            Part(f"{side}_foot", ankle, toe, first + 4),
        ]
        for finger in range(5):
            for joint in range(3):
                a = hand + 1 + 4 * finger + joint
                parent = len(parts) - 1 if joint else first + 2
                parts.append(Part(f"{side}_finger{finger + 1}_{joint + 1}", a, a + 1, parent, 0.02))
    return tuple(parts)


PARTS: Final = _parts()
NAMES: Final = {part.name: index for index, part in enumerate(PARTS)}
HIPS, CHEST, HEAD = 0, 1, 2
HANDS: Final = (NAMES["l_hand"], NAMES["r_hand"])
ARMS: Final = (NAMES["l_upper_arm"], NAMES["r_upper_arm"])
HANGING: Final = (0.15, 1.0, 0.05)  # the direction of a left arm that is not seen; at rest the body spreads its arms
FINGERS: Final = tuple(k for k, part in enumerate(PARTS) if "finger" in part.name)
WRISTS: Final = (JOINT["l_wrist"], JOINT["r_wrist"])
SHOULDERS: Final = [JOINT["r_shoulder"], JOINT["l_shoulder"]]
# Joints that tell the width of the trunk's two ends.
SIDES: Final = ((JOINT["r_hip"], JOINT["l_hip"]), (JOINT["r_shoulder"], JOINT["l_shoulder"]))
STRETCH: Final = 1.4  # the trunk is at most this much longer or wider than the average person's
LEAN: Final = 0.25  # depth over length of a spine in the picture
ABOVE: Final = [k for k, n in enumerate(BODY_JOINTS) if n.endswith(("nose", "neck", "shoulder", "elbow", "wrist", "eye", "ear"))]
ABOVE += range(BODY, BODY + 2 * HAND)
OPPOSITE: Final = -0.99  # a bone that points against its rest direction has no smallest rotation
HEAD_JOINTS: Final = tuple(JOINT[name] for name in ("nose", "r_eye", "l_eye", "r_ear", "l_ear"))
# Pairs of joints whose distance tells the size of a person.
MEASURED: Final = tuple(
    (JOINT[a], JOINT[b])
    for a, b in (
        ("neck", "pelvis"), ("l_shoulder", "r_shoulder"), ("l_hip", "r_hip"),
        *((f"{s}_{a}", f"{s}_{b}") for s in "lr" for a, b in (
            ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))),
    )
)  # fmt: skip


class ProxyBody(NamedTuple):
    """The mesh at rest: the skin's vertices, then the 478 face landmarks, then those of a shell, if any."""

    vertices: Tensor  # [V, 3]
    parts: Tensor  # [V, 4] the parts that move a vertex
    weights: Tensor  # [V, 4] how much
    triangles: Tensor  # [T, 3] counter-clockwise seen from outside
    part: Tensor  # [T] the part that a triangle belongs to
    joints: Tensor  # [67, 3] body, left hand, right hand
    skin: int  # vertices before the landmarks
    solid: int  # triangles before those of a shell


class Posture(NamedTuple):
    """Where every part of the body is in F frames: x = linear @ (rest - start) + place."""

    linear: Tensor  # [F, P, 3, 3] pixels per metre
    place: Tensor  # [F, P, 3] pixels
    known: Tensor  # [F, P]
    landmarks: Tensor  # [F, 478, 3] pixels, at the head's depth
    scale: Tensor  # [F] pixels per metre


@cache
def proxy_body() -> ProxyBody:
    """The body that is shipped."""
    file = load_file(FILE)
    landmarks, skin = file["landmarks"], len(file["vertices"])
    head = torch.full((len(landmarks), file["parts"].shape[1]), HEAD)
    only = torch.eye(file["parts"].shape[1])[:1].expand(len(landmarks), -1)
    parts, weights = torch.cat((file["parts"].long(), head)), torch.cat((file["weights"], only))
    triangles = torch.cat((file["triangles"].long(), file["face_triangles"].long() + skin))
    return ProxyBody(
        torch.cat((file["vertices"], landmarks)),
        parts,
        weights,
        triangles,
        parts[:, 0][triangles].mode(1).values,
        file["joints"],
        skin,
        len(triangles),
    )


def sizes(body: ProxyBody, pose: Pose) -> Tensor:
    """[F, M] pixels per metre by every length that tells a person's size, nan where it is not seen."""
    points, seen = pose.body[..., :3], pose.body[..., 3] >= SEEN
    a, b = (list(ends) for ends in zip(*MEASURED, strict=True))
    ratio = (points[:, a] - points[:, b]).norm(dim=-1) / (body.joints[a] - body.joints[b]).norm(dim=-1)
    ratio = torch.where(seen[:, a] & seen[:, b], ratio, torch.nan)
    _, head, _, head_seen = _head_fit(body, pose)
    return torch.cat((ratio, torch.where(head_seen, head, torch.nan)[:, None]), 1)


def take_posture(body: ProxyBody, pose: Pose, scale: Tensor, widths: Tensor) -> Posture:
    """Put the body into the poses of F frames; scale [F] in pixels per metre, widths [P] across every bone.

    A joint that was not seen lies where it is at rest, seen from the part that it hangs on.
    """
    rest = body.joints
    points = torch.cat((pose.body, pose.hands.flatten(1, 2)), 1)
    points, seen = points[..., :3].clone(), points[..., 3] >= SEEN
    for start, wrist in zip(HAND_AT, WRISTS, strict=True):
        points[:, start : start + HAND, 2] += points[:, wrist, None, 2]
    _straighten_trunk(points)
    head_turn, head_scale, head_place, head_seen = _head_fit(body, pose)
    _complete_trunk(points, seen, rest, scale, head_place)
    turns = {HIPS: _trunk_turn(points, rest, "hip"), CHEST: _trunk_turn(points, rest, "shoulder")}
    neck = JOINT["neck"]
    turns[HEAD] = torch.where(head_seen[:, None, None], head_turn, turns[CHEST])
    known = [seen[:, JOINT["pelvis"]], seen[:, neck] | seen[:, SHOULDERS].any(1), head_seen]
    linear = [
        _stretched(turns[k], points, rest, PARTS[k], scale, widths[k], SIDES[k]) for k in (HIPS, CHEST)
    ]
    linear.append(turns[HEAD] * torch.where(head_seen, head_scale, scale)[:, None, None])
    for k, part in list(enumerate(PARTS))[HEAD + 1 :]:
        above = turns[part.parent]
        _hang(points, seen, rest, scale, above, [part.a], PARTS[part.parent].b)
        if k in ARMS:
            _hang_arm(points, seen, rest, scale, above, part)
        else:
            _hang(points, seen, rest, scale, above, [part.b], part.a)
        start, end = part.a, part.b
        turns[k] = _swung(above, F.normalize(rest[end] - rest[start], dim=0), points[:, end] - points[:, start])
        known.append(seen[:, start] & seen[:, end])
        if k in HANDS:
            _hang(points, seen, rest, scale, above, range(start + 1, start + HAND), start)
            turns[k] = torch.where(seen[:, start, None, None], _palm_turn(points, rest, start), above)
            known[k] = known[k] | known[part.parent]
        if k in FINGERS:
            known[k] = known[part.parent]
        linear.append(_stretched(turns[k], points, rest, part, scale, widths[k]))
    place = points[:, [part.a for part in PARTS]]
    place[:, HEAD] = torch.where(head_seen[:, None], head_place, points[:, neck])
    sunk = points[:, neck, 2] - place[:, HEAD, 2]  # landmarks know no depth of their own
    by_face = pose.face_seen >= SEEN
    place[:, HEAD, 2] += torch.where(by_face, sunk, 0)
    landmarks = pose.landmarks.clone()
    landmarks[..., 2] += sunk[:, None]
    linear = torch.stack(linear, 1)
    at_rest = (linear[:, HEAD] @ (body.vertices[body.skin : body.skin + FACE_LANDMARKS] - rest[neck]).mT).mT + place[:, HEAD, None]
    landmarks = torch.where(by_face[:, None, None], landmarks, at_rest)
    place[..., 2] -= scale[:, None] * torch.tensor([part.nearer for part in PARTS])
    return Posture(linear, place, torch.stack(known, 1), landmarks, scale)


def posed_vertices(body: ProxyBody, posture: Posture, frame: int) -> Tensor:
    """[V, 3] the vertices in one frame, by linear blend skinning; the face's are its landmarks."""
    affine = blended(body, posture, frame, body.parts, body.weights)
    vertices = (affine[..., :3] @ body.vertices[..., None])[..., 0] + affine[..., 3]
    vertices[body.skin : body.skin + FACE_LANDMARKS] = posture.landmarks[frame]
    return vertices


def blended(body: ProxyBody, posture: Posture, frame: int, parts: Tensor, weights: Tensor) -> Tensor:
    """[V, 3, 4] the affine map from rest to one frame of vertices held by parts [V, 4] with weights [V, 4]."""
    starts = body.joints[[part.a for part in PARTS]]
    linear = posture.linear[frame]
    offset = posture.place[frame] - (linear @ starts[..., None])[..., 0]
    affine = torch.cat((linear, offset[..., None]), -1)
    return (affine[parts] * weights[..., None, None]).sum(1)


def _straighten_trunk(points: Tensor) -> None:
    """Let shoulders, arms and head lean no further than LEAN from the pelvis, in place: found depths make upright
    people lean by chance, each picture another way.
    """
    spine = points[:, JOINT["neck"]] - points[:, JOINT["pelvis"]]
    most = LEAN * spine[:, :2].norm(dim=-1)
    points[:, ABOVE, 2] += (spine[:, 2].clamp(-most, most) - spine[:, 2])[:, None]


def _complete_trunk(points: Tensor, seen: Tensor, rest: Tensor, scale: Tensor, head_neck: Tensor) -> None:
    """Give neck, shoulders, pelvis and hips a place where they were not seen, in place."""
    neck, left, right = JOINT["neck"], JOINT["l_shoulder"], JOINT["r_shoulder"]
    points[:, neck] = torch.where(seen[:, neck, None], points[:, neck], head_neck)
    to_left, to_right = points[:, left] - points[:, neck], points[:, right] - points[:, neck]
    upright = points.new_tensor((1.0, 0.0, 0.0))
    across = torch.where(seen[:, left, None], to_left, torch.where(seen[:, right, None], -to_right, upright))
    across = torch.where((seen[:, left] & seen[:, right])[:, None], to_left - to_right, across)
    down = torch.where(
        seen[:, JOINT["pelvis"], None], points[:, JOINT["pelvis"]] - points[:, neck], upright.roll(1)
    )
    turn = _frame(across, down) @ _frame(rest[left] - rest[right], rest[JOINT["pelvis"]] - rest[neck]).mT
    trunk = [left, right, JOINT["pelvis"]]
    _hang(points, seen, rest, scale, turn, trunk, neck)
    _hang(points, seen, rest, scale, turn, [JOINT["l_hip"], JOINT["r_hip"]], JOINT["pelvis"])


def _hang(
    points: Tensor, seen: Tensor, rest: Tensor, scale: Tensor, turn: Tensor, joints: Iterable[int], origin: int
) -> None:
    """Unseen joints as they lie at rest from `origin`, turned [F, 3, 3], in place."""
    for joint in joints:
        hung = points[:, origin] + scale[:, None] * (turn @ (rest[joint] - rest[origin]))
        points[:, joint] = torch.where(seen[:, joint, None], points[:, joint], hung)


def _hang_arm(points: Tensor, seen: Tensor, rest: Tensor, scale: Tensor, turn: Tensor, part: Part) -> None:
    """Lower an unseen elbow beside the trunk, in place."""
    outwards = points.new_tensor(HANGING) * points.new_tensor((rest[part.a, 0].sign(), 1, 1))
    bone = F.normalize(outwards, dim=0) * (rest[part.b] - rest[part.a]).norm()
    hung = points[:, part.a] + scale[:, None] * (turn @ bone)
    points[:, part.b] = torch.where(seen[:, part.b, None], points[:, part.b], hung)


def _trunk_turn(points: Tensor, rest: Tensor, pair: str) -> Tensor:
    """[F, 3, 3] how the trunk is turned, judged by the spine and a pair of joints."""
    ends = JOINT[f"l_{pair}"], JOINT[f"r_{pair}"], JOINT["pelvis"], JOINT["neck"]
    return _frame_of(points, *ends) @ _frame_of(rest, *ends).mT


def _palm_turn(points: Tensor, rest: Tensor, start: int) -> Tensor:
    """[F, 3, 3] how a hand is turned, judged by its knuckles."""
    first, middle, last = (start + knuckle for knuckle in KNUCKLES)
    return _frame_of(points, first, last, middle, start) @ _frame_of(rest, first, last, middle, start).mT


def _frame_of(points: Tensor, left: int, right: int, low: int, high: int) -> Tensor:
    return _frame(points[..., left, :] - points[..., right, :], points[..., low, :] - points[..., high, :])


def _frame(across: Tensor, down: Tensor) -> Tensor:
    """[..., 3, 3] columns: across as far as it is square to down, down, and the third axis."""
    y = F.normalize(down, dim=-1)
    x = F.normalize(across - (across * y).sum(-1, keepdim=True) * y, dim=-1)
    return torch.stack((x, y, torch.linalg.cross(x, y)), -1)


def _swung(turn: Tensor, rest: Tensor, bone: Tensor) -> Tensor:
    """The smallest rotation that takes a bone that follows turn [F, 3, 3] onto bone [F, 3], after that turn."""
    u, v = turn @ rest, F.normalize(bone, dim=-1)
    w, c = torch.linalg.cross(u, v), (u * v).sum(-1).clamp(min=OPPOSITE)[:, None, None]
    skew = torch.linalg.cross(w[:, None].expand(-1, 3, -1), torch.eye(3).expand(len(w), 3, 3), dim=-1).mT
    return (torch.eye(3) + skew + skew @ skew / (1 + c)) @ turn


def _stretched(
    turn: Tensor,
    points: Tensor,
    rest: Tensor,
    part: Part,
    scale: Tensor,
    width: Tensor,
    side: tuple[int, int] | None = None,
) -> Tensor:
    """[F, 3, 3] a part's rotation, as long as its bone is, `width` times as thick as the average person's; a
    part with joints at its `side` is as broad as they lie apart.
    """
    across = scale * width
    linear = turn * across[:, None, None]
    if side is not None:
        stretch, axis = _length_ratio(points, rest, *side)
        stretch = stretch.clamp(scale / STRETCH, scale * STRETCH) - scale
        linear = linear + (width * stretch[:, None, None] * turn) @ torch.outer(axis, axis)
    length, axis = _length_ratio(points, rest, part.a, part.b)
    if side is not None:
        length = length.clamp(scale / STRETCH, scale * STRETCH)
    return linear + ((length - across)[:, None, None] * turn) @ torch.outer(axis, axis)


def _length_ratio(points: Tensor, rest: Tensor, a: int, b: int) -> tuple[Tensor, Tensor]:
    """[F] pixels per metre between two joints, and their direction at rest."""
    step = rest[b] - rest[a]
    return (points[:, b] - points[:, a]).norm(dim=-1) / step.norm(), F.normalize(step, dim=0)


def _head_fit(body: ProxyBody, pose: Pose) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Turn [F, 3, 3], size [F], place of the neck [F, 3] of the head, and whether it is seen [F].

    The similarity of the face's rigid landmarks, or where no face is seen of nose, eyes and ears.
    """
    rigid, joints, neck = list(RIGID), list(HEAD_JOINTS), body.joints[JOINT["neck"]]
    landmarks = pose.landmarks[:, rigid]
    by_face = _similarity(
        body.vertices[body.skin :][rigid] - neck, landmarks, torch.ones_like(landmarks[..., 0])
    )
    seen = pose.body[:, joints, 3] >= SEEN
    by_joints = _similarity(body.joints[joints] - neck, pose.body[:, joints, :3], seen.to(landmarks))
    face = pose.face_seen >= SEEN
    turn, size, place = (
        torch.where(face.view(-1, *[1] * (a.ndim - 1)), a, b)
        for a, b in zip(by_face, by_joints, strict=True)
    )
    return turn, size, place, face | (seen.sum(1) >= 3)


def _similarity(rest: Tensor, points: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rotation [F, 3, 3], scale [F] and shift [F, 3] that take rest [N, 3] onto points [F, N, 3] (Umeyama
    1991).
    """
    share = (weight / weight.sum(1, keepdim=True).clamp(min=1e-6))[..., None]
    p0, q0 = (rest * share).sum(1), (points * share).sum(1)
    p, q = rest - p0[:, None], points - q0[:, None]
    left, strength, right = torch.linalg.svd((q * share).mT @ p)
    sign = torch.ones_like(strength)
    sign[:, 2] = torch.linalg.det(left @ right).sign()
    turn = left * sign[:, None] @ right
    scale = (strength * sign).sum(1) / (p.square() * share).sum((1, 2)).clamp(min=1e-9)
    return turn, scale, q0 - scale[:, None] * (turn @ p0[..., None])[..., 0]
