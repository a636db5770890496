"""Between two poses: bones turn and keep their lengths, heads take the shortest turn."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .bones import SEEN, turned, walk
from .face_frame import HeadFrame, from_head_frame, to_head_frame
from .rotations import slerp
from .skeleton import BODY_BONES, HAND_BONES, JOINT
from .trajectory import filled
from .types import FaceMotion, Track

PELVIS = JOINT["pelvis"]


def mix_tracks(a: Track, b: Track, share: Tensor) -> Track:
    """`share` [F] of the way from track `a` to track `b`, which have the same parts; intent and name of `a`.

    A point that only one of the two sees is taken from that one, at its bone.
    """
    body = world = hands = face = None
    if a.body is not None and b.body is not None:
        root = busiest(torch.minimum(a.body[..., 3], b.body[..., 3]))
        body = mix_points(a.body, b.body, share, BODY_BONES, root)
    if a.world is not None and b.world is not None:
        points = metric_points(a.world, a.body), metric_points(b.world, b.body)
        world = mix_points(*points, share, BODY_BONES, PELVIS)[..., :3]
    if a.hands is not None and b.hands is not None:
        sides = [mix_points(a.hands[:, i], b.hands[:, i], share, HAND_BONES, 0) for i in (0, 1)]
        hands = torch.stack(sides, dim=1)
    if a.face is not None and b.face is not None:
        face = _mix_faces(a.face, b.face, share)
    return replace(a, body=body, world=world, hands=hands, face=face)


def metric_points(world: Tensor, body: Tensor | None) -> Tensor:
    """[F, 25, 4] the metric joints with the body's confidence; the pelvis, their origin, is always known."""
    seen = torch.ones_like(world[..., 0]) if body is None else body[..., 3].to(world)
    seen = seen.index_fill(1, torch.tensor([PELVIS]), 1.0)
    return torch.cat([world, seen[..., None]], dim=-1)


def busiest(confidence: Tensor) -> int:
    """The joint of [F, J] that is seen most often; the pelvis where it is no worse than the others."""
    seen = (confidence >= SEEN).sum(dim=0)
    return PELVIS if seen[PELVIS] == seen.max() else int(seen.argmax())


def mix_points(a: Tensor, b: Tensor, share: Tensor, bones: Sequence[tuple[int, int]], root: int) -> Tensor:
    """Joints [F, J, 4] between those of `a` and `b`, walked along the bones from the root.

    Below 0 and above 1 the share exaggerates. A joint hangs on its nearest ancestor that both see.
    """
    a, b = a.float(), b.float()
    share, old = share.float()[:, None], [a.clone(), b.clone()]
    for points in old:
        points[:, root, :3] = filled(points[:, root, :3], points[:, root, 3] >= SEEN)
    new, out = torch.zeros_like(a[..., :3]), torch.zeros_like(a)
    new[:, root] = torch.lerp(old[0][:, root, :3], old[1][:, root, :3], share)
    out[:, root] = _chosen(a[:, root], b[:, root], new[:, root], share)
    for parent, child, _ in walk(bones, root):
        ways = [points[:, child, :3] - points[:, parent, :3] for points in old]
        seen = [points[:, child, 3] >= SEEN for points in (a, b)]
        way = torch.where(seen[1][:, None], ways[1], ways[0])
        both = (seen[0] & seen[1])[:, None]
        place = new[:, parent] + torch.where(both, turned(ways[0], ways[1], share), way)
        out[:, child] = _chosen(a[:, child], b[:, child], place, share)
        new[:, child] = torch.where(both, place, new[:, parent])
        for points in old:
            points[:, child, :3] = torch.where(both, points[:, child, :3], points[:, parent, :3])
    return out


def _chosen(a: Tensor, b: Tensor, place: Tensor, share: Tensor) -> Tensor:
    """A joint [F, 4] at `place` with the confidence that the two give it; 0 where neither sees it."""
    seen_a, seen_b = a[:, 3:] >= SEEN, b[:, 3:] >= SEEN
    mixed = torch.lerp(a[:, 3:], b[:, 3:], share.clamp(0, 1))
    confidence = torch.where(seen_a & seen_b, mixed, torch.where(seen_a, a[:, 3:], b[:, 3:]))
    return torch.cat([place, confidence], dim=-1) * (seen_a | seen_b)


def _mix_faces(a: FaceMotion, b: FaceMotion, share: Tensor) -> FaceMotion:
    seen_a, seen_b = a.confidence >= SEEN, b.confidence >= SEEN
    heads = to_head_frame(a), to_head_frame(b)
    wide = share.to(heads[0].centre)

    def between(x: Tensor, y: Tensor) -> Tensor:
        return torch.lerp(x, y.to(x), wide.reshape(-1, *[1] * (x.ndim - 1)).to(x))

    head = HeadFrame(
        between(heads[0].centre, heads[1].centre),
        between(heads[0].scale, heads[1].scale),
        slerp(heads[0].rotation, heads[1].rotation, wide),
        between(heads[0].shape, heads[1].shape),
    )
    mixed = FaceMotion(
        from_head_frame(head),
        between(a.expression, b.expression).clamp(0, 1),
        head.rotation,
        between(a.crop, b.crop),
        between(a.confidence, b.confidence).clamp(0, 1),
    )

    def chosen(name: str) -> Tensor:
        own, other, both = getattr(a, name), getattr(b, name), getattr(mixed, name)
        shape = (-1, *[1] * (own.ndim - 1))
        single = torch.where(seen_b.reshape(shape) & ~seen_a.reshape(shape), other.to(own), own)
        return torch.where((seen_a & seen_b).reshape(shape), both.to(own), single)

    return FaceMotion(**{name: chosen(name) for name in vars(a)})
