"""A motion as a mirror shows it: left and right change places, in every part."""

import re
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from .face_mirror import MIRRORED_LANDMARK
from .skeleton import BODY_JOINTS, EXPRESSIONS
from .types import FaceMotion, Intent, Motion, Track

_SIDES: Final = {"l_": "r_", "r_": "l_", "Left": "Right", "Right": "Left", "left": "right", "right": "left"}
MIRRORED_JOINT: Final = tuple(
    BODY_JOINTS.index(re.sub("^[lr]_", lambda side: _SIDES[side[0]], name)) for name in BODY_JOINTS
)
MIRRORED_EXPRESSION: Final = tuple(
    EXPRESSIONS.index(re.sub("(Left|Right)$", lambda side: _SIDES[side[0]], name)) for name in EXPRESSIONS
)


def mirror(motion: Motion) -> Motion:
    """The motion mirrored across the middle of its picture; mirrored twice it has the same bits.

    For that, single precision becomes double where it would round the mirror image, and single again where
    nothing is lost.
    """
    return replace(motion, tracks=tuple(_mirror_track(track, motion.size[0]) for track in motion.tracks))


def _mirror_track(track: Track, width: int) -> Track:
    body, world, hands = track.body, track.world, track.hands
    if body is not None:
        body = _across(body[:, list(MIRRORED_JOINT)], width, body[:, list(MIRRORED_JOINT), 3])
    if world is not None:
        world = world[:, list(MIRRORED_JOINT)] * world.new_tensor([-1, 1, 1])
    if hands is not None:
        hands = _across(hands.flip(1), width, hands.flip(1)[..., 3])
    return Track(
        body=body,
        world=world,
        hands=hands,
        face=None if track.face is None else _mirror_face(track.face, width),
        intent=None if track.intent is None else _mirror_intent(track.intent),
        name=track.name,
    )


def _across(points: Tensor, width: int, seen: Tensor) -> Tensor:
    """Points [..., 2 or more] with x mirrored where they are seen [...]; exact in both directions."""
    exact = points.double()
    x = torch.where(seen > 0, width - exact[..., 0], exact[..., 0])
    exact = torch.cat([x[..., None], exact[..., 1:]], dim=-1)
    short = exact.float()
    return short if torch.equal(short.double(), exact) else exact


def _mirror_face(face: FaceMotion, width: int) -> FaceMotion:
    seen = face.confidence
    landmarks = face.landmarks[:, list(MIRRORED_LANDMARK)]
    flip = face.rotation.new_tensor([-1, 1, 1])
    return FaceMotion(
        landmarks=_across(landmarks, width, seen[:, None].expand(landmarks.shape[:2])),
        expression=face.expression[:, list(MIRRORED_EXPRESSION)],
        rotation=face.rotation * flip[:, None] * flip,
        crop=_across(face.crop, width, seen),
        confidence=face.confidence,
    )


def _mirror_intent(intent: Intent) -> Intent:
    contacts = tuple(replace(c, side="right" if c.side == "left" else "left") for c in intent.contacts)
    actions = tuple(
        replace(a, name=re.sub(r"\b(left|right)\b", lambda side: _SIDES[side[0]], a.name))
        for a in intent.actions
    )
    return Intent(actions, contacts)
