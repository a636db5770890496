"""Pose keypoints of the host go in and out without loss of what the format can hold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from harness.inprocess import InProcessHost
from kmc_core.errors import KMCError
from kmc_core.motion.openpose import BODY_25, from_pose_keypoint, to_pose_keypoint
from kmc_core.motion.skeleton import JOINT, LEFT, RIGHT
from kmc_core.motion.types import Motion, Track
from moving_person import HEIGHT, WIDTH, person

FORMAT = torch.tensor([0, 1, 3])  # of x, y, z, confidence, what the format keeps


def two_people() -> Motion:
    one, two = person(6), person(6, amount=0.3)
    body = two.tracks[0].body
    assert body is not None
    body = body.clone()
    body[..., 3] = 0.625
    body[2, JOINT["l_wrist"]] = 0
    return replace(one, tracks=(one.tracks[0], replace(two.tracks[0], body=body, hands=None)))


def blank(points: int) -> list[float]:
    return [0.0] * (3 * points)


def frame(**parts: Any) -> dict[str, Any]:
    return {"people": [parts], "canvas_width": 200, "canvas_height": 100}


@pytest.mark.parametrize("normalised", [False, True])
def test_round_trip_keeps_bodies_feet_and_hands(normalised: bool) -> None:
    motion = two_people()
    back = from_pose_keypoint(to_pose_keypoint(motion, normalised=normalised), motion.fps)
    assert (back.size, back.fps, back.frames, len(back.tracks)) == (motion.size, motion.fps, 6, 2)
    for before, after in zip(motion.tracks, back.tracks, strict=True):
        assert before.body is not None and after.body is not None and after.hands is not None
        torch.testing.assert_close(after.body[..., FORMAT], before.body[..., FORMAT], atol=1e-3, rtol=1e-5)
        assert float(after.body[..., 2].abs().max()) == 0
        assert after.face is None
        hands = torch.zeros(6, 2, 21, 4) if before.hands is None else before.hands
        torch.testing.assert_close(after.hands[..., FORMAT], hands[..., FORMAT], atol=1e-3, rtol=1e-5)


def test_output_has_the_hosts_form() -> None:
    (first, *_) = to_pose_keypoint(two_people())
    assert (first["canvas_width"], first["canvas_height"], len(first["people"])) == (WIDTH, HEIGHT, 2)
    lengths = {name: len(values) // 3 for name, values in first["people"][0].items()}
    assert lengths == {
        "pose_keypoints_2d": 18,
        "foot_keypoints_2d": 6,
        "face_keypoints_2d": 70,
        "hand_left_keypoints_2d": 21,
        "hand_right_keypoints_2d": 21,
    }
    landmarks = two_people().tracks[0].face.landmarks  # type: ignore[union-attr]
    assert first["people"][0]["face_keypoints_2d"][30 * 3] == pytest.approx(float(landmarks[0, 4, 0]))


def test_shares_are_told_from_pixels_part_by_part() -> None:
    body = [0.5, 1.1, 1.0] * 18  # a limb below the canvas
    hand = [50.0, 25.0, 1.0] * 21
    motion = from_pose_keypoint([frame(pose_keypoints_2d=body, hand_left_keypoints_2d=hand)], 25.0)
    track = motion.tracks[0]
    assert track.body is not None and track.hands is not None
    torch.testing.assert_close(track.body[0, 0], torch.tensor([100.0, 110.0, 0.0, 1.0]))
    torch.testing.assert_close(track.hands[0, 0, 0], torch.tensor([50.0, 25.0, 0.0, 1.0]))
    assert float(track.hands[0, 1].abs().max()) == 0


def test_body_25_is_put_into_our_order() -> None:
    values = [value for index in range(25) for value in (10.0 + index, 20.0, 1.0)]
    body = from_pose_keypoint([frame(pose_keypoints_2d=values)], 25.0).tracks[0].body
    assert body is not None
    for index, name in enumerate(BODY_25):
        assert float(body[0, JOINT[name], 0]) == 10.0 + index


def test_absent_parts_fewer_people_and_unfound_points_stay_unseen() -> None:
    lost = [-1.0, -1.0, 0.4] * 18
    frames = [
        frame(
            pose_keypoints_2d=[60.0, 40.0, 7.0] * 18, hand_left_keypoints_2d=None, hand_right_keypoints_2d=[]
        ),
        {"people": [], "canvas_width": 200, "canvas_height": 100},
        frame(pose_keypoints_2d=lost),
    ]
    track = from_pose_keypoint(frames, 25.0).tracks[0]
    assert track.body is not None and track.hands is None
    assert track.body[0, 0].tolist() == [60.0, 40.0, 0.0, 1.0]
    assert float(track.body[1:].abs().max()) == 0


def test_pelvis_is_the_middle_of_seen_hips_only() -> None:
    values = blank(18)
    values[8 * 3 : 9 * 3], values[11 * 3 : 12 * 3] = [40.0, 50.0, 0.9], [60.0, 54.0, 0.5]
    body = from_pose_keypoint([frame(pose_keypoints_2d=values)], 25.0).tracks[0].body
    assert body is not None
    assert body[0, JOINT["pelvis"]].tolist() == [50.0, 52.0, 0.0, 0.5]
    values[8 * 3 + 2] = 0.0
    body = from_pose_keypoint([frame(pose_keypoints_2d=values)], 25.0).tracks[0].body
    assert body is not None and float(body[0, JOINT["pelvis"]].abs().max()) == 0


def test_other_canvas_is_scaled_to_the_first() -> None:
    values = [50.0, 50.0, 1.0] * 18
    double = frame(pose_keypoints_2d=[100.0, 100.0, 1.0] * 18) | {"canvas_width": 400, "canvas_height": 200}
    motion = from_pose_keypoint([frame(pose_keypoints_2d=values), double], 25.0)
    body = motion.tracks[0].body
    assert body is not None and motion.size == (200, 100)
    torch.testing.assert_close(body[0], body[1])


def test_what_is_no_pose_keypoint_is_said() -> None:
    good = frame(pose_keypoints_2d=blank(18))
    for frames, fps, message in (
        ([], 25.0, "hold no frames"),
        ("people", 25.0, "hold no frames"),
        ([good], 0.0, "The frame rate is 0.0"),
        ([{"people": [], "canvas_width": 8, "canvas_height": 8}], 25.0, "hold no person in any frame"),
        ([{"persons": []}], 25.0, "Frame 0 of the pose keypoints has no list of people"),
        ([{"people": good["people"]}], 25.0, "has canvas None x None"),
        ([frame(pose_keypoints_2d=blank(17))], 25.0, "holds 17 points, expected 18 or 25"),
        ([frame(pose_keypoints_2d=[1.0] * 53)], 25.0, "is not a flat list of x, y, confidence"),
        ([frame(hand_left_keypoints_2d=["a"] * 63)], 25.0, "is not a flat list of x, y, confidence"),
    ):
        with pytest.raises(KMCError, match=message):
            from_pose_keypoint(frames, fps)


def test_empty_motion_gives_no_frames_and_empty_track_an_unseen_person() -> None:
    assert to_pose_keypoint(Motion(25.0, (8, 8), ())) == []
    motion = person(2)
    people = to_pose_keypoint(replace(motion, tracks=(motion.tracks[0], Track(body=torch.zeros(2, 25, 4)))))[
        0
    ]["people"]
    assert people[1]["pose_keypoints_2d"] == blank(18)


def test_hands_that_are_named_the_other_way_round_go_to_their_wrists() -> None:
    motion = person(6)
    given = to_pose_keypoint(motion)
    left, right = "hand_left_keypoints_2d", "hand_right_keypoints_2d"
    swapped = [f | {"people": [p | {left: p[right], right: p[left]} for p in f["people"]]} for f in given]
    hands, expected = (from_pose_keypoint(frames, 25.0).tracks[0].hands for frames in (swapped, given))
    assert hands is not None and expected is not None and torch.equal(hands, expected)


def test_what_the_hosts_sdpose_gives_becomes_a_motion(host: InProcessHost) -> None:
    from comfy_extras.nodes_sdpose import _to_openpose_frames

    points = np.stack([np.arange(133.0) + 1, np.arange(133.0) + 300], axis=-1)
    for wrist, hand in ((9, slice(91, 112)), (10, slice(112, 133))):  # COCO-WholeBody: left, right
        points[hand] = points[wrist] + np.arange(21)[:, None]
    frames = _to_openpose_frames([[points]], [[np.full(133, 0.9)]], 600, 400)
    (track,) = from_pose_keypoint(frames, 25.0).tracks
    assert track.body is not None and track.hands is not None
    for side, wrist in ((LEFT, "l_wrist"), (RIGHT, "r_wrist")):
        torch.testing.assert_close(track.hands[0, side, 0, :2], track.body[0, JOINT[wrist], :2])
    assert track.body[0, JOINT["l_big_toe"], :2].tolist() == [18.0, 317.0]
