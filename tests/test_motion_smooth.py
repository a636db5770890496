"""Smoothing promises: still and steady motion stay, spikes go, gaps stay gaps, no direction and no side is
preferred, and fast motion keeps its height.
"""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kmc_core.errors import KMCError
from kmc_core.motion.bones import SEEN
from kmc_core.motion.draw_maps import FULL_CONFIDENCE
from kmc_core.motion.mirror import mirror
from kmc_core.motion.repair import FILLED
from kmc_core.motion.rotations import about
from kmc_core.motion.skeleton import JOINT
from kmc_core.motion.smooth import Smoothing, smooth
from kmc_core.motion.types import FaceMotion, Motion, Track
from moving_person import person

WRIST = JOINT["r_wrist"]


def body_of(motion: Motion) -> Tensor:
    body = motion.tracks[0].body
    assert body is not None
    return body


def face_of(motion: Motion) -> FaceMotion:
    face = motion.tracks[0].face
    assert face is not None
    return face


def with_body(motion: Motion, body: Tensor) -> Motion:
    return replace(motion, tracks=(replace(motion.tracks[0], body=body),))


def shaken(motion: Motion, amount: float, seed: int = 0) -> Motion:
    body = body_of(motion).clone()
    body[..., :3] += amount * torch.randn(body[..., :3].shape, generator=torch.Generator().manual_seed(seed))
    return with_body(motion, body)


def tensors(motion: Motion) -> dict[str, Tensor]:
    track = motion.tracks[0]
    assert track.body is not None and track.world is not None and track.hands is not None
    return {"body": track.body, "world": track.world, "hands": track.hands} | vars(face_of(motion))


def same(a: Motion, b: Motion, tolerance: float = 1e-3) -> None:
    for name, tensor in tensors(a).items():
        torch.testing.assert_close(tensor, tensors(b)[name], atol=tolerance, rtol=1e-5, msg=name)


@pytest.mark.parametrize("method", ["zero lag", "one euro"])
def test_a_still_motion_stays_as_it_is(method) -> None:
    still = person(30, amount=0.0)
    same(smooth(still, Smoothing(method)), still)


def test_a_steady_motion_stays_as_it_is() -> None:
    still = person(30, amount=0.0)
    way = torch.arange(30.0)[:, None, None] * torch.tensor([4.0, -2.5, 1.0])
    track, face = still.tracks[0], face_of(still)
    body, hands = body_of(still).clone(), track.hands.clone()
    body[..., :3] += way
    hands[..., :2] += way[..., None, :2]
    face = replace(
        face, landmarks=face.landmarks + way, crop=face.crop + way[:, 0] * torch.tensor([1.0, 1.0, 0.0])
    )
    steady = replace(still, tracks=(replace(track, body=body, hands=hands, face=face),))
    same(smooth(steady), steady)


def test_a_steady_turn_of_the_head_stays_a_rotation_and_keeps_its_pace() -> None:
    motion = person(30, amount=0.0)
    axis = torch.tensor([0.0, 1.0, 0.0]).expand(30, 3)
    rotation = about(axis, torch.arange(30) * 0.03)
    face = replace(face_of(motion), rotation=rotation)
    turned = face_of(smooth(replace(motion, tracks=(replace(motion.tracks[0], face=face),)))).rotation
    torch.testing.assert_close(
        turned @ turned.transpose(1, 2), torch.eye(3).expand(30, 3, 3), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(turned, rotation, atol=2e-3, rtol=0)


@pytest.mark.parametrize("length", [1, 2])
def test_a_spike_is_removed_and_marked(length: int) -> None:
    motion = shaken(person(40), 1.0)
    body = body_of(motion).clone()
    body[15 : 15 + length, WRIST, :2] += torch.tensor([120.0, -90.0])
    calm = body_of(smooth(with_body(motion, body)))
    error = (calm[:, WRIST, :2] - body_of(person(40))[:, WRIST, :2]).norm(dim=-1)
    assert float(error.max()) < 12
    assert torch.equal(calm[:, WRIST, 3] == FILLED, within(40, 15, length))
    others = [joint for joint in range(25) if joint != WRIST]
    assert float(calm[:, others, 3].min()) == 1


def within(frames: int, start: int, length: int) -> Tensor:
    index = torch.arange(frames)
    return (index >= start) & (index < start + length)


def test_a_short_gap_is_bridged_and_marked_a_long_one_stays() -> None:
    motion = person(50)  # 25 frames a second
    body = body_of(motion).clone()
    body[10:15, WRIST] = 0  # 0.2 s
    body[25:33, WRIST] = 0  # 0.32 s
    calm = body_of(smooth(with_body(motion, body)))[:, WRIST]
    assert torch.equal(calm[10:15, 3], torch.full((5,), FILLED))
    assert float((calm[10:15, :2] - body_of(motion)[10:15, WRIST, :2]).norm(dim=-1).max()) < 10
    assert not calm[25:33].any()
    assert torch.equal(calm[33:, 3], torch.ones(17))


def test_a_gap_at_an_end_is_never_bridged() -> None:
    body = body_of(person(20)).clone()
    body[:2, WRIST] = body[-2:, WRIST] = 0
    calm = body_of(smooth(with_body(person(20), body)))[:, WRIST]
    assert not calm[:2].any() and not calm[-2:].any()


def test_the_limit_of_a_gap_is_in_seconds() -> None:
    motion = person(60)
    body = body_of(motion).clone()
    body[10:18, WRIST] = 0
    fast = smooth(replace(with_body(motion, body), fps=60.0))
    assert float(body_of(fast)[10:18, WRIST, 3].min()) == pytest.approx(FILLED)


def test_mirrored_in_is_mirrored_out() -> None:
    motion = shaken(person(40), 3.0)
    same(smooth(mirror(motion)), mirror(smooth(motion)))


def test_reversed_in_is_reversed_out() -> None:
    motion = shaken(person(40), 3.0)
    body = body_of(motion).clone()
    body[12, WRIST, :2] += 100
    body[20:23, JOINT["l_elbow"]] = 0
    motion = with_body(motion, body)
    same(backwards(smooth(backwards(motion))), smooth(motion))


def backwards(motion: Motion) -> Motion:
    track = motion.tracks[0]
    face = FaceMotion(**{name: part.flip(0) for name, part in vars(face_of(motion)).items()})
    parts = {name: getattr(track, name).flip(0) for name in ("body", "world", "hands")}
    return replace(motion, tracks=(Track(**parts, face=face),))


def test_still_joints_lose_four_fifths_of_their_jitter() -> None:
    raw = shaken(person(60, amount=0.0), 5.0)
    assert jitter(body_of(smooth(raw))) < jitter(body_of(raw)) / 5


def jitter(body: Tensor) -> float:
    return float((body[2:, :, :2] - 2 * body[1:-1, :, :2] + body[:-2, :, :2]).square().mean().sqrt())


@pytest.mark.parametrize("fps", [15.0, 24.0, 60.0])
def test_a_quick_wave_keeps_its_height_and_its_time(fps: float) -> None:
    time = torch.arange(round(3 * fps)) / fps
    body = torch.zeros(len(time), 25, 4)
    body[..., :2] = torch.linspace(0, 500, 25)[:, None]
    body[..., 3] = 1
    swing = 60 * torch.sin(2 * math.pi * 1.7 * time)
    body[:, WRIST, 0] += swing
    motion = Motion(fps, (640, 720), (Track(body=body),))
    calm = body_of(smooth(shaken(motion, 5.0)))[:, WRIST, 0] - body[0, WRIST, 0]
    height = float((calm * swing).sum() / swing.square().sum())
    assert 0.95 < height < 1.05
    shifts = [float((calm[2:-2] * swing[2 + k : len(time) - 2 + k]).sum()) for k in (-1, 0, 1)]
    assert shifts[1] == max(shifts)


def test_the_causal_filter_knows_no_future() -> None:
    motion = shaken(person(30), 3.0)
    later = body_of(motion).clone()
    later[20:] += 50
    a, b = (body_of(smooth(m, Smoothing("one euro"))) for m in (motion, with_body(motion, later)))
    assert torch.equal(a[:20], b[:20]) and not torch.equal(a[20:], b[20:])


def test_strength_nought_only_repairs() -> None:
    motion = shaken(person(30), 2.0)
    same(smooth(motion, Smoothing(strength=0.0, remove_spikes=False)), motion, 1e-6)


def test_the_face_crop_is_steady_and_holds_what_it_held() -> None:
    motion = person(40)
    face = face_of(motion)
    crop = face.crop + 4 * torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    motion = replace(motion, tracks=(replace(motion.tracks[0], face=replace(face, crop=crop)),))
    steady = face_of(smooth(motion)).crop
    assert float(steady.diff(dim=0).diff(dim=0).abs().mean()) < 0.1 * float(
        crop.diff(dim=0).diff(dim=0).abs().mean()
    )
    for edge in (-0.5, 0.5):
        reach = (crop[:, :2] + edge * crop[:, 2:] - steady[:, :2]).abs()
        assert bool((reach <= steady[:, 2:] / 2 + 0.5).all())


def test_expressions_stay_between_nought_and_one_and_a_lost_face_stays_lost() -> None:
    motion = person(40)
    face = face_of(motion)
    confidence = face.confidence.clone()
    confidence[10:30] = 0
    motion = replace(motion, tracks=(replace(motion.tracks[0], face=replace(face, confidence=confidence)),))
    calm = face_of(smooth(motion))
    assert torch.equal(calm.confidence, confidence)
    assert float(calm.expression.min()) >= 0 and float(calm.expression.max()) <= 1
    assert torch.equal(calm.landmarks[10:30], face.landmarks[10:30])


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (Smoothing("slow"), "The method is 'slow'; choose one of zero lag, one euro."),
        (Smoothing(strength=-1.0), "The strength is -1.0; give a number from 0 up."),
        (Smoothing(longest_gap=math.nan), "The longest gap is nan"),
    ],
)
def test_wrong_settings_are_refused(how: Smoothing, message: str) -> None:
    with pytest.raises(KMCError, match=message):
        smooth(person(5), how)


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_very_short_motions_are_accepted(frames: int) -> None:
    assert smooth(person(frames)).frames == frames


def test_absent_parts_stay_absent() -> None:
    motion = Motion(25.0, (64, 64), (Track(hands=person(10).tracks[0].hands),))
    (track,) = smooth(motion).tracks
    assert track.body is None and track.world is None and track.face is None and track.hands is not None


def test_a_bridged_point_is_used_and_not_taken_for_a_sure_one() -> None:
    assert SEEN < FILLED < FULL_CONFIDENCE
