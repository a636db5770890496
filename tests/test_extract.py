"""Extraction on real pictures: finds the person, follows it, invents no point, says what it cannot use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kmc_core.errors import KMCError
from kmc_core.motion.proportions import pixels_per_metre
from kmc_core.motion.skeleton import EXPRESSIONS, JOINT, LEFT
from kmc_core.motion.types import Motion, Track
from kmc_core.perception.extract import (
    TensorClip,
    VideoFile,
    encode_body,
    encode_face,
    encode_hands,
    face_embedding,
    look_at_picture,
    person_mask,
)
from kmc_core.perception.face import FaceTracker
from media import astronaut, perception, talking_frames

FPS = 30.0


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


ASSETS = Path(__file__).resolve().parents[1] / "workflows" / "assets"


def grey(count: int, height: int = 144, width: int = 176) -> Tensor:
    return torch.full((count, 3, height, width), 128, dtype=torch.uint8)


def encode(clip: TensorClip) -> Motion:
    nets = perception()
    motion = encode_face(clip, nets, motion=encode_body(clip, nets))
    return encode_hands(clip, nets, motion=motion)


def parts(motion: Motion) -> tuple[Track, Tensor, Tensor]:
    """The track, its body confidence [F] (any joint) and its face confidence [F]."""
    track = motion.tracks[0]
    assert track.body is not None and track.face is not None and track.hands is not None
    return track, track.body[..., 3].amax(1), track.face.confidence


def test_a_talking_head_has_a_face_and_shoulders_and_no_invented_limbs() -> None:
    clip = TensorClip(talking_frames(14), FPS)
    motion = encode(clip)
    track, body, face = parts(motion)
    assert (motion.frames, motion.size, motion.fps) == (14, (176, 144), FPS)
    assert (body > 0.9).all() and (face > 0.9).all()
    assert track.body is not None and track.face is not None and track.hands is not None
    unseen = [
        i
        for name, i in JOINT.items()
        if name.endswith(("hip", "knee", "ankle", "toe", "heel", "elbow", "wrist"))
    ]
    assert not track.body[:, unseen].any() and not track.hands.any()
    assert track.world is not None and not track.world[:, unseen].any()
    eyes = track.body[:, [JOINT["r_eye"], JOINT["l_eye"]], :2]
    irises = track.face.landmarks[:, [468, 473], :2]
    assert (eyes - irises).norm(dim=-1).max() < 6
    assert track.face.expression[:, 1:].amax() > 0.2 and track.face.expression.amax() <= 1
    assert torch.allclose(torch.linalg.det(track.face.rotation), torch.ones(14), atol=1e-4)


def test_the_same_face_is_found_with_and_without_a_body() -> None:
    clip = TensorClip(talking_frames(8), FPS)
    alone = encode_face(clip, perception()).tracks[0].face
    guided = encode_face(clip, perception(), motion=encode_body(clip, perception())).tracks[0].face
    assert alone is not None and guided is not None
    assert (alone.landmarks - guided.landmarks).abs().mean() < 0.3


def test_a_person_who_leaves_has_no_points_there() -> None:
    clip = TensorClip(torch.cat([talking_frames(9), grey(9)]), FPS)
    track, body, face = parts(encode(clip))
    assert (body[:9] > 0).all() and (face[:9] > 0).all()
    assert track.body is not None and track.face is not None and track.world is not None
    assert not track.body[9:].any() and not track.world[9:].any()
    assert not track.face.landmarks[9:].any() and not track.face.expression[9:].any()
    assert not track.face.crop[9:].any() and not face[9:].any()


def test_a_person_who_comes_back_is_found_again() -> None:
    clip = TensorClip(torch.cat([talking_frames(2), grey(7), talking_frames(2)]), FPS)
    _, body, face = parts(encode(clip))
    there = torch.tensor([True] * 2 + [False] * 7 + [True] * 2)
    assert torch.equal(body > 0, there) and torch.equal(face > 0, there)


def test_one_frame_is_a_clip() -> None:
    motion = encode(TensorClip(talking_frames(1), FPS))
    assert motion.frames == 1 and motion.tracks[0].face is not None
    assert motion.tracks[0].face.confidence[0] > 0.9


NO_PERSON = (
    "No person was found in any frame; use a clip that shows one person at least from the chest up, upright "
    "and well lit."
)
NO_FACE = (
    "No face was found in any frame; use a clip that shows a face from the front or the side, or encode the "
    "body first so that small faces are found."
)
NO_HAND = (
    "No hand was found in any frame; use a clip with larger hands, or encode the body first so that small "
    "hands are found."
)


@pytest.mark.parametrize(
    ("encode_part", "message"), [(encode_body, NO_PERSON), (encode_face, NO_FACE), (encode_hands, NO_HAND)]
)
def test_nothing_to_see_is_an_error(encode_part, message: str) -> None:
    with pytest.raises(KMCError) as refusal:
        encode_part(TensorClip(grey(3), FPS), perception())
    assert str(refusal.value) == message


@pytest.mark.parametrize("encode_part", [encode_body, encode_face, encode_hands])
def test_no_frames_are_an_error(encode_part) -> None:
    with pytest.raises(KMCError) as refusal:
        encode_part(TensorClip(grey(0), FPS), perception())
    assert str(refusal.value) == "The clip has no frames; give a clip with at least one."


def test_parts_of_different_clips_are_an_error() -> None:
    nets = perception()
    motion = encode_body(TensorClip(talking_frames(2), FPS), nets)
    with pytest.raises(KMCError) as refusal:
        encode_face(TensorClip(talking_frames(3), FPS), nets, motion=motion)
    assert str(refusal.value) == (
        "The motion has 2 frames, this clip has more; use the video that the motion is from."
    )
    with pytest.raises(KMCError) as refusal:
        encode_face(TensorClip(grey(2, 100, 100), FPS), nets, motion=motion)
    assert str(refusal.value) == (
        "The motion has 176x144 pixels, this clip has 100x100; use the video that the motion is from."
    )


def test_a_clip_of_another_frame_rate_joins_no_motion() -> None:
    nets, frames = perception(), talking_frames(2)
    motion = encode_body(TensorClip(frames, 29.97), nets)
    assert encode_face(TensorClip(frames, 30000 / 1001), nets, motion=motion).tracks[0].face is not None
    for encode_part in (encode_body, encode_face, encode_hands):
        with pytest.raises(KMCError) as refusal:
            encode_part(TensorClip(frames, 24.0), nets, motion=motion)
        assert str(refusal.value) == (
            "The motion has 29.97 frames a second, this clip has 24; use the motion's own video, and where "
            "you give the frame rate, give 29.97."
        )


def test_a_clip_that_is_too_long_is_refused_before_it_is_read() -> None:
    class Long(TensorClip):
        def chunks(self, n: int) -> Iterator[Tensor]:
            yield self.images
            pytest.fail("it was read on")

    motion = encode_body(TensorClip(talking_frames(2), FPS), perception())
    with pytest.raises(KMCError, match="has 2 frames, this clip has more"):
        encode_face(Long(talking_frames(3), FPS), perception(), motion=motion)


def shaped(kind: str) -> TensorClip:
    """The talking head as another kind of clip, two frames."""
    frames = talking_frames(2)
    if kind == "8-bit grey":
        return TensorClip(frames.float().mean(1, keepdim=True).to(torch.uint8), FPS)
    if kind == "RGBA":
        return TensorClip(torch.cat([frames, torch.full_like(frames[:, :1], 255)], dim=1), FPS)
    if kind == "odd":
        return TensorClip(frames[:, :, :143, :151], FPS)
    if kind == "portrait":
        return TensorClip(F.pad(frames[..., 30:120], (0, 0, 40, 40), value=90), FPS)
    if kind == "landscape":
        return TensorClip(F.pad(frames, (150, 150), value=90), FPS)
    if kind == "4K":
        return TensorClip(F.interpolate(frames.float(), (2160, 2640)).to(torch.uint8)[:1], FPS)
    return TensorClip(frames.float() / 255, FPS)


@pytest.mark.parametrize("kind", ["8-bit grey", "RGBA", "odd", "portrait", "landscape", "4K", "float"])
def test_clips_of_every_kind_show_the_same_face(kind: str) -> None:
    clip = shaped(kind)
    nets = perception()
    face = encode_face(clip, nets, motion=encode_body(clip, nets)).tracks[0].face
    assert face is not None and (face.confidence > 0.9).all()
    shift, scale = {"portrait": ((-30, 40), 1), "landscape": ((150, 0), 1), "4K": ((0, 0), 15)}.get(
        kind, ((0, 0), 1)
    )
    plain = encode_face(TensorClip(talking_frames(1), FPS), nets).tracks[0].face
    assert plain is not None
    wanted = (plain.landmarks[0, :, :2] + torch.tensor(shift)) * scale
    assert (face.landmarks[0, :, :2] - wanted).norm(dim=-1).mean() < 2.5 * scale


def test_progress_and_cancel_come_once_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmc_core.perception.stream.CHUNK_FRAMES", 4)
    reports: list[tuple[int, int]] = []
    encode_face(TensorClip(talking_frames(10), FPS), perception(), progress=lambda *p: reports.append(p))
    assert reports == [(4, 10), (8, 10), (10, 10)]

    class Cancelled(Exception):
        pass

    def cancel_in_the_second_batch() -> None:
        if len(reports) == 1:
            raise Cancelled

    reports.clear()
    with pytest.raises(Cancelled):
        encode_body(
            TensorClip(talking_frames(10), FPS),
            perception(),
            progress=lambda *p: reports.append(p),
            check=cancel_in_the_second_batch,
        )
    assert reports == [(4, 10)]


def test_chunks_do_not_change_what_is_seen() -> None:
    tracker, pieces = FaceTracker(perception()), FaceTracker(perception())
    frames = talking_frames(12)
    with torch.no_grad():
        whole = tracker(frames, None)[0]
        parts = torch.cat([pieces(chunk, None)[0] for chunk in frames.split(5)])
    assert (whole - parts).abs().mean() < 0.3


def test_a_portrait_is_looked_at() -> None:
    look = look_at_picture(astronaut(), perception())
    assert look.kind == "half" and abs(look.yaw) < 0.3
    assert look.mask.shape == (1, 512, 512)
    assert look.mask[0, 90:160, 190:250].mean() > 0.95 and look.mask[0, :100, 350:].mean() < 0.05
    face = look.pose.face
    assert face is not None and look.pose.frames == 1
    assert (face.landmarks[0, 1, :2] - torch.tensor([224.0, 128.0])).norm() < 8  # tip of the nose
    assert face.expression[0, EXPRESSIONS.index("mouthSmileLeft")] > 0.4
    assert look.pose.body is not None
    shoulder = look.pose.body[0, JOINT["l_shoulder"]]
    assert shoulder[0] > 256 and shoulder[3] > 0.5, "left is the person's own"


def test_a_mirrored_picture_has_mirrored_yaw_and_landmarks() -> None:
    frames = talking_frames(100)[31:32] / 255
    look = look_at_picture(frames[0], perception())
    mirrored = look_at_picture(frames[0].flip(2), perception())
    assert look.yaw < -0.08 and mirrored.yaw > 0.08, "this man looks to the left of the picture"
    assert look.yaw == pytest.approx(-mirrored.yaw, abs=0.06)


def test_identity_tells_people_apart() -> None:
    nets = perception()
    pictures = [astronaut(), astronaut().flip(2), talking_frames(100)[0] / 255, talking_frames(100)[99] / 255]
    looks = [look_at_picture(picture, nets) for picture in pictures]
    found = torch.stack([look.embedding for look in looks if look.embedding is not None])
    apart = torch.cdist(found, found)
    assert apart[0, 1] < 0.45 and apart[2, 3] < 0.45
    assert apart[:2, 2:].min() > 0.6
    face = looks[0].pose.face
    assert face is not None
    assert torch.allclose(face_embedding(pictures[0], face.landmarks[0], nets), found[0])


def test_a_picture_without_a_person_is_an_error() -> None:
    with pytest.raises(KMCError) as refusal:
        look_at_picture(torch.full((3, 64, 64), 0.5), perception())
    assert str(refusal.value) == (
        "No person was found in the picture; use one that shows a single person or human-like character, "
        "upright and not cut off at the face."
    )
    assert person_mask(torch.full((3, 64, 80), 0.5), perception()).shape == (1, 64, 80)


def test_hands_are_a_pair_even_where_none_is_seen() -> None:
    hands = encode(TensorClip(talking_frames(1), FPS)).tracks[0].hands
    assert hands is not None and hands[:, LEFT].shape == (1, 21, 4)


def test_a_body_is_as_deep_in_the_picture_as_in_metres() -> None:
    track = encode_body(VideoFile(ASSETS / "full_body.mp4"), perception()).tracks[0]
    assert track.body is not None and track.world is not None
    seen = track.body[..., 3] > 0
    in_metres = (track.world[..., 2] * pixels_per_metre(track)[:, None])[seen]
    assert 0.6 < float(track.body[..., 2][seen].std() / in_metres[in_metres.isfinite()].std()) < 1.6
