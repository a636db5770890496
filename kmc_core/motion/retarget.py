"""Retargeting: one person's motion moved onto a character with other proportions, in its picture's pixels.

Body: the driver's bone directions with the character's bone lengths. Lengths are medians over all frames and
all views, so that one foreshortened frame does not shorten a limb. Then hands reach for what they touched and
feet stand where they stood. Hands ride on the wrists, the face on the head.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..errors import KMCError
from .bones import SEEN, turned, walk, weighted_median
from .character import Character
from .intent import find_intent
from .keep_touching import keep_touching
from .mix import metric_points, mix_points
from .part import track_of
from .placement import NOSE, OFTEN, ROOTS, PlacementMode, Plan, plan_placement
from .proportions import (
    HAND,
    HEAD,
    NECK,
    Proportions,
    character_lengths,
    compare,
    track_lengths,
    typical_lengths,
)
from .retarget_face import move_face
from .skeleton import BODY_BONES, HAND_BONES, JOINT, WRISTS
from .solid import SIDES
from .trajectory import filled
from .types import Intent, Motion, Track

EMPTY: Final[Mapping[int, Tensor]] = MappingProxyType({})


def retarget(
    motion: Motion,
    subject: Character,
    *,
    placement: PlacementMode = "match picture",
    track: int = 0,
    body_strength: float = 1.0,
    face_strength: float = 1.0,
    hand_strength: float = 1.0,
    keep_contacts: bool = True,
    judged_by: Motion | None = None,
) -> Motion:
    """The motion of one track as `subject` would do it: one track, in pixels of the subject's first picture.

    "match picture" starts from the picture: the character keeps its size and, at the driver's median
    position, its place: that of the pelvis, else (in a bust shot) those of the neck and of the head, each by
    itself. "match video" keeps the driver's framing: the video's frame is fitted into the picture, and the
    character takes the driver's place and overall size there, with its own proportions. In both, feet that
    stand on the ground stay on it.

    `keep_contacts` lets hands reach for what the driver's touch (face, other hand, hips, arms), and feet
    stand where the driver's stand; feet only at body strength 1. The result carries the intent: the
    driver's own, or what is found in its movements.

    Strengths scale the departure from rest, bone by bone at constant length, in the picture and in metres
    alike; a driver without depth gets none from the picture. 1 is the driver's motion. 0 is
    the pose in the subject's first view for body and hands (the driver's median where that does not show a
    bone), and the subject's own expression for the face. The head's rotation is always the driver's own,
    unscaled. The subject's expression in its picture counts as its neutral face; the driver's neutral face is
    the median of its calmest frames.

    Lengths, place, ground and the face at rest are judged by all frames of the motion; with `judged_by` by
    those of that motion of the same person, so that what is fitted in pieces fits together.

    Confidences are kept: what was not seen in the driver stays unseen, at 0, 0, 0. A bone never seen in the
    subject gets the length that the driver's has at the subject's size. Raises KMCError when nothing can be
    matched.
    """
    judged = _driver(motion if judged_by is None else judged_by, track)
    driver = track_of(motion, track)
    _check(subject, body=body_strength, face=face_strength, hand=hand_strength)
    first = subject.views[0]
    size = (first.image.shape[-1], first.image.shape[-2])
    intent = _intent(driver, motion.fps)
    standing = _standing(intent if judged is driver else _intent(judged, motion.fps), judged.frames)
    proportions = compare(typical_lengths(*track_lengths(judged)), character_lengths(subject))
    plan = plan_placement(
        placement, judged, motion.size, first.pose, size, proportions, body_strength, standing
    )
    moved = _move_limbs(replace(driver, intent=intent), plan, proportions, body_strength, hand_strength)
    if keep_contacts:
        moved = keep_touching(driver, moved, plan, proportions, motion.fps, body_strength)
    moved = replace(moved, face=move_face(driver, judged.face, moved.body, subject, plan, face_strength))
    return Motion(fps=motion.fps, size=size, tracks=(moved,))


def _check(subject: Character, **strengths: float) -> None:
    if not subject.views:
        raise KMCError(f"Subject '{subject.name}' has no views; create it from at least one picture.")
    for name, value in strengths.items():
        if not (math.isfinite(value) and value >= 0):
            raise KMCError(f"The {name} strength is {value}; give a number from 0 up.")


def _driver(motion: Motion, track: int) -> Track:
    if motion.frames == 0:
        raise KMCError("The motion has no frames; encode a video that shows a person.")
    driver = track_of(motion, track)
    if not any(bool((seen >= SEEN).any()) for seen in _confidences(driver)):
        raise KMCError("Nobody is seen in the motion; encode a video that shows a person.")
    return driver


def _confidences(track: Track) -> list[Tensor]:
    points = [part[..., 3] for part in (track.body, track.hands) if part is not None]
    return points + ([track.face.confidence] if track.face is not None else [])


def _move_limbs(
    driver: Track, plan: Plan, proportions: Proportions, body_strength: float, hand_strength: float
) -> Track:
    """The driver with the character's body and hands; its face is still its own."""
    body = None if driver.body is None else _move_body(driver.body, plan, body_strength)
    return replace(
        driver,
        body=body,
        world=_move_world(driver, plan.pose, proportions, body_strength),
        hands=None if driver.hands is None else _move_hands(driver, body, plan, hand_strength),
    )


def _walk(
    points: Tensor,
    seen: Tensor,
    root: int,
    target: Tensor,
    lengths: Tensor,
    *,
    rest: Mapping[int, Tensor] = EMPTY,
    pinned: Mapping[int, Tensor] = EMPTY,
    strength: float = 1.0,
) -> Tensor:
    """Rebuild the joints [F, J, 3] from the root's new place [F, 3] with each bone's length scaled.

    A joint that is not seen [F, J] is skipped: its children hang on the nearest ancestor that is seen. By
    child joint, `rest` gives the bone's vector, [3] or [F, 3], at strength 0, and `pinned` places [F, 3] that
    need no bone.
    """
    old, new = points.clone(), target[:, None].expand_as(points).clone()
    old[:, root] = filled(points[:, root], seen[:, root])
    face = _before_ears(points, seen)
    for parent, child, index in walk(BODY_BONES, root):
        vector = (points[:, child] - old[:, parent]) * lengths[index]
        if face is not None and {parent, child} == {JOINT["neck"], JOINT["nose"]}:
            ahead = face if child == JOINT["nose"] else -face
            neck = points[:, child] - old[:, parent] - ahead
            vector = neck * lengths[NECK] + ahead * lengths[HEAD]
        if child in rest and strength != 1:
            vector = torch.where(seen[:, parent, None], turned(rest[child], vector, strength), vector)
        here = seen[:, child, None]
        place = pinned[child] if child in pinned else new[:, parent] + vector
        new[:, child] = torch.where(here, place, new[:, parent])
        old[:, child] = torch.where(here, points[:, child], old[:, parent])
    return new


def _before_ears(points: Tensor, seen: Tensor) -> Tensor | None:
    """[F, 3] from the middle between the ears to the nose; None where both ears are never seen."""
    ears, nose = [JOINT["l_ear"], JOINT["r_ear"]], JOINT["nose"]
    whole = seen[:, ears].all(dim=1) & seen[:, nose]
    offset = points[:, nose] - points[:, ears].mean(dim=1)
    return filled(offset, whole) if bool(whole.any()) else None


def _move_body(body: Tensor, plan: Plan, strength: float) -> Tensor:
    """[F, 25, 4] in driver pixels -> the same in character pixels."""
    body = body.float()
    points, seen = body[..., :3], body[..., 3] >= SEEN
    root = next((joint for joint in ROOTS if float(seen[:, joint].float().mean()) > OFTEN), None)
    if root is None:
        root = int(seen.sum(dim=0).argmax())
    start = filled(points[:, root], seen[:, root])
    target = torch.cat([plan.place(start[:, :2]), start[:, 2:] * plan.size], dim=1)
    rest: dict[int, Tensor] = {}
    if strength != 1:
        middle = weighted_median(target, seen[:, root, None].expand_as(target).float()).nan_to_num()
        target = middle + strength * (target - middle)
        rest = _rest(body, plan.pose.body, plan.rest_scale, root, plan.lengths)
    pinned: dict[int, Tensor] = {}
    if plan.nose is not None:
        nose = points[:, JOINT[NOSE]]
        pinned[JOINT[NOSE]] = torch.cat([plan.nose(nose[:, :2]), nose[:, 2:] * plan.size], dim=1)
    moved = _walk(points, seen, root, target, plan.lengths, rest=rest, pinned=pinned, strength=strength)
    return torch.cat([moved * seen[..., None], body[..., 3:]], dim=-1)


def _rest(joints: Tensor, pose: Tensor | None, scale: float, root: int, lengths: Tensor) -> dict[int, Tensor]:
    """By child joint: the bone's vector [3] in the character's pose [1, 25, 4], else the driver's median.

    A driver without depth gets none from the pose.
    """
    kept = scale * torch.tensor([1.0, 1.0, float(joints[..., 2].any())])
    rest = {}
    for parent, child, index in walk(BODY_BONES, root):
        for points, factor in ((pose, kept), (joints, lengths[index])):
            if points is None:
                continue
            vectors = (points[:, child, :3] - points[:, parent, :3]).float() * factor
            seen = points[:, (parent, child), 3].amin(dim=1) >= SEEN
            if bool(seen.any()):
                rest[child] = weighted_median(vectors, seen[:, None].expand_as(vectors).float())
                break
    return rest


def _move_world(driver: Track, pose: Track, proportions: Proportions, strength: float) -> Tensor | None:
    """The metric joints with the character's proportions at the driver's size; the pelvis stays in place.

    World joints carry no confidence of their own: one is seen where the same joint of the body is. The
    pelvis is their origin, so it is known where it is not seen.
    """
    if driver.world is None:
        return None
    world, root = metric_points(driver.world.float(), driver.body), JOINT["pelvis"]
    points, seen = world[..., :3], world[..., 3] >= SEEN
    rest = {} if strength == 1 else _world_rest(world, pose, root, proportions.relative)
    moved = _walk(points, seen, root, points[:, root], proportions.relative, rest=rest, strength=strength)
    return moved * seen[..., None]


def _world_rest(world: Tensor, pose: Track, root: int, lengths: Tensor) -> dict[int, Tensor]:
    """By child joint: the bone's vector [F, 3] at rest, in every frame as long as the bone is there."""
    shown = pose.body if pose.world is None else metric_points(pose.world, pose.body)
    rest = _rest(world, shown, 1.0, root, lengths)
    for parent, child, index in walk(BODY_BONES, root):
        if child in rest:
            length = (world[:, child, :3] - world[:, parent, :3]).norm(dim=-1, keepdim=True)
            rest[child] = normalize(rest[child], dim=0) * length * lengths[index]
    return rest


def _move_hands(driver: Track, body: Tensor | None, plan: Plan, strength: float) -> Tensor:
    """[F, 2, 21, 4]: each hand scaled about the body's wrist, or placed as a whole where no wrist is seen."""
    assert driver.hands is not None
    hands = driver.hands.float().clone()
    for side, wrist in enumerate(WRISTS):
        hand = hands[:, side]
        start = hand[:, 0, :2]
        target = plan.place(start)
        if body is not None and driver.body is not None:
            old = driver.body.float()[:, wrist]
            beside = body[:, wrist, :2] + (start - old[:, :2]) * plan.lengths[HAND]
            held = torch.minimum(old[:, 3], hand[:, 0, 3]) >= SEEN
            if bool(held.any()):  # a wrist that flickers does not let its hand jump
                target = target + filled(beside - target, held)
        points = (hand[..., :3] - hand[:, :1, :3]) * plan.lengths[HAND]
        if strength != 1:
            points = _blend_hand(points, hand[..., 3], plan, side, strength)
        points[..., :2] += target[:, None]
        hands[:, side, :, :3] = points * (hand[..., 3:] >= SEEN)
    return hands


def _blend_hand(points: Tensor, confidence: Tensor, plan: Plan, side: int, strength: float) -> Tensor:
    """[F, 21, 3] bone by bone between the character's hand, else the driver's median, and these."""
    shown = None if plan.pose.hands is None else plan.pose.hands.float()[0, side]
    if shown is not None and float(shown[:, 3].amin()) >= SEEN:
        still = (shown[:, :3] - shown[:1, :3]) * plan.rest_scale
        still[:, 2] *= float(points[..., 2].any())  # as for the body: no depth where the driver has none
    else:
        seen = (confidence >= SEEN)[..., None].expand_as(points)
        still = weighted_median(points, seen.float()).nan_to_num()
    rest, full = (torch.cat([end.expand_as(points), confidence[..., None]], -1) for end in (still, points))
    return mix_points(rest, full, torch.full((len(points),), strength), HAND_BONES, 0)[..., :3]


def _intent(driver: Track, fps: float) -> Intent:
    return find_intent(driver, fps) if driver.intent is None else driver.intent


def _standing(intent: Intent, frames: int) -> Tensor:
    """[F, 2] which feet are on the ground, left and right."""
    standing = torch.zeros(frames, 2, dtype=torch.bool)
    for contact in intent.contacts:
        if contact.kind == "foot-ground":
            standing[contact.start : contact.end, SIDES[contact.side]] = True
    return standing
