"""A motion in place and size: moved, scaled, and each part exaggerated or calmed."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import KMCError
from .bones import SEEN, weighted_median
from .face_frame import from_head_frame, neutral_shape, to_head_frame
from .mix import PELVIS, busiest, metric_points, mix_points
from .placement import Placement
from .skeleton import BODY_BONES, HAND_BONES, JOINT, WRISTS
from .trajectory import filled
from .types import FaceMotion, Motion, Track


@dataclass(frozen=True)
class Adjustment:
    """What changes; as it stands, nothing does."""

    right: float = 0.0  # shares of the picture's width and height
    down: float = 0.0
    scale: float = 1.0  # about the person's typical place
    body_gain: float = 1.0  # 1 is as it is, 0 the typical pose, above 1 exaggerates
    hand_gain: float = 1.0
    face_gain: float = 1.0


def adjust(motion: Motion, change: Adjustment) -> Motion:
    """The motion with other gains, then scaled about its typical place, then moved.

    Gains turn bones away from their typical direction and keep their lengths; hands ride on the wrists, the
    face on the nose. The face's gain is that of its expression; the head's turn stays. Metric joints follow
    the body's gain. KMCError for a scale that is not above 0, a gain below 0, or a value that is no number.
    """
    if not all(map(math.isfinite, vars(change).values())) or change.scale <= 0:
        raise KMCError(f"Got {change}; give finite numbers and a scale above 0.")
    if min(change.body_gain, change.hand_gain, change.face_gain) < 0:
        raise KMCError(f"Got {change}; give gains from 0 up.")
    offset = torch.tensor([change.right * motion.size[0], change.down * motion.size[1]])
    tracks = []
    for track in motion.tracks:
        track = _gained(track, change)
        source = typical_place(track)
        tracks.append(placed(track, Placement(source, source + offset, change.scale)))
    return replace(motion, tracks=tuple(tracks))


def typical_place(track: Track) -> Tensor:
    """[2] pixels: the median of the joint that is seen most, else of the face, else of the hands; else 0."""
    candidates = []
    if track.body is not None:
        joint = busiest(track.body[..., 3])
        candidates.append((track.body[:, joint, :2], track.body[:, joint, 3]))
    if track.face is not None:
        candidates.append((track.face.crop[:, :2], track.face.confidence))
    if track.hands is not None:
        candidates += [(track.hands[:, side, 0, :2], track.hands[:, side, 0, 3]) for side in (0, 1)]
    for points, seen in candidates:
        if bool((seen >= SEEN).any()):
            return weighted_median(points.float(), (seen >= SEEN).float()[:, None].expand_as(points))
    return torch.zeros(2)


def placed(track: Track, place: Placement) -> Track:
    """The track with every pixel moved and scaled; what is not seen stays as it is."""

    def points(values: Tensor, seen: Tensor) -> Tensor:
        moved = torch.cat([place(values[..., :2]), values[..., 2:3] * place.scale, values[..., 3:]], dim=-1)
        return torch.where((seen >= SEEN)[..., None], moved, values).to(values)

    if place.scale == 1 and torch.equal(place.source, place.target):
        return track
    body, hands, face = track.body, track.hands, track.face
    if face is not None:
        seen = face.confidence[:, None]
        face = replace(
            face,
            landmarks=points(face.landmarks, seen.expand(face.landmarks.shape[:2])),
            crop=points(face.crop, face.confidence),
        )
    return replace(
        track,
        body=None if body is None else points(body, body[..., 3]),
        hands=None if hands is None else points(hands, hands[..., 3]),
        face=face,
    )


def _gained(track: Track, change: Adjustment) -> Track:
    body, world, hands, face = track.body, track.world, track.hands, track.face
    if body is not None and change.body_gain != 1:
        root = busiest(body[..., 3])
        body = _exaggerated(body.float(), change.body_gain, BODY_BONES, root)
        if world is not None:
            metric = metric_points(world, track.body)
            world = _exaggerated(metric, change.body_gain, BODY_BONES, PELVIS)[..., :3]
    if hands is not None:
        if change.hand_gain != 1:
            sides = [_exaggerated(hands[:, i].float(), change.hand_gain, HAND_BONES, 0, True) for i in (0, 1)]
            hands = torch.stack(sides, dim=1)
        hands = _riding(hands, track.body, body)
    if face is not None:
        face = _on_nose(_expressing(face, change.face_gain), track.body, body)
    return replace(track, body=body, world=world, hands=hands, face=face)


def _exaggerated(
    points: Tensor, gain: float, bones: tuple[tuple[int, int], ...], root: int, keep_root: bool = False
) -> Tensor:
    """Joints [F, J, 4] `gain` times as far from their typical pose; the root too, unless it is kept."""
    seen = points[..., 3] >= SEEN
    start = filled(points[:, root, :3], seen[:, root])[:, None]
    shape = weighted_median(points[..., :3] - start, seen[..., None].expand_as(points[..., :3]).float())
    middle = start if keep_root else weighted_median(start, torch.ones_like(start))
    typical = torch.cat([(shape.nan_to_num() + middle).expand_as(points[..., :3]), points[..., 3:]], dim=-1)
    return mix_points(typical, points, torch.full((len(points),), gain), bones, root)


def _riding(hands: Tensor, before: Tensor | None, after: Tensor | None) -> Tensor:
    """Hands [F, 2, 21, 4] moved as far as the body's wrists were."""
    if before is None or after is None or after is before:
        return hands
    shift = (after - before)[:, WRISTS, :2] * (before[:, WRISTS, 3:] >= SEEN)
    seen = hands[..., 3:] >= SEEN
    return torch.cat([hands[..., :2] + shift[:, :, None] * seen, hands[..., 2:]], dim=-1)


def _on_nose(face: FaceMotion, before: Tensor | None, after: Tensor | None) -> FaceMotion:
    """The face moved as far as the body's nose was."""
    if before is None or after is None or after is before:
        return face
    nose, seen = JOINT["nose"], (face.confidence >= SEEN)[:, None]
    shift = (after - before)[:, nose, :3] * (before[:, nose, 3:] >= SEEN) * seen
    shift = shift * shift.new_tensor([1, 1, 0])
    return replace(face, landmarks=face.landmarks + shift[:, None], crop=face.crop + shift)


def _expressing(face: FaceMotion, gain: float) -> FaceMotion:
    if gain == 1 or not bool((face.confidence >= SEEN).any()):
        return face
    head = to_head_frame(face)
    rest = neutral_shape(face, head.shape)
    landmarks = from_head_frame(replace(head, shape=rest + gain * (head.shape - rest)))
    expression = face.expression.clone()
    expression[:, 1:] = (expression[:, 1:] * gain).clamp(0, 1)  # the first is "neutral" itself
    seen = (face.confidence >= SEEN)[:, None, None]
    return replace(face, landmarks=torch.where(seen, landmarks, face.landmarks), expression=expression)
