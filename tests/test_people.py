"""Several people in one clip, cut out of bundled pictures and moved on known ways: each keeps its track."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from harness.inprocess import InProcessHost
from kmc_core.errors import KMCError
from kmc_core.motion.people import select_person
from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.types import Motion, Track
from kmc_core.perception.extract import TensorClip, encode_body, encode_face, encode_hands, person_mask
from media import perception
from moving_person import person

ASSETS = Path(__file__).resolve().parents[1] / "workflows" / "assets"
WIDTH, HEIGHT, FPS, FRAMES = 560, 300, 12.0, 25
PELVIS = JOINT["pelvis"]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def cut_out(name: str) -> tuple[Tensor, Tensor]:
    """A bundled character as high as the clip: picture [3, H, W] 0..1 and mask [1, H, W]."""
    pixels = torch.from_numpy(np.array(Image.open(ASSETS / name).convert("RGB"))).permute(2, 0, 1) / 255
    mask = person_mask(pixels, perception())
    both = F.interpolate(torch.cat([pixels, mask])[None], size=(HEIGHT, HEIGHT * 2 // 3), mode="area")[0]
    return both[:3], both[3:]


def crossing(ways: dict[str, Tensor]) -> Tensor:
    """Frames uint8 [F, 3, H, W]: each character with its middle at x [F], the last one in front."""
    columns = torch.arange(WIDTH) / WIDTH
    wall = torch.stack([0.4 + 0.2 * columns, 0.5 - 0.2 * columns, torch.full_like(columns, 0.45)])
    frames = wall[None, :, None, :].expand(FRAMES, 3, HEIGHT, WIDTH).clone()
    for name, way in ways.items():
        picture, mask = cut_out(name)
        half = picture.shape[2] // 2
        for frame, x in zip(frames, way.round().long().tolist(), strict=True):
            low, high = max(0, x - half), min(WIDTH, x + half)
            shown = slice(low - x + half, high - x + half)
            if low < high:
                alpha = mask[:, :, shown]
                frame[:, :, low:high] = picture[:, :, shown] * alpha + frame[:, :, low:high] * (1 - alpha)
    return (frames * 255).round().to(torch.uint8)


@cache
def clip() -> TensorClip:
    """The woman in red walks to the right, in front of the man in yellow, who walks to the left."""
    along = torch.linspace(0, 1, FRAMES)
    ways = {"full_body_2.png": 470 - 380 * along, "full_body.png": 90 + 380 * along}
    return TensorClip(crossing(ways), FPS)


@cache
def both() -> Motion:
    return encode_body(clip(), perception(), people=3, choose="left to right")


def seen(track: Track) -> Tensor:
    assert track.body is not None
    return track.body[..., 3].amax(1) > 0


def test_two_who_cross_are_two_tracks_that_keep_their_way() -> None:
    motion = both()
    assert len(motion.tracks) == 2, "three were asked for, but two are there"
    along = torch.linspace(0, 1, FRAMES)
    for track, way in zip(motion.tracks, (90 + 380 * along, 470 - 380 * along), strict=True):
        assert track.body is not None and track.world is not None
        there = seen(track)
        assert there.float().mean() > 0.75 and there[0] and there[-1]
        assert (track.body[there, PELVIS, 0] - way[there]).abs().max() < 30
    assert seen(motion.tracks[0]).all(), "nobody hides the woman in front"


def test_chunks_do_not_change_who_is_who(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmc_core.perception.stream.CHUNK_FRAMES", 7)
    pieces = encode_body(clip(), perception(), people=2, choose="left to right")
    for whole, piece in zip(both().tracks, pieces.tracks, strict=True):
        shared = seen(whole) & seen(piece)
        assert shared.float().mean() > 0.7
        assert whole.body is not None and piece.body is not None
        assert (whole.body - piece.body)[shared][:, PELVIS, :2].norm(dim=-1).max() < 25


def test_the_one_at_the_point_is_followed_alone() -> None:
    first = TensorClip(clip().images[:2], FPS)
    motion = encode_body(first, perception(), choose="at point", point=(0.84, 0.5))
    (track,) = motion.tracks
    assert track.body is not None and (track.body[:, PELVIS, 0] > 400).all()


def test_faces_and_hands_go_to_their_people_and_nobody_has_anothers() -> None:
    start = TensorClip(clip().images[:2], FPS)
    motion = replace(both(), tracks=tuple(replace(t, body=t.body[:2], world=None) for t in both().tracks))  # type: ignore[index]
    motion = encode_hands(start, perception(), motion=encode_face(start, perception(), motion=motion))
    for track in motion.tracks:
        assert track.face is not None and track.hands is not None and track.body is not None
        assert (track.face.confidence > 0.5).all()
        nose = track.face.landmarks[:, 1, :2] - track.body[:, JOINT["nose"], :2]
        assert nose.norm(dim=-1).max() < 12
    doubled = replace(motion, tracks=(motion.tracks[0], motion.tracks[0]))
    faces = [track.face for track in encode_face(start, perception(), motion=doubled).tracks]
    assert faces[0] is not None and faces[1] is not None
    assert not (faces[0].confidence * faces[1].confidence).any(), "one face was given to two people"


def test_bodies_that_come_after_the_faces_go_to_their_own() -> None:
    start = TensorClip(clip().images[:2], FPS)
    known = encode_body(start, perception(), people=2, choose="left to right")
    known = encode_face(start, perception(), motion=known)
    ann, bob = (replace(t, body=None, world=None, name=n) for t, n in zip(known.tracks, "ab", strict=True))
    faces = replace(known, tracks=(bob, ann))
    motion = encode_body(start, perception(), motion=faces, people=2, choose="left to right")
    assert [track.name for track in motion.tracks] == ["b", "a"]
    for track in motion.tracks:
        assert track.face is not None and track.body is not None
        nose = track.face.landmarks[:, 1, :2] - track.body[:, JOINT["nose"], :2]
        assert nose.norm(dim=-1).max() < 12


def test_nobody_at_all_is_refused() -> None:
    empty = TensorClip(torch.full((3, 3, 90, 90), 99, dtype=torch.uint8), FPS)
    with pytest.raises(KMCError, match="No person was found in any frame"):
        encode_body(empty, perception(), people=2)
    with pytest.raises(KMCError, match="0 people were asked for"):
        encode_body(empty, perception(), people=0)


def named() -> Motion:
    """Two people made of numbers: ann is further left and smaller."""
    ann, bob = person(4).tracks[0], person(4).tracks[0]
    assert ann.body is not None and bob.body is not None
    small = ann.body.clone()
    small[..., :2] = small[..., :2] * 0.5
    return Motion(25.0, (640, 720), (Track(body=bob.body, name="bob"), Track(body=small, name="ann")))


@pytest.mark.parametrize(
    ("by", "choice", "name"),
    [
        ("number", {"number": 1}, "ann"),
        ("name", {"name": "bob"}, "bob"),
        ("largest", {}, "bob"),
        ("leftmost", {}, "ann"),
        ("rightmost", {}, "bob"),
        ("at point", {"point": (0.2, 0.2)}, "ann"),
        ("at point", {"point": (0.55, 0.9)}, "bob"),
    ],
)
def test_a_person_is_taken_out_of_a_motion(by, choice: dict, name: str) -> None:
    chosen = select_person(named(), by, **choice)
    assert [track.name for track in chosen.tracks] == [name]
    assert select_person(named(), by, **choice, rename="eve").tracks[0].name == "eve"
    assert (chosen.fps, chosen.size, chosen.frames) == (25.0, (640, 720), 4)


@pytest.mark.parametrize(
    ("by", "choice", "message"),
    [
        ("number", {"number": 2}, "The motion has 2 people, but person 2 was asked for"),
        ("name", {"name": "eve"}, "Nobody in the motion is called 'eve'; the names in it are: 'bob', 'ann'."),
        ("name", {"name": ""}, "Nobody in the motion is called ''; the names in it are: 'bob', 'ann'."),
        ("oldest", {}, "not by 'oldest'"),
    ],
)  # fmt: skip
def test_a_person_who_is_not_there_is_refused(by, choice: dict, message: str) -> None:
    with pytest.raises(KMCError) as refusal:
        select_person(named(), by, **choice)
    assert message in str(refusal.value)


def test_the_nodes_follow_several_and_take_one(host: InProcessHost) -> None:
    frames = clip().images[:2].permute(0, 2, 3, 1) / 255
    inputs = {
        "video": ["1", 0], "fps": FPS, "backend": "torch", "people": 4, "choose": "left to right",
    }  # fmt: skip
    select = {
        "motion": ["2", 0],
        "by": "rightmost",
        "number": 0,
        "name": "",
        "x": 0.5,
        "y": 0.5,
        "rename": "bo",
    }
    result = host.run(
        {
            "1": host.value(frames),
            "2": {"class_type": "KMC_EncodeBodyMotion", "inputs": inputs},
            "3": {"class_type": "KMC_SelectPerson", "inputs": select},
            "4": {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}},
        }
    )
    assert result.success, result.error
    (track,) = result.output("3").tracks
    assert track.name == "bo" and len(result.output("2").tracks) == 2
    assert torch.equal(track.body, result.output("2").tracks[1].body)
