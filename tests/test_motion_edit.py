"""Editing promises: lengths and seams are right, sides are swapped whole, gaps stay gaps, and what a person
means and is called travels along.
"""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kmc_core.errors import KMCError
from kmc_core.motion.combine import combine
from kmc_core.motion.draw import draw_motion
from kmc_core.motion.edit import Adjustment, adjust
from kmc_core.motion.face_mesh import (
    LEFT_BROW,
    LEFT_EYE,
    LEFT_IRIS_CENTRE,
    OVAL,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGHT_IRIS_CENTRE,
)
from kmc_core.motion.face_mirror import MIRRORED_LANDMARK
from kmc_core.motion.files import load_motion, save_motion
from kmc_core.motion.mirror import MIRRORED_EXPRESSION, MIRRORED_JOINT, mirror
from kmc_core.motion.retarget import retarget
from kmc_core.motion.rotations import about, slerp
from kmc_core.motion.skeleton import BODY_BONES, EXPRESSIONS, JOINT
from kmc_core.motion.timing import hold, loop, retime, trim
from kmc_core.motion.types import Action, Contact, Intent, Motion, Track
from kmc_core.perception.extract import TensorClip, encode_face
from media import astronaut, perception
from moving_person import Build, Shot, character, person

WRIST = JOINT["r_wrist"]
INTENT = Intent((Action("raise left hand", 4, 12, 0.9),), (Contact("hand-face", "left", 10, 20),))


def meant(frames: int = 20) -> Motion:
    """A person with a name and an intent."""
    motion = person(frames)
    return replace(motion, tracks=(replace(motion.tracks[0], intent=INTENT, name="Ada"),))


def tensors(motion: Motion) -> dict[str, Tensor]:
    track = motion.tracks[0]
    assert track.body is not None and track.world is not None and track.hands is not None
    assert track.face is not None
    return {"body": track.body, "world": track.world, "hands": track.hands} | vars(track.face)


def same(a: Motion, b: Motion) -> bool:
    return all(torch.equal(part, tensors(b)[name]) for name, part in tensors(a).items())


def close(a: Motion, b: Motion, tolerance: float = 1e-3) -> None:
    for name, tensor in tensors(a).items():
        torch.testing.assert_close(tensor, tensors(b)[name], atol=tolerance, rtol=1e-5, msg=name)


def lengths(body: Tensor) -> Tensor:
    return torch.stack([(body[:, a, :3] - body[:, b, :3]).norm(dim=-1) for a, b in BODY_BONES], dim=1)


def test_trimming_takes_frames_intent_and_name() -> None:
    part = trim(meant(), 0.2, 0.4)  # 25 frames a second
    assert part.frames == 10 and part.tracks[0].name == "Ada"
    assert torch.equal(tensors(part)["body"], tensors(meant())["body"][5:15])
    assert part.tracks[0].intent == Intent(
        (Action("raise left hand", 0, 7, 0.9),), (Contact("hand-face", "left", 5, 10),)
    )
    assert trim(meant(), 0.2, 0).frames == 15
    assert trim(meant(), 0.54, 0.26).frames == 6  # to the very end, though both halves round up


@pytest.mark.parametrize(("start", "duration"), [(-0.1, 0.2), (0.9, 0), (0.5, 0.5), (0, -1)])
def test_a_part_outside_of_the_motion_is_refused(start: float, duration: float) -> None:
    with pytest.raises(KMCError, match="choose a part inside it"):
        trim(meant(), start, duration)


def test_the_same_speed_changes_nothing() -> None:
    assert same(retime(meant(), 1.0), meant()) and retime(meant(), 1.0).tracks[0].intent == INTENT


def test_twice_the_speed_takes_every_second_frame() -> None:
    fast = retime(meant(), 2.0)
    assert torch.equal(tensors(fast)["body"], tensors(meant())["body"][::2])
    assert fast.tracks[0].intent == Intent(
        (Action("raise left hand", 2, 6, 0.9),), (Contact("hand-face", "left", 5, 10),)
    )


def test_half_the_speed_lies_between_the_frames_and_heads_turn_at_constant_pace() -> None:
    turn = about(torch.tensor([0.0, 1.0, 0.0]).expand(20, 3), torch.arange(20) * 0.1)
    motion = meant()
    face = replace(motion.tracks[0].face, rotation=turn)
    slow = retime(replace(motion, tracks=(replace(motion.tracks[0], face=face),)), 0.5)
    assert slow.frames == 40 and slow.tracks[0].intent.contacts[0].end == 40
    body = tensors(meant())["body"]
    torch.testing.assert_close(tensors(slow)["body"][1:39:2], (body[:-1] + body[1:]) / 2)
    steps = slow.tracks[0].face.rotation[:-2].transpose(1, 2) @ slow.tracks[0].face.rotation[1:-1]
    torch.testing.assert_close(
        steps, about(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([0.05])).expand(38, 3, 3)
    )


def test_another_frame_rate_lasts_as_long() -> None:
    other = retime(meant(), 1.0, 50.0)
    assert (other.fps, other.frames) == (50.0, 40)
    assert torch.equal(tensors(other)["hands"][::2], tensors(meant())["hands"])


def test_a_gap_is_not_bridged_by_retiming() -> None:
    motion = meant()
    body = tensors(motion)["body"].clone()
    body[8:12, WRIST] = 0
    slow = retime(replace(motion, tracks=(replace(motion.tracks[0], body=body),)), 0.25)
    seen = slow.tracks[0].body[:, WRIST, 3]
    assert not seen[31:46].any() and bool((seen[:30] == 1).all()) and bool((seen[46:] == 1).all())
    assert not slow.tracks[0].body[31:46, WRIST].any()


def test_a_loop_has_no_seam() -> None:
    motion = person(50)  # ends where it began
    cut = trim(motion, 0, 1.6)  # does not
    round_trip = loop(cut, 3, 0.4)
    assert round_trip.frames == 3 * 30
    body = tensors(round_trip)["body"][..., :2]
    step = (body[1:] - body[:-1]).norm(dim=-1).amax(dim=1)
    usual = (tensors(cut)["body"][1:, :, :2] - tensors(cut)["body"][:-1, :, :2]).norm(dim=-1).max()
    assert float(step.max()) < 2.5 * float(usual)
    assert float(step[29]) < 1.05 * float(usual), "the seam itself"
    naive = loop(cut, 3, 0.0)
    hard = (tensors(naive)["body"][40] - tensors(naive)["body"][39])[:, :2].norm(dim=-1).max()
    assert float(hard) > 5 * float(step[29])


def test_a_loop_repeats_what_is_meant() -> None:
    intent = loop(meant(), 2, 0.2).tracks[0].intent
    assert [(c.start, c.end) for c in intent.contacts] == [(10, 15), (25, 30)]
    assert loop(meant(), 2, 0.2).tracks[0].name == "Ada"


def test_a_blend_that_is_too_long_is_refused() -> None:
    with pytest.raises(KMCError, match="up to half of the motion, 0.40 s"):
        loop(meant(), 2, 0.6)


def test_holding_stands_still_and_keeps_contacts() -> None:
    held = hold(meant(), 0.2, 0.4)
    body = tensors(held)["body"]
    assert held.frames == 35 and bool((body[:6] == body[5]).all()) and bool((body[24:] == body[24]).all())
    assert held.tracks[0].intent == Intent(
        (Action("raise left hand", 9, 17, 0.9),), (Contact("hand-face", "left", 15, 35),)
    )


def test_mirrored_twice_has_the_same_bits() -> None:
    motion = meant()
    body = tensors(motion)["body"] + torch.rand(20, 25, 4, generator=torch.Generator().manual_seed(0)) * 0.1
    motion = replace(motion, tracks=(replace(motion.tracks[0], body=body.clamp(min=1e-6)),))
    twice = mirror(mirror(motion))
    assert same(twice, motion) and twice.tracks[0].intent == INTENT and twice.tracks[0].name == "Ada"
    assert all(part.dtype == torch.float32 for part in tensors(twice).values())


def test_mirroring_swaps_sides() -> None:
    motion = meant()
    mirrored = mirror(motion)
    there, here = tensors(mirrored), tensors(motion)
    torch.testing.assert_close(there["body"][:, JOINT["l_wrist"], 0].float(), 640 - here["body"][:, WRIST, 0])
    torch.testing.assert_close(there["hands"][:, 0, :, 0].float(), 640 - here["hands"][:, 1, :, 0])
    assert torch.equal(there["world"][:, JOINT["l_knee"], 0], -here["world"][:, JOINT["r_knee"], 0])
    smile = EXPRESSIONS.index("mouthSmileLeft")
    one_sided = replace(motion.tracks[0].face, expression=torch.eye(52)[[smile] * 20])
    motion = replace(motion, tracks=(replace(motion.tracks[0], face=one_sided),))
    assert int(tensors(mirror(motion))["expression"][0].argmax()) == EXPRESSIONS.index("mouthSmileRight")
    assert mirrored.tracks[0].intent == Intent(
        (Action("raise right hand", 4, 12, 0.9),), (Contact("hand-face", "right", 10, 20),)
    )


def test_unseen_points_stay_unseen_in_the_mirror() -> None:
    motion = meant()
    body = tensors(motion)["body"].clone()
    body[:, WRIST] = 0
    mirrored = mirror(replace(motion, tracks=(replace(motion.tracks[0], body=body),)))
    assert not mirrored.tracks[0].body[:, JOINT["l_wrist"]].any()


def test_a_mirrored_motion_goes_through_the_whole_pack(tmp_path) -> None:
    mirrored = mirror(trim(meant(), 0.4, 0.16))
    save_motion(mirrored, tmp_path / "mirrored.safetensors")
    assert same(load_motion(tmp_path / "mirrored.safetensors"), mirrored)
    fitted = retarget(mirrored, character())
    assert fitted.frames == 4 and fitted.tracks[0].body.dtype == torch.float32
    assert sum(len(chunk) for chunk in draw_motion(mirrored, size=(64, 72))) == 4
    assert combine(mirrored, person(4), "blend", 0.5).frames == loop(mirrored, 1, 0.0).frames == 4


@pytest.mark.parametrize("table", [MIRRORED_LANDMARK, MIRRORED_EXPRESSION, MIRRORED_JOINT])
def test_the_mirror_tables_are_involutions(table: tuple[int, ...]) -> None:
    assert sorted(table) == list(range(len(table)))
    assert [table[index] for index in table] == list(range(len(table)))


def test_the_landmarks_pair_as_their_names_say() -> None:
    for right, left in ((RIGHT_EYE, LEFT_EYE), (RIGHT_BROW, LEFT_BROW)):
        assert [MIRRORED_LANDMARK[point] for point in right] == list(left)
    assert MIRRORED_LANDMARK[RIGHT_IRIS_CENTRE] == LEFT_IRIS_CENTRE
    assert [MIRRORED_LANDMARK[point] for point in OVAL[1:]] == list(OVAL[:0:-1])


def test_the_mirrored_face_is_the_face_of_the_mirrored_picture() -> None:
    picture = torch.nn.functional.avg_pool2d(astronaut(), 2)[None]
    seen, in_mirror = (
        encode_face(TensorClip(frames, 1.0), perception()) for frames in (picture, picture.flip(-1))
    )
    ours, theirs = mirror(seen).tracks[0].face, in_mirror.tracks[0].face
    width = float(theirs.landmarks[0, :, 0].max() - theirs.landmarks[0, :, 0].min())
    apart = (ours.landmarks[0, :, :2] - theirs.landmarks[0, :, :2]).norm(dim=-1)
    assert float(apart.max()) < 0.1 * width and float(apart.mean()) < 0.03 * width
    torch.testing.assert_close(ours.rotation, theirs.rotation, atol=0.05, rtol=0)
    assert float((ours.expression - theirs.expression).abs().mean()) < 0.05


def test_an_empty_adjustment_changes_nothing() -> None:
    assert same(adjust(meant(), Adjustment()), meant())


def test_offset_and_scale_move_every_part_alike() -> None:
    moved = adjust(meant(), Adjustment(right=0.25, down=-0.1, scale=0.5))
    before, after = tensors(meant()), tensors(moved)
    middle = before["body"][:, JOINT["pelvis"], :2].median(dim=0).values
    for name in ("body", "hands", "landmarks", "crop"):
        expected = middle + torch.tensor([160.0, -72.0]) + 0.5 * (before[name][..., :2] - middle)
        torch.testing.assert_close(after[name][..., :2], expected, atol=1e-2, rtol=0)
    torch.testing.assert_close(after["crop"][:, 2], before["crop"][:, 2] / 2)
    assert moved.tracks[0].intent == INTENT and moved.tracks[0].name == "Ada"


@pytest.mark.parametrize("gain", [0.0, 0.5, 1.6])
def test_a_bodys_gain_scales_the_swing_and_keeps_the_bones(gain: float) -> None:
    motion = meant(25)
    changed = adjust(motion, Adjustment(body_gain=gain))
    before, after = tensors(motion)["body"], tensors(changed)["body"]
    torch.testing.assert_close(lengths(after), lengths(before), atol=3.0, rtol=0.05)
    swing = [float(body[:, WRIST, 0].max() - body[:, WRIST, 0].min()) for body in (before, after)]
    assert swing[1] == pytest.approx(gain * swing[0], rel=0.3, abs=2.0)
    gap = [t["hands"][:, 1, 0, :2] - t["body"][:, WRIST, :2] for t in (tensors(motion), tensors(changed))]
    torch.testing.assert_close(gap[1], gap[0], atol=1e-2, rtol=0)


def test_a_faces_gain_scales_its_expression_alone() -> None:
    changed = adjust(meant(), Adjustment(face_gain=0.5))
    before, after = tensors(meant()), tensors(changed)
    torch.testing.assert_close(after["expression"], before["expression"] / 2)
    assert torch.equal(after["body"], before["body"]) and torch.equal(after["rotation"], before["rotation"])
    assert not torch.equal(after["landmarks"], before["landmarks"])


@pytest.mark.parametrize(
    "change", [Adjustment(scale=0), Adjustment(right=math.nan), Adjustment(hand_gain=-1)]
)
def test_impossible_adjustments_are_refused(change: Adjustment) -> None:
    with pytest.raises(KMCError, match="give "):
        adjust(meant(), change)


@pytest.mark.parametrize("take", ["blend", "hands", "face"])
def test_no_share_of_the_other_changes_nothing(take) -> None:
    assert same(combine(meant(), person(20, Build(arm=1.2)), take, 0.0), meant())


def test_a_blend_with_itself_is_itself() -> None:
    close(combine(meant(), meant(), "blend", 0.4), meant())


def test_a_whole_blend_is_the_other_with_the_own_name() -> None:
    other = person(20, Build(arm=1.3))
    blended = combine(meant(), other, "blend", 1.0)
    assert same(blended, other) and blended.tracks[0].name == "Ada"


def test_a_blend_with_a_body_without_metres_keeps_none_of_the_old_ones() -> None:
    other = replace(person(20), tracks=(Track(body=person(20, Build(arm=1.3)).tracks[0].body),))
    assert combine(meant(), other, "blend", 1.0).tracks[0].world is None


def test_bones_keep_their_lengths_half_way() -> None:
    low, high = person(20), person(20, amount=-3.0)
    body = tensors(combine(low, high, "blend", 0.5))["body"]
    ends = [lengths(tensors(motion)["body"]) for motion in (low, high)]
    torch.testing.assert_close(lengths(body), (ends[0] + ends[1]) / 2, atol=0.5, rtol=0.01)


def test_the_other_is_brought_to_rate_size_and_length() -> None:
    other = replace(person(80), fps=50.0)
    blended = combine(person(20), other, "blend", 1.0)
    assert (blended.fps, blended.frames) == (25.0, 20)
    torch.testing.assert_close(tensors(blended)["body"], tensors(other)["body"][:40:2])
    small = adjust(replace(person(20), size=(320, 360)), Adjustment())
    assert combine(person(20), small, "blend", 1.0).size == (640, 720)
    with pytest.raises(KMCError, match=r"other motion has 10 frames at 25 frames a second, the first 20"):
        combine(person(20), person(10), "blend")


def test_hands_of_another_come_onto_the_wrists_in_the_bodys_size() -> None:
    other = person(20, shot=Shot(scale=150.0, centre=(200.0, 300.0)), amount=0.0)
    taken = tensors(combine(meant(), other, "hands"))
    own = tensors(meant())
    for side, joint in ((0, JOINT["l_wrist"]), (1, WRIST)):
        torch.testing.assert_close(taken["hands"][:, side, 0, :2], own["body"][:, joint, :2])
        size = (taken["hands"][:, side, 9, :2] - taken["hands"][:, side, 0, :2]).norm(dim=-1)
        expected = (own["hands"][:, side, 9, :2] - own["hands"][:, side, 0, :2]).norm(dim=-1)
        torch.testing.assert_close(size, expected, atol=1.0, rtol=0.02)
    # Fingers of this person lie along the forearm: they do so on the own, swinging, forearm too.
    fore = own["body"][:, WRIST, :2] - own["body"][:, JOINT["r_elbow"], :2]
    finger = taken["hands"][:, 1, 12, :2] - taken["hands"][:, 1, 0, :2]
    assert float(torch.cosine_similarity(fore, finger, dim=-1).min()) > 0.99
    assert torch.equal(taken["body"], own["body"])


def test_a_face_of_another_sits_on_the_own_head() -> None:
    other = person(20, Build(face_seed=3), Shot(scale=200.0), amount=-1.0)
    taken, own, theirs = (tensors(m) for m in (combine(meant(), other, "face"), meant(), other))
    assert torch.equal(taken["expression"], theirs["expression"])
    torch.testing.assert_close(taken["rotation"], own["rotation"])
    torch.testing.assert_close(taken["landmarks"].mean(1), own["landmarks"].mean(1), atol=4.0, rtol=0)
    headless = replace(meant(), tracks=(replace(meant().tracks[0], face=None),))
    placed = tensors(combine(headless, person(20, shot=Shot(scale=200.0)), "face"))
    torch.testing.assert_close(placed["landmarks"].mean(1), own["landmarks"].mean(1), atol=12.0, rtol=0)


def test_a_part_that_the_other_lacks_is_refused() -> None:
    bare = Motion(25.0, (640, 720), (Track(body=tensors(person(20))["body"]),))
    for take in ("hands", "face"):
        with pytest.raises(KMCError, match=f"The other motion has no {take}"):
            combine(meant(), bare, take)


def test_slerp_goes_from_end_to_end_at_constant_pace() -> None:
    axis = torch.nn.functional.normalize(torch.tensor([[1.0, 2, -1]]).double(), dim=-1)
    start, end = about(axis, torch.tensor([0.3]).double()), about(axis, torch.tensor([2.9]).double())
    for share in (0.0, 0.25, 1.0):
        expected = about(axis, torch.tensor([0.3 + share * 2.6]).double())
        torch.testing.assert_close(slerp(start, end, torch.tensor([share])), expected)


def test_a_motion_without_people_can_be_edited() -> None:
    nobody = Motion(25.0, (64, 64), ())
    assert mirror(nobody) == adjust(nobody, Adjustment(right=0.1)) == nobody


@pytest.mark.parametrize("take", ["hands", "face"])
def test_a_person_whose_counterpart_lacks_the_part_stays(take) -> None:
    first = meant()
    two = replace(first, tracks=first.tracks * 2)
    other = person(20, Build(arm=1.2))
    bare = replace(other.tracks[0], hands=None, face=None)
    mixed = combine(two, replace(other, tracks=(*other.tracks, bare)), take, 0.5)
    assert same(replace(mixed, tracks=mixed.tracks[1:]), first)
    assert not same(replace(mixed, tracks=mixed.tracks[:1]), first)
