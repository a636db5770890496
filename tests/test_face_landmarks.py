"""Faces that the host's MediaPipe landmarker found join the people of a motion, or make people."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.inprocess import InProcessHost
from kmc_core.errors import KMCError
from kmc_core.motion.skeleton import EXPRESSIONS
from kmc_core.motion.types import FaceMotion, Motion
from kmc_core.perception.face_landmarks import from_face_landmarks
from moving_person import person

FRAMES, SIZE = 25, (640, 720)
NODE = "KMC_MotionFromFaceLandmarks"


def face(of: FaceMotion, frame: int, shift: float = 0.0) -> dict[str, Any]:
    """As the host gives it: pixels, and the net's crop, here at three times the size."""
    points = of.landmarks[frame].numpy()
    return {
        "landmarks_xy": points[:, :2] + np.float32([shift, 0]),
        "landmarks_3d": 3 * points + np.float32([7, -9, 0]),
        "blendshapes": dict(zip(EXPRESSIONS, of.expression[frame].tolist(), strict=True)),
        "presence": 8.0,
    }


def moving() -> FaceMotion:
    known = person(FRAMES).tracks[0].face
    assert known is not None
    return known


def landmarks(*groups: list[dict[str, Any]]) -> dict[str, Any]:
    return {"frames": list(groups), "image_size": SIZE[::-1], "connection_sets": {}}


def two(frames: int = FRAMES) -> dict[str, Any]:
    """Two faces 250 pixels apart, in an order that changes with every frame."""
    pairs = [[face(moving(), i), face(moving(), i, 250.0)] for i in range(frames)]
    return landmarks(*(pair[:: 1 if i % 2 else -1] for i, pair in enumerate(pairs)))


def faces(motion: Motion) -> list[FaceMotion]:
    found = [track.face for track in motion.tracks if track.face is not None]
    assert len(found) == len(motion.tracks)
    return found


def shifted(body: Tensor, way: float) -> Tensor:
    return body + torch.tensor([way, 0, 0, 0]) * (body[..., 3:] > 0)


def test_a_face_keeps_its_points_expression_and_turn() -> None:
    known = moving()
    (found,) = faces(from_face_landmarks(landmarks(*([face(known, i)] for i in range(FRAMES))), 25.0))
    torch.testing.assert_close(found.landmarks, known.landmarks, atol=0.01, rtol=0)
    assert torch.equal(found.expression, known.expression)
    assert (found.confidence > 0.99).all() and (found.crop[:, 2] > 0).all()


def test_faces_without_bodies_are_followed_in_whatever_order_they_come() -> None:
    motion = from_face_landmarks(two(), 25.0)
    assert (motion.fps, motion.size, motion.frames) == (25.0, SIZE, FRAMES)
    nose = [found.landmarks[:, 1, 0] for found in faces(motion)]
    assert len(nose) == 2
    assert (nose[0] - nose[1]).abs().sub(250).abs().max() < 0.01, "they swapped"


def test_each_face_joins_the_body_whose_head_is_there() -> None:
    (track,) = person(FRAMES).tracks
    assert track.body is not None
    right = replace(track, body=shifted(track.body, 250.0), world=None, hands=None, face=None, name="right")
    left = replace(track, world=None, hands=None, face=None, name="left")
    far = replace(left, body=shifted(track.body, -2000.0), name="far")
    motion = from_face_landmarks(two(), 25.0, Motion(25.0, SIZE, (right, left, far)))
    assert [track.name for track in motion.tracks] == ["right", "left", "far"]
    found = faces(motion)
    torch.testing.assert_close(found[1].landmarks, moving().landmarks, atol=0.01, rtol=0)
    assert (found[0].landmarks - found[1].landmarks)[..., 0].sub(250).abs().max() < 0.01
    assert not found[2].confidence.any()


def test_a_frame_without_a_face_has_none() -> None:
    groups = [[face(moving(), i)] if i != 4 else [] for i in range(FRAMES)]
    (found,) = faces(from_face_landmarks(landmarks(*groups), 25.0))
    assert (found.confidence > 0).tolist() == [i != 4 for i in range(FRAMES)]
    assert not found.landmarks[4].any() and not found.crop[4].any()


@pytest.mark.parametrize(
    ("given", "fps", "message"),
    [
        ({}, 25.0, "The face landmarks hold no frames"),
        (None, 25.0, "The face landmarks hold no frames"),
        (landmarks(), 25.0, "The face landmarks hold no frames"),
        (landmarks([], []), 25.0, "No face was found in any frame"),
        (two(1), 0.0, "The frame rate is 0.0"),
    ],
)
def test_what_holds_no_face_is_refused(given: Any, fps: float, message: str) -> None:
    with pytest.raises(KMCError, match=message):
        from_face_landmarks(given, fps)


def test_faces_of_another_mesh_or_clip_are_refused() -> None:
    odd = face(moving(), 0) | {"landmarks_xy": np.zeros((68, 2), np.float32)}
    with pytest.raises(KMCError, match=r"A face in frame 0 has landmarks \[68, 2\]"):
        from_face_landmarks(landmarks([odd]), 25.0)
    with pytest.raises(KMCError, match=r"The motion has 25 frames of \(640, 720\), the faces 2"):
        from_face_landmarks(two(2), 25.0, person(FRAMES))


def test_faces_of_another_frame_rate_are_refused() -> None:
    with pytest.raises(KMCError) as refusal:
        from_face_landmarks(two(), 24.0, person(FRAMES))
    assert str(refusal.value) == (
        "The motion has 25 frames a second, the faces' video has 24; use the motion's own video, and where "
        "you give the frame rate, give 25."
    )


def test_faces_join_those_that_the_motion_has_already() -> None:
    known = from_face_landmarks(two(), 25.0)
    swapped = replace(
        known, tracks=tuple(replace(t, name=n) for t, n in zip(known.tracks[::-1], "ab", strict=True))
    )
    again = from_face_landmarks(two(), 25.0, swapped)
    assert [track.name for track in again.tracks] == ["a", "b"]
    for before, after in zip(faces(swapped), faces(again), strict=True):
        assert torch.equal(before.landmarks, after.landmarks)


def test_the_node_takes_what_the_hosts_node_gives(host: InProcessHost) -> None:
    outputs = host.nodes.NODE_CLASS_MAPPINGS["MediaPipeFaceLandmarker"].RETURN_TYPES
    assert outputs[0] == "FACE_LANDMARKS"
    node = {"class_type": NODE, "inputs": {"faces": ["1", 0], "fps": 12.0}}
    show = {"class_type": "PreviewAny", "inputs": {"source": ["2", 0]}}
    result = host.run({"1": host.value(two()), "2": node, "3": show})
    assert result.success, result.error
    assert result.output("2").fps == 12.0 and len(result.output("2").tracks) == 2
