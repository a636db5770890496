"""Characters through the real host's graph: made, kept, merged, and their views chosen."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from harness.inprocess import InProcessHost
from kmc_core.motion.retarget import retarget
from kmc_core.subject.library import save_subject
from media import astronaut
from moving_person import character, person
from subject_graph import creating, portrait, shown

FRAMES = 6


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_pictures_become_a_subject_that_can_be_kept_and_loaded(host: InProcessHost) -> None:
    views = torch.cat((portrait(), portrait().flip(2)))
    prompt = creating(host, views, description="an astronaut in an orange suit")
    save = {"class_type": "KMC_SaveSubject", "inputs": {"subject": ["create", 0], "overwrite": False}}
    result = host.run(prompt | {"save": save})
    assert result.success, result.error
    made = result.output("create")
    assert (made.name, len(made.views)) == ("Eileen", 2)
    main = made.views[0]
    assert main.pose.face is not None and main.embedding is not None and main.kind == "half"
    assert torch.equal(main.image, astronaut())
    assert abs(main.yaw + made.views[1].yaw) < 0.1, "a mirrored picture turns the other way"
    load = {"1": {"class_type": "KMC_LoadSubject", "inputs": {"name": "Eileen"}}, "2": shown("1")}
    loaded = host.run(load).output("1")
    assert loaded.description == "an astronaut in an orange suit"
    assert torch.equal(loaded.views[0].pose.body, main.pose.body)
    host.forget()
    refused = host.run(prompt | {"save": save})
    assert "The library has a subject 'Eileen' already" in (refused.error or "")
    save["inputs"]["overwrite"] = True
    assert host.run(prompt | {"save": save}).success
    (host.base / "models" / "kmc_subjects" / "Eileen.safetensors").unlink()


def test_grey_and_transparent_pictures_are_read(host: InProcessHost) -> None:
    grey = portrait().mean(-1, keepdim=True)
    result = host.run(creating(host, grey))
    assert result.success, result.error
    assert torch.equal(result.output("create").views[0].image[0], result.output("create").views[0].image[2])
    clear = torch.cat((portrait(), torch.ones_like(portrait()[..., :1])), -1)
    result = host.run(creating(host, clear))
    assert torch.equal(result.output("create").views[0].image, astronaut())


def test_a_mask_from_the_graph_is_used_as_it_is(host: InProcessHost) -> None:
    mask = torch.zeros(1, 512, 512)
    mask[:, 100:400] = 1
    prompt = creating(host, portrait(), mask=["mask", 0]) | {"mask": host.value(mask)}
    assert torch.equal(host.run(prompt).output("create").views[0].mask, mask)
    prompt = creating(host, portrait(), mask=["mask", 0]) | {"mask": host.value(mask[:, ::2])}
    assert "The mask of picture 1 of subject 'Eileen' is 512x256" in (host.run(prompt).error or "")


def test_a_picture_without_a_person_tells_which(host: InProcessHost) -> None:
    images = torch.cat((portrait(), torch.full_like(portrait(), 0.5)))
    error = host.run(creating(host, images)).error or ""
    assert "In picture 2 of subject 'Eileen': No person was found in the picture" in error


@pytest.mark.parametrize("name", ["../Eileen", "a/b", "", "..", "nul"])
def test_subjects_are_never_written_outside_the_library(host: InProcessHost, name: str) -> None:
    subject = character()
    save = {"class_type": "KMC_SaveSubject", "inputs": {"subject": ["1", 0], "overwrite": True}}
    before = set(host.base.rglob("*.safetensors"))
    named = type(subject)(name, subject.views)
    assert "cannot be a file's name" in (host.run({"1": host.value(named), "2": save}).error or "")
    assert set(host.base.rglob("*.safetensors")) == before


def test_a_subject_is_reloaded_when_its_file_changes(host: InProcessHost) -> None:
    folder = host.base / "models" / "kmc_subjects"
    folder.mkdir(parents=True, exist_ok=True)
    subject = character()

    def load() -> Any:
        return host.run({"1": {"class_type": "KMC_LoadSubject", "inputs": {"name": "N"}}, "2": shown("1")})

    save_subject(subject, folder / "N.safetensors")
    assert load().output("1").name == "someone" and "1" in load().cached
    save_subject(type(subject)("other", subject.views), folder / "N.safetensors")
    assert load().output("1").name == "other"
    (folder / "N.safetensors").write_bytes(b"x" * 100)
    assert "is damaged" in (load().error or "")
    (folder / "N.safetensors").unlink()
    assert "Value not in list" in (load().error or "")


def test_a_clip_becomes_views_and_the_choice_is_the_users(host: InProcessHost) -> None:
    clip = torch.cat([portrait(), portrait() * 0.2 + 0.8, portrait().flip(2)])
    clip[1] = 0.5  # nobody
    prompt = creating(host, clip) | {"clip": host.value(clip)}
    del prompt["create"]["inputs"]["images"]
    prompt["create"]["inputs"] |= {"clip": ["clip", 0], "most": 4}
    result = host.run(prompt)
    assert result.success, result.error
    made, told, page = (result.output("create", slot) for slot in range(3))
    assert made.views[0].image.shape == (3, 512, 512), "views have the clip's full resolution"
    assert told.startswith("Views: 1; 2 pictures show somebody.") and "frame 0 of the clip" in told
    assert "Sides without a view: right, back, left." in told
    assert page.shape == (1, 180, 320, 3) and result.ui["create"]["images"]
    prompt["create"]["inputs"]["choice"] = "3, 1"
    chosen = host.run(prompt)
    assert len(chosen.output("create").views) == 2 and "frame 2 of the clip" in chosen.output("create", 1)
    prompt["create"]["inputs"]["choice"] = "2"
    assert "names 2, but pictures of a person are 1, 3." in (host.run(prompt).error or "")
    del prompt["create"]["inputs"]["clip"]
    assert "got no picture; connect at least one, or a clip" in (host.run(prompt).error or "")


def test_merged_subjects_warn_of_strangers(host: InProcessHost) -> None:
    known = replace(character().views[0], embedding=torch.zeros(128))
    other = replace(known, embedding=torch.ones(128))
    subjects = [replace(character(), views=(view,)) for view in (known, other)]
    inputs = {"first": ["a", 0], "second": ["b", 0], "name": "Both"}
    prompt = {
        "a": host.value(subjects[0]), "b": host.value(subjects[1]),
        "merge": {"class_type": "KMC_MergeSubjects", "inputs": inputs}, "show": shown("merge", 1),
    }  # fmt: skip
    result = host.run(prompt)
    assert result.success, result.error
    assert result.output("merge").name == "Both" and len(result.output("merge").views) == 2
    assert "view 2 looks like another person" in result.output("merge", 1)


def selecting(host: InProcessHost, **changes: Any) -> dict[str, Any]:
    front, back = character().views[0], replace(character().views[0], yaw=3.14)
    inputs = {
        "subject": ["subject", 0], "motion": ["motion", 0], "window": 3, "overlap": 0, "number": 1,
        "person": 0,
    }  # fmt: skip
    return {
        "subject": host.value(replace(character(), views=(front, back))),
        "motion": host.value(retarget(person(FRAMES), character())),
        "select": {"class_type": "KMC_SelectView", "inputs": inputs | changes},
        "show": shown("select"), "told": shown("select", 3),
    }  # fmt: skip


def test_the_view_of_a_window_is_taken_for_engines_with_one_reference(host: InProcessHost) -> None:
    result = host.run(selecting(host))
    assert result.success, result.error
    image, mask, number, told = (result.output("select", slot) for slot in range(4))
    assert image.shape == (1, 720, 640, 3) and mask.shape == (1, 720, 640) and number == 1
    assert told.count("| nearest |") == 2 and "Changes of view: 0.0 a minute." in told
    assert "has 2 windows, but window 2 was asked for" in (host.run(selecting(host, number=2)).error or "")
