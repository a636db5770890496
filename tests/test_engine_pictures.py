"""What engines are shown: skeletons, faces, framed videos and masks, each judged by known points."""

from dataclasses import replace

import pytest
import torch

from kmc_core.engines.catalog import ENGINES
from kmc_core.engines.faces import face_crops, neutral_face
from kmc_core.engines.framing import chained, cover, framed, motion_place, on_canvas, video_place
from kmc_core.engines.kmc import no_check
from kmc_core.engines.masks import PALETTE, blocks, coloured, pack_mask, silhouettes
from kmc_core.engines.request import Driver, Request, clip_frames, engine_size, held
from kmc_core.engines.scail import scail_inputs
from kmc_core.engines.wan_animate import wan_animate_inputs
from kmc_core.engines.wan_animate2 import wan_animate2_inputs
from kmc_core.errors import KMCError
from kmc_core.motion.draw_skeleton import COLOURS, draw_skeleton
from kmc_core.motion.retarget import retarget
from kmc_core.motion.skeleton import JOINT
from kmc_core.perception.clips import TensorClip
from kmc_core.subject.identity import Identity
from moving_person import HEIGHT, WIDTH, Build, Shot, character, person

FRAMES = 9
DRIVER = person(FRAMES)
SUBJECT = character(Build(arm=1.2), Shot(scale=220.0, centre=(300.0, 400.0)))
FITTED = retarget(DRIVER, SUBJECT)
CANVAS = (160, 180)


def numbered(frames: int = FRAMES) -> torch.Tensor:
    """uint8 [F, 3, H, W]: red tells the frame, green the column, blue the row."""
    video = torch.zeros(frames, 3, HEIGHT, WIDTH, dtype=torch.uint8)
    video[:, 0] = torch.arange(frames, dtype=torch.uint8)[:, None, None] * 10
    video[:, 1] = (torch.arange(WIDTH) * 255 // WIDTH).to(torch.uint8)
    video[:, 2] = (torch.arange(HEIGHT) * 255 // HEIGHT).to(torch.uint8)[:, None]
    return video


def request(**changes) -> Request:
    driver = Driver(TensorClip(numbered(), 25.0), DRIVER)
    return replace(Request(FITTED, Identity(SUBJECT, 1.0), CANVAS, driver), **changes)


def pixel(image: torch.Tensor, point: torch.Tensor) -> tuple[int, ...]:
    """RGB of [3, H, W] under a point."""
    return tuple(int(v) for v in image[:, int(point[1]), int(point[0])])


def test_joints_are_bright_and_limbs_dark_where_they_are():
    motion = on_canvas(FITTED, cover(FITTED.size, (640, 720)), (640, 720))
    drawn = draw_skeleton(motion, hands=0.0)
    body = motion.tracks[0].body
    assert body is not None
    for name in ("r_shoulder", "l_elbow", "r_knee", "l_ankle"):
        index = JOINT[name]
        assert pixel(drawn[4], body[4, index]) == COLOURS[index]
    middle = (body[4, JOINT["r_hip"]] + body[4, JOINT["r_knee"]]) / 2
    assert pixel(drawn[4], middle) == tuple(int(c * 0.6) for c in COLOURS[7])
    assert (drawn[:, :, 0, 0] == 0).all()


def test_unseen_joints_are_not_drawn_and_hands_fade_with_their_strength():
    body = FITTED.tracks[0].body
    assert body is not None
    gone = replace(FITTED, tracks=(replace(FITTED.tracks[0], body=body * 0, hands=None),))
    assert draw_skeleton(gone).max() == 0
    totals = [int(draw_skeleton(FITTED, hands=share).sum(dtype=torch.int64)) for share in (0.0, 0.5, 1.0)]
    assert totals[0] < totals[1] < totals[2]


def test_a_big_toe_alone_is_drawn():
    body = FITTED.tracks[0].body
    assert body is not None
    body = body.clone()
    body[:, JOINT["l_small_toe"]] = 0
    drawn = draw_skeleton(replace(FITTED, tracks=(replace(FITTED.tracks[0], body=body),)))
    assert pixel(drawn[0], body[0, JOINT["l_big_toe"]]) == COLOURS[18]


def test_a_cover_is_the_crop_that_the_host_makes():
    assert torch.allclose(cover((640, 720), (320, 360)), torch.tensor([[0.5, 0, 0], [0, 0.5, 0]]))
    wide = cover((100, 50), (50, 50))  # 25 pixels are cut on each side
    assert torch.allclose(wide, torch.tensor([[1.0, 0, -25], [0, 1, 0]]))
    both = chained(wide, torch.tensor([[2.0, 0, 3], [0, 2, 5]]))
    assert torch.allclose(both, torch.tensor([[2.0, 0, -22], [0, 2, 5]]))


def test_the_videos_person_comes_to_lie_on_the_character():
    asked = request()
    place = video_place(asked, asked.driver)
    found = on_canvas(DRIVER, place, CANVAS).tracks[0].body
    fitted = on_canvas(FITTED, motion_place(asked), CANVAS).tracks[0].body
    assert found is not None and fitted is not None
    gaps = (found[..., :2] - fitted[..., :2]).norm(dim=-1)
    assert gaps.mean() < 4  # arms are longer by a fifth: no similarity fits them
    shown = framed(numbered()[:1], place, CANVAS)
    row, column = (int(place[axis, axis] * v + place[axis, 2]) for axis, v in ((1, 380.0), (0, 320.0)))
    assert shown[0, 1, row, column] == pytest.approx(0.5, abs=0.01)
    assert shown[0, 2, row, column] == pytest.approx(380 / HEIGHT, abs=0.01)


def test_faces_are_cut_where_the_video_shows_them():
    crops = face_crops(request(), 2, 3, "X", no_check)
    face = DRIVER.tracks[0].face
    assert face is not None and crops.shape == (3, 3, 512, 512)
    for index, crop in enumerate(crops):
        x, y, _ = face.crop[index + 2].tolist()
        assert crop[0].mean() * 255 == pytest.approx(10 * (index + 2), abs=0.01)
        assert crop[1].mean() == pytest.approx(x / WIDTH, abs=0.01)
        assert crop[2].mean() == pytest.approx(y / HEIGHT, abs=0.01)


def test_faces_that_were_not_seen_are_cut_between_their_neighbours():
    track = DRIVER.tracks[0]
    assert track.face is not None
    seen = track.face.confidence.clone()
    seen[4] = 0
    crop = track.face.crop.clone()
    crop[4] = 0
    hidden = replace(DRIVER, tracks=(replace(track, face=replace(track.face, confidence=seen, crop=crop)),))
    asked = request(driver=Driver(TensorClip(numbered(), 25.0), hidden))
    middle = (track.face.crop[3] + track.face.crop[5]) / 2
    assert face_crops(asked, 4, 1, "X", no_check)[0, 1].mean() == pytest.approx(
        float(middle[0]) / WIDTH, abs=0.01
    )


def test_face_strength_fades_from_the_calmest_frame_to_the_driver():
    neutral = neutral_face(request(), "X", no_check)
    faces = {}
    for strength in (0.0, 0.5, 1.0):
        made = wan_animate_inputs(request(strengths={"face": strength}), 0, 5, no_check)
        faces[strength] = made.pictures["face_video"]
    assert torch.equal(faces[0.0], neutral.expand(5, -1, -1, -1))
    assert torch.equal(faces[1.0], face_crops(request(), 0, 5, "X", no_check))
    torch.testing.assert_close(faces[0.5], (faces[0.0] + faces[1.0]) / 2)


def test_the_end_of_motion_and_video_is_held():
    assert held(FITTED, 7, 5).frames == 5
    body = held(FITTED, 7, 5).tracks[0].body
    assert body is not None and torch.equal(body[4], body[1])
    clip = TensorClip(numbered(), 25.0)
    shown = clip_frames(clip, 7, 5, lambda frames, _: frames[:, :1, :1, :1], no_check)
    assert shown.flatten().tolist() == [70, 80, 80, 80, 80]
    with pytest.raises(KMCError, match="has 9 frames, but frame 9 was asked for"):
        clip_frames(clip, 9, 1, lambda frames, _: frames, no_check)
    with pytest.raises(KMCError, match="has 9 frames, but frame 9 was asked for"):
        clip_frames(clip, 4, 9, lambda frames, _: frames, no_check)  # no engine pads by four


def test_masks_are_packed_as_the_vae_packs_frames():
    frames = torch.arange(9.0)[:, None, None].expand(9, 16, 16)
    packed = pack_mask(frames, (2, 2))
    assert packed.shape == (1, 4, 3, 2, 2)
    flat = packed[0, :, :, 0, 0].T.flatten()  # row of each latent frame, one after the other
    assert flat.tolist() == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]


def test_blocks_grow_and_colours_tell_people_apart():
    mask = torch.zeros(1, 70, 70)
    mask[0, 40, 40] = 1
    grown = blocks(mask)
    assert grown[0, 32:64, 32:64].min() == 1 and grown.sum() == 32 * 32
    people = torch.zeros(2, 1, 4, 4)
    people[0, 0, 0], people[1, 0, :2] = 1, 1
    picture = coloured(people, 1.0)
    assert picture[0, :, 0, 0].tolist() == list(PALETTE[0])
    assert picture[0, :, 1, 0].tolist() == list(PALETTE[1])
    assert picture[0, :, 3, 3].tolist() == [1, 1, 1]


def test_a_silhouette_holds_the_joints():
    motion = on_canvas(FITTED, cover(FITTED.size, CANVAS), CANVAS)
    shape = silhouettes(motion)
    body = motion.tracks[0].body
    assert body is not None and shape.shape == (1, FRAMES, 180, 160)
    for name in ("neck", "r_knee", "l_elbow", "pelvis"):
        x, y = body[3, JOINT[name], :2].int().tolist()
        assert shape[0, 3, y, x] == 1
    assert 0.02 < shape.mean() < 0.3


def test_replacement_empties_the_video_where_its_person_is():
    fitted = retarget(DRIVER, SUBJECT, placement="match video")
    made = wan_animate_inputs(request(motion=fitted, replace_person=True), 0, 5, no_check)
    mask, video = made.masks["character_mask"], made.pictures["background_video"]
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert (video * mask[:, None]).abs().max() == 0
    kept = video[:, 1][mask == 0]
    assert kept.mean() > 0.2
    skeleton = made.pictures["pose_video"].amax(1) > 0
    assert mask[skeleton].mean() > 0.9  # the figure is drawn where the person was


def test_replacement_refuses_a_motion_that_lies_elsewhere():
    far = character(shot=Shot(scale=100.0, centre=(120.0, 600.0)))
    asked = request(motion=retarget(DRIVER, far), identity=Identity(far, 1.0), replace_person=True)
    with pytest.raises(KMCError, match="set placement to 'match video' in Retarget Motion"):
        wan_animate_inputs(asked, 0, 5, no_check)


def test_scail2_sees_the_video_and_masks_scail_the_figure():
    asked = request()
    first, second = (scail_inputs(name, asked, 0, 5, no_check).pictures for name in ("scail", "scail2"))
    assert set(first) == {"reference_image", "pose_video"}
    assert first["pose_video"][:, :, 0, 0].max() == 0
    assert second["pose_video"][:, 0].mean((1, 2)).mul(255).round().tolist() == [0, 10, 20, 30, 40]
    driving, reference = second["pose_video_mask"], second["reference_image_mask"]
    assert driving[:, :, 0, 0].max() == 0 and driving[:, 2].max() == 1 and driving[:, :2].max() == 0
    assert reference[:, 2].min() == 1  # blue person on white


def test_masks_that_were_given_take_the_place_of_the_outline():
    masks = torch.zeros(FRAMES, HEIGHT, WIDTH)
    masks[:, :, WIDTH // 2 :] = 1
    asked = request(driver=Driver(TensorClip(numbered(), 25.0), None, masks))
    shown = scail_inputs("scail2", asked, 0, 5, no_check).pictures["pose_video_mask"]
    assert shown[:, 2, :, :70].max() == 0 and shown[:, 2, :, 90:].min() == 1


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("wan_animate", (0, 0), (592, 672)),
        ("wan_animate", (480, 832), (480, 832)),
        ("wan_animate", (320, 0), (320, 352)),
        ("scail2", (0, 512), (448, 512)),
    ],
)
def test_a_size_follows_the_picture_in_the_engines_steps(name, given, expected):
    assert engine_size(ENGINES[name], (WIDTH, HEIGHT), given) == expected


def test_a_size_between_the_engines_steps_is_refused():
    with pytest.raises(KMCError, match="multiples of 32, got 500 x 512. Use 512 x 512"):
        engine_size(ENGINES["scail2"], (WIDTH, HEIGHT), (500, 512))


def two_people():
    return replace(DRIVER, tracks=DRIVER.tracks * 2)


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (wan_animate_inputs, {"driver": None}, "The driving video is needed because Wan-Animate looks at"),
        (wan_animate_inputs, {"driver": Driver(TensorClip(numbered(), 25.0))}, "connect video_motion"),
        (
            wan_animate_inputs,
            {"driver": Driver(TensorClip(numbered(), 25.0), two_people())},
            "The video's motion holds 2 people, expected one; choose one with Select Person",
        ),
        (wan_animate_inputs, {"motion": replace(FITTED, tracks=FITTED.tracks * 2)}, "holds 2 people"),
        (wan_animate2_inputs, {"driver": None}, "because Wan-Animate-2 looks at the video itself"),
        (wan_animate2_inputs, {"replace_person": True}, "replaces nobody; switch replace_person off"),
        (wan_animate2_inputs, {"strengths": {"face": 0.5}}, "cannot be followed at strength 0.5"),
    ],
)
def test_what_is_missing_is_told(make, changes, message):
    with pytest.raises(KMCError, match=message):
        make(request(**changes), 0, 5, no_check)


def test_a_video_without_a_face_is_told():
    track = replace(DRIVER.tracks[0], face=None)
    faceless = Driver(TensorClip(numbered(), 25.0), replace(DRIVER, tracks=(track,)))
    with pytest.raises(KMCError, match="No face was found in the video; add Encode Face Motion"):
        wan_animate_inputs(request(driver=faceless), 0, 5, no_check)
    made = wan_animate_inputs(request(driver=faceless, strengths={"face": 0.0}), 0, 5, no_check)
    assert "face_video" not in made.pictures
