"""Intent is found by rules and survives retargeting to other proportions; faces keep what must stay."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kmc_core.motion.contacts import spans
from kmc_core.motion.expression import LEFT_LIDS, LIPS, RIGHT_LIDS, move_expression, move_shape
from kmc_core.motion.fit_report import report_fit
from kmc_core.motion.intent import find_intent
from kmc_core.motion.proportions import compare, track_lengths, typical_lengths
from kmc_core.motion.reach import two_bones
from kmc_core.motion.retarget import retarget
from kmc_core.motion.skeleton import BODY_BONES, EXPRESSIONS, JOINT
from kmc_core.motion.types import Action, Contact, Intent, Motion, Track
from kmc_core.prompt.describe import describe_motion
from kmc_core.subject.types import Subject
from moving_person import Build, Shot, at, character, person, turn, view

FPS, FRAMES = 25.0, 50
PIXELS = 300.0  # a metre
LEGS = ("hip", "knee", "ankle", "heel", "big_toe", "small_toe")
SHORT, BIG_HEAD = Build(arm=0.65), Build(arm=0.8, leg=0.7, head=1.6)


def standing(frames: int = FRAMES) -> Tensor:
    """[F, 25, 3] a person at ease, metres from the pelvis, who looks at the camera."""
    return person(1, amount=0.0).tracks[0].world.expand(frames, -1, -1).clone()  # type: ignore[union-attr]


def bend(world: Tensor, joints: tuple[str, str, str], end: Tensor, pole: tuple[float, float, float]) -> None:
    """Put the end of an arm or leg at [F, 3], or as near as it reaches, in place; it bends towards `pole`."""
    start, middle, last = (JOINT[name] for name in joints)
    upper, lower = (
        (world[:, b] - world[:, a]).norm(dim=-1, keepdim=True) for a, b in ((start, middle), (middle, last))
    )
    corner = world[:, start] + upper * torch.nn.functional.normalize(torch.tensor(pole), dim=0)
    reached = corner + lower * torch.nn.functional.normalize(end - corner, dim=-1)
    world[:, middle], world[:, last] = two_bones(world[:, start], corner, reached, end)


def bend_arm(
    world: Tensor, side: str, wrist: Tensor, pole: tuple[float, float, float] = (0.4, 1.0, 0.2)
) -> None:
    """A wrist to [F, 3]; the elbow points towards `pole`, x outwards."""
    out = 1.0 if side == "l" else -1.0
    joints = (f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
    bend(world, joints, wrist, (pole[0] * out, *pole[1:]))


def move_foot(world: Tensor, side: str, step: Tensor) -> None:
    """An ankle by [F, 3]; the knee points forwards."""
    ankle = JOINT[f"{side}_ankle"]
    old = world[:, ankle].clone()
    bend(world, (f"{side}_hip", f"{side}_knee", f"{side}_ankle"), old + step, (0.0, 0.1, -1.0))
    for foot in ("heel", "big_toe", "small_toe"):
        world[:, JOINT[f"{side}_{foot}"]] += world[:, ankle] - old


def filmed(world: Tensor, shift: Tensor | None = None) -> Motion:
    """Metric joints seen by a camera far away; `shift` [F, 3] moves the whole person, metres."""
    moved = world + (0 if shift is None else shift[:, None])
    body = torch.cat([moved * PIXELS + torch.tensor([320.0, 300.0, 0.0]), torch.ones(len(world), 25, 1)], -1)
    body[..., 2] = world[..., 2] * PIXELS
    return Motion(FPS, (640, 720), (Track(body=body, world=world),))


def seconds(frames: int = FRAMES) -> Tensor:
    return torch.arange(frames) / FPS


def facepalm() -> Motion:
    """Hands down, then the right one before the face from frame 20 on."""
    world = standing()
    down = world[:, JOINT["r_wrist"]].clone()
    face = world[:, JOINT["nose"]] + torch.tensor([0.0, 0.1, -0.06])
    share = ((torch.arange(FRAMES) - 10) / 10.0).clamp(0, 1)[:, None]
    bend_arm(world, "r", torch.lerp(down + torch.tensor([-0.15, 0.0, -0.2]), face, share))
    return filmed(world)


def moves(name: str) -> Motion:
    """What the names of actions say."""
    world, t = standing(), seconds()
    shift = torch.zeros(FRAMES, 3)
    shoulder = {side: world[:, JOINT[f"{side}_shoulder"]] for side in "lr"}
    swing = torch.sin(2 * math.pi * 1.5 * t)
    if name == "wave":
        path = torch.stack([-0.2 + 0.12 * swing, torch.full_like(t, -0.3), torch.full_like(t, -0.1)], -1)
        bend_arm(world, "r", shoulder["r"] + path)
    if name == "clap":
        for side, out in (("l", 1.0), ("r", -1.0)):
            middle = torch.tensor([0.0, -0.3, -0.32])
            bend_arm(world, side, middle + torch.stack([out * (0.12 + 0.09 * swing), 0 * t, 0 * t], -1))
    if name == "hands on hips":
        for side, out in (("l", 1.0), ("r", -1.0)):
            hip = world[:, JOINT[f"{side}_hip"]] + torch.tensor([0.06 * out, -0.06, -0.02])
            bend_arm(world, side, hip, (1.0, 0.5, 0.3))
    if name == "sit":
        shift[:, 1] = 0.4
        for side in "lr":
            move_foot(world, side, torch.tensor([0.0, -0.4, -0.4]).expand(FRAMES, 3))
    if name == "jump":
        shift[:, 1] = -0.3 * torch.sin(2 * math.pi * t).clamp(min=0)
    if name == "walk":
        shift[:, 1] = 0.06
        for side, out in (("l", 1.0), ("r", -1.0)):
            phase = out * torch.sin(2 * math.pi * 0.9 * t)
            lift = (out * torch.cos(2 * math.pi * 0.9 * t)).clamp(min=0)
            step = torch.stack([0 * t, -0.06 - 0.12 * lift, -0.2 * phase], -1)
            move_foot(world, side, step)
    return filmed(world, shift)


def named(motion: Motion) -> set[str]:
    return {action.name for action in find_intent(motion.tracks[0], motion.fps).actions}


@pytest.mark.parametrize("name", ["wave", "clap", "hands on hips", "sit", "jump", "walk"])
def test_an_action_is_named_and_nothing_else_that_excludes_it(name: str) -> None:
    found = named(moves(name))
    assert name in found
    assert not found - {name, "gesture", "idle", "raise arms"}


def test_a_size_that_wavers_makes_nobody_jump() -> None:
    """Metres as they are found in pictures: their size changes a little while the person stands still."""
    motion = moves("idle")
    track = motion.tracks[0]
    assert track.world is not None
    wavering = 1 + 0.05 * torch.sin(2 * math.pi * 0.8 * seconds())
    found = replace(track, world=track.world * wavering[:, None, None])
    assert named(replace(motion, tracks=(found,))) == {"idle"}


def test_shoulders_found_the_wrong_way_round_for_a_moment_are_no_turn() -> None:
    motion = moves("idle")
    assert motion.tracks[0].world is not None
    world, shoulders = motion.tracks[0].world.clone(), [JOINT["l_shoulder"], JOINT["r_shoulder"]]
    for start in (12, 30):
        world[start : start + 2, shoulders] = world[start : start + 2, shoulders[::-1]]
    assert named(replace(motion, tracks=(replace(motion.tracks[0], world=world),))) == {"idle"}


def test_a_shaking_head_is_seen_though_the_shoulders_seem_to_follow() -> None:
    motion, yaw = moves("idle"), 0.25 * torch.sin(2 * math.pi * 1.2 * seconds())
    track, face = motion.tracks[0], person(FRAMES).tracks[0].face
    assert track.world is not None and face is not None
    world = track.world.clone()
    for side, out in (("l", 1.0), ("r", -1.0)):
        world[:, JOINT[f"{side}_shoulder"], 2] -= out * 0.18 * torch.sin(0.7 * yaw)
    found = replace(track, world=world, face=replace(face, rotation=turn(yaw, 0 * yaw)))
    assert named(replace(motion, tracks=(found,))) == {"shake head"}


def test_a_step_aside_needs_no_high_feet() -> None:
    """What detectors see of feet is lower than feet are; that both go aside is seen."""
    shift = torch.stack([0.1 * torch.sin(2 * math.pi * 0.7 * seconds()), *torch.zeros(2, FRAMES)], -1)
    assert named(filmed(standing(), shift)) == {"step aside"}


@pytest.mark.parametrize(
    ("joints", "lost"),
    [(("pelvis", "l_hip", "r_hip", "l_ankle", "r_ankle"), slice(40, 43)), (("l_ankle",), slice(0, None, 4))],
)
def test_joints_that_are_lost_for_a_while_are_no_step_aside(joints: tuple[str, ...], lost: slice) -> None:
    shift = torch.stack([0.05 * torch.sin(2 * math.pi * 0.5 * seconds()), *torch.zeros(2, FRAMES)], -1)
    motion = filmed(standing(), shift)
    body = motion.tracks[0].body
    assert body is not None
    for joint in joints:
        body[lost, JOINT[joint]] = 0
    assert "step aside" not in named(motion)


def test_somebody_who_stands_is_idle_with_both_feet_on_the_ground() -> None:
    intent = find_intent(moves("idle").tracks[0], FPS)
    assert [action.name for action in intent.actions] == ["idle"]
    assert {(c.kind, c.side, c.start, c.end) for c in intent.contacts} == {
        ("foot-ground", "left", 0, FRAMES), ("foot-ground", "right", 0, FRAMES),
    }  # fmt: skip


def test_a_contact_begins_and_ends_at_different_distances() -> None:
    gap = torch.tensor([9.0, 0.9, 1.2, 0.9, 1.2, 1.6, 1.2, 9.0])
    assert spans(gap, 1.0, 1.5) == [(1, 5)]
    assert spans(gap, 1.0, 1.5, shortest=5) == []


@pytest.mark.parametrize("build", [SHORT, BIG_HEAD, Build(arm=1.5)])
def test_a_facepalm_stays_one_on_other_proportions(build: Build) -> None:
    """The wrist keeps its way to the face at the new head's size; without inverse kinematics it does not."""
    driver, subject = facepalm(), character(build)
    gap = way_to_nose(driver)
    kept, lost = (retarget(driver, subject, keep_contacts=keep) for keep in (True, False))
    size = compare(typical_lengths(*track_lengths(driver.tracks[0])),
                   typical_lengths(*track_lengths(subject.views[0].pose))).size  # fmt: skip
    height = 1.75 * PIXELS * size
    wrong = [float((way_to_nose(m)[25:] - size * gap[25:]).norm(dim=-1).max()) for m in (kept, lost)]
    allowed = 0.03 * height + abs(build.head - 1) * size * float(gap[25:].norm(dim=-1).max())
    assert wrong[0] < allowed
    assert wrong[0] < 0.6 * wrong[1]
    assert any(c.kind == "hand-face" for c in find_intent(kept.tracks[0], FPS).contacts)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.3])
def test_a_strength_acts_on_joints_in_the_picture_and_in_metres_alike(strength: float) -> None:
    """Of a driver whose metres are its pixels; what is touched is touched by one and the same body."""
    own = Subject("self", (view(at(moves("idle").tracks[0], 0)),))
    track = retarget(facepalm(), own, body_strength=strength).tracks[0]
    assert track.body is not None and track.world is not None
    pixels = track.body[..., :3] - track.body[:, JOINT["pelvis"], None, :3]
    assert float((pixels / PIXELS - track.world).abs().max()) < 0.005


def way_to_nose(motion: Motion) -> Tensor:
    body = motion.tracks[0].body
    assert body is not None
    return body[:, JOINT["r_wrist"], :2] - body[:, JOINT["nose"], :2]


def test_nothing_jumps_where_a_contact_begins() -> None:
    driver = facepalm()
    result = retarget(driver, character(SHORT)).tracks[0].body
    assert result is not None and driver.tracks[0].body is not None
    wrist = JOINT["r_wrist"]
    fastest = [float(b[:, wrist, :2].diff(dim=0).norm(dim=-1).max()) for b in (result, driver.tracks[0].body)]
    assert fastest[0] < 1.6 * fastest[1]


@pytest.mark.parametrize("build", [SHORT, BIG_HEAD, Build(arm=1.6, leg=1.6)])
@pytest.mark.parametrize("name", ["walk", "sit", "hands on hips", "clap"])
def test_bones_keep_their_length_in_space(build: Build, name: str) -> None:
    world = retarget(moves(name), character(build)).tracks[0].world
    assert world is not None
    lengths = torch.stack([(world[:, a] - world[:, b]).norm(dim=-1) for a, b in BODY_BONES])
    assert float((lengths.amax(1) - lengths.amin(1)).max()) < 1e-3


@pytest.mark.parametrize("name", ["wave", "walk", "sit", "jump", "clap", "hands on hips"])
def test_a_motion_fitted_to_its_own_character_is_unchanged(name: str) -> None:
    driver = moves(name)
    own = Subject("self", (view(at(moves("idle").tracks[0], 0)),))
    result = retarget(driver, own).tracks[0].body
    source = driver.tracks[0].body
    assert result is not None and source is not None
    one_percent = 0.0175 * PIXELS
    assert float((result - source)[..., :2].norm(dim=-1).max()) < one_percent


def test_a_sitting_driver_and_a_standing_picture_share_the_ground() -> None:
    subject = character(Build(leg=0.7), Shot(scale=200))
    result, pose = retarget(moves("sit"), subject).tracks[0].body, subject.views[0].pose.body
    assert result is not None and pose is not None
    ankles = [JOINT["l_ankle"], JOINT["r_ankle"]]
    assert float((result[:, ankles, 1] - pose[:, ankles, 1]).abs().max()) < 4.0


def test_standing_feet_do_not_slide_on_longer_legs() -> None:
    """A lunge: the root goes down and forwards between feet that stand."""
    world, t = standing(), seconds()
    root = torch.stack([0.1 * torch.sin(2 * t), 0.06 + 0.03 * torch.cos(4 * t), 0 * t], -1)
    for side in "lr":
        move_foot(world, side, -root)
    driver = filmed(world, root)
    result = retarget(driver, character(Build(leg=1.4))).tracks[0].body
    assert result is not None and driver.tracks[0].body is not None
    for ankle in (JOINT["l_ankle"], JOINT["r_ankle"]):
        slides = [float((b[:, ankle, :2] - b[:1, ankle, :2]).norm(dim=-1).max())
                  for b in (result, driver.tracks[0].body)]  # fmt: skip
        assert slides[0] < slides[1] + 0.01 * 1.75 * PIXELS


def test_a_bust_picture_keeps_its_neck_in_place_whatever_the_legs_do() -> None:
    whole, bust = Build(leg=0.6), Shot(visible=set(JOINT) - {n for n in JOINT if n[2:] in LEGS} - {"pelvis"})
    small = view(at(person(1, whole, Shot(scale=90)).tracks[0], 0))
    first = character(whole, bust).views[0]
    result = retarget(moves("idle"), Subject("two views", (first, small))).tracks[0].body
    assert result is not None and first.pose.body is not None
    neck = JOINT["neck"]
    assert float((result[:, neck, :2] - first.pose.body[:, neck, :2]).norm(dim=-1).max()) < 1.0


def test_lengths_from_metres_do_not_shrink_when_limbs_point_at_the_camera() -> None:
    """A sitting driver, whose thighs are all depth, on its own standing picture."""
    driver = typical_lengths(*track_lengths(moves("sit").tracks[0]))
    picture = typical_lengths(*track_lengths(at(moves("idle").tracks[0], 0)))
    thigh = BODY_BONES.index((JOINT["l_hip"], JOINT["l_knee"]))
    assert float(compare(driver, picture).relative[thigh]) == pytest.approx(1.0, rel=0.01)


def test_two_bones_reach_their_goal_or_as_near_as_they_can() -> None:
    rng = torch.Generator().manual_seed(3)
    start, middle, end, goal = torch.randn(4, 200, 3, generator=rng)
    bent, reached = two_bones(start, middle, end, goal)
    upper, lower = (middle - start).norm(dim=-1), (end - middle).norm(dim=-1)
    assert torch.allclose((bent - start).norm(dim=-1), upper, atol=1e-4)
    assert torch.allclose((reached - bent).norm(dim=-1), lower, atol=1e-4)
    way = (goal - start).norm(dim=-1)
    inside = (way < 0.99 * (upper + lower)) & (way > (upper - lower).abs() + 0.02 * (upper + lower))
    assert int(inside.sum()) > 50
    assert torch.allclose(reached[inside], goal[inside], atol=1e-4)
    assert torch.allclose(two_bones(start, middle, end, end)[0], middle, atol=2e-3)


def test_a_given_intent_is_kept_and_used() -> None:
    driver = moves("idle")
    intent = Intent((Action("salute", 0, 9, 0.8),), (Contact("hand-face", "left", 5, 20),))
    track = replace(driver.tracks[0], intent=intent)
    result = retarget(replace(driver, tracks=(track,)), character(SHORT)).tracks[0]
    assert result.intent == intent


def test_the_prompt_names_lasting_actions() -> None:
    motion = moves("idle")
    actions = (Action("wave", 0, 30, 0.9), Action("nod", 10, 12, 0.9), Action("facepalm", 30, 50, 0.9))
    track = replace(motion.tracks[0], intent=Intent(actions))
    told = describe_motion(replace(motion, tracks=(track,))).action
    assert told == "waving and covering the face with a hand"


def test_the_report_tells_what_was_limited_and_what_is_missing() -> None:
    driver, subject = person(), character(Build(arm=9.0), Shot(visible=set(JOINT) - {"l_knee", "r_knee",
        "l_ankle", "r_ankle"}))  # fmt: skip
    report = report_fit(driver, retarget(driver, subject), subject)
    assert "forearms: 2.50, limited: 9.0" in report
    assert "thighs: not seen in both" in report and "The pictures show no legs" in report
    assert "head: 1.00" in report


def head_shape(lids: float, lips: float) -> Tensor:
    """[478, 3] a face with eyes and mouth open by so much."""
    shape = torch.zeros(478, 3)
    for pairs, gap, place in ((RIGHT_LIDS, lids, -0.5), (LEFT_LIDS, lids, 0.5), (LIPS, lips, 0.0)):
        for column, (upper, lower) in enumerate(pairs):
            shape[upper] = torch.tensor([place + 0.05 * column, -gap / 2, 0])
            shape[lower] = torch.tensor([place + 0.05 * column, gap / 2, 0])
    for corner, place in ((33, -0.55), (133, -0.1), (263, 0.95), (362, 0.45)):
        shape[corner, 0] = place
    return shape


def opening(shape: Tensor, pairs: tuple[tuple[int, int], ...]) -> float:
    upper, lower = zip(*pairs, strict=True)
    return float((shape[list(upper)] - shape[list(lower)]).norm(dim=-1).mean())


@pytest.mark.parametrize("own_lids", [0.08, 0.3])
def test_a_closed_eye_is_closed_and_one_at_rest_is_the_characters(own_lids: float) -> None:
    neutral, own = head_shape(0.15, 0.0), head_shape(own_lids, 0.0)
    frames = torch.stack([head_shape(0.0, 0.0), head_shape(0.15, 0.0), head_shape(0.075, 0.0)])
    moved = move_shape(frames, neutral, own, 1.0)
    for pairs in (LEFT_LIDS, RIGHT_LIDS):
        gaps = [opening(shape, pairs) for shape in moved]
        assert gaps == pytest.approx([0.0, own_lids, own_lids / 2], abs=1e-4)


def test_closed_lips_close_a_mouth_that_its_picture_shows_open() -> None:
    neutral, own = head_shape(0.15, 0.0), head_shape(0.15, 0.1)
    moved = move_shape(torch.stack([head_shape(0.15, 0.0), head_shape(0.15, 0.3)]), neutral, own, 1.0)
    assert opening(moved[0], LIPS) == pytest.approx(0.0, abs=1e-5)
    assert opening(moved[1], LIPS) == pytest.approx(0.4, abs=1e-4)


def test_coefficients_leave_rest_at_rest_and_a_blink_complete() -> None:
    blink, smile, gaze = (
        EXPRESSIONS.index(name) for name in ("eyeBlinkLeft", "mouthSmileLeft", "eyeLookInLeft")
    )
    neutral, own = torch.zeros(52), torch.zeros(52)
    neutral[blink], neutral[smile], own[smile] = 0.3, 0.2, 0.1
    values = torch.stack([neutral, neutral, neutral])
    values[1, blink], values[1, gaze], values[2, smile] = 1.0, 0.7, 0.0
    moved = move_expression(values, neutral, own, 1.0)
    assert torch.allclose(moved[0], own, atol=1e-6)
    assert float(moved[1, blink]) == pytest.approx(1.0) and float(moved[1, gaze]) == pytest.approx(0.7)
    assert float(moved[2, smile]) == 0.0
    assert torch.allclose(move_expression(values, neutral, own, 0.0)[:, smile], own[smile])
