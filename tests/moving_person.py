"""A person made of numbers who waves, sways, nods and smiles: motions whose every joint is known."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.types import FaceMotion, Motion, Track
from kmc_core.subject.types import Subject, View

WIDTH, HEIGHT = 640, 720

# Metres, pelvis at the origin, x right in the picture, y down, z away: a person who faces the camera.
TRUNK = {
    "pelvis": (0, 0, 0), "neck": (0, -0.5, 0), "r_shoulder": (-0.18, -0.48, 0),
    "l_shoulder": (0.18, -0.48, 0),
    "r_hip": (-0.1, 0, 0), "l_hip": (0.1, 0, 0),
    "r_knee": (-0.11, 0.42, -0.03), "l_knee": (0.13, 0.42, -0.03),
    "r_ankle": (-0.12, 0.84, 0), "l_ankle": (0.15, 0.84, 0),
    "r_heel": (-0.12, 0.9, 0.05), "l_heel": (0.15, 0.9, 0.05),
    "r_big_toe": (-0.14, 0.91, -0.14), "l_big_toe": (0.17, 0.91, -0.14),
    "r_small_toe": (-0.19, 0.91, -0.11), "l_small_toe": (0.22, 0.91, -0.11),
}  # fmt: skip
HEAD = {
    "nose": (0, 0.02, -0.1), "r_eye": (-0.033, -0.02, -0.07), "l_eye": (0.033, -0.02, -0.07),
    "r_ear": (-0.075, 0, 0.02), "l_ear": (0.075, 0, 0.02),
}  # fmt: skip
LEG = ("knee", "ankle", "heel", "big_toe", "small_toe")
UPPER_ARM, FOREARM, HAND = 0.28, 0.26, 0.18


@dataclass(frozen=True)
class Build:
    """Proportions against the person above."""

    arm: float = 1.0
    leg: float = 1.0
    head: float = 1.0
    hand: float = 1.0
    face_seed: int = 0


@dataclass(frozen=True)
class Shot:
    """How the person is filmed."""

    scale: float = 300.0  # pixels a metre
    centre: tuple[float, float] = (320.0, 380.0)  # the pelvis' place
    visible: set[str] = field(default_factory=lambda: set(JOINT))


def face_shape(seed: int) -> Tensor:
    """[478, 3] an ellipsoid with bumps, in metres: everybody has their own bumps."""
    rng = torch.Generator().manual_seed(seed)
    points = torch.randn(478, 3, generator=torch.Generator().manual_seed(99))
    points = points / points.norm(dim=1, keepdim=True) * torch.tensor([0.075, 0.11, 0.08])
    return points + 0.004 * torch.randn(478, 3, generator=rng)


def turn(yaw: Tensor, pitch: Tensor) -> Tensor:
    """[F] angles -> [F, 3, 3] head to camera."""
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    about_y = torch.stack([yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos()], -1)
    about_x = torch.stack(
        [one, zero, zero, zero, pitch.cos(), -pitch.sin(), zero, pitch.sin(), pitch.cos()], -1
    )
    return about_y.view(-1, 3, 3) @ about_x.view(-1, 3, 3)


def person(
    frames: int = 25, build: Build | None = None, shot: Shot | None = None, *, amount: float = 1.0
) -> Motion:
    """One track with every part. Frame 0 is the calm pose that is also the median of the movement."""
    build, shot = build or Build(), shot or Shot()
    phase = 2 * math.pi * torch.arange(frames) / frames
    swing = amount * phase.sin()
    sway = torch.stack([0.05 * swing, 0.03 * swing, torch.zeros(frames)], dim=1)  # F 3 metres
    joints = torch.zeros(frames, 25, 3)
    for name, place in TRUNK.items():
        joints[:, JOINT[name]] = torch.tensor(place, dtype=torch.float32) + sway
    for side in "rl":
        for name in LEG:
            hip = joints[:, JOINT[f"{side}_hip"]]
            joints[:, JOINT[f"{side}_{name}"]] = hip + (joints[:, JOINT[f"{side}_{name}"]] - hip) * build.leg
    hands = torch.zeros(frames, 2, 21, 4)
    hands[..., 3] = 1
    for row, (side, out) in enumerate((("l", 1.0), ("r", -1.0))):
        _wave(joints, hands[:, row], side, out, swing, build)
    rotation = turn(0.4 * swing, 0.2 * swing)
    head = joints[:, JOINT["neck"]] + torch.tensor([0, -0.13 - 0.11 * build.head, 0])
    for name, place in HEAD.items():
        joints[:, JOINT[name]] = head + build.head * (rotation @ torch.tensor(place, dtype=torch.float32))
    smile = (amount * phase.cos().neg()).clamp(min=0)
    face = _face(build, head, rotation, smile, shot)
    centre = torch.tensor([*shot.centre, 0.0])
    body = torch.cat([joints * shot.scale + centre, torch.ones(frames, 25, 1)], dim=-1)
    for name, index in JOINT.items():
        if name not in shot.visible:
            body[:, index] = 0
    hands[..., :3] = hands[..., :3] * shot.scale
    wrists = (
        torch.stack([joints[:, JOINT["l_wrist"]], joints[:, JOINT["r_wrist"]]], dim=1) * shot.scale + centre
    )
    hands[..., :2] += wrists[:, :, None, :2]
    track = Track(body=body, world=joints - joints[:, JOINT["pelvis"], None], hands=hands, face=face)
    return Motion(25.0, (WIDTH, HEIGHT), (track,))


def _wave(joints: Tensor, hand: Tensor, side: str, out: float, swing: Tensor, build: Build) -> None:
    """Both arms swing in the picture's plane; the fingers point along the forearm."""
    shoulder = joints[:, JOINT[f"{side}_shoulder"]]
    upper, fore = 0.6 + 0.5 * swing, 0.9 + 1.2 * swing
    flat = torch.zeros_like(swing)
    direction = torch.stack([out * upper.sin(), upper.cos(), flat], dim=1)
    elbow = shoulder + UPPER_ARM * build.arm * direction
    along = torch.stack([out * fore.sin(), fore.cos(), flat], dim=1)
    wrist = elbow + FOREARM * build.arm * along
    joints[:, JOINT[f"{side}_elbow"]], joints[:, JOINT[f"{side}_wrist"]] = elbow, wrist
    for finger in range(5):
        spread = fore + out * (finger - 2) * 0.25
        ray = torch.stack([out * spread.sin(), spread.cos(), flat], dim=1)
        for joint in range(4):
            hand[:, 1 + 4 * finger + joint, :3] = ray * HAND * build.hand * (0.5 + 0.17 * joint)


def _face(build: Build, head: Tensor, rotation: Tensor, smile: Tensor, shot: Shot) -> FaceMotion:
    shape = face_shape(build.face_seed)
    lips = torch.zeros(478, 3)
    lips[61], lips[291], lips[17] = (
        torch.tensor([-0.01, -0.01, 0]),
        torch.tensor([0.01, -0.01, 0]),
        torch.tensor([0, 0.02, 0]),
    )
    shape = shape + smile[:, None, None] * lips  # F 478 3
    landmarks = build.head * (shape @ rotation.transpose(1, 2)) * shot.scale
    landmarks[..., :2] += head[:, None, :2] * shot.scale + torch.tensor(shot.centre)
    expression = torch.zeros(len(smile), 52)
    expression[:, 44] = expression[:, 45] = smile
    side = torch.full((len(smile), 1), 0.3 * build.head * shot.scale)
    crop = torch.cat([head[:, :2] * shot.scale + torch.tensor(shot.centre), side], dim=1)
    return FaceMotion(landmarks, expression, rotation, crop, torch.ones(len(smile)))


def at(track: Track, frame: int) -> Track:
    """One frame of a track."""
    face = track.face

    def cut(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor[frame : frame + 1]

    return Track(
        cut(track.body),
        cut(track.world),
        cut(track.hands),
        None
        if face is None
        else FaceMotion(*(getattr(face, name)[frame : frame + 1] for name in vars(face))),
    )


def view(pose: Track, *, size: tuple[int, int] = (WIDTH, HEIGHT), yaw: float = 0.0) -> View:
    """A grey picture (width, height) with this pose."""
    return View(torch.full((3, size[1], size[0]), 0.5), torch.ones(1, size[1], size[0]), pose, yaw, "full")


def character(build: Build | None = None, shot: Shot | None = None) -> Subject:
    """A subject whose picture shows the calm pose."""
    return Subject("someone", (view(at(person(1, build, shot).tracks[0], 0)),))
