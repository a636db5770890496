"""Retargeting gives the character the driver's movement, and leaves it its own body, place and face."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kmc_core.errors import KMCError
from kmc_core.motion.bones import distance
from kmc_core.motion.face_frame import face_scale, to_head_frame
from kmc_core.motion.retarget import retarget
from kmc_core.motion.skeleton import BODY_BONES, JOINT
from kmc_core.motion.types import Motion, Track
from kmc_core.subject.types import Subject
from moving_person import HEIGHT, Build, Shot, at, character, person, view

BUST = {"nose", "neck", "r_shoulder", "l_shoulder", "r_elbow", "l_elbow", "r_eye", "l_eye", "r_ear", "l_ear"}
STRANGER = Build(arm=1.3, leg=0.8, head=1.5, hand=1.4, face_seed=7)
ELSEWHERE = Shot(scale=170, centre=(200, 300))


def body(motion: Motion) -> Tensor:
    part = motion.tracks[0].body
    assert part is not None
    return part


def face(motion: Motion):
    part = motion.tracks[0].face
    assert part is not None
    return part


def hands(motion: Motion) -> Tensor:
    part = motion.tracks[0].hands
    assert part is not None
    return part


def only(motion: Motion, *parts: str) -> Motion:
    track = motion.tracks[0]
    return replace(motion, tracks=(Track(**{name: getattr(track, name) for name in parts}),))


def assert_near(a: Tensor, b: Tensor, pixels: float) -> None:
    assert float((a - b).abs().max()) < pixels


def test_own_picture_gives_the_motion_back() -> None:
    driver = person()
    result = retarget(driver, Subject("self", (view(at(driver.tracks[0], 0)),)))
    one_percent = HEIGHT / 100
    assert_near(body(result)[..., :2], body(driver)[..., :2], one_percent)
    assert_near(hands(result)[..., :2], hands(driver)[..., :2], one_percent)
    assert_near(face(result).landmarks, face(driver).landmarks, one_percent)
    assert_near(face(result).crop, face(driver).crop, one_percent)
    assert torch.equal(body(result)[..., 3], body(driver)[..., 3])


def test_another_body_is_reproduced_exactly_when_it_does_the_same() -> None:
    """Truth: the stranger who really does this movement."""
    result = retarget(person(), character(STRANGER, ELSEWHERE))
    truth = person(build=STRANGER, shot=ELSEWHERE)
    assert_near(body(result)[..., :2], body(truth)[..., :2], 0.02 * HEIGHT)
    assert_near(hands(result)[..., :2], hands(truth)[..., :2], 0.02 * HEIGHT)
    assert_near(face(result).landmarks[..., :2], face(truth).landmarks[..., :2], 0.03 * HEIGHT)


@pytest.mark.parametrize("shot", [Shot(scale=80, centre=(100, 200)), Shot(scale=900, centre=(-500, 1000))])
def test_drivers_size_and_place_do_not_matter(shot: Shot) -> None:
    expected = retarget(person(), character(STRANGER))
    result = retarget(person(shot=shot), character(STRANGER))
    assert_near(body(result), body(expected), 0.05)
    assert_near(hands(result), hands(expected), 0.05)
    assert_near(face(result).landmarks, face(expected).landmarks, 0.05)


def test_bones_keep_their_length_in_a_plane_and_are_the_characters() -> None:
    driver = person()
    result = body(retarget(driver, character(STRANGER)))
    own = character(STRANGER).views[0].pose.body
    assert own is not None
    for a, b in BODY_BONES:
        if JOINT["nose"] in (a, b) or {a, b} <= {14, 15, 16, 17}:
            continue  # the head turns out of the plane
        length = distance(result, a, b)[0]
        assert float(length.max() - length.min()) < 1e-2
        assert float(length[0]) == pytest.approx(float(distance(own, a, b)[0]), rel=0.01)


def test_directions_are_the_drivers() -> None:
    driver, result = body(person()), body(retarget(person(), character(STRANGER)))
    for a, b in BODY_BONES[1:13]:
        cosine = torch.cosine_similarity(
            driver[:, b, :2] - driver[:, a, :2], result[:, b, :2] - result[:, a, :2], dim=1
        )
        assert float(cosine.min()) > 0.999


def test_bust_shot_drives_by_the_shoulders_and_invents_no_legs() -> None:
    result = body(retarget(person(shot=Shot(visible=BUST)), character(STRANGER)))
    unseen = [index for name, index in JOINT.items() if name not in BUST]
    assert float(result[:, unseen].abs().max()) == 0
    neck = character(STRANGER).views[0].pose.body[0, JOINT["neck"], :2]  # type: ignore[index]
    assert_near(result[0, JOINT["neck"], :2], neck, 1.0)


def test_bust_shot_keeps_the_head_where_the_picture_has_it() -> None:
    """The driver leans: its head is not above its neck, but the character's is, and stays there."""
    driver = person(shot=Shot(visible=BUST))
    leaning = body(driver).clone()
    leaning[:, JOINT["neck"], 0] += 40
    track = replace(driver.tracks[0], body=leaning)
    subject = character(STRANGER, replace(ELSEWHERE, visible=BUST))
    result = retarget(replace(driver, tracks=(track,)), subject)
    pose = subject.views[0].pose
    assert pose.body is not None and pose.face is not None
    for name in ("neck", "nose", "r_eye", "l_ear"):
        assert_near(body(result)[0, JOINT[name], :2], pose.body[0, JOINT[name], :2], 3.0)
    assert_near(face(result).landmarks[0, :, :2], pose.face.landmarks[0, :, :2], 3.0)


def test_bust_picture_takes_a_full_body_and_places_the_neck() -> None:
    subject = character(STRANGER, Shot(visible=BUST))
    result = body(retarget(person(), subject))
    assert_near(result[0, JOINT["neck"], :2], subject.views[0].pose.body[0, JOINT["neck"], :2], 1.0)  # type: ignore[index]
    assert torch.equal(result[..., 3], body(person())[..., 3])
    assert torch.isfinite(result).all()


def test_a_second_view_supplies_the_lengths_that_the_first_lacks() -> None:
    bust = character(STRANGER, Shot(visible=BUST)).views[0]
    full = view(at(person(1, STRANGER, Shot(scale=100)).tracks[0], 0))
    result = body(retarget(person(), Subject("two views", (bust, full))))
    truth = body(person(build=STRANGER))
    thigh = distance(truth, JOINT["r_hip"], JOINT["r_knee"])[0]
    assert_near(distance(result, JOINT["r_hip"], JOINT["r_knee"])[0], thigh, 0.02 * float(thigh[0]))


def test_a_wrong_detection_cannot_stretch_a_limb_without_limit() -> None:
    subject = character(Build(arm=9.0))
    result, driver = body(retarget(person(), subject)), body(person())
    grown = (
        distance(result, JOINT["r_elbow"], JOINT["r_wrist"])[0]
        / distance(driver, JOINT["r_elbow"], JOINT["r_wrist"])[0]
    )
    assert float(grown.max()) < 2.6


def test_a_joint_lost_for_a_while_leaves_the_others_in_place() -> None:
    driver = person()
    broken = body(driver).clone()
    broken[5:9, JOINT["r_elbow"]] = 0
    broken[10:12, JOINT["pelvis"]] = 0
    track = replace(driver.tracks[0], body=broken)
    result = body(retarget(replace(driver, tracks=(track,)), character(STRANGER)))
    expected = body(retarget(driver, character(STRANGER)))
    kept = result[..., 3] > 0
    assert not kept[5:9, JOINT["r_elbow"]].any()
    assert_near(result[kept][:, :2], expected[kept][:, :2], 0.02 * HEIGHT)


def test_hands_hang_on_the_wrists_at_the_characters_size() -> None:
    result = retarget(person(), character(STRANGER))
    wrists = body(result)[:, [JOINT["l_wrist"], JOINT["r_wrist"]], :2]
    assert_near(hands(result)[:, :, 0, :2], wrists, 0.1)
    own = character(STRANGER).views[0].pose.hands
    assert own is not None
    middle = (own[0, 0, 12, :2] - own[0, 0, 0, :2]).norm()
    assert float((hands(result)[0, 0, 12, :2] - hands(result)[0, 0, 0, :2]).norm()) == pytest.approx(
        float(middle), rel=0.02
    )


def test_a_wrist_that_flickers_does_not_let_its_hand_jump() -> None:
    motion = person(8, amount=0.0)
    flickering = body(motion).clone()
    flickering[4, JOINT["l_wrist"], 3] = 0
    flickering = replace(motion, tracks=(replace(motion.tracks[0], body=flickering),))
    longer = character(build=Build(arm=1.5))
    steady, found = (hands(retarget(each, longer))[:, 0, 0, :2] for each in (motion, flickering))
    assert (found - steady).norm(dim=-1).max() < 3


def test_face_is_the_characters_own_with_the_drivers_expression_and_rotation() -> None:
    subject, driver = character(STRANGER), person()
    result = face(retarget(driver, subject))
    own = subject.views[0].pose.face
    assert own is not None
    assert torch.equal(result.rotation, face(driver).rotation)
    calm = face(driver).expression[:, 44] == 0
    shape = to_head_frame(result).shape
    assert_near(shape[calm], to_head_frame(own).shape, 0.01)
    smiling = int(face(driver).expression[:, 44].argmax())
    assert float((shape[smiling, 17] - to_head_frame(own).shape[0, 17]).norm()) > 0.1
    assert_near(
        face_scale(result.landmarks), face_scale(own.landmarks), 0.01 * float(face_scale(own.landmarks))
    )


def test_face_strength_zero_freezes_the_expression_and_keeps_the_head_pose() -> None:
    driver = person()
    full, frozen = (face(retarget(driver, character(STRANGER), face_strength=s)) for s in (1.0, 0.0))
    assert float(frozen.expression[:, 1:].abs().max()) == 0
    shape = to_head_frame(frozen).shape
    assert_near(shape, shape[:1].expand_as(shape), 1e-4)
    assert torch.equal(frozen.rotation, full.rotation)
    assert_near(to_head_frame(frozen).centre, to_head_frame(full).centre, 1e-2)


def test_a_portrait_moves_by_the_face_alone() -> None:
    result = retarget(only(person(), "face"), character(STRANGER, ELSEWHERE))
    assert result.tracks[0].body is None
    assert result.tracks[0].hands is None
    own = character(STRANGER, ELSEWHERE).views[0].pose.face
    assert own is not None
    assert_near(face(result).landmarks[0], own.landmarks[0], 1.0)
    moved = to_head_frame(face(result)).centre - to_head_frame(face(result)).centre[0]
    source = to_head_frame(face(person())).centre - to_head_frame(face(person())).centre[0]
    ratio = face_scale(own.landmarks)[0] / face_scale(face(person()).landmarks)[0]
    assert_near(moved, source * ratio, 0.05)


def test_face_lost_in_some_frames_stays_lost() -> None:
    driver = person()
    seen = torch.ones(25)
    seen[3:6] = 0
    lost = replace(face(driver), confidence=seen)
    track = replace(driver.tracks[0], face=lost)
    result = face(retarget(replace(driver, tracks=(track,)), character(STRANGER)))
    assert float(result.landmarks[3:6].abs().max()) == 0
    assert_near(result.landmarks[10], face(retarget(driver, character(STRANGER))).landmarks[10], 1.0)


def test_match_video_keeps_the_drivers_place_and_size() -> None:
    driver = person()
    small = view(at(person(1, Build(), Shot(scale=100, centre=(50, 60))).tracks[0], 0), size=(320, 360))
    result = body(retarget(driver, Subject("s", (small,)), placement="match video"))
    assert_near(result[..., :2], body(driver)[..., :2] / 2, 0.02 * 360)


@pytest.mark.parametrize("part", ["body", "hand"])
def test_strength_zero_is_the_pictures_pose_and_half_lies_between(part: str) -> None:
    subject = character(STRANGER)
    full, half, none = (
        retarget(person(), subject, **{f"{part}_strength": strength}) for strength in (1.0, 0.5, 0.0)
    )
    if part == "body":
        assert_near(body(none)[..., :2], subject.views[0].pose.body[..., :2].expand(25, -1, -1), 1.0)  # type: ignore[index]
        wrist = JOINT["r_wrist"]
        moved = [
            float((body(m)[:, wrist, :2] - body(none)[:, wrist, :2]).norm(dim=1).max()) for m in (full, half)
        ]
        assert 0.3 * moved[0] < moved[1] < 0.8 * moved[0]
        lengths = distance(body(half), JOINT["r_elbow"], wrist)[0]
        assert float(lengths.max() - lengths.min()) < 0.05
    else:
        shape = hands(none)[:, 0, :, :2] - hands(none)[:, 0, :1, :2]
        assert_near(shape, shape[:1].expand_as(shape), 0.01)


def test_metric_bones_keep_their_length_at_every_strength() -> None:
    subject = character(STRANGER)
    half, full = (retarget(person(), subject, body_strength=s).tracks[0].world for s in (0.5, 1.0))
    assert half is not None and full is not None
    for a, b in BODY_BONES[1:13]:
        if JOINT["nose"] not in (a, b):  # a nod changes the way from the neck to the nose
            lengths = [(world[:, a] - world[:, b]).norm(dim=-1) for world in (half, full)]
            assert_near(*lengths, 1e-4)
    wrist = JOINT["r_wrist"]
    assert float((half - full)[:, wrist].norm(dim=-1).max()) > 0.1


@pytest.mark.parametrize("strength", [0.0, 0.5, 2.0])
def test_a_driver_without_depth_gets_none_from_the_picture(strength: float) -> None:
    driver = person()
    body_, hands_ = body(driver).clone(), hands(driver).clone()
    body_[..., 2] = hands_[..., 2] = 0
    flat = replace(driver, tracks=(Track(body=body_, hands=hands_),))
    subject = character(STRANGER)
    pose = subject.views[0].pose
    assert pose.body is not None and pose.hands is not None
    pose.hands[..., 2] = 5.0
    assert float(pose.body[..., 2].abs().max()) > 1
    result = retarget(flat, subject, body_strength=strength, hand_strength=strength)
    assert not body(result)[..., 2].any()
    assert not hands(result)[..., 2].any()


def test_world_joints_take_the_proportions_and_stay_metric() -> None:
    world = retarget(person(), character(STRANGER)).tracks[0].world
    assert world is not None
    arm = (world[:, JOINT["r_wrist"]] - world[:, JOINT["r_elbow"]]).norm(dim=-1)
    assert_near(arm, torch.full_like(arm, 0.26 * 1.3), 0.01)


def test_unseen_world_joints_stay_at_the_origin_and_leave_the_others_in_place() -> None:
    driver = person()
    joints, world = body(driver).clone(), driver.tracks[0].world
    assert world is not None
    gone, world = [JOINT["r_ankle"], JOINT["r_elbow"], JOINT["pelvis"]], world.clone()
    joints[:, gone], world[:, gone] = 0, 0
    track = replace(driver.tracks[0], body=joints, world=world)
    result = retarget(replace(driver, tracks=(track,)), character(STRANGER)).tracks[0].world
    whole = retarget(driver, character(STRANGER)).tracks[0].world
    assert result is not None and whole is not None
    assert float(result[:, gone].abs().max()) == 0
    assert_near(result[:, JOINT["l_wrist"]], whole[:, JOINT["l_wrist"]], 0.01)
    reach = (result[:, JOINT["r_wrist"]] - result[:, JOINT["r_shoulder"]]).norm(dim=-1)
    assert float(reach.max()) < 1.0, "a wrist without its elbow hangs on the shoulder"


def test_inputs_are_not_changed() -> None:
    driver, subject = person(), character(STRANGER)
    before = [
        body(driver).clone(),
        hands(driver).clone(),
        face(driver).landmarks.clone(),
        face(driver).expression.clone(),
    ]
    retarget(driver, subject, body_strength=0.5, hand_strength=0.5, face_strength=2.0)
    after = [body(driver), hands(driver), face(driver).landmarks, face(driver).expression]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_what_cannot_be_matched_is_said() -> None:
    driver, subject = person(), character()
    nobody = replace(driver, tracks=(Track(body=torch.zeros(4, 25, 4)),))
    faceless = Subject("feet", (view(Track(body=torch.zeros(1, 25, 4))),))
    for motion, whom, options, message in (
        (Motion(25.0, (8, 8), ()), subject, {}, "The motion has no frames; encode a video"),
        (Motion(25.0, (8, 8), (Track(body=torch.zeros(0, 25, 4)),)), subject, {}, "The motion has no frames"),
        (driver, subject, {"track": 1}, "has 1 people, but person 1 was asked for; people count from 0."),
        (nobody, subject, {}, "Nobody is seen in the motion"),
        (driver, Subject("empty", ()), {}, "Subject 'empty' has no views"),
        (driver, faceless, {}, "no common part to compare sizes by"),
        (driver, subject, {"body_strength": float("nan")}, "The body strength is nan"),
        (driver, subject, {"placement": "middle"}, "Placement is 'middle'; choose"),
    ):
        with pytest.raises(KMCError, match=message):
            retarget(motion, whom, **options)
