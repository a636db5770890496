"""The motion viewer in the host's page, used with pointer and keys, with both of the page's renderers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.browser import RENDERERS, PageReport, Renderer
from harness.over_http import HttpHost
from kmc_core.motion.files import save_motion
from kmc_core.motion.types import Action, Contact, Intent, Motion
from moving_person import Shot, person

DRIVE = Path(__file__).with_name("browser") / "viewer.mjs"
FRAMES = 50


def two_people() -> Motion:
    left, right = (person(FRAMES, shot=Shot(centre=(x, 380.0))).tracks[0] for x in (320.0, 960.0))
    intent = Intent((Action("wave", 5, 30, 0.9),), (Contact("hand-face", "left", 10, 40),))
    return Motion(25.0, (1280, 720), (replace(left, name="Anna", intent=intent), right))


def workflow(host: HttpHost, folder: Path) -> Path:
    """Two people over a grey clip, beside one of them; each motion goes to a Select Person, too."""
    save_motion(two_people(), host.input / "two_people.safetensors")
    save_motion(person(FRAMES), host.input / "one_person.safetensors")
    loads = {
        str(number): {"class_type": "KMC_LoadMotion", "inputs": {"file": f"{name}.safetensors"}}
        for number, name in enumerate(("two_people", "one_person"))
    }
    grey = {"width": 64, "height": 36, "batch_size": FRAMES, "color": 0x606060}
    inputs = {"motion": ["0", 0], "compare": ["1", 0], "video": ["2", 0], "longest_side": 64}
    select = {"by": "largest", "number": 7, "name": "", "x": 0.5, "y": 0.5, "rename": ""}
    selects = {
        str(number + 4): {"class_type": "KMC_SelectPerson", "inputs": {"motion": [str(number), 0], **select}}
        for number in (0, 1)
    }
    path = folder / "viewer.json"
    path.write_text(
        json.dumps(
            loads
            | selects
            | {"2": {"class_type": "EmptyImage", "inputs": grey}}
            | {"3": {"class_type": "KMC_PreviewMotion", "inputs": inputs}}
        )
    )
    return path


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_motion_is_played_scrubbed_and_asked_about_on_its_node(
    page: Callable[..., PageReport], http_host: HttpHost, renderer: Renderer, tmp_path: Path
) -> None:
    report = page(workflow(http_host, tmp_path), renderer=renderer, drive=DRIVE)
    assert report.ended == "execution_success", report.error or report.queued
    assert (report.page_errors, report.failed_requests) == ([], [])
    seen = report.answers
    assert seen["first"]["lit"] > 100 and seen["clip"], "the motion did not appear over its clip"
    assert seen["frames"][0] == 0 and abs(seen["frames"][1] - 0.6 * (FRAMES - 1)) <= 1
    assert seen["scrubbed"]["sum"] != seen["first"]["sum"]
    assert seen["keys"] == [0, 1, 11, 10, FRAMES - 1]
    sure, doubtful, unseen, touching = (
        seen["limbs"][key] for key in ("sure", "doubtful", "unseen", "touching")
    )
    assert sure["red"] > 50 and sure["grey"] == sure["orange"] == 0
    assert doubtful["red"] == 0 and 10 < doubtful["grey"] < 50, "a doubtful limb is not grey and dashed"
    assert unseen == {"red": 0, "grey": 0, "orange": 0}
    assert touching["orange"] > 20
    played = seen["played"]
    assert played["label"] == "Pause" and played["seen"] >= 4 and played["paused"]
    assert abs(played["clip"] - (played["frame"] + 0.5) / 25) < 0.02, "clip and motion are out of step"
    other = "largest 7"  # on the motion with one person
    chosen = [["largest 7", other], ["number 1", other], ["number 0", other]]
    assert seen["people"] == {"chosen": chosen, "pressed": ["0 Anna"]}
    assert seen["ran_again"] and seen["reloaded"]
    assert seen["gone"] == "Run the node again to see the motion"
    assert seen["left"] == 0
