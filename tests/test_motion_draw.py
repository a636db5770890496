"""Drawings show what is seen, where it is, and what is in front."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kmc_core.errors import KMCError
from kmc_core.motion.draw import LIMB_CHANNELS, draw_motion, limb_maps
from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.types import Motion, Track
from moving_person import Build, Shot, person

SIZE = (90, 80)  # height, width: an eighth of the person's picture
SCALE = 1 / 8


def parts(motion: Motion) -> tuple[Tensor, Tensor, Tensor]:
    track = motion.tracks[0]
    assert track.body is not None and track.hands is not None and track.face is not None
    return track.body, track.hands, track.face.landmarks


def channel(maps: Tensor, name: str) -> Tensor:
    return maps[:, LIMB_CHANNELS.index(name)]


def maps_of(
    body: Tensor | None, hands: Tensor | None = None, face: Tensor | None = None, **options
) -> Tensor:
    return limb_maps(body, hands, face, size=SIZE, scale=SCALE, **options)


def test_parts_that_are_not_asked_for_are_not_drawn() -> None:
    motion = person(2)
    faceless = replace(motion, tracks=(replace(motion.tracks[0], face=None),))
    with_face, without = (next(draw_motion(each, parts=("body",))) for each in (motion, faceless))
    assert torch.equal(with_face, without) and int(without.max()) > 0
    assert not torch.equal(next(draw_motion(motion)), with_face)


def test_every_limb_lies_on_its_joints_and_nowhere_else() -> None:
    body, hands, face = parts(person(5))
    maps = maps_of(body, hands, face)
    assert maps.shape == (5, len(LIMB_CHANNELS), *SIZE)
    assert float(maps.min()) >= 0 and float(maps.max()) <= 1
    for limb, ends in {
        "r_upper_arm": ("r_shoulder", "r_elbow"), "l_lower_arm": ("l_elbow", "l_wrist"),
        "r_upper_leg": ("r_hip", "r_knee"), "l_lower_leg": ("l_knee", "l_ankle"),
        "torso": ("neck", "pelvis"), "head": ("r_ear", "l_ear"),
    }.items():  # fmt: skip
        drawn = channel(maps, limb)[0]
        a, b = (body[0, JOINT[end], :2] * SCALE for end in ends)
        x, y = ((a + b) / 2).floor().long().tolist()
        assert float(drawn[y, x]) > 0.9, limb
        rows, columns = (drawn > 0.5).nonzero().unbind(1)
        reach = 12 if limb in ("torso", "head") else 7
        assert (
            float(columns.min()) > min(a[0], b[0]) - reach and float(columns.max()) < max(a[0], b[0]) + reach
        )
        assert float(rows.min()) > min(a[1], b[1]) - reach and float(rows.max()) < max(a[1], b[1]) + reach


def test_unseen_points_draw_nothing_and_faint_ones_fade() -> None:
    body, *_ = parts(person(1))
    full = maps_of(body)
    lost, faint = body.clone(), body.clone()
    lost[:, JOINT["r_elbow"], 3] = 0.29
    faint[:, JOINT["r_elbow"], 3] = 0.4
    for name in ("r_upper_arm", "r_lower_arm"):
        assert float(channel(maps_of(lost), name).max()) == 0
        ratio = channel(maps_of(faint), name).max() / channel(full, name).max()
        assert float(ratio) == pytest.approx(0.5, abs=0.01)
    torch.testing.assert_close(channel(maps_of(lost), "l_upper_arm"), channel(full, "l_upper_arm"))
    assert float(maps_of(torch.zeros(2, 25, 4)).abs().max()) == 0


def test_an_arm_before_the_chest_covers_it_and_one_behind_does_not() -> None:
    body, *_ = parts(person(1))
    chest = (body[0, JOINT["neck"], :2] * 0.6 + body[0, JOINT["pelvis"], :2] * 0.4).tolist()
    spot = tuple(int(v * SCALE) for v in reversed(chest))

    def with_arm(depth: float) -> Tensor:
        crossed = body.clone()
        crossed[0, JOINT["r_elbow"], :3] = torch.tensor([chest[0] - 60, chest[1], depth])
        crossed[0, JOINT["r_wrist"], :3] = torch.tensor([chest[0] + 60, chest[1], depth])
        return maps_of(crossed)

    near, far = with_arm(-120.0), with_arm(120.0)
    assert float(channel(near, "torso")[0][spot]) < 0.3 and float(channel(near, "r_lower_arm")[0][spot]) > 0.9
    assert float(channel(far, "torso")[0][spot]) > 0.9 and float(channel(far, "r_lower_arm")[0][spot]) < 0.3
    assert float(channel(near, "depth")[0][spot]) > float(channel(far, "depth")[0][spot])
    assert 0.5 < float(channel(far, "depth")[0][spot]) < 0.6  # the chest's front, just before the pelvis


def test_maps_follow_scale_and_place() -> None:
    body, hands, face = parts(person(2))
    one = limb_maps(body, hands, face, size=(90, 80), scale=1 / 8)
    two = limb_maps(
        body / torch.tensor([8, 8, 8, 1]), hands / torch.tensor([8, 8, 8, 1]), face / 8, size=(90, 80)
    )
    torch.testing.assert_close(one, two)
    shift = torch.tensor([16.0, 8.0, 0, 0])
    moved = limb_maps(body + shift, hands + shift, face + shift[:3], size=(90, 80), scale=1 / 8)
    torch.testing.assert_close(moved[:, :, 1:, 2:], one[:, :, :-1, :-2], atol=1e-4, rtol=1e-4)


def test_frames_do_not_touch_each_other() -> None:
    body, hands, face = parts(person(40))
    together = maps_of(body, hands, face)
    for frame in (0, 7, 39):
        alone = maps_of(body[frame : frame + 1], hands[frame : frame + 1], face[frame : frame + 1])
        torch.testing.assert_close(together[frame : frame + 1], alone, atol=1e-4, rtol=1e-4)


def test_figures_off_the_map_and_broken_sizes_are_no_error() -> None:
    body, hands, face = parts(person(3))
    far = torch.tensor([5000.0, -7000.0, 0, 0])
    assert float(maps_of(body + far, hands + far, face + far[:3]).max()) == 0
    huge = maps_of(body * torch.tensor([50, 50, 50, 1.0]), hands, face)
    assert torch.isfinite(huge).all()


def test_a_bust_has_a_torso_down_to_the_edge() -> None:
    bust = {"nose", "neck", "r_shoulder", "l_shoulder", "r_eye", "l_eye", "r_ear", "l_ear"}
    body, *_ = parts(person(1, shot=Shot(visible=bust)))
    full, *_ = parts(person(1))
    drawn, whole = channel(maps_of(body), "torso")[0], channel(maps_of(full), "torso")[0]
    overlap = (torch.minimum(drawn, whole).sum() / torch.maximum(drawn, whole).sum()).item()
    assert overlap > 0.6


def test_portrait_without_body_has_a_head_and_lines_but_small_faces_have_none() -> None:
    *_, face = parts(person(1))
    maps = limb_maps(None, None, face, size=(128, 128), scale=0.3)
    assert float(channel(maps, "head").max()) == 1
    assert float(channel(maps, "face_upper").max()) > 0.5 and float(channel(maps, "face_lower").max()) > 0.5
    assert float(channel(maps, "torso").max()) == 0
    unseen = limb_maps(None, None, face, size=(128, 128), scale=0.3, face_confidence=torch.zeros(1))
    assert float(unseen.max()) == 0
    tiny = limb_maps(None, None, face, size=(128, 128), scale=0.05)
    assert float(channel(tiny, "face_lower").max()) == 0


def test_nothing_to_draw_is_said_and_inputs_stay() -> None:
    with pytest.raises(KMCError, match="Nothing to draw: give a body, hands or face"):
        maps_of(None)
    body, hands, face = parts(person(2))
    before = (body.clone(), hands.clone(), face.clone())
    maps_of(body, hands, face)
    assert all(torch.equal(a, b) for a, b in zip(before, (body, hands, face), strict=True))


def test_preview_shows_the_person_on_black_in_chunks_of_bounded_size() -> None:
    motion = person(20)
    chunks = list(draw_motion(motion))
    assert sum(len(chunk) for chunk in chunks) == 20 and len(chunks) > 1
    picture = chunks[0][0]
    assert (picture.dtype, picture.shape) == (torch.uint8, (3, motion.size[1], motion.size[0]))
    body, *_ = parts(motion)
    x, y = ((body[0, JOINT["r_knee"], :2] + body[0, JOINT["r_hip"], :2]) / 2).long().tolist()
    red, green, blue = picture[:, y, x].tolist()
    assert green > red + 50 and green > 100 and blue > red  # the right thigh is green
    assert int(picture[:, :50, :50].max()) == 0


def test_preview_goes_over_the_clip_at_the_clips_size() -> None:
    motion = person(6)
    clip = torch.full((6, 3, 360, 320), 200, dtype=torch.uint8)
    frames = torch.cat(list(draw_motion(motion, background=[clip[:4], clip[4:]])))
    assert frames.shape == clip.shape
    assert frames[0, :, 0, 0].tolist() == [120, 120, 120]
    assert int(clip.min()) == 200
    assert int((frames[0] != 120).any(dim=0).sum()) > 2000


def test_preview_draws_near_over_far() -> None:
    motion = person(1)
    body, *_ = parts(motion)
    for depth, red_wins in ((-150.0, True), (150.0, False)):
        crossed = body.clone()
        middle = (body[0, JOINT["neck"], :2] + body[0, JOINT["pelvis"], :2]) / 2
        for joint, side in (("r_elbow", -80.0), ("r_wrist", 80.0)):
            crossed[0, JOINT[joint], :3] = torch.tensor([middle[0] + side, middle[1], depth])
        picture = next(draw_motion(replace(motion, tracks=(Track(body=crossed),))))[0]
        red, _, blue = picture[:, int(middle[1]), int(middle[0])].tolist()
        assert (red > blue + 60) == red_wins


def test_preview_leaves_out_what_is_unseen() -> None:
    motion = person(2)
    unseen = replace(motion, tracks=(Track(body=torch.zeros(2, 25, 4), hands=torch.zeros(2, 2, 21, 4)),))
    assert int(torch.cat(list(draw_motion(unseen))).max()) == 0
    body, *_ = parts(motion)
    faint = body.clone()
    faint[..., 3] = 0.35
    pictures = [
        next(draw_motion(replace(motion, tracks=(Track(body=points),))))[0].float().sum()
        for points in (body, faint)
    ]
    assert 0 < float(pictures[1]) < 0.6 * float(pictures[0])


def test_preview_draws_several_people() -> None:
    one, two = person(1), person(1, Build(), Shot(centre=(450, 380)))
    both = replace(one, tracks=one.tracks + two.tracks)
    pictures = [next(draw_motion(motion))[0] for motion in (one, two, both)]
    covered = [(picture > 0).any(dim=0) for picture in pictures]
    assert torch.equal(covered[0] | covered[1], covered[2])


def test_preview_says_what_does_not_fit() -> None:
    motion = person(3)
    clip = torch.zeros(4, 3, 60, 60, dtype=torch.uint8)
    for options, message in (
        ({"background": [clip]}, "The background has more frames than the motion, which has 3"),
        ({"background": [clip[:2]]}, "The background has 2 frames, the motion 3"),
        ({"background": [clip.float()]}, "expected uint8"),
        ({"background": [clip], "size": (60, 60)}, "Give a size or a background, not both"),
    ):
        with pytest.raises(KMCError, match=message):
            list(draw_motion(motion, **options))
