"""Motion and subject as conditions of the KMC animator, and the picture's detail brought back."""

from dataclasses import replace

import pytest
import torch

from kmc_core.engines.detail import restore_detail
from kmc_core.engines.kmc import build_conditions, canvas_size
from kmc_core.errors import KMCError
from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.types import Motion, Track
from kmc_core.subject.types import Subject, View
from test_puppet import SIDE, picture, standing
from tiny import PARAMS

TEXT = torch.zeros(1, PARAMS.text.length, PARAMS.text.dim)


def subject() -> Subject:
    image, mask = picture()
    pose = Track(body=standing().body)
    return Subject("puppet", (View(image / 2 + 0.5, mask, pose, 0.0, "full"),))


def motion(frames: int = 4) -> Motion:
    return Motion(24.0, (SIDE, SIDE), (Track(body=standing(frames).body),))


@pytest.mark.parametrize("size", [(96, 96), (160, 96), (64, 128)])
def test_the_pictures_own_pose_returns_the_picture_on_any_canvas(size: tuple[int, int]):
    conditions = build_conditions(motion(), subject(), TEXT, params=PARAMS, size=size)
    reference = conditions.references[0, 0]
    inside = (reference[3:] > 0.5).expand(3, -1, -1)
    assert inside.sum() > 1000
    difference = (conditions.moved[0, :3, 0] - reference[:3])[inside].abs().mean()
    assert difference < 0.08


def test_frames_in_which_nobody_is_seen_leave_the_others_alone():
    whole, parted = motion(6), motion(6)
    parted.tracks[0].body[3:] = 0
    both = [build_conditions(m, subject(), TEXT, params=PARAMS, size=(96, 96)) for m in (whole, parted)]
    assert torch.equal(both[0].moved[:, :, :3], both[1].moved[:, :, :3])
    assert both[1].moved[0, 3, 3:].max() == 0


@pytest.mark.parametrize(
    ("size", "expected"),
    [((0, 0), (24, 48)), ((64, 0), (64, 128)), ((0, 64), (32, 64)), ((16, 16), (16, 16))],
)
def test_a_side_that_is_not_given_follows_the_picture(size: tuple[int, int], expected: tuple[int, int]):
    assert canvas_size(PARAMS, (300, 600), size) == expected


def test_detail_of_the_picture_returns_where_the_animation_agrees():
    image, mask = picture()
    whole = subject()
    low = torch.nn.functional.interpolate((image / 2 + 0.5)[None], size=(24, 24), mode="area").expand(
        10, -1, -1, -1
    )
    restored = restore_detail(low, motion(10), whole, size=(SIDE, SIDE))
    enlarged = torch.nn.functional.interpolate(low[:1], size=(SIDE, SIDE), mode="bilinear")[0]
    inside = mask.expand(3, -1, -1) > 0
    errors = [(frame - image / 2 - 0.5)[inside].abs().mean() for frame in (restored[0], enlarged)]
    assert errors[0] < 0.3 * errors[1]
    assert torch.equal(restored[0], restored[9])


def test_work_on_a_clip_can_be_watched_and_cancelled():
    told: list[tuple[int, int]] = []

    class Cancelled(Exception):
        pass

    def check() -> None:
        if len(told) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        build_conditions(
            motion(),
            subject(),
            TEXT,
            params=PARAMS,
            size=(32, 32),
            progress=lambda *at: told.append(at),
            check=check,
        )
    assert told == [(1, 4), (2, 4)]


@pytest.mark.parametrize(
    ("track", "size", "message"),
    [
        (1, (32, 32), "The motion has 1 people, but person 1 was asked for; people count from 0."),
        (0, (30, 32), "The animator's size must be a multiple of 8, got 30x32. Use 24x32."),
    ],
)
def test_bad_conditions_are_told(track: int, size: tuple[int, int], message: str):
    with pytest.raises(KMCError) as error:
        build_conditions(motion(), subject(), TEXT, params=PARAMS, size=size, track=track)
    assert str(error.value) == message


def test_detail_needs_the_animations_own_motion():
    with pytest.raises(KMCError, match="The animation has 3 frames, its motion 4"):
        restore_detail(torch.zeros(3, 3, 8, 8), motion(4), subject(), size=(16, 16))
    with pytest.raises(KMCError, match="The motion has 1 people, but person 2 was asked for"):
        restore_detail(torch.zeros(4, 3, 8, 8), motion(4), subject(), size=(16, 16), track=2)


def test_a_motion_that_was_not_fitted_is_refused():
    raw = replace(motion(), size=(1280, 720))
    with pytest.raises(KMCError, match="frame of 1280x720 pixels.*has 96x96. Fit it .* with Retarget Motion"):
        build_conditions(raw, subject(), TEXT, params=PARAMS, size=(96, 96))
    with pytest.raises(KMCError, match="Retarget Motion"):
        restore_detail(torch.zeros(4, 3, 8, 8), raw, subject(), size=(16, 16))


def test_bars_of_a_wider_canvas_are_cut_off_and_nothing_is_squeezed():
    image, _ = picture()
    low = torch.nn.functional.interpolate((image / 2 + 0.5)[None], size=(48, 48), mode="area")
    wide = torch.nn.functional.pad(low, (24, 24), value=0.5)
    plain, cut = (
        restore_detail(frames.expand(4, -1, -1, -1), motion(), subject(), size=(SIDE, SIDE))
        for frames in (low, wide)
    )
    assert torch.equal(plain, cut)


def test_a_lost_limb_is_told_to_nobody_but_its_frames():
    lost = motion(2)
    lost.tracks[0].body[1, JOINT["l_wrist"], 3] = 0
    moved = build_conditions(lost, subject(), TEXT, params=PARAMS, size=(96, 96)).moved[0]
    assert moved[3, 1].sum() < moved[3, 0].sum()
