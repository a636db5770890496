"""The check before sampling promises to name each fault, to say how to mend it, and else to be quiet."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kmc_core.errors import KMCError
from kmc_core.motion.check import Report, check_motion
from kmc_core.motion.check_picture import as_markdown, report_picture
from kmc_core.motion.edit import Adjustment, adjust
from kmc_core.motion.retarget import retarget
from kmc_core.motion.shot import people_of, read_shot
from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.timing import retime
from kmc_core.motion.types import Motion
from kmc_core.perception.camera import watch_camera
from kmc_core.perception.extract import TensorClip
from kmc_core.subject.types import Subject
from moving_person import HEIGHT, WIDTH, Build, Shot, at, character, person, turn, view

BUST = Shot(
    600.0, (320.0, 800.0), {"nose", "neck", "r_eye", "l_eye", "r_ear", "l_ear", "r_shoulder", "l_shoulder"}
)
FRAMES = 40


def driver(**changes: Tensor) -> Motion:
    motion = person(FRAMES)
    return replace(motion, tracks=(replace(motion.tracks[0], **changes),))


def named(report: Report) -> set[str]:
    return {finding.name for finding in report.findings if finding.light != "green"}


def body() -> Tensor:
    joints = person(FRAMES).tracks[0].body
    assert joints is not None
    return joints.clone()


def small_driver() -> Motion:
    return adjust(person(FRAMES), Adjustment(scale=0.3))


def turned_driver() -> Motion:
    face = person(FRAMES).tracks[0].face
    assert face is not None
    away = turn(torch.full((FRAMES,), 1.0), torch.zeros(FRAMES))
    return driver(face=replace(face, rotation=face.rotation @ away))


def driver_from_behind() -> Motion:
    joints = body()
    joints[..., 0] = WIDTH - joints[..., 0]
    return driver(body=joints, face=None)


def jumping_driver() -> Motion:
    joints = body()
    joints[20:, :, :2] += torch.tensor([90.0, -60.0])
    return driver(body=joints)


def faceless_driver() -> Motion:
    face = person(FRAMES).tracks[0].face
    assert face is not None
    return driver(face=replace(face, confidence=(torch.arange(FRAMES) % 2).float()))


def leaving_driver() -> Motion:
    joints = adjust(person(FRAMES), Adjustment(right=0.3)).tracks[0].body
    assert joints is not None
    return driver(body=joints * (joints[..., :1] < WIDTH))


def lost_driver() -> Motion:
    lost = person(FRAMES).tracks[0]
    seen = (torch.arange(FRAMES) < 30).float()
    face = replace(lost.face, confidence=seen)
    parts = {"body": lost.body, "hands": lost.hands}
    return driver(**{n: p * seen.reshape(-1, *[1] * (p.ndim - 1)) for n, p in parts.items()}, face=face)


GOOD: dict[str, tuple[Callable[[], Motion], Callable[[], Subject]]] = {
    "alike": (driver, character),
    "another build": (driver, lambda: character(Build(arm=1.15, leg=0.9, head=1.1))),
    "busts": (lambda: person(FRAMES, shot=BUST), lambda: character(shot=BUST)),
}
FAULTS: dict[str, tuple[str, Callable[[], Motion], Callable[[], Subject]]] = {
    "bust": ("framing", driver, lambda: character(shot=BUST)),
    "full": ("framing", lambda: person(FRAMES, shot=BUST), character),
    "small": ("size", small_driver, character),
    "turned": ("facing", turned_driver, character),
    "behind": ("facing", driver_from_behind, character),
    "arms": ("proportion", driver, lambda: character(Build(arm=1.9))),
    "head": ("proportion", driver, lambda: character(Build(head=2.0))),
    "jump": ("cut", jumping_driver, character),
    "tiny": ("hands", lambda: adjust(person(FRAMES), Adjustment(scale=0.25)), character),
    "faceless": ("face", faceless_driver, character),
    "fast": ("speed", lambda: retime(person(FRAMES), 8.0), character),
    "leaving": ("out of frame", leaving_driver, character),
    "lost": ("person", lost_driver, character),
}


@pytest.mark.parametrize("case", GOOD)
def test_nothing_is_said_where_all_is_well(case: str) -> None:
    motion, subject = (make() for make in GOOD[case])
    report = check_motion(motion, subject)
    assert named(report) == set() and report.light == "green"
    report.require()


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_named_with_value_limit_and_remedy(case: str) -> None:
    fault, motion, subject = FAULTS[case]
    report = check_motion(motion(), subject())
    (finding,) = (finding for finding in report.findings if finding.name == fault)
    assert finding.light != "green"
    assert finding.measured and finding.limit and finding.remedy.endswith(".")
    assert report.light in ("amber", "red")


def test_who_is_hidden_and_comes_back_elsewhere_is_no_cut() -> None:
    joints = body()
    joints[10:20] = 0
    joints[20:, :, :2] += torch.tensor([60.0, 0.0]) * (joints[20:, :, 3:] > 0)
    assert "cut" not in named(check_motion(driver(body=joints), character()))


def test_red_stops_with_one_sentence_a_finding() -> None:
    report = check_motion(driver(), character(shot=BUST))
    with pytest.raises(
        KMCError, match="Framing: the picture shows a bust, the driver a full body. Crop the driver"
    ):
        report.require()


def test_a_back_view_in_the_subject_answers_a_driver_from_behind() -> None:
    subject = character()
    behind = view(at(person(1).tracks[0], 0), yaw=torch.pi)
    report = check_motion(driver_from_behind(), replace(subject, views=(*subject.views, behind)))
    assert "facing" not in named(report)


def test_a_fitted_motion_must_stay_in_the_picture() -> None:
    fitted = retarget(person(FRAMES), character())
    assert "fitted motion" not in named(check_motion(driver(), character(), fitted=fitted))
    aside = adjust(fitted, Adjustment(right=0.6))
    assert "fitted motion" in named(check_motion(driver(), character(), fitted=aside))


def test_the_crop_frames_the_driver_as_the_picture_is_framed() -> None:
    report = check_motion(small_driver(), character())
    x, y, width, height = report.crop
    assert width / height == pytest.approx(WIDTH / HEIGHT, rel=0.02)
    assert width == pytest.approx(0.3 * WIDTH, rel=0.05)
    pelvis = small_driver().tracks[0].body[:, JOINT["pelvis"], :2].median(dim=0).values
    expected = character().views[0].pose.body[0, JOINT["pelvis"], :2] / torch.tensor([WIDTH, HEIGHT])
    inside = (pelvis - torch.tensor([x, y])) / torch.tensor([width, height])
    torch.testing.assert_close(inside, expected, atol=0.04, rtol=0)
    assert check_motion(driver(), character()).crop == (0, 0, WIDTH, HEIGHT)


def test_the_crop_never_leaves_the_drivers_picture() -> None:
    x, y, width, height = check_motion(person(FRAMES, shot=BUST), character()).crop
    assert x >= 0 and y >= 0 and x + width <= WIDTH and y + height <= HEIGHT


def test_a_motion_that_cannot_be_checked_is_refused() -> None:
    with pytest.raises(KMCError, match="The motion has no frames"):
        check_motion(Motion(25.0, (64, 64), ()), character())
    with pytest.raises(KMCError, match="person 1 was asked for"):
        check_motion(driver(), character(), person=1)
    with pytest.raises(KMCError, match="has no views"):
        check_motion(driver(), Subject("nobody", ()))


def test_the_report_reads_as_table_and_as_picture() -> None:
    report = check_motion(small_driver(), character())
    lines = as_markdown(report).splitlines()
    assert lines[0].startswith(f"**{report.light}**")
    assert sum(line.startswith("| ") for line in lines) == len(report.findings) + 1
    picture = report_picture(report, small_driver(), character())
    assert picture.dtype == torch.uint8 and picture.shape[0] == 3 and picture.shape[2] == 1024
    assert len(picture.flatten(1).unique(dim=1).T) > 20


def scenery(seed: int = 0) -> Tensor:
    """[1, 3, 240, 320] a landscape of blobs, 0..255."""
    noise = torch.rand(1, 3, 30, 40, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, size=(240, 320), mode="bicubic", align_corners=False).clamp(0, 1) * 255


def window(picture: Tensor, x: float, y: float, size: float) -> Tensor:
    """[3, 120, 160] uint8: a part of it; x, y in -1..1, size as a share."""
    matrix = torch.tensor([[[size, 0, x], [0, size, y]]])
    grid = F.affine_grid(matrix, [1, 3, 120, 160], align_corners=False)
    return F.grid_sample(picture, grid, align_corners=False)[0].round().clamp(0, 255).to(torch.uint8)


NOBODY = torch.full((24, 1, 5), torch.nan)


def test_a_still_camera_does_not_move() -> None:
    shot = read_shot([window(scenery(), 0, 0, 0.6).expand(24, -1, -1, -1)], NOBODY)
    travel = shot.travel()
    assert travel is not None and max(travel) < 1e-3 and shot.cuts == ()


def test_pan_and_zoom_are_measured_across_chunks() -> None:
    pan = torch.stack([window(scenery(), -0.2 + 0.4 * i / 23, 0.1 * i / 23, 0.6) for i in range(24)])
    shot = read_shot(pan.split(7), NOBODY)
    travel = shot.travel()
    # Half of 0.4 widths of the landscape, which the window of 0.6 shows 160 by 120 pixels large.
    assert travel == pytest.approx((0.2 / 0.6 * 160 / 120, 0.0), abs=0.02) and shot.cuts == ()
    assert bool((shot.step[1:, 0] > 0).all()), "to the right"
    zoom = torch.stack([window(scenery(), 0, 0, 0.8 * 0.98**i) for i in range(24)])
    assert read_shot([zoom], NOBODY).travel() == pytest.approx((0.0, 23 * 0.0202), abs=0.02)


def test_a_person_who_moves_is_no_camera_motion() -> None:
    motion = adjust(person(24), Adjustment(scale=0.9))
    people = people_of(motion)
    picture = window(scenery(), 0, 0, 0.6).float()
    frames = []
    for i in range(24):
        frame = picture.clone()
        left = 60 + i
        frame[:, 30:110, left : left + 20] = 255 * torch.rand(
            3, 80, 20, generator=torch.Generator().manual_seed(1)
        )
        frames.append(frame.to(torch.uint8))
    travel = read_shot([torch.stack(frames)], people).travel()
    assert travel is not None and max(travel) < 0.01


def test_a_cut_is_found_and_fast_motion_is_none() -> None:
    first, second = window(scenery(), 0, 0, 0.6), window(scenery(1), 0, 0, 0.6)
    cut = torch.stack([first] * 11 + [second] * 13)
    assert read_shot(cut.split(5), NOBODY).cuts == (11,)
    whip = torch.stack([window(scenery(), 0.15 * max(0, min(i - 8, 5)) - 0.3, 0, 0.5) for i in range(24)])
    assert read_shot([whip], NOBODY).cuts == ()


def test_a_plain_background_tells_nothing() -> None:
    plain = torch.full((24, 3, 120, 160), 128, dtype=torch.uint8)
    assert read_shot([plain], NOBODY).travel() is None
    report = check_motion(
        driver(), character(), shot=read_shot([plain.repeat(2, 1, 1, 1)[:FRAMES]], people_of(driver()))
    )
    (camera,) = (finding for finding in report.findings if finding.name == "camera")
    assert camera.light == "green" and "too plain" in camera.measured


def test_a_foreign_clip_is_refused() -> None:
    with pytest.raises(KMCError, match="640x720 pixels, this clip has 160x120"):
        watch_camera(TensorClip(torch.zeros(FRAMES, 3, 120, 160), 25.0), driver())
    with pytest.raises(KMCError, match="has 40 frames, this clip has 3"):
        watch_camera(TensorClip(torch.zeros(3, 3, HEIGHT, WIDTH), 25.0), driver())
    with pytest.raises(KMCError, match="has 25 frames a second, this clip has 30"):
        watch_camera(TensorClip(torch.zeros(FRAMES, 3, HEIGHT, WIDTH), 30.0), driver())


def test_camera_motion_is_named() -> None:
    people = torch.full((FRAMES, 1, 5), torch.nan)
    pan = torch.stack([window(scenery(), -0.2 + 0.4 * i / 39, 0, 0.6) for i in range(FRAMES)])
    assert "camera" in named(check_motion(driver(), character(), shot=read_shot([pan], people)))
