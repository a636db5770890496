"""Camera moves as a path of the picture: for engines that follow points and have no camera of their own.

A turning, rising or zooming camera moves the whole picture by a similarity (scale, rotation, shift) that is
the same for every point of a frame. `camera_path` gives it for each frame, `apply_camera` moves a motion
along it; whoever moves a background uses the same path. Parallax, which an orbit is made of, is no
similarity: such moves leave the picture as it is. Whoever moves finished pictures (engines/filmed.py) can
have the whole path kept inside of them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import torch
from torch import Tensor

from ..errors import KMCError
from .types import FaceMotion, Motion, Track

CameraKind = Literal[
    "static", "pan", "tilt", "zoom", "dolly", "crane", "roll", "orbit", "follow", "handheld"
]  # fmt: skip
CameraDirection = Literal["", "left", "right", "up", "down", "in", "out"]
CameraSpeed = Literal["slow", "normal", "fast"]

DIRECTIONS: Final[Mapping[CameraKind, tuple[CameraDirection, ...]]] = {
    "static": ("",),
    "pan": ("left", "right"),
    "tilt": ("up", "down"),
    "zoom": ("in", "out"),
    "dolly": ("in", "out", "left", "right"),
    "crane": ("up", "down"),
    "roll": ("left", "right"),
    "orbit": ("", "left", "right"),
    "follow": ("",),
    "handheld": ("",),
}
NOT_FLAT: Final[tuple[CameraKind, ...]] = ("orbit", "follow", "handheld")  # no similarity shows these

# How far a move has come by its end: the person stays in the picture even when it is fast.
SHIFT: Final[Mapping[CameraSpeed, float]] = {"slow": 0.1, "normal": 0.2, "fast": 0.35}  # of width or height
ZOOM: Final[Mapping[CameraSpeed, float]] = {"slow": 1.15, "normal": 1.3, "fast": 1.6}
ROLL: Final[Mapping[CameraSpeed, float]] = {"slow": 5, "normal": 10, "fast": 20}  # degrees
BEYOND: Final = 0.01  # pixels that are no edge: paths are kept in single precision


@dataclass(frozen=True)
class CameraMove:
    """One move, named after what the camera does: a camera that pans left moves the picture to the right."""

    kind: CameraKind
    direction: CameraDirection = ""
    speed: CameraSpeed = "normal"

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS[self.kind]:
            known = ", ".join(direction or "none" for direction in DIRECTIONS[self.kind])
            raise KMCError(f"A camera's {self.kind} has the direction {known}, got '{self.direction}'.")

    @property
    def flat(self) -> bool:
        """True when a similarity of the picture shows this move."""
        return self.kind not in NOT_FLAT

    def __str__(self) -> str:
        speed = "" if self.speed == "normal" else self.speed
        return " ".join(part for part in (self.kind, self.direction, speed) if part)


@dataclass(frozen=True)
class Camera:
    """What the camera does in a clip. Moves of one kind follow each other in equal shares of the clip; moves
    of different kinds go on together. No moves: nobody said.
    """

    moves: tuple[CameraMove, ...] = ()


def camera_path(camera: Camera, frames: int, size: tuple[int, int], *, strength: float = 1.0) -> Tensor:
    """[F, 2, 3]: for each frame the similarity from pixels of a still camera to pixels of this one.

    `size` is width and height of the picture, whose middle stays in place under zoom and roll. Frame 0 is the
    identity; every move starts and ends at rest. `strength` scales how far moves go. Raises KMCError for a
    strength that is no number from 0 up.
    """
    if not (math.isfinite(strength) and strength >= 0):
        raise KMCError(f"The camera's strength is {strength}; give a number from 0 up.")
    width, height = size
    time = torch.linspace(0, 1, max(frames, 2), dtype=torch.float64)[:frames]
    x, y, zoom, angle = (torch.zeros_like(time) for _ in range(4))
    for move in camera.moves:
        same = [other for other in camera.moves if other.kind == move.kind]
        amount = strength * _eased(time * len(same) - same.index(move))
        sign = -1.0 if move.direction in ("right", "down", "out") else 1.0
        if move.kind == "zoom" or (move.kind == "dolly" and move.direction in ("in", "out")):
            zoom = zoom + sign * amount * math.log(ZOOM[move.speed])
        elif move.kind in ("pan", "dolly"):
            x = x + sign * amount * SHIFT[move.speed] * width
        elif move.kind in ("tilt", "crane"):
            y = y + sign * amount * SHIFT[move.speed] * height
        elif move.kind == "roll":  # a camera that rolls left turns the picture clockwise, in y-down pixels +
            angle = angle + sign * amount * math.radians(ROLL[move.speed])
    cos, sin = zoom.exp() * angle.cos(), zoom.exp() * angle.sin()
    middle = torch.tensor((width / 2, height / 2), dtype=torch.float64)
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)  # F 2 2
    shift = torch.stack([x, y], -1) + middle - turn @ middle  # F 2
    return torch.cat([turn, shift[..., None]], -1).float()  # F 2 3


def kept_inside(path: Tensor, size: tuple[int, int]) -> Tensor:
    """The path [F, 2, 3] in a picture enlarged by what it takes for the camera to see no edge of it.

    All frames are enlarged alike: a pan starts at one side, a zoom out starts nearer. Where there is a
    choice, the middle stays in place. A path that stays inside is left as it is.
    """
    extent = torch.tensor(size, dtype=torch.float64)
    corners = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=torch.float64) * extent  # 4 2
    turn, offset = path[..., :2].double(), path[..., 2:].double()
    seen = (
        torch.linalg.solve(turn, corners.mT - offset).transpose(0, 1).flatten(1)
    )  # 2 4F, of the still picture
    low, high = seen.amin(1), seen.amax(1)
    if (low >= -BEYOND).all() and (high <= extent + BEYOND).all():
        return path
    share = (extent / (high - low)).amin()
    shift = ((1 - share) * extent / 2).maximum(-share * low).minimum(extent - share * high)
    turn = turn / share
    return torch.cat([turn, offset - turn @ shift[:, None]], -1).float()


def apply_camera(motion: Motion, camera: Camera, *, strength: float = 1.0) -> Motion:
    """The motion as this camera films it: every seen point follows `camera_path` of the motion's size.

    Depths and face crops scale with the picture; a roll turns metric joints and head rotations too. What was
    not seen stays as it is; confidences, intent, names and the size are kept. Raises KMCError as camera_path.
    """
    path = camera_path(camera, motion.frames, motion.size, strength=strength)
    return moved_by(motion, path, motion.size)


def moved_by(motion: Motion, path: Tensor, size: tuple[int, int]) -> Motion:
    """The motion in another frame of `size` (width, height), by one similarity for each frame [F, 2, 3]."""
    return replace(motion, size=size, tracks=tuple(_moved(track, path) for track in motion.tracks))


def _eased(share: Tensor) -> Tensor:
    """0..1 with no speed at both ends (smoothstep)."""
    share = share.clamp(0, 1)
    return share * share * (3 - 2 * share)


def _moved(track: Track, path: Tensor) -> Track:
    roll = torch.eye(3).repeat(len(path), 1, 1)
    roll[:, :2, :2] = path[..., :2] / _scale(path)[:, None, None]
    return replace(
        track,
        body=None if track.body is None else _moved_points(track.body, path),
        world=None if track.world is None else track.world @ roll.to(track.world).transpose(1, 2),
        hands=None if track.hands is None else _moved_hands(track.hands, path),
        face=None if track.face is None else _moved_face(track.face, path, roll),
    )


def _scale(path: Tensor) -> Tensor:
    """[F] the zoom of each frame."""
    return path[:, :, 0].norm(dim=-1)


def _moved_points(points: Tensor, path: Tensor) -> Tensor:
    """[F, N, 4] x, y, z, confidence along the path."""
    path = path.to(points)
    xy = points[..., :2] @ path[..., :2].transpose(1, 2) + path[:, None, :, 2]
    z = points[..., 2:3] * _scale(path)[:, None, None]
    moved = torch.cat([xy, z, points[..., 3:]], -1)
    return torch.where(points[..., 3:] > 0, moved, points)


def _moved_hands(hands: Tensor, path: Tensor) -> Tensor:
    """[F, 2, 21, 4] along the path."""
    return _moved_points(hands.flatten(1, 2), path).unflatten(1, hands.shape[1:3])


def _moved_face(face: FaceMotion, path: Tensor, roll: Tensor) -> FaceMotion:
    seen = face.confidence
    landmarks = torch.cat([face.landmarks, seen[:, None, None].expand_as(face.landmarks[..., :1])], -1)
    crop = torch.cat([face.crop, seen[:, None]], -1)[:, None]  # F 1 4: the side scales as a depth does
    return replace(
        face,
        landmarks=_moved_points(landmarks, path)[..., :3],
        crop=_moved_points(crop, path)[:, 0, :3],
        rotation=torch.where(seen[:, None, None] > 0, roll.to(face.rotation) @ face.rotation, face.rotation),
    )
