"""Reference views of runs, and close-ups: cameras that follow a part steadily, and the way back."""

from dataclasses import replace

import pytest
import torch

from kmc_core.engines.catalog import ENGINES
from kmc_core.engines.close_up import close_subject, close_up
from kmc_core.engines.color import anchor_color
from kmc_core.engines.detail import restore_detail
from kmc_core.engines.kmc import no_check
from kmc_core.engines.reference import in_scene, requests_of_runs
from kmc_core.engines.request import Draft, Request
from kmc_core.engines.scail import scail_inputs
from kmc_core.errors import KMCError
from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.types import Motion
from kmc_core.perception.clips import TensorClip
from kmc_core.subject.identity import Identity
from kmc_core.subject.types import Subject, View
from moving_person import HEIGHT, WIDTH, character, person
from test_select import around, looking, turning

WHOLE_PICTURE = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])
RED, BLUE, GREEN = (torch.tensor(rgb).view(3, 1, 1) for rgb in ((1.0, 0, 0), (0, 0, 1.0), (0, 1.0, 0)))


def painted(view: View, person_colour: torch.Tensor, scene: torch.Tensor) -> View:
    """A view whose person is a box around its joints."""
    assert view.pose.body is not None
    points = view.pose.body[0, :, :2]
    (left, top), (right, bottom) = points.amin(0).int().tolist(), points.amax(0).int().tolist()
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[:, max(top, 0) : bottom, max(left, 0) : right] = 1
    return replace(view, image=person_colour * mask + scene * (1 - mask), mask=mask)


def asked(motion: Motion, subject: Subject) -> Request:
    return Request(motion, Identity(subject), (64, 96))


def test_each_run_is_shown_the_view_that_faces_as_the_person_does_and_holds_it() -> None:
    motion = turning([0, 95, 88, 180])
    spans = [(0, 4), (4, 8), (8, 12), (12, 16)]
    subject = around(0, 90, 180)
    requests, report = requests_of_runs(ENGINES["wan_animate"], asked(motion, subject), spans)
    assert [len(each.subject.views) for each in requests] == [1] * 4
    assert requests[0].subject.views[0] is subject.views[0]
    assert requests[1].identity is requests[2].identity  # one picture for both
    rows = [line.split("|")[3].split()[0] for line in report.splitlines() if line.startswith("| ")][1:]
    assert rows == ["1", "2", "2", "3"]
    one = asked(motion, replace(subject, views=subject.views[:1]))
    assert requests_of_runs(ENGINES["wan_animate"], one, spans)[0][3].subject.views == subject.views[:1]


def test_engines_that_see_all_views_get_them_in_every_run() -> None:
    request = asked(turning([0, 90]), around(0, 90))
    for name in ("kmc", "scail2"):
        requests, _ = requests_of_runs(ENGINES[name], request, [(0, 4), (4, 8)])
        assert all(each is request for each in requests)


def test_a_view_that_shows_less_than_the_main_one_does_not_take_its_place() -> None:
    back = looking(180)
    assert back.pose.body is not None
    body = back.pose.body.clone()
    body[:, [index for name, index in JOINT.items() if "hip" in name or "knee" in name], 3] = 0
    body[:, [JOINT[name] for name in ("l_ankle", "r_ankle", "l_heel", "r_heel", "pelvis")], 3] = 0
    body[:, [index for name, index in JOINT.items() if "toe" in name], 3] = 0
    bust = replace(back, pose=replace(back.pose, body=body))
    request = asked(turning([180]), Subject("Ada", (looking(0), bust)))
    requests, _ = requests_of_runs(ENGINES["wan_animate"], request, [(0, 4)])
    assert requests[0].subject.views == request.subject.views[:1]


def test_a_view_that_its_picture_cuts_higher_does_not_take_the_main_ones_place() -> None:
    main, whole = painted(looking(0), RED, GREEN), painted(looking(180), BLUE, GREEN)
    bottom = int(whole.mask[0].any(1).nonzero().max())
    kept = bottom - HEIGHT // 10  # the picture ends here, the person does not
    cut = replace(whole, image=whole.image[:, :kept], mask=whole.mask[:, :kept])
    for view, index in ((whole, 1), (cut, 0)):
        request = asked(turning([180]), Subject("Ada", (main, view)))
        ((shown,), report) = requests_of_runs(ENGINES["wan_animate"], request, [(0, 4)])
        assert (shown.subject.views[0] is main) == (index == 0), report


def test_another_views_person_stands_in_the_main_views_scene() -> None:
    main, other = painted(looking(0), RED, GREEN), painted(looking(180), BLUE, torch.zeros(3, 1, 1))
    assert other.pose.body is not None and main.pose.body is not None
    smaller = other.pose.body.clone()
    smaller[..., :3] = smaller[..., :3] / 2 + 20  # filmed from further away
    small = torch.nn.functional.interpolate(torch.cat([other.image, other.mask])[None], scale_factor=0.5)[0]
    canvas = torch.zeros(4, HEIGHT, WIDTH)
    canvas[:, 20 : 20 + HEIGHT // 2, 20 : 20 + WIDTH // 2] = small
    far = replace(
        other,
        image=canvas[:3],
        mask=canvas[3:],
        pose=replace(other.pose, body=smaller, hands=None, face=None),
    )
    placed = in_scene(far, main)
    assert placed.pose.body is not None
    neck = JOINT["neck"]
    torch.testing.assert_close(placed.pose.body[0, neck, :2], main.pose.body[0, neck, :2], atol=1e-2, rtol=0)
    spine = [float(b[0, JOINT["pelvis"], 1] - b[0, neck, 1]) for b in (placed.pose.body, main.pose.body)]
    assert spine[0] == pytest.approx(spine[1], rel=0.02)
    x, y = placed.pose.body[0, JOINT["pelvis"], :2].int().tolist()
    assert placed.image[:, y, x].tolist() == pytest.approx([0, 0, 1], abs=0.02)  # the other view's person
    assert placed.image[:, 2, 2].tolist() == pytest.approx([0, 1, 0], abs=0.02)  # the main view's scene
    assert float(placed.mask[0, y, x]) > 0.98 and float(placed.mask[0, 2, 2]) == 0


def test_a_close_up_follows_its_part_and_does_not_tremble() -> None:
    motion = person(50)
    track = motion.tracks[0]
    assert track.hands is not None
    noise = torch.randn(50, 1, 1, 2, generator=torch.Generator().manual_seed(0)) * 4
    hands = track.hands.clone()
    hands[..., :2] += noise
    camera = close_up(replace(motion, tracks=(replace(track, hands=hands),)), 0, "left hand", 64)
    assert camera is not None
    calm = track.hands[:, 0, :, :2]
    inside = (calm - camera.boxes[:, None, :2]).abs().amax((1, 2)) < camera.boxes[:, 2] / 2
    assert inside.all()
    still = close_up(motion, 0, "left hand", 64)
    assert still is not None
    tremble = (camera.boxes - still.boxes)[:, :2].diff(dim=0).norm(dim=1).mean()
    assert float(tremble) < 0.1 * float(noise.diff(dim=0).norm(dim=-1).mean())
    near = camera.motion(motion).tracks[0].hands
    assert near is not None and near[:, 0, :, :2].amin() > 0 and near[:, 0, :, :2].amax() < 64


def test_what_a_close_up_left_as_it_was_comes_back_the_same_and_the_rest_is_untouched() -> None:
    motion = person(6)
    camera = close_up(motion, 0, "face", 128)
    assert camera is not None
    rows = torch.linspace(0, 255, HEIGHT)[None, :, None].expand(3, HEIGHT, WIDTH)
    frames = rows.round().to(torch.uint8)[None].expand(6, -1, -1, -1)
    shown = frames.float() / 255
    close = camera.frames(frames, WHOLE_PICTURE, 0)
    same = torch.stack(list(camera.put_back(shown, close, WHOLE_PICTURE, 0)))
    assert float((same - shown).abs().max()) < 0.02
    white = torch.stack(list(camera.put_back(shown, close * 0 + 255, WHOLE_PICTURE, 0)))
    x, y, side = camera.boxes[3].tolist()
    assert white[3, :, int(y), int(x)].tolist() == pytest.approx([1, 1, 1], abs=1e-3)
    outside = torch.ones(HEIGHT, WIDTH, dtype=torch.bool)
    outside[int(y - side / 2) : int(y + side / 2) + 1, int(x - side / 2) : int(x + side / 2) + 1] = False
    assert torch.equal(white[3][:, outside], shown[3][:, outside])


def test_a_part_that_is_out_of_sight_is_left_alone_there() -> None:
    motion = person(40)
    track = motion.tracks[0]
    assert track.hands is not None
    hands = track.hands.clone()
    hands[10:30, 0, :, 3] = 0
    camera = close_up(replace(motion, tracks=(replace(track, hands=hands),)), 0, "left hand", 64)
    assert camera is not None
    assert not camera.shown[10:30].any() and bool((camera.shown[:3] == 1).all())
    assert 0 < float(camera.shown[9]) < 1  # fades out before it goes
    hands[..., 3] = 0
    assert close_up(replace(motion, tracks=(replace(track, hands=hands),)), 0, "left hand", 64) is None


def test_a_close_subject_has_those_views_that_show_the_part() -> None:
    subject = Subject("Ada", (looking(0), looking(180)))
    near = close_subject(subject, "face", 64)
    assert near is not None and len(near.views) == 1
    view = near.views[0]
    assert view.image.shape == (3, 64, 64) and view.mask.shape == (1, 64, 64)
    assert view.pose.face is not None
    points = view.pose.face.landmarks[0, :, :2]
    assert float(points.amin()) > 0 and float(points.amax()) < 64
    assert close_subject(replace(subject, views=subject.views[1:]), "face", 64) is None


def test_a_draft_that_is_too_short_is_told() -> None:
    draft = Draft(TensorClip(torch.zeros(4, 3, 8, 8), 25.0), 0)
    draft.check(4)
    with pytest.raises(KMCError, match="The draft has 4 frames, 5 are to be made"):
        draft.check(5)


def test_scail2_must_know_where_the_person_is_in_the_video() -> None:
    from kmc_core.engines.request import Driver
    from kmc_core.motion.retarget import retarget

    subject = character()
    clip = TensorClip(torch.zeros(5, 3, HEIGHT, WIDTH), 25.0)
    request = Request(retarget(person(5), subject), Identity(subject), (64, 96), Driver(clip))
    with pytest.raises(
        KMCError, match="needs to know where the person is in the video; connect video_motion"
    ):
        scail_inputs("scail2", request, 0, 5, no_check)


def test_pictures_that_were_cut_to_fill_keep_their_place() -> None:
    """A result twice as wide as the picture shows the middle half of it."""
    from test_kmc_engine import motion, subject

    frames, size = 2, (96, 48)
    view = subject().views[0]
    side = view.image.shape[-1]
    middle = view.image[:, side // 4 : side - side // 4]
    low = torch.nn.functional.interpolate(middle[None], size=size[::-1], mode="area").expand(
        frames, -1, -1, -1
    )
    restored = restore_detail(low, motion(frames), subject(), size=size, filled=True)
    assert restored.shape == (frames, 3, 48, 96)
    assert float((restored - low).abs().mean()) < 0.03
    held = anchor_color(low * 0.7, motion(frames), subject(), steady=1, where="whole picture", filled=True)
    assert float((held - low).abs().mean()) < 0.5 * float((low * 0.3).abs().mean())


def test_a_part_that_is_hidden_for_long_keeps_its_camera():
    motion = person(120)
    hands = motion.tracks[0].hands
    assert hands is not None
    hidden = hands.clone()
    hidden[20:, :, :, 3] = 0
    hidden[8, :, :, 3] = 0  # one frame in which nobody found the hand
    camera = close_up(replace(motion, tracks=(replace(motion.tracks[0], hands=hidden),)), 0, "left hand", 64)
    assert camera is not None
    sides = camera.boxes[:, 2]
    assert sides.min() > 0.5 * sides.max()
    assert camera.shown[:20].all() and not camera.shown[20:].any()
    near = camera.frames(torch.zeros(120, 3, 96, 64, dtype=torch.uint8), torch.eye(2, 3), 0)
    assert near.shape == (120, 3, 64, 64)
