"""Conversion between motions and the host's POSE_KEYPOINT, the OpenPose JSON that pose nodes exchange.

POSE_KEYPOINT is a list with one dict a frame: "canvas_width", "canvas_height" and "people", each person a
dict of flat lists x, y, confidence, ...: "pose_keypoints_2d" (18 joints, or the 25 of OpenPose BODY_25),
"foot_keypoints_2d" (6, optional), "hand_left_keypoints_2d", "hand_right_keypoints_2d" (21 each) and
"face_keypoints_2d" (70, or 68). A part that is missing, null or empty was not seen.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from ..errors import KMCError
from .face_mesh import OPENPOSE_FACE
from .skeleton import BODY_JOINTS, JOINT, LEFT, RIGHT, WRISTS
from .types import Motion, Track

BODY, FEET, HANDS = (
    "pose_keypoints_2d",
    "foot_keypoints_2d",
    ("hand_left_keypoints_2d", "hand_right_keypoints_2d"),
)
FACE: Final = "face_keypoints_2d"
PARTS: Final = (BODY, FEET, *HANDS)
OPENPOSE_BODY: Final = 18  # our first joints are OpenPose's, in its order
FEET_JOINTS: Final = BODY_JOINTS[-6:]
# Order of OpenPose's 25-joint body in our names: the pelvis comes between arms and legs.
BODY_25: Final = (*BODY_JOINTS[:8], "pelvis", *BODY_JOINTS[8:14], *BODY_JOINTS[14:18], *FEET_JOINTS)

# Some nodes give coordinates as shares of the canvas. Shares may leave 0..1 when a limb leaves the picture,
# but not by more than a canvas; in pixels, a person whose every coordinate in the whole clip is below 2 would
# be a dot.
LARGEST_SHARE: Final = 2.0


def to_pose_keypoint(motion: Motion, *, normalised: bool = False) -> list[dict[str, Any]]:
    """The motion as POSE_KEYPOINT, in pixels of the source, or as shares of its size when `normalised`.

    A person per track, also where nothing of them is seen, so that the order of people tells the tracks
    apart. The pelvis, depth, world joints, expression and head pose have no place in the format; 70 of the
    478 face points do.
    """
    width, height = motion.size
    scale = torch.tensor([1 / width, 1 / height, 1.0] if normalised else [1.0, 1.0, 1.0])
    people = [_person_parts(track, scale) for track in motion.tracks]  # per track: part -> [F, N, 3]
    return [
        {
            "people": [
                {name: part[frame].flatten().tolist() for name, part in person.items()} for person in people
            ],
            "canvas_width": width,
            "canvas_height": height,
        }
        for frame in range(motion.frames)
    ]


def from_pose_keypoint(frames: Sequence[Mapping[str, Any]], fps: float) -> Motion:
    """The motion in POSE_KEYPOINT frames. Raises KMCError for another form, and where nobody is in it.

    The n-th person of every frame becomes track n (a frame with fewer people leaves the last tracks unseen
    there). Depth is 0. The pelvis is the middle of the hips where both are seen. The 70 face points cannot
    fill the 478 of a face motion, nor tell its expression, so the face is absent: encode it from the video.

    Each part (body, feet, each hand) is read as shares of the canvas where no coordinate of that part in the
    whole clip exceeds 2, else as pixels. The first frame's canvas is the motion's size; frames with another
    canvas are scaled to it. Confidences are limited to 0..1; a point at 0, 0 or below, where detectors put
    what they did not find, has confidence 0.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise KMCError(f"The frame rate is {fps}; give a number above 0.")
    if not isinstance(frames, Sequence) or isinstance(frames, str) or not frames:
        raise KMCError("The pose keypoints hold no frames; connect the keypoints of a pose detector.")
    people = [_people(frame, index) for index, frame in enumerate(frames)]
    count = max(len(group) for group in people)
    if count == 0:
        raise KMCError("The pose keypoints hold no person in any frame; use a video that shows one.")
    canvases = torch.tensor(
        [_canvas(frame, index) for index, frame in enumerate(frames)], dtype=torch.float32
    )
    size = (round(float(canvases[0, 0])), round(float(canvases[0, 1])))
    parts = {name: _read_part(people, count, name) for name in PARTS}  # part -> [F, P, N, 3]
    placed = {name: None if part is None else _in_pixels(part, canvases) for name, part in parts.items()}
    return Motion(fps=fps, size=size, tracks=tuple(_track(placed, person) for person in range(count)))


def _person_parts(track: Track, scale: Tensor) -> dict[str, Tensor]:
    parts: dict[str, Tensor] = {}
    if track.body is not None:
        body = track.body[..., (0, 1, 3)].float()
        parts[BODY] = body[:, :OPENPOSE_BODY]
        parts[FEET] = body[:, [JOINT[name] for name in FEET_JOINTS]]
    else:
        parts[BODY] = torch.zeros(track.frames, OPENPOSE_BODY, 3)
    if track.face is not None:
        points = track.face.landmarks[:, list(OPENPOSE_FACE), :2].float()
        seen = track.face.confidence.float()[:, None, None].expand(-1, len(OPENPOSE_FACE), 1)
        parts[FACE] = torch.cat([points, seen], dim=-1)
    else:
        parts[FACE] = torch.zeros(track.frames, len(OPENPOSE_FACE), 3)
    hands = torch.zeros(track.frames, 2, 21, 4) if track.hands is None else track.hands.float()
    for side in (LEFT, RIGHT):
        parts[HANDS[side]] = hands[:, side][..., (0, 1, 3)]
    return {name: part * (part[..., 2:] > 0) * scale for name, part in parts.items()}


def _people(frame: Mapping[str, Any], index: int) -> Sequence[Mapping[str, Any]]:
    people = frame.get("people") if isinstance(frame, Mapping) else None
    if not isinstance(people, Sequence) or not all(isinstance(person, Mapping) for person in people):
        raise KMCError(
            f"Frame {index} of the pose keypoints has no list of people; connect a POSE_KEYPOINT output."
        )
    return people


def _canvas(frame: Mapping[str, Any], index: int) -> tuple[float, float]:
    width, height = frame.get("canvas_width"), frame.get("canvas_height")
    if not all(
        isinstance(side, (int, float)) and math.isfinite(side) and side >= 1 for side in (width, height)
    ):
        raise KMCError(
            f"Frame {index} of the pose keypoints has canvas {width} x {height}; expected its pixel size."
        )
    return float(width), float(height)  # type: ignore[arg-type]


def _read_part(people: Sequence[Sequence[Mapping[str, Any]]], count: int, name: str) -> Tensor | None:
    """[F, count, N, 3] as given, 0 where absent; None where nobody has the part."""
    given = {
        (frame, person): _points(values[name], name, frame)
        for frame, group in enumerate(people)
        for person, values in enumerate(group)
        if values.get(name) is not None and len(values[name]) > 0
    }
    if not given:
        return None
    part = torch.zeros(len(people), count, max(len(points) for points in given.values()), 3)
    for (frame, person), points in given.items():
        part[frame, person, : len(points)] = points
    return part


def _points(values: Sequence[float], name: str, frame: int) -> Tensor:
    """[N, 3] in our order, except that a 25-joint body keeps all of its joints in ours."""
    allowed = {BODY: (OPENPOSE_BODY, len(BODY_25)), FEET: (len(FEET_JOINTS),)}.get(name, (21,))
    try:
        points = torch.tensor([float(value) for value in values]).view(-1, 3)
    except (TypeError, ValueError, RuntimeError) as error:
        raise KMCError(
            f"'{name}' in frame {frame} is not a flat list of x, y, confidence: {error}."
        ) from error
    if len(points) not in allowed:
        expected = " or ".join(str(n) for n in allowed)
        raise KMCError(f"'{name}' in frame {frame} holds {len(points)} points, expected {expected}.")
    if name == BODY and len(points) == len(BODY_25):
        ordered = torch.empty_like(points)
        ordered[[JOINT[joint] for joint in BODY_25]] = points
        return ordered
    return points


def _in_pixels(part: Tensor, canvases: Tensor) -> Tensor:
    """[F, P, N, 3] in pixels of the first canvas, confidences 0..1, unseen points all 0."""
    part = part.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    seen = (part[..., 2] > 0) & (part[..., 0] > 0) & (part[..., 1] > 0)
    part = part * seen[..., None]
    shares = float(part[..., :2].max()) <= LARGEST_SHARE
    scale = canvases[:1].expand_as(canvases) if shares else canvases[:1] / canvases
    return torch.cat([part[..., :2] * scale[:, None, None], part[..., 2:].clamp(max=1)], dim=-1)


def _track(parts: Mapping[str, Tensor | None], person: int) -> Track:
    given, feet = parts[BODY], parts[FEET]
    body = None if given is None else _body(given[:, person], None if feet is None else feet[:, person])
    hands = _hands([parts[name] for name in HANDS], person)
    return Track(body=body, hands=hands if body is None or hands is None else _at_wrists(hands, body))


def _at_wrists(hands: Tensor, body: Tensor) -> Tensor:
    """Hands [F, 2, 21, 4], exchanged where each mostly lies at the other's wrist of the body [F, 25, 4].

    The host's SDPose node, for one, gives the left hand as the right one.
    """
    wrists = body[:, WRISTS]  # F 2 4
    seen = ((hands[:, :, 0, 3] > 0) & (wrists[..., 3] > 0)).all(1)
    own, other = (
        (hands[:, :, 0, :2] - place[..., :2]).norm(dim=-1).sum(1)[seen] for place in (wrists, wrists.flip(1))
    )
    return hands.flip(1) if (other < own).sum() > (own <= other).sum() else hands


def _body(given: Tensor, feet: Tensor | None) -> Tensor:
    """[F, 18 or 25, 3] and feet [F, 6, 3] -> [F, 25, 4]."""
    body = given.new_zeros(len(given), len(BODY_JOINTS), 4)
    body[:, : given.shape[1], (0, 1, 3)] = given
    if feet is not None:
        body[:, [JOINT[name] for name in FEET_JOINTS]] = torch.nn.functional.pad(feet, (0, 1))[
            ..., (0, 1, 3, 2)
        ]
    hips = body[:, (JOINT["r_hip"], JOINT["l_hip"])]
    middle = torch.cat([hips[..., :3].mean(1), hips[..., 3].amin(1, keepdim=True)], dim=-1)
    lacking = (body[:, JOINT["pelvis"], 3:] == 0) & (middle[:, 3:] > 0)
    body[:, JOINT["pelvis"]] = torch.where(lacking, middle, body[:, JOINT["pelvis"]])
    return body


def _hands(parts: Sequence[Tensor | None], person: int) -> Tensor | None:
    """Left and right [F, P, 21, 3] -> [F, 2, 21, 4]; None where neither hand is given."""
    given = next((part for part in parts if part is not None), None)
    if given is None:
        return None
    hands = given.new_zeros(len(given), 2, 21, 4)
    for side, part in enumerate(parts):
        if part is not None:
            hands[:, side][..., (0, 1, 3)] = part[:, person]
    return hands
