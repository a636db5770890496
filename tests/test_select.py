"""Views: which way they face, which are picked from many, and which a motion is shown."""

import math
from dataclasses import replace

import pytest
import torch

from kmc_core.errors import KMCError
from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.types import FaceMotion, Motion, Track
from kmc_core.subject.facing import apart, facing, view_facing
from kmc_core.subject.pick import Candidate, chosen_by, difference, pick, sharpness
from kmc_core.subject.select import (
    choices_report,
    choose_views,
    flips_a_minute,
    shown_views,
    window_choice,
    windows_of,
)
from kmc_core.subject.types import Subject, View
from moving_person import HEIGHT, WIDTH, at, person, view

FPS = 25.0


def rotation(yaw: torch.Tensor) -> torch.Tensor:
    """[F] -> [F, 3, 3] a turn about the vertical axis, positive to the right of the picture."""
    cos, sin, none, one = yaw.cos(), yaw.sin(), torch.zeros_like(yaw), torch.ones_like(yaw)
    return torch.stack([cos, none, -sin, none, one, none, sin, none, cos], -1).view(-1, 3, 3)


def turned(track: Track, yaw: torch.Tensor) -> Track:
    """A standing person's body and head, turned by yaw [F]; the face shows up to a right angle."""
    body = track.body.clone()  # type: ignore[union-attr]
    centre = body[:, JOINT["pelvis"], :3].clone()
    body[..., 2] = 0
    body[..., :3] = (
        torch.einsum("fij,fnj->fni", rotation(yaw), body[..., :3] - centre[:, None]) + centre[:, None]
    )
    face = track.face
    if face is not None:
        shown = (yaw.cos() > 0).float()
        face = FaceMotion(face.landmarks, face.expression, rotation(yaw), face.crop, shown)
    return replace(track, body=body, world=None, face=face)


def looking(degrees: float, kind: str = "full") -> View:
    """A view of a person turned by an angle."""
    yaw = torch.tensor([math.radians(degrees)])
    pose = turned(at(person(1).tracks[0], 0), yaw)
    if pose.face is not None and float(pose.face.confidence[0]) == 0:
        pose = replace(pose, face=None)
        kind = "back"
    return replace(view(pose, yaw=math.radians(degrees) if pose.face else math.pi), kind=kind)  # type: ignore


def turning(degrees: list[float], each: int = 4) -> Motion:
    yaw = torch.tensor(degrees).repeat_interleave(each).deg2rad()
    return Motion(FPS, (WIDTH, HEIGHT), (turned(person(len(yaw)).tracks[0], yaw),))


def around(*degrees: float) -> Subject:
    return Subject("Ada", tuple(map(looking, degrees)))


@pytest.mark.parametrize("degrees", [0.0, 40.0, -75.0, 130.0, 180.0])
def test_facing_is_read_from_head_and_body(degrees: float) -> None:
    yaws = facing(turning([degrees]).tracks[0]).rad2deg()
    gap = apart(yaws.deg2rad(), torch.tensor(degrees).deg2rad()).rad2deg()
    assert float(gap.max()) < 1e-2
    assert float(apart(view_facing(looking(degrees)), torch.tensor(degrees).deg2rad()).max()) < 1e-3


def test_a_body_that_seems_to_face_the_camera_without_a_face_is_not_believed() -> None:
    motion = turning([150.0, 150.0, 150.0])
    (track,) = motion.tracks
    assert track.face is not None and float(track.face.confidence.max()) == 0
    front = turning([10.0]).tracks[0].body
    assert track.body is not None and front is not None
    body = track.body.clone()
    body[4:8] = front  # left and right mistaken for each other
    misread = replace(track, body=body)
    yaws = facing(misread)
    assert yaws[4:8].isnan().all() and not yaws[:4].isnan().any()
    assert float(facing(replace(misread, face=None))[4:8].rad2deg().abs().max()) < 11, (
        "no face was looked for"
    )
    subject = around(0.0, 150.0)
    chosen = choose_views(replace(motion, tracks=(misread,)), subject, windows_of(12, 4))
    assert [choice.views[0] for choice in chosen] == [1, 1, 1]


def test_depth_in_metres_and_the_body_correct_what_a_detector_saw() -> None:
    track = turning([150.0]).tracks[0]
    assert track.body is not None and track.face is not None
    flat = track.body.clone()
    flat[..., 2] = 0
    yaws = facing(replace(track, body=flat, world=track.body[..., :3] / 300)).rad2deg()
    assert float((yaws - 150).abs().max()) < 1e-2
    seen = replace(track.face, confidence=torch.ones(4), rotation=torch.eye(3).expand(4, 3, 3))
    assert float((facing(replace(track, face=seen)).rad2deg() - 150).abs().max()) < 1e-2


def test_who_is_not_seen_faces_nowhere() -> None:
    nobody = Track(body=torch.zeros(2, 25, 4))
    assert bool(facing(nobody).isnan().all())


def test_the_view_that_faces_as_the_person_does_is_chosen() -> None:
    subject = around(0, 90, 180, -90)
    degrees = [0, 10, 60, 100, 170, -170, -100, -30]
    motion = turning(degrees)
    choices = choose_views(motion, subject, windows_of(motion.frames, 4))
    assert [choice.views[0] for choice in choices] == [0, 0, 1, 1, 2, 2, 3, 0]
    assert choices[3].gap == pytest.approx(math.radians(10), abs=1e-3)


def test_a_view_is_held_where_another_is_hardly_nearer() -> None:
    subject = around(0, 60)
    motion = turning([0, 29, 31, 29, 31, 29, 31, 50])
    choices = choose_views(motion, subject, windows_of(motion.frames, 4))
    assert [choice.views[0] for choice in choices] == [0, 0, 0, 0, 0, 0, 0, 1]
    assert [choice.held for choice in choices] == [False, False, True, False, True, False, True, False]
    assert flips_a_minute(choices, FPS) == pytest.approx(60 * FPS / 32)


def test_a_close_view_serves_a_face_and_a_full_one_a_body() -> None:
    subject = Subject("Ada", (looking(0, "full"), looking(8, "full")))
    bust = subject.views[1].pose.body.clone()  # type: ignore[union-attr]
    for name in ("l_hip", "r_hip", "pelvis", "l_knee", "r_knee", "l_ankle", "r_ankle", "l_wrist", "r_wrist",
                 "l_elbow", "r_elbow"):  # fmt: skip
        bust[:, JOINT[name], 3] = 0
    bust[:, -6:, 3] = 0
    close = replace(subject.views[1], pose=replace(subject.views[1].pose, body=bust))
    subject = replace(subject, views=(subject.views[0], close))
    motion = turning([5])
    assert choose_views(motion, subject, [(0, 4)])[0].views == (0,)
    near = replace(motion, tracks=(replace(motion.tracks[0], body=bust.expand(4, -1, -1)),))
    assert choose_views(near, subject, [(0, 4)])[0].views == (1,)


def test_several_views_come_best_first_and_the_main_one_always() -> None:
    subject = around(0, 90, 180, -90)
    motion = turning([100])
    assert choose_views(motion, subject, [(0, 4)], most=3)[0].views == (1, 2, 0)
    shown = shown_views(motion, subject, 2)
    assert shown[0] is subject.views[0] and shown[1] is subject.views[1] and len(shown) == 2


def test_windows_cover_every_frame() -> None:
    assert windows_of(10, 0) == [(0, 10)] and windows_of(10, 20, 5) == [(0, 10)]
    assert windows_of(10, 4) == [(0, 4), (4, 8), (8, 10)]
    assert windows_of(13, 5, 1) == [(0, 5), (4, 9), (8, 13)]
    with pytest.raises(KMCError, match=r"overlap by 4 of 4 frames"):
        windows_of(10, 4, 4)


def test_the_report_explains_every_window() -> None:
    subject, motion = around(0, 60), turning([0, 31, 60])
    choices = choose_views(motion, subject, windows_of(motion.frames, 4))
    told = choices_report(choices, subject, FPS)
    assert "| 0 to 3 | +0° | 1 (full) | 0° | nearest |" in told
    assert "| 4 to 7 | +31° | 1 (full) | 31° | kept: no other is clearly nearer |" in told
    assert "Changes of view: 125.0 a minute." in told
    with pytest.raises(KMCError, match=r"has 3 windows, but window 3 was asked for"):
        window_choice(choices, 3)


def candidate(number: int, degrees: float, *, sharp: float = 1.0, frame: int | None = -1) -> Candidate:
    return Candidate(number, looking(degrees), sharp, number if frame == -1 else frame)


def test_sharp_frames_of_new_sides_are_picked_and_none_twice() -> None:
    clip = [candidate(n, 10.0 * n) for n in range(1, 10)]  # 10 to 90 degrees
    chosen = [each.number for each in pick(clip, 8)]
    assert chosen[0] == 1, "the main view faces the camera"
    views = [each.view for each in pick(clip, 8)]
    assert min(difference(a, b) for i, a in enumerate(views) for b in views[:i]) >= 0.6
    assert 9 in chosen and len(pick(clip, 3)) == 3
    blurred = [*clip[:8], candidate(9, 90.0, sharp=0.3)]
    assert 9 not in [each.number for each in pick(blurred, 8)]


def test_pictures_come_before_frames() -> None:
    given = [candidate(1, 20, frame=None), candidate(2, 22, frame=None)]
    clip = [candidate(3, 21), candidate(4, 90)]
    assert [each.number for each in pick([*given, *clip], 8)] == [1, 2, 4]
    assert [each.number for each in pick([*given, *clip, candidate(5, 180)], 1)] == [1, 2, 5]
    assert [each.number for each in pick(given, 1)] == [1, 2], "given pictures are never dropped"
    with pytest.raises(KMCError, match=r"Nobody was seen in the clip"):
        pick([], 8)


def test_a_choice_is_read_in_its_order() -> None:
    known = [candidate(n, 0) for n in (1, 2, 4, 5)]
    assert [each.number for each in chosen_by(" 4, 1,2 - 5, ", known)] == [4, 1, 2, 5]
    for text in ("x", "1;2", "-3", "1.5"):
        with pytest.raises(KMCError, match=r"is not understood"):
            chosen_by(text, known)
    for text in ("3", "0", "1-9", "5-1"):
        with pytest.raises(KMCError, match=r"but pictures of a person are 1, 2, 4, 5"):
            chosen_by(text, known)


def test_a_blurred_picture_is_less_sharp() -> None:
    image = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(0))
    soft = torch.nn.functional.avg_pool2d(image[None], 5, 1, 2)[0]
    mask = torch.ones(1, 40, 40)
    assert sharpness(soft, mask) < 0.5 * sharpness(image, mask)
    assert sharpness(image * 0.3, mask) == pytest.approx(sharpness(image, mask), rel=1e-3)
    assert sharpness(image, torch.zeros_like(mask)) == 0
