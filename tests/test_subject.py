"""Subjects: made from pictures, kept in a library, shown to an engine."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import kmc_core.subject.create as create
from kmc_core.errors import KMCError
from kmc_core.motion.files import save_motion
from kmc_core.motion.types import FaceMotion, Motion, Track
from kmc_core.perception.person import PictureLook
from kmc_core.subject.identity import choose_identity
from kmc_core.subject.library import checked_name, load_subject, save_subject, subject_file
from kmc_core.subject.types import Subject, View


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def view(kind: str = "full", embedded: bool = True) -> View:
    g = rng()
    face = FaceMotion(
        torch.rand(1, 478, 3, generator=g), torch.rand(1, 52, generator=g), torch.eye(3)[None],
        torch.rand(1, 3, generator=g), torch.ones(1),
    )  # fmt: skip
    pose = Track(torch.rand(1, 25, 4, generator=g), torch.rand(1, 25, 3, generator=g), face=face)
    picture = torch.randint(0, 256, (3, 20, 12), generator=g) / 255
    mask = torch.randint(0, 256, (1, 20, 12), generator=g) / 255
    return View(picture, mask, pose, 0.25, kind, torch.rand(128, generator=g) if embedded else None)  # type: ignore


def subject() -> Subject:
    return Subject("Ada", (view(), view("back", embedded=False)), "a woman in a green coat")


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    if hasattr(a, "__dataclass_fields__"):
        return all(same(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def test_a_saved_subject_comes_back_bit_for_bit(tmp_path: Path) -> None:
    path = subject_file(tmp_path, "Ada")
    save_subject(subject(), path)
    assert same(load_subject(path), subject())
    assert [file.name for file in tmp_path.iterdir()] == ["Ada.safetensors"]


def test_equal_subjects_give_equal_files(tmp_path: Path) -> None:
    save_subject(subject(), tmp_path / "a")
    save_subject(subject(), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_damaged_subject_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ada.safetensors"
    save_subject(subject(), path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(KMCError, match=r"is damaged"):
        load_subject(path)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(KMCError, match=r"is damaged: its content does not match its checksum"):
        load_subject(path)


def test_foreign_and_newer_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    save_motion(Motion(24.0, (8, 8), (Track(torch.zeros(1, 25, 4)),)), path)
    with pytest.raises(KMCError, match=r"is not a subject file"):
        load_subject(path)
    save_file({"x": torch.zeros(1)}, path, {"kmc_subject_version": "2", "kmc_subject": json.dumps({})})
    with pytest.raises(KMCError, match=r"has subject format 2; this version reads up to 1"):
        load_subject(path)
    with pytest.raises(KMCError, match=r"Cannot read the subject file"):
        load_subject(tmp_path / "missing.safetensors")


def test_a_description_that_does_not_fit_the_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    save_subject(replace(subject(), views=(replace(view(), kind="side"),)), path)  # type: ignore[arg-type]
    with pytest.raises(KMCError, match=r"view 1 has yaw 0.25 and kind side"):
        load_subject(path)
    save_subject(replace(subject(), views=(replace(view(), mask=torch.ones(1, 4, 4)),)), path)
    with pytest.raises(KMCError, match=r"view 1 lacks a picture with a mask of its size"):
        load_subject(path)


@pytest.mark.parametrize(
    "name", ["", "  ", "../ada", "a/b", "a\\b", "C:x", ".hidden", "dot.", "nul", "COM1.x", "a\nb", "?"]
)
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(KMCError, match=r"cannot be a file's name"):
        checked_name(name)


def test_plain_names_are_taken_as_they_are() -> None:
    for name in ("Ada", "Ada Lovelace 2", "Zoë", "adà_v1.2"):
        assert checked_name(name) == name
    with pytest.raises(KMCError, match=r"is too long"):
        checked_name("x" * 101)


def look_of(picture: torch.Tensor, nets: object) -> PictureLook:
    """Stands for the nets: a picture whose first pixel is black holds nobody."""
    if float(picture[0, 0, 0]) == 0:
        raise KMCError("Nobody was seen; choose a picture of a person.")
    shown = view()
    return PictureLook(shown.pose, torch.full_like(picture[:1], 0.5), 0.1, None, "half")


@pytest.fixture()
def eyes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create, "look_at_picture", look_of)


def test_every_picture_becomes_a_view_in_order(eyes: None) -> None:
    pictures = [torch.full((3, 8, 6), 0.2), torch.full((3, 5, 9), 0.4)]
    steps: list[tuple[int, int]] = []
    made = create.create_subject(
        pictures,
        None,
        name=" Ada ",
        description="x",
        progress=lambda *s: steps.append(s),  # type: ignore[arg-type]
    )
    assert made.subject.name == "Ada" and made.chosen == (1, 2)
    shown = zip(made.subject.views, pictures, strict=True)
    assert all(torch.equal(view.image, picture) for view, picture in shown)
    assert steps == [(1, 2), (2, 2)]


def test_a_given_mask_replaces_the_one_that_is_found(eyes: None) -> None:
    picture, mask = torch.full((3, 8, 6), 0.2), torch.rand(1, 8, 6, generator=rng())
    made = create.create_subject([picture], None, name="Ada", masks=[mask])  # type: ignore[arg-type]
    assert torch.equal(made.subject.views[0].mask, mask)


def test_unusable_input_tells_what_to_do(eyes: None) -> None:
    good = torch.full((3, 8, 6), 0.2)
    with pytest.raises(KMCError, match=r"The subject has no name"):
        create.create_subject([good], None, name=" ")  # type: ignore[arg-type]
    with pytest.raises(KMCError, match=r"Subject 'Ada' got no picture; connect at least one, or a clip."):
        create.create_subject([], None, name="Ada")  # type: ignore[arg-type]
    with pytest.raises(KMCError, match=r"got 1 pictures and 2 masks"):
        create.create_subject([good], None, name="Ada", masks=[good[:1]] * 2)  # type: ignore[arg-type]
    with pytest.raises(KMCError, match=r"The mask of picture 1 of subject 'Ada' is 4x4, the picture 6x8"):
        create.create_subject([good], None, name="Ada", masks=[torch.ones(1, 4, 4)])  # type: ignore[arg-type]
    with pytest.raises(KMCError, match=r"In picture 2 of subject 'Ada': Nobody was seen"):
        create.create_subject([good, torch.zeros(3, 4, 4)], None, name="Ada")  # type: ignore[arg-type]


def test_cancel_is_asked_before_each_picture(eyes: None) -> None:
    def cancel() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create.create_subject([torch.ones(3, 4, 4)], None, name="Ada", check=cancel)  # type: ignore[arg-type]


def test_identity_shows_all_views_or_the_main_one() -> None:
    assert (
        choose_identity(subject()).subject is not None and len(choose_identity(subject()).subject.views) == 2
    )
    first = choose_identity(subject(), 0.5, "first")
    assert len(first.subject.views) == 1 and first.strength == 0.5
    with pytest.raises(KMCError, match=r"The identity strength is 2, expected a number from 0 to 1"):
        choose_identity(subject(), 2)
