"""The subject library as a folder: listed from heads, safe names, nothing lost by kills or by two at once."""

import json
import math
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import kmc_core.subject.catalogue as catalogue
from kmc_core.errors import KMCError
from kmc_core.subject.catalogue import (
    add_subject,
    delete_subject,
    list_subjects,
    merge_subjects,
    read_entry,
    rename_subject,
)
from kmc_core.subject.library import checked_name, load_subject, save_subject, subject_file
from kmc_core.subject.sheet import likeness
from test_subject import same, subject, view

NAMES = 10_000
ALPHABET = "abÄß文🙂 ._-/\\:*?\"<>|\n\t\x00\x7f\u202e\ud800CONnul~$%'`"


def random_names() -> list[str]:
    chooser = random.Random(4)
    return ["".join(chooser.choices(ALPHABET, k=chooser.randint(0, 120))) for _ in range(NAMES)]


def test_no_name_leaves_the_folder_or_crashes(tmp_path: Path) -> None:
    taken = 0
    for name in [*random_names(), "..", "../x", "/etc/x", "a/../../b", "C:\\x", "CON", "lpt1.txt", "x" * 500]:
        try:
            path = subject_file(tmp_path, name)
        except KMCError:
            continue
        assert path.parent == tmp_path and path.resolve().parent == tmp_path.resolve()
        path.touch()
        assert path.is_file()
        taken += 1
    assert taken > 100, "hardly any name was accepted, so the test says nothing"
    assert all(path.parent == tmp_path for path in tmp_path.rglob("*"))


def mangled(content: bytes, chooser: random.Random) -> bytes:
    """The file cut, with flipped bytes, or with a head of nonsense."""
    kind = chooser.randrange(4)
    if kind == 0:
        return content[: chooser.randrange(len(content))]
    if kind == 1:
        return chooser.randbytes(chooser.randrange(200))
    changed = bytearray(content)
    for _ in range(chooser.randint(1, 20)):
        changed[chooser.randrange(len(changed) if kind == 2 else 4000)] = chooser.randrange(256)
    return bytes(changed)


def test_malformed_files_are_told_and_never_crash(tmp_path: Path) -> None:
    save_subject(subject(), tmp_path / "good.safetensors")
    content, chooser = (tmp_path / "good.safetensors").read_bytes(), random.Random(5)
    path = tmp_path / "odd.safetensors"
    refused = 0
    for _ in range(400):
        path.write_bytes(mangled(content, chooser))
        listed = {entry.name: entry for entry in list_subjects([tmp_path])}
        assert set(listed) == {"good", "odd"} and not listed["good"].problem
        try:
            load_subject(path)
        except KMCError:
            refused += 1
    assert refused > 390, "a checksum lets hardly any change pass"


@pytest.mark.parametrize(
    "about",
    [
        [], {}, {"views": []}, {"views": [3]}, {"views": [{"yaw": "x", "kind": "full"}]},
        {"views": [{"yaw": 0.0}]}, {"views": {"yaw": 1}}, {"views": [{"yaw": 1e999, "kind": None}]},
        {"views": [{"yaw": 10**400, "kind": "full"}]}, {"views": [{"yaw": math.nan, "kind": "full"}]},
    ],
)  # fmt: skip
def test_a_strange_description_is_a_problem_of_its_entry_alone(tmp_path: Path, about: object) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "x.safetensors"
    save_file({"x": torch.zeros(1)}, path, {"kmc_subject_version": "1", "kmc_subject": json.dumps(about)})
    entry = read_entry("x", path)
    assert entry.problem or not entry.views
    with pytest.raises(KMCError):
        load_subject(path)


def test_only_colours_reach_the_page_as_colours(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    about = {"views": [], "palette": ["#204080", "url(//x.example/a)", "#20408", "#204080;", 3]}
    path = tmp_path / "x.safetensors"
    save_file({"x": torch.zeros(1)}, path, {"kmc_subject_version": "1", "kmc_subject": json.dumps(about)})
    assert read_entry("x", path).palette == ("#204080",)


def test_a_list_tells_views_and_colours_from_the_heads_of_the_files(tmp_path: Path) -> None:
    add_subject(subject(), tmp_path)
    (tmp_path / "notes.txt").write_text("no subject")
    (entry,) = list_subjects([tmp_path, tmp_path / "missing"])
    assert (entry.name, entry.description) == ("Ada", "a woman in a green coat")
    assert [(each.kind, each.yaw) for each in entry.views] == [("full", 0.25), ("back", 0.25)]
    assert all(each.thumbnail.startswith("/9j/") for each in entry.views)  # a JPEG
    assert entry.palette and all(len(colour) == 7 for colour in entry.palette)


def test_a_long_list_is_quick(tmp_path: Path) -> None:
    one = add_subject(subject(), tmp_path).read_bytes()
    for number in range(499):
        (tmp_path / f"subject {number}.safetensors").write_bytes(one)
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        assert len(list_subjects([tmp_path])) == 500
        best = min(best, time.perf_counter() - start)
    assert best < 0.2, f"500 subjects took {1000 * best:.0f} ms"  # twice the promise: the machine may be busy


def test_a_name_that_is_taken_is_kept(tmp_path: Path) -> None:
    add_subject(subject(), tmp_path)
    other = replace(subject(), description="somebody else")
    with pytest.raises(KMCError, match=r"has a subject 'Ada' already"):
        add_subject(other, tmp_path)
    assert load_subject(tmp_path / "Ada.safetensors").description == "a woman in a green coat"
    add_subject(other, tmp_path, overwrite=True)
    assert load_subject(tmp_path / "Ada.safetensors").description == "somebody else"


def test_a_failed_save_leaves_no_name_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KMCError, match=r"No space left on device"):
        add_subject(subject(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_renamed_subject_knows_its_name_and_takes_nobodys(tmp_path: Path) -> None:
    path = add_subject(subject(), tmp_path)
    renamed = rename_subject(path, " Grace ")
    assert not path.exists() and load_subject(renamed).name == "Grace"
    assert same(replace(load_subject(renamed), name="Ada"), subject())
    add_subject(subject(), tmp_path)
    with pytest.raises(KMCError, match=r"has a subject 'Ada' already"):
        rename_subject(renamed, "Ada")
    with pytest.raises(KMCError, match=r"cannot be a file's name"):
        rename_subject(renamed, "../Ada")
    assert renamed.exists() and rename_subject(renamed, "Grace") == renamed


def test_a_rename_keeps_what_is_saved_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = add_subject(subject(), tmp_path)

    def load(given: Path) -> object:
        loaded = load_subject(given)
        save_subject(replace(subject(), description="newer"), given)
        return loaded

    monkeypatch.setattr(catalogue, "load_subject", load)
    with pytest.raises(KMCError, match=r"'Ada' was saved anew while it was renamed; both are kept."):
        rename_subject(path, "Grace")
    assert load_subject(path).description == "newer" and (tmp_path / "Grace.safetensors").exists()


def test_only_subjects_are_deleted(tmp_path: Path) -> None:
    path = add_subject(subject(), tmp_path)
    other = tmp_path / "model.safetensors"
    other.write_bytes(path.read_bytes()[:100])
    with pytest.raises(KMCError, match=r"'model.safetensors' is kept: The file is damaged."):
        delete_subject(other)
    delete_subject(path)
    assert list(tmp_path.iterdir()) == [other]


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_is_whole_from_the_start_and_takes_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refused(*given: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    def last_step(*given: object) -> None:
        assert not (tmp_path / "Ada.safetensors").exists(), "a kill here would leave an empty file"
        sync(*given)  # type: ignore[arg-type]

    sync = os.fsync
    monkeypatch.setattr(os, "fsync", last_step)
    if not links:
        monkeypatch.setattr(os, "link", refused)
    path = add_subject(subject(), tmp_path)
    monkeypatch.setattr(os, "fsync", sync)
    assert same(load_subject(path), subject()) and list(tmp_path.iterdir()) == [path]
    with pytest.raises(KMCError, match=r"has a subject 'Ada' already"):
        add_subject(replace(subject(), description="other"), tmp_path)
    assert same(load_subject(path), subject()) and list(tmp_path.iterdir()) == [path]


def test_merged_subjects_have_the_views_of_both() -> None:
    merged = merge_subjects(subject(), replace(subject(), name="Back", description="x"), name="Both")
    assert (merged.name, merged.description, len(merged.views)) == ("Both", "a woman in a green coat", 4)
    stranger = replace(view(), embedding=view().embedding + 1)  # type: ignore[operator]
    warned = likeness((*merged.views, stranger))
    assert len(warned) == 1 and warned[0].startswith("Warning: view 5 looks like another person")


def test_a_turning_head_is_known_by_the_views_between() -> None:
    step = torch.zeros(128)
    step[0] = 0.5
    turning = [replace(view(), embedding=step * k) for k in (0, 3, 1, 2)]
    assert likeness(turning) == []
    assert len(likeness(turning[:2])) == 1


def save_many(folder: Path, who: str, gate: object, results: object) -> None:
    gate.wait()  # type: ignore[attr-defined]
    for number in range(20):
        try:
            add_subject(replace(subject(), name=f"Ada {number}", description=who), folder)
            results.put((number, who))  # type: ignore[attr-defined]
        except KMCError:
            pass


def test_two_processes_that_save_at_once_lose_nothing(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    gate, results = fork.Barrier(2), fork.Queue()
    savers = [fork.Process(target=save_many, args=(tmp_path, who, gate, results)) for who in "ab"]
    for saver in savers:
        saver.start()
    saved = dict(results.get(timeout=120) for _ in range(20))
    for saver in savers:
        saver.join()
        assert saver.exitcode == 0
    assert results.empty() and sorted(saved) == list(range(20)), "a save was told to have worked and did not"
    for number, who in saved.items():
        assert load_subject(tmp_path / f"Ada {number}.safetensors").description == who


def save_forever(path: Path) -> None:
    for number in range(10_000):
        save_subject(replace(subject(), description=str(number)), path)


def test_a_kill_during_a_save_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "Ada.safetensors"
    save_subject(subject(), path)
    fork = multiprocessing.get_context("fork")
    for pause in range(6):
        saver = fork.Process(target=save_forever, args=(path,))
        saver.start()
        time.sleep(0.15 + 0.037 * pause)
        os.kill(saver.pid, signal.SIGKILL)  # type: ignore[arg-type]
        saver.join()
        assert len(load_subject(path).views) == 2
    assert [entry.name for entry in list_subjects([tmp_path])] == ["Ada"]


def test_plain_names_stay() -> None:
    assert checked_name("文 Ada_2.1") == "文 Ada_2.1"
