"""The proxy body in the poses of a motion."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..motion.bones import SEEN
from ..motion.face_mesh import OVAL, RIGID
from ..motion.skeleton import BODY_JOINTS, FACE_LANDMARKS, HEAD_JOINTS, JOINT, WRISTS
from .limbs import Pose
from .proxy_body import (
    ARMS,
    CHEST,
    FINGERS,
    HAND,
    HAND_AT,
    HANDS,
    HEAD,
    HIPS,
    KNUCKLES,
    PARTS,
    TWISTED,
    Part,
    ProxyBody,
)

NECK, PELVIS = JOINT["neck"], JOINT["pelvis"]
SHOULDERS: Final = (JOINT["r_shoulder"], JOINT["l_shoulder"])
SIDES: Final = ((JOINT["r_hip"], JOINT["l_hip"]), SHOULDERS)  # joints that tell how broad hips and chest are
TRUNK: Final = [PELVIS, *SIDES[0], *SIDES[1]]
STRETCH: Final = 1.4  # the trunk is at most this much longer or wider than the average person's
SHORTEST: Final = 0.05  # a limb is at least this share of its length
LEAN: Final = 0.25  # depth over length of a spine in the picture
UPPER: Final = ("nose", "neck", "shoulder", "elbow", "wrist", "eye", "ear")
LEANING: Final = [k for k, name in enumerate(BODY_JOINTS) if name.endswith(UPPER)]
# Direction of a left arm that is not seen: the body at rest spreads its arms, people let them hang.
HANGING: Final = (0.15, 1.0, 0.05)
OPPOSITE: Final = -0.99  # a bone that points against its rest direction has no smallest rotation
TWIST: Final = 0.5  # share of a hand's twist that its forearm's lower half takes
# Pairs of joints whose distance tells the size of a person.
MEASURED: Final = tuple(
    (JOINT[a], JOINT[b])
    for a, b in (
        ("neck", "pelvis"), ("l_shoulder", "r_shoulder"), ("l_hip", "r_hip"),
        *((f"{s}_{a}", f"{s}_{b}") for s in "lr" for a, b in (
            ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))),
    )
)  # fmt: skip


def _limbs() -> tuple[tuple[list[int], list[int]], ...]:
    """Joints and parts of hips, arms and legs, after what they hang on; who shows the first two parts shows a
    limb.
    """
    limbs = [([PELVIS, *SIDES[0]], [HIPS])]
    for side, hand in zip("lr", HAND_AT, strict=True):
        arm = [JOINT[f"{side}_{name}"] for name in ("elbow", "wrist")]
        leg = [JOINT[f"{side}_{name}"] for name in ("knee", "ankle", "big_toe", "small_toe", "heel")]
        mine = [k for k, part in enumerate(PARTS) if part.name.startswith(f"{side}_")]
        legs = [k for k in mine if PARTS[k].name.endswith(("thigh", "shin", "foot"))]
        arms = [k for k in mine if k not in legs]
        limbs += [(arm + list(range(hand, hand + HAND)), arms), (leg, legs)]
    return tuple(limbs)


LIMBS: Final = _limbs()


class Posture(NamedTuple):
    """Where every part of the body is in F frames: x = linear @ (rest - start) + place."""

    linear: Tensor  # [F, P, 3, 3] pixels per metre
    place: Tensor  # [F, P, 3] pixels
    known: Tensor  # [F, P]
    landmarks: Tensor  # [F, 478, 3] pixels, at the head's depth
    scale: Tensor  # [F] pixels per metre


def part_sizes(posture: Posture, frame: int) -> Tensor:
    """[P] pixels per metre of every part, the mean of its three directions."""
    size = torch.linalg.det(posture.linear[frame]).abs() ** (1 / 3)
    return size.maximum(posture.scale[frame] / 2)


def sizes(body: ProxyBody, pose: Pose) -> Tensor:
    """[F, M] pixels per metre by every length that tells a person's size, nan where it is not seen."""
    points, seen = pose.body[..., :3], pose.body[..., 3] >= SEEN
    a, b = (list(ends) for ends in zip(*MEASURED, strict=True))
    ratio = (points[:, a] - points[:, b]).norm(dim=-1) / (body.joints[a] - body.joints[b]).norm(dim=-1)
    ratio = torch.where(seen[:, a] & seen[:, b], ratio, torch.nan)
    _, head, _, head_seen = _head_fit(body, pose)
    return torch.cat((ratio, torch.where(head_seen, head, torch.nan)[:, None]), 1)


class InView(NamedTuple):
    """A person in a view: how it holds what a motion does not show."""

    posture: Posture  # of one frame
    rest: Tensor  # [67, 3] joints at rest, those of the trunk as far apart as the person's


def in_view(body: ProxyBody, pose: Pose, posture: Posture) -> InView:
    """The person of a view in its posture."""
    rest, (points, seen) = body.joints.clone(), _joined(pose)
    _complete_trunk(points, seen, rest, posture.scale, _head_fit(body, pose)[2])
    if posture.known[0, CHEST]:
        apart = (points[0, TRUNK] - points[0, NECK]) @ _trunk_turn(points, rest, "shoulder")[0]
        rest[TRUNK] = rest[NECK] + apart / posture.scale
    return InView(posture, rest)


def take_posture(
    body: ProxyBody, pose: Pose, scale: Tensor, widths: Tensor, view: InView | None = None
) -> Posture:
    """Put the body into the poses of F frames; scale [F] in pixels per metre, widths [P] across every bone.

    A joint that was not seen lies where it is at rest, seen from the part that it hangs on; hips, an arm or a
    leg of which nothing was seen are held as the person's view shows them.
    """
    rest, (points, seen) = body.joints, _joined(pose)
    turn, size, neck, found = _head_fit(body, pose)
    _complete_trunk(points, seen, rest if view is None else view.rest, scale, neck)
    turns = [_trunk_turn(points, rest, pair) for pair in ("hip", "shoulder")]
    known = [seen[:, PELVIS], seen[:, (NECK, *SHOULDERS)].any(1), found]
    linear = [_stretched(turns[k], points, rest, PARTS[k], scale, widths[k], SIDES[k]) for k in (HIPS, CHEST)]
    turns.append(torch.where(found[:, None, None], turn, turns[CHEST]))
    linear.append(turns[HEAD] * torch.where(found, size, scale)[:, None, None])
    for k in range(HEAD + 1, len(PARTS)):
        turn, seen_here = _limb_turn(k, points, seen, rest, scale, turns)
        turns.append(turn)
        known.append(known[PARTS[k].parent] if k in FINGERS else seen_here)
        linear.append(_stretched(turn, points, rest, PARTS[k], scale, widths[k]))
    place = points[:, [part.a for part in PARTS]]
    place[:, HEAD] = torch.where(found[:, None], neck, points[:, NECK])
    landmarks = _place_head(body, pose, place, linear[HEAD], points[:, NECK, 2])
    place[..., 2] -= scale[:, None] * place.new_tensor([part.nearer for part in PARTS])
    posture = Posture(torch.stack(linear, 1), place, torch.stack(known, 1), landmarks, scale)
    return posture if view is None else _held_as(view.posture, posture, seen)


def _held_as(view: Posture, posture: Posture, seen: Tensor) -> Posture:
    """The posture in which every limb of which no joint is seen [F, 67] moves with the part that it hangs on,
    as in a view: whatever hangs between the two stays whole.
    """
    linear, place, known = (x.clone() for x in (posture.linear, posture.place, posture.known))
    for joints, limb in LIMBS:
        trunk = PARTS[limb[0]].parent
        held = known[:, trunk, None] & ~seen[:, joints].any(1, keepdim=True)  # F 1
        held &= view.known[0, [CHEST, trunk, *limb[:2]]].all()
        moved = linear[:, trunk] @ torch.linalg.pinv(view.linear[0, trunk])
        own = moved[:, None] @ view.linear[0, limb]
        at = (view.place[0, limb] - view.place[0, trunk]) @ moved.mT + place[:, trunk, None]
        linear[:, limb] = torch.where(held[..., None, None], own, linear[:, limb])
        place[:, limb] = torch.where(held[..., None], at, place[:, limb])
        known[:, limb] |= held & view.known[0, limb]
    return posture._replace(linear=linear, place=place, known=known)


def _joined(pose: Pose) -> tuple[Tensor, Tensor]:
    """[F, 67, 3] body and hands, these at their wrists' depths, and which are seen [F, 67]; spines lean no
    further than LEAN: found depths make upright people lean by chance, in each picture another way.
    """
    joints = torch.cat((pose.body, pose.hands.flatten(1, 2)), 1)
    points, seen = joints[..., :3].clone(), joints[..., 3] >= SEEN
    spine = points[:, NECK] - points[:, PELVIS]
    most = LEAN * spine[:, :2].norm(dim=-1)
    points[:, LEANING, 2] += (spine[:, 2].clamp(-most, most) - spine[:, 2])[:, None]
    for start, wrist in zip(HAND_AT, WRISTS, strict=True):
        points[:, start : start + HAND, 2] += points[:, wrist, None, 2]
    return points, seen


def _limb_turn(
    k: int, points: Tensor, seen: Tensor, rest: Tensor, scale: Tensor, turns: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """How limb k is turned [F, 3, 3] and whether it is seen [F]; places its unseen joints, in place."""
    part = PARTS[k]
    above, start, end = turns[part.parent], part.a, part.b
    if k in TWISTED:
        hand = PARTS[TWISTED[k]].a
        palm, bone = _palm_turn(points, rest, hand), points[:, end] - points[:, start]
        read = seen[:, [hand, *(hand + knuckle for knuckle in KNUCKLES)]].all(1)
        return _twisted(above, palm, bone, TWIST * read), seen[:, start] & seen[:, end]
    _hang(points, seen, rest, scale, above, [start], PARTS[part.parent].b)
    if k in HANDS:
        _hang(points, seen, rest, scale, above, range(start + 1, start + HAND), start)
        turn = torch.where(seen[:, start, None, None], _palm_turn(points, rest, start), above)
        return turn, seen[:, start] | seen[:, PARTS[part.parent].b]
    if k in ARMS:
        _hang_arm(points, seen, rest, scale, above, part)
    _hang(points, seen, rest, scale, above, [] if k in ARMS else [end], start)
    turn = _swung(above, F.normalize(rest[end] - rest[start], dim=0), points[:, end] - points[:, start])
    return turn, seen[:, start] & seen[:, end]


def _place_head(body: ProxyBody, pose: Pose, place: Tensor, head: Tensor, depth: Tensor) -> Tensor:
    """[F, 478, 3] the landmarks, and the head's place [F, P, 3], in place, at the neck's depth [F]: a face
    knows no depth of its own. Without a face the head's linear map [F, 3, 3] moves the landmarks at rest.
    """
    sunk = depth - place[:, HEAD, 2]
    by_face = pose.face_seen >= SEEN
    place[:, HEAD, 2] += torch.where(by_face, sunk, 0)
    landmarks = pose.landmarks.clone()
    landmarks[..., 2] += sunk[:, None]
    face = body.vertices[body.skin : body.skin + FACE_LANDMARKS] - body.joints[NECK]
    at_rest = (head @ face.mT).mT + place[:, HEAD, None]
    return torch.where(by_face[:, None, None], landmarks, at_rest)


def posed_vertices(body: ProxyBody, posture: Posture, frame: int) -> Tensor:
    """[V, 3] the vertices in one frame, by linear blend skinning; the face's are its landmarks."""
    affine = blended(body, posture, frame, body.parts, body.weights)
    vertices = (affine[..., :3] @ body.vertices[..., None])[..., 0] + affine[..., 3]
    face = slice(body.skin, body.skin + FACE_LANDMARKS)
    # Jaws, temples and foreheads differ as faces do: the skin around a face follows its outline.
    moved = (posture.landmarks[frame] - vertices[face])[list(OVAL)]
    vertices[: body.skin] += body.rim @ moved
    vertices[face] = posture.landmarks[frame]
    return vertices


def blended(body: ProxyBody, posture: Posture, frame: int, parts: Tensor, weights: Tensor) -> Tensor:
    """[V, 3, 4] affine maps from rest to a frame for vertices held by parts [V, 4] with weights [V, 4]."""
    starts = body.joints[[part.a for part in PARTS]]
    linear = posture.linear[frame]
    offset = posture.place[frame] - (linear @ starts[..., None])[..., 0]
    affine = torch.cat((linear, offset[..., None]), -1)
    return (affine[parts] * weights[..., None, None]).sum(1)


def _complete_trunk(points: Tensor, seen: Tensor, rest: Tensor, scale: Tensor, head_neck: Tensor) -> None:
    """Give neck, shoulders, pelvis and hips a place where they were not seen, in place."""
    neck, left, right = NECK, JOINT["l_shoulder"], JOINT["r_shoulder"]
    points[:, neck] = torch.where(seen[:, neck, None], points[:, neck], head_neck)
    to_left, to_right = points[:, left] - points[:, neck], points[:, right] - points[:, neck]
    upright = points.new_tensor((1.0, 0.0, 0.0))
    across = torch.where(seen[:, left, None], to_left, torch.where(seen[:, right, None], -to_right, upright))
    across = torch.where((seen[:, left] & seen[:, right])[:, None], to_left - to_right, across)
    down = torch.where(seen[:, PELVIS, None], points[:, PELVIS] - points[:, neck], upright.roll(1))
    turn = _frame(across, down) @ _frame(rest[left] - rest[right], rest[PELVIS] - rest[neck]).mT
    trunk = [left, right, PELVIS]
    _hang(points, seen, rest, scale, turn, trunk, neck)
    _hang(points, seen, rest, scale, turn, [JOINT["l_hip"], JOINT["r_hip"]], PELVIS)


def _hang(
    points: Tensor,
    seen: Tensor,
    rest: Tensor,
    scale: Tensor,
    turn: Tensor,
    joints: Iterable[int],
    origin: int,
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
    ends = JOINT[f"l_{pair}"], JOINT[f"r_{pair}"], PELVIS, NECK
    return _frame_of(points, *ends) @ _frame_of(rest, *ends).mT


def _twisted(turn: Tensor, end: Tensor, bone: Tensor, share: Tensor) -> Tensor:
    """A turn [F, 3, 3] and a share [F] of the twist about its bone [F, 3] by which the turn `end` differs."""
    v, apart = F.normalize(bone, dim=-1), end @ turn.mT
    axial = torch.stack([apart[:, i, j] - apart[:, j, i] for i, j in ((2, 1), (0, 2), (1, 0))], -1)
    trace = apart.diagonal(dim1=-2, dim2=-1).sum(-1)
    angle = share * 2 * torch.atan2((axial * v).sum(-1), 1 + trace)
    sin, cos, skew = angle.sin()[:, None, None], angle.cos()[:, None, None], _crossing(v)
    return (torch.eye(3, device=turn.device) + sin * skew + (1 - cos) * skew @ skew) @ turn


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
    """Turn [F, 3, 3], then the smallest rotation that takes the bone `rest` [3] onto bone [F, 3]."""
    u, v = turn @ rest, F.normalize(bone, dim=-1)
    c, skew = (u * v).sum(-1).clamp(min=OPPOSITE)[:, None, None], _crossing(torch.linalg.cross(u, v))
    return (torch.eye(3, device=turn.device) + skew + skew @ skew / (1 + c)) @ turn


def _crossing(v: Tensor) -> Tensor:
    """[F, 3, 3] matrices whose product with a vector is the cross product of v [F, 3] with it."""
    eye = torch.eye(3, device=v.device).expand(len(v), 3, 3)
    return torch.linalg.cross(v[:, None].expand(-1, 3, -1), eye, dim=-1).mT


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
    length = length.clamp(scale / STRETCH, scale * STRETCH) if side else length.maximum(scale * SHORTEST)
    return linear + ((length - across)[:, None, None] * turn) @ torch.outer(axis, axis)


def _length_ratio(points: Tensor, rest: Tensor, a: int, b: int) -> tuple[Tensor, Tensor]:
    """[F] pixels per metre between two joints, and their direction at rest."""
    step = rest[b] - rest[a]
    return (points[:, b] - points[:, a]).norm(dim=-1) / step.norm(), F.normalize(step, dim=0)


def _head_fit(body: ProxyBody, pose: Pose) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Turn [F, 3, 3], size [F], place of the neck [F, 3] of the head, and whether it is seen [F].

    The similarity of the face's rigid landmarks, or where no face is seen of nose, eyes and ears.
    """
    rigid, joints, neck = list(RIGID), list(HEAD_JOINTS), body.joints[NECK]
    landmarks = pose.landmarks[:, rigid]
    by_face = _similarity(
        body.vertices[body.skin :][rigid] - neck, landmarks, torch.ones_like(landmarks[..., 0])
    )
    seen = pose.body[:, joints, 3] >= SEEN
    by_joints = _similarity(body.joints[joints] - neck, pose.body[:, joints, :3], seen.to(landmarks))
    face = pose.face_seen >= SEEN
    turn, size, place = (
        torch.where(face.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in zip(by_face, by_joints, strict=True)
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
