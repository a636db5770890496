"""A motion file gives back exactly what was saved, and refuses clearly what it cannot read."""

import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from kmc_core.errors import KMCError
from kmc_core.motion import files
from kmc_core.motion.files import (
    MOTION_FILE,
    load_motion,
    save_motion,
    save_tensors,
    track_from,
    track_tensors,
)
from kmc_core.motion.part import part_of
from kmc_core.motion.types import Action, Contact, FaceMotion, Intent, Motion, Track


def random_track(frames: int, seed: int, *, face: bool = True) -> Track:
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=rng)

    motion = FaceMotion(
        draw(frames, 478, 3), draw(frames, 52), draw(frames, 3, 3), draw(frames, 3), draw(frames)
    )
    return Track(draw(frames, 25, 4), draw(frames, 25, 3), draw(frames, 2, 21, 4), motion if face else None)


@pytest.fixture
def motion() -> Motion:
    second = Track(hands=random_track(5, 2).hands)
    return Motion(30000 / 1001, (1280, 720), (random_track(5, 1), second, random_track(5, 3, face=False)))


def assert_same(a: Motion, b: Motion) -> None:
    assert (a.fps, a.size, len(a.tracks)) == (b.fps, b.size, len(b.tracks))
    for one, two in zip(a.tracks, b.tracks, strict=True):
        left, right = track_tensors(one, ""), track_tensors(two, "")
        assert left.keys() == right.keys()
        for name, tensor in left.items():
            assert tensor.dtype == right[name].dtype
            assert torch.equal(tensor.view(torch.uint8), right[name].view(torch.uint8)), name


def test_round_trip_is_bit_equal_with_absent_parts_and_several_tracks(motion: Motion, tmp_path: Path) -> None:
    odd = motion.tracks[0].body
    assert odd is not None
    odd[0, 0] = torch.tensor([-3.4e38, -0.0, 3.4e38, 1e-45])
    save_motion(motion, tmp_path / "m.safetensors")
    assert_same(motion, load_motion(tmp_path / "m.safetensors"))


def told(motion: Motion) -> Motion:
    """The motion with what its first person means, and that person's name."""
    intent = Intent((Action("wave", 0, 4, 0.9),), (Contact("hand-face", "left", 1, 3),))
    first, *others = motion.tracks
    return replace(motion, tracks=(replace(first, intent=intent, name="Ada"), *others))


def test_intent_and_names_are_kept_and_cut_with_the_frames(motion: Motion, tmp_path: Path) -> None:
    save_motion(told(motion), tmp_path / "m.safetensors")
    loaded = load_motion(tmp_path / "m.safetensors")
    assert [(t.name, t.intent) for t in loaded.tracks] == [(t.name, t.intent) for t in told(motion).tracks]
    part = part_of(loaded, 3, 2).tracks[0]
    assert part.name == "Ada" and part.intent == Intent((Action("wave", 0, 1, 0.9),), ())


@pytest.mark.parametrize(
    "intent", [{"actions": []}, {"actions": [{"name": "wave"}], "contacts": []}, 3,
               {"actions": [], "contacts": [{"kind": "kiss", "side": "left", "start": 0, "end": 1}]}],
)  # fmt: skip
def test_an_intent_that_cannot_be_read_is_damage(tmp_path: Path, intent: object) -> None:
    about = {"fps": 25.0, "size": [8, 8], "tracks": 1, "names": [""], "intents": [intent]}
    save_tensors(tmp_path / "m.safetensors", MOTION_FILE, {"tracks.0.hands": torch.zeros(3, 2, 21, 4)}, about)
    with pytest.raises(KMCError, match="is damaged: its names or intents cannot be read"):
        load_motion(tmp_path / "m.safetensors")


def test_an_intent_outside_the_frames_is_refused() -> None:
    late = Intent((Action("wave", 2, 9, 1.0),), ())
    with pytest.raises(KMCError, match="has 3 frames, but its intent names frames 2 to 9"):
        Motion(25.0, (8, 8), (Track(hands=torch.zeros(3, 2, 21, 4), intent=late),))


@pytest.mark.parametrize("tracks", [(), (Track(),), (Track(body=torch.zeros(0, 25, 4)),)])
def test_empty_motions_survive(tracks: tuple[Track, ...], tmp_path: Path) -> None:
    save_motion(Motion(25.0, (8, 6), tracks), tmp_path / "m.safetensors")
    assert_same(Motion(25.0, (8, 6), tracks), load_motion(tmp_path / "m.safetensors"))


def test_half_precision_and_shared_memory_survive(tmp_path: Path) -> None:
    both = torch.randn(2, 3, 25, 4, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    motion = Motion(25.0, (8, 6), (Track(body=both[0]), Track(body=both[1])))
    save_motion(motion, tmp_path / "m.safetensors")
    assert_same(motion, load_motion(tmp_path / "m.safetensors"))


def test_equal_content_gives_equal_bytes(motion: Motion, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        save_motion(motion, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_the_metadata_is_readable_without_this_package(motion: Motion, tmp_path: Path) -> None:
    save_motion(motion, tmp_path / "m")
    with safe_open(tmp_path / "m", framework="pt") as file:
        metadata = file.metadata()
    assert metadata["kmc_motion_version"] == "1"
    assert json.loads(metadata["kmc_motion"]) == {"fps": 30000 / 1001, "size": [1280, 720], "tracks": 3}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_finite_numbers_are_refused_by_name(
    motion: Motion, tmp_path: Path, value: float
) -> None:
    face = motion.tracks[0].face
    assert face is not None
    path = tmp_path / "m"
    save_motion(motion, path)
    face.rotation[0, 0, 0] = value
    with pytest.raises(
        KMCError, match="motion's tracks.0.face.rotation hold values .* Make the motion again"
    ):
        save_motion(motion, path)
    header, payload = files._split(path.read_bytes())  # a file that somebody else made
    start = header["tracks.0.face.rotation"]["data_offsets"][0]
    payload = payload[:start] + struct.pack("<f", value) + payload[start + 4 :]
    header["__metadata__"][files.CHECKSUM_KEY] = files._checksum(payload)
    path.write_bytes(files._join(header, payload))
    with pytest.raises(KMCError, match="'m' is damaged: the tensor 'tracks.0.face.rotation' holds values"):
        load_motion(path)


@pytest.mark.parametrize("keep", [0, 5, 100, 2000, -1])
def test_truncated_file_is_refused(motion: Motion, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "m"
    save_motion(motion, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(KMCError, match=r"is damaged: .*Copy or save it again"):
        load_motion(path)


def test_one_flipped_bit_is_refused(motion: Motion, tmp_path: Path) -> None:
    path = tmp_path / "m"
    save_motion(motion, path)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(KMCError, match=r"does not match its checksum"):
        load_motion(path)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello, this is no tensor file at all")
    with pytest.raises(KMCError, match=r"is damaged: it is not a whole safetensors file"):
        load_motion(tmp_path / "text")
    save_file({"weight": torch.zeros(2)}, tmp_path / "lora")
    with pytest.raises(KMCError, match=r"is not a motion file. Choose a file that was saved as a motion"):
        load_motion(tmp_path / "lora")
    with pytest.raises(KMCError, match=r"Cannot read the motion file .*No such file"):
        load_motion(tmp_path / "missing")


def test_newer_file_is_refused(motion: Motion, tmp_path: Path) -> None:
    path = tmp_path / "m"
    save_motion(motion, path)
    path.write_bytes(path.read_bytes().replace(b'"kmc_motion_version":"1"', b'"kmc_motion_version":"2"'))
    with pytest.raises(
        KMCError, match=r"has motion format 2; this version reads up to 1. Update the node pack."
    ):
        load_motion(path)


def test_tracks_of_different_length_are_refused(tmp_path: Path) -> None:
    bodies = {f"tracks.{index}.body": torch.zeros(frames, 25, 4) for index, frames in enumerate((5, 3))}
    save_tensors(tmp_path / "m", MOTION_FILE, bodies, {"fps": 25.0, "size": [8, 6], "tracks": 2})
    with pytest.raises(KMCError, match=r"The tracks of a motion have 3, 5 frames; all must have the same"):
        load_motion(tmp_path / "m")


def test_more_tracks_than_tensors_are_refused_at_once(tmp_path: Path) -> None:
    bodies = {"tracks.0.body": torch.zeros(5, 25, 4)}
    save_tensors(tmp_path / "m", MOTION_FILE, bodies, {"fps": 25.0, "size": [8, 6], "tracks": 10**9})
    with pytest.raises(KMCError, match=r"'m' is damaged: it claims 1000000000 tracks and holds 1 tensors"):
        load_motion(tmp_path / "m")


def test_incomplete_face_is_refused() -> None:
    tensors = track_tensors(random_track(2, 1), "x.")
    del tensors["x.face.crop"]
    with pytest.raises(KMCError, match=r"incomplete: crop missing"):
        track_from(tensors, "x.")


def test_full_disk_leaves_the_old_file_whole(
    motion: Motion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m"
    save_motion(Motion(25.0, (8, 6), ()), path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KMCError, match=r"Cannot write .*No space left on device.*no file was changed"):
        save_motion(motion, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]
