"""Evaluation through the real host's graph."""

import json
from pathlib import Path

import torch

from harness.inprocess import InProcessHost
from kmc_core.motion.retarget import retarget
from moving_person import character, person
from subject_graph import shown


def test_a_result_is_measured_with_table_plot_and_json(host: InProcessHost) -> None:
    subject = character()
    height, width = subject.views[0].image.shape[-2:]
    inputs = {
        "images": ["1", 0], "motion": ["2", 0], "subject": ["3", 0], "backend": "torch", "person": 0
    }  # fmt: skip
    prompt = {
        "1": host.value(torch.rand(2, height, width, 3, generator=torch.Generator().manual_seed(0))),
        "2": host.value(retarget(person(2), subject)), "3": host.value(subject),
        "4": {"class_type": "KMC_EvaluateAnimation", "inputs": inputs},
        "5": shown("4"), "6": shown("4", 1), "7": shown("4", 2),
    }  # fmt: skip
    result = host.run(prompt)
    assert result.success, result.error
    found = json.loads(result.output("4", 2))["figures"]
    assert found["body_pck"] < 0.2 and found["flicker"] > 1
    assert "body PCK@0.1" in result.output("4") and result.output("4", 1).shape[-1] == 3


def comparing(folders: str, answers: str = "") -> dict:
    inputs = {"folders": folders, "filename_prefix": "blind/test", "seed": 1, "answers": answers}
    return {"1": {"class_type": "KMC_BlindCompare", "inputs": inputs}, "2": shown("1"), "3": shown("1", 1)}


def test_results_become_a_blind_page_in_the_output_folder(host: InProcessHost) -> None:
    output = Path(host.base) / "output"
    for name in ("ours", "other"):
        (output / name).mkdir(parents=True)
        (output / name / "walk.png").write_bytes(b"picture")
    result = host.run(comparing("ours\nother"))
    assert result.success, result.error
    page = Path(result.output("1"))
    assert page.is_relative_to(output.resolve()) and page.suffix == ".html" and result.output("1", 1) == ""
    told = json.loads(page.read_text().split("const told = ")[1].split(";\n")[0])
    line = json.dumps({"id": told["id"], "answers": [[0, "overall", "same"]]})
    assert "| other | Overall preference | 0 | 1 | 0 | 1.00 |" in host.run(
        comparing("ours\nother", line)
    ).output("1", 1)


def test_folders_outside_of_the_output_folder_are_refused(host: InProcessHost) -> None:
    assert "is no folder inside the host's output folder" in (
        host.run(comparing("../input\nours")).error or ""
    )
