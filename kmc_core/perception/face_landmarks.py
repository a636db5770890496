"""Faces from the host's FACE_LANDMARKS, the output of its MediaPipe face landmarker.

FACE_LANDMARKS is a dict: "image_size" (height, width) and "frames", for each frame a list with a dict for
each face: "landmarks_xy" [478, 2] in pixels, "landmarks_3d" [478, 3] in the net's crop, "blendshapes"
{name: 0..1} and "presence", a logit. Faces have no order that lasts from frame to frame.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import KMCError
from ..motion.skeleton import EXPRESSIONS, FACE_LANDMARKS, HEAD_JOINTS
from ..motion.types import FaceMotion, Motion, Track
from .extract import NO_FACE
from .face import face_motion
from .join import add_parts
from .matching import least_cost
from .stream import require_fps
from .who import Sighting, WhoIsWho, middle

AT_HEAD = 1.0  # of its size: how far a face may be from the head of the body that it belongs to


def from_face_landmarks(faces: Mapping[str, Any], fps: float, motion: Motion | None = None) -> Motion:
    """The motion with these faces: each at the head of its person, where `motion` knows bodies; else each
    that is followed through the clip joins the person that it is of (`join.join_people`).

    KMCError for another form, no faces, or another clip or frame rate.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise KMCError(f"The frame rate is {fps}; give a number above 0.")
    frames, size = _frames(faces)
    if motion is not None:
        require_fps(motion, fps, "the faces' video")
    if motion is not None and (motion.frames, motion.size) != (len(frames), size):
        raise KMCError(
            f"The motion has {motion.frames} frames of {motion.size}, the faces {len(frames)} of {size}; "
            "detect the faces in the motion's own video."
        )
    read = [[_face(face, index) for face in group] for index, group in enumerate(frames)]
    tracks = () if motion is None else motion.tracks
    bodies = [track.body for track in tracks if track.body is not None]
    placed = _at_heads(read, bodies) if bodies else _followed(read, fps, size)
    if not placed:
        raise KMCError(NO_FACE)
    parts = [Track(face=_motion(seen, len(frames), fps)) for seen in placed]
    return add_parts(motion or Motion(fps, size, ()), parts)


Face = tuple[Tensor, Tensor, float]  # landmarks [478, 3], expression [52], confidence


KEYS = ("landmarks_xy", "landmarks_3d", "blendshapes", "presence")  # of a face of the host


def _frames(faces: Mapping[str, Any]) -> tuple[Sequence[Sequence[Mapping[str, Any]]], tuple[int, int]]:
    frames = faces.get("frames") if isinstance(faces, Mapping) else None
    size = faces.get("image_size") if isinstance(faces, Mapping) else None
    if not isinstance(frames, Sequence) or not frames or size is None or len(size) != 2:
        raise KMCError("The face landmarks hold no frames; connect Detect Face Landmarks (MediaPipe).")
    return frames, (int(size[1]), int(size[0]))


def _face(face: Mapping[str, Any], frame: int) -> Face:
    if missing := [key for key in KEYS if key not in face]:
        raise KMCError(
            f"A face in frame {frame} lacks {', '.join(missing)}; connect Detect Face Landmarks (MediaPipe)."
        )
    flat, deep = (torch.as_tensor(face[key]).float() for key in ("landmarks_xy", "landmarks_3d"))
    if flat.shape != (FACE_LANDMARKS, 2) or deep.shape != (FACE_LANDMARKS, 3):
        raise KMCError(
            f"A face in frame {frame} has landmarks {list(flat.shape)} and {list(deep.shape)}, expected "
            f"{FACE_LANDMARKS} of 2 and of 3; connect Detect Face Landmarks (MediaPipe)."
        )
    scale = (flat - flat.mean(0)).norm() / (deep - deep.mean(0))[:, :2].norm().clamp(min=1e-6)
    landmarks = torch.cat([flat, deep[:, 2:] * scale], dim=1)
    expression = torch.tensor([float(face["blendshapes"].get(name, 0.0)) for name in EXPRESSIONS])
    return landmarks, expression, float(torch.tensor(face["presence"]).float().sigmoid())


def _at_heads(faces: list[list[Face]], bodies: list[Tensor]) -> list[dict[int, Face]]:
    """The faces at the head of each body [F, 25, 4], by their frames."""
    places = [middle(body, HEAD_JOINTS) for body in bodies]  # F 2
    placed: list[dict[int, Face]] = [{} for _ in bodies]
    for frame, group in enumerate(faces):
        ways = [[_way(face, place[frame]) for place in places] for face in group]
        for face, column in zip(group, least_cost(ways, AT_HEAD), strict=True):
            if column is not None:
                placed[column][frame] = face
    return placed


def _way(face: Face, head: Tensor) -> float:
    """From a face's middle to a head [2], over the face's size; infinite where that is too far."""
    points = face[0][:, :2]
    way = float((points.mean(0) - head).norm() / (points.amax(0) - points.amin(0)).amax())
    return way if way < AT_HEAD else math.inf


def _followed(faces: list[list[Face]], fps: float, size: tuple[int, int]) -> list[dict[int, Face]]:
    """The faces of each person by their frames, told apart by their way alone, the largest first."""
    who = WhoIsWho(fps, size, "largest", (0.5, 0.5))
    met = []
    for frame, group in enumerate(faces):
        boxes = [torch.cat([face[0][:, :2].amin(0), face[0][:, :2].amax(0)]) for face in group]
        sightings = [
            Sighting((box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).amax()), box, torch.zeros(1, 1))
            for box in boxes
        ]
        met += [(person, frame, face) for person, face in zip(who(frame, sightings), group, strict=True)]
    placed: dict[int, dict[int, Face]] = {}
    for person, frame, face in met:
        if person.number is not None:
            placed.setdefault(person.number, {})[frame] = face
    return [placed[number] for number in sorted(placed)]


def _motion(seen: Mapping[int, Face], count: int, fps: float) -> FaceMotion:
    """One person's face over `count` frames; confidence 0 where it is not seen."""
    landmarks, expression = torch.zeros(count, FACE_LANDMARKS, 3), torch.zeros(count, len(EXPRESSIONS))
    confidence = torch.zeros(count)
    for frame, face in seen.items():
        landmarks[frame], expression[frame], confidence[frame] = face
    return face_motion(landmarks, expression, confidence, fps)
