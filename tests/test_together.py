"""Two characters, each bound to one person of a video, in one scene."""

from dataclasses import replace

import pytest
import torch

from kmc_core.engines.kmc import build_conditions
from kmc_core.engines.together import Member, put_together, together_report
from kmc_core.errors import KMCError
from kmc_core.motion.retarget import retarget
from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.types import Motion
from kmc_core.subject.types import Subject
from moving_person import HEIGHT, WIDTH, Shot, character, person
from test_kmc_engine import TEXT
from tiny import PARAMS

FRAMES = 6
LEFT, RIGHT = (200.0, 330.0), (440.0, 380.0)  # where the two stand: the right one nearer


def video(*, names: tuple[str, str] = ("", "")) -> Motion:
    """Two people of whom the second stands further right and lower in the picture."""
    tracks = [person(FRAMES, shot=Shot(200.0, centre)).tracks[0] for centre in (LEFT, RIGHT)]
    named = tuple(replace(track, name=name) for track, name in zip(tracks, names, strict=True))
    return Motion(25.0, (WIDTH, HEIGHT), named)


def dressed(name: str, colour: tuple[float, float, float]) -> Subject:
    """A character of one colour before grey."""
    (view, *_) = character().views
    mask = torch.zeros(1, HEIGHT, WIDTH)
    body = view.pose.body
    assert body is not None
    low, high = body[0, :, :2].amin(0).long(), body[0, :, :2].amax(0).long()
    mask[:, max(low[1] - 60, 0) : high[1] + 20, low[0] - 30 : high[0] + 30] = 1
    image = torch.tensor(colour)[:, None, None] * mask + 0.5 * (1 - mask)
    return Subject(name, (replace(view, image=image, mask=mask),))


def member(motion: Motion, track: int, subject: Subject, size: tuple[int, int] = (160, 176)) -> Member:
    """What a perfect engine makes of one person of the motion."""
    fitted = retarget(motion, subject, placement="match video", track=track)
    moved = build_conditions(fitted, subject, TEXT, params=PARAMS, size=size).moved[0, :3]
    return Member(moved.transpose(0, 1) / 2 + 0.5, fitted, subject)


def coloured(frames: torch.Tensor, channel: int) -> torch.Tensor:
    """[F, H, W] where a red (0) or blue (2) character is."""
    others = [other for other in range(3) if other != channel]
    return (frames[:, channel] > 0.7) & (frames[:, others].amax(1) < 0.3)


def middle(mask: torch.Tensor, width: int) -> float:
    """Share of the width at which what is marked [F, H, W] lies."""
    return float(mask.nonzero()[:, 2].float().mean()) / width


@pytest.fixture(scope="module")
def pair() -> tuple[Motion, Member, Member]:
    motion = video(names=("Ann", ""))
    red, blue = dressed("Red", (0.9, 0.1, 0.1)), dressed("Blue", (0.1, 0.1, 0.9))
    return motion, member(motion, 0, red), member(motion, 1, blue, size=(128, 144))


def test_each_is_in_the_place_of_its_person_and_at_its_size(pair: tuple[Motion, Member, Member]) -> None:
    motion, red, blue = pair
    made = put_together(red, blue, motion)
    assert made.people == (0, 1) and made.frames.shape == red.frames.shape
    places = [middle(coloured(made.frames, channel), 160) for channel in (0, 2)]
    assert places == pytest.approx([LEFT[0] / WIDTH, RIGHT[0] / WIDTH], abs=0.04)
    grey = (made.frames - 0.5).abs().amax(1) < 0.05
    assert grey[:, :, :8].all() and grey[:, :30].all(), "the scene is the first one's"
    alone = coloured(blue.frames, 2).float().mean()
    assert float(coloured(made.frames, 2).float().mean() / alone) == pytest.approx(1, abs=0.15)


def test_who_stands_lower_covers_the_other_unless_told_otherwise(pair: tuple[Motion, Member, Member]) -> None:
    motion, red, blue = pair
    crowded = Motion(
        motion.fps, motion.size, (motion.tracks[0], person(FRAMES, shot=Shot(200.0, (250, 370))).tracks[0])
    )
    red = replace(red, motion=retarget(crowded, red.subject, placement="match video", track=0))
    blue = member(crowded, 1, blue.subject)
    areas = {}
    for front in ("by place", "first", "second"):
        made = put_together(red, blue, crowded, front=front)  # type: ignore[arg-type]
        assert made.second_in_front.all() == (front != "first")
        areas[front] = int(coloured(made.frames, 0).sum())
    assert areas["by place"] == areas["second"] < 0.8 * areas["first"]
    swapped = put_together(blue, red, crowded)
    assert not swapped.second_in_front.any() and swapped.people == (1, 0)


ABOVE_THE_KNEE = {name for name in JOINT if not name.endswith(("knee", "ankle", "heel", "toe"))}


@pytest.mark.parametrize("who", ["smaller", "larger"])
def test_a_shoulder_that_is_not_seen_makes_nobody_larger(
    pair: tuple[Motion, Member, Member], who: str
) -> None:
    """The smaller one shows both in one frame only; where the larger never does, all of them is compared."""
    _, red, blue = pair
    large = person(FRAMES, shot=Shot(240.0, (200.0, 330.0), ABOVE_THE_KNEE)).tracks[0]
    small = person(FRAMES, shot=Shot(160.0, (440.0, 330.0), ABOVE_THE_KNEE)).tracks[0]
    assert small.body is not None and large.body is not None
    if who == "smaller":
        small.body[1:, JOINT["l_shoulder"]] = 0
    else:
        large.body[:, [JOINT["l_shoulder"], JOINT["r_shoulder"]]] = 0
    motion = Motion(25.0, (WIDTH, HEIGHT), (large, small))
    made = put_together(member(motion, 0, red.subject), member(motion, 1, blue.subject), motion)
    assert not made.second_in_front.any()


def test_no_seam_of_the_seconds_own_scene_comes_along(pair: tuple[Motion, Member, Member]) -> None:
    motion, red, blue = pair
    dark = replace(red, frames=torch.zeros_like(red.frames))
    made = put_together(dark, blue, motion)
    green = made.frames[:, 1]
    assert float(green.amax()) < 0.3, "grey 0.5 lies behind the blue one in its own picture"


def test_made_smaller_the_second_brings_no_rim_of_its_own_scene(pair: tuple[Motion, Member, Member]) -> None:
    """In the dark every pixel of the blue one is as green as the blue one is, and no greener."""
    motion, red, _ = pair
    blue = member(motion, 1, dressed("Blue", (0.1, 0.1, 0.9)), size=(320, 352))
    dark = replace(red, frames=torch.zeros(FRAMES, 3, 64, 56))
    made = put_together(dark, blue, motion).frames
    assert made[:, 2].amax() > 0.8
    assert float((made[:, 1] - made[:, 2] / 9).amax()) < 0.02


def test_one_frame_is_put_together_before_the_next_is_looked_at(pair: tuple[Motion, Member, Member]) -> None:
    """So that memory does not grow with the length, and each of them can be cancelled."""
    motion, red, blue = pair
    checks, seen = [0], []

    def check() -> None:
        checks[0] += 1

    put_together(red, blue, motion, check=check, progress=lambda done, total: seen.append(checks[0]))
    assert 0 < seen[0] <= seen[-1] / FRAMES


def test_the_report_says_who_follows_whom(pair: tuple[Motion, Member, Member]) -> None:
    motion, red, blue = pair
    made = put_together(red, blue, motion)
    report = together_report(made, red.subject, blue.subject, motion)
    assert report.splitlines() == [
        "Red does what person 0 (Ann) does.",
        "Blue does what person 1 does.",
        f"Frames 0 to {FRAMES - 1}: Blue in front.",
    ]
    twice = put_together(red, replace(blue, motion=member(motion, 0, blue.subject).motion), motion)
    assert "Both follow the same person" in together_report(twice, red.subject, blue.subject, motion)


def test_what_does_not_belong_together_is_refused(pair: tuple[Motion, Member, Member]) -> None:
    motion, red, blue = pair
    with pytest.raises(KMCError, match="'Blue' has 3 frames, its motion 6"):
        put_together(red, replace(blue, frames=blue.frames[:3]), motion)
    elsewhere = replace(blue, motion=retarget(motion, blue.subject, placement="match picture", track=1))
    assert elsewhere.motion.tracks[0].body is not None
    elsewhere.motion.tracks[0].body[..., 0] += 300
    with pytest.raises(KMCError, match="'Blue' is not where a person of the video is; set placement"):
        put_together(red, elsewhere, motion)
