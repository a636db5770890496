"""The pack's workflows on the real host, over the API that the page uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workflows
from demo import entry, prompt_with, shown_file
from harness.over_http import HttpHost
from harness.results import RunResult
from harness.video_files import facts_of, frames_of, write_video
from host_install import DEFAULT_VERSION
from workflow_engines import ALL_PLANS
from workflow_plan import Plan

FRAMES, FPS = 6, 15
LONG_FRAMES = 70  # three batches of extraction
SIDE = 192  # of the preview and of the result
NAMES = [plan.name for plan in ALL_PLANS if not plan.models]  # those that need no files
Prompt = dict[str, dict[str, Any]]
MakePrompt = Callable[..., Prompt]


@pytest.fixture(scope="module")
def make_prompt(http_host: HttpHost) -> MakePrompt:
    """`make_prompt(workflow, video)`: a workflow with a video of the input folder and small results."""

    def make(name: str, video: Path) -> Prompt:
        prompt = json.loads((workflows.PROMPTS / f"{name}.json").read_text("utf-8"))
        for each in prompt.values():
            if each["class_type"] in ("KMC_PreviewMotion", "KMC_RestoreDetail"):
                each["inputs"]["longest_side"] = SIDE
        return prompt_with(prompt, video=video.name)

    return make


@pytest.fixture(scope="module")
def driver(http_host: HttpHost) -> Callable[..., Path]:
    """`driver(workflow, name, frames, sound)`: the start of the workflow's own video, in the input folder."""

    def make(workflow: str, name: str, *, frames: int = FRAMES, sound: bool = True) -> Path:
        prompt = json.loads((workflows.PROMPTS / f"{workflow}.json").read_text("utf-8"))
        source = workflows.GRAPHS / "assets" / entry(prompt, "KMC_ExampleVideo")["inputs"]["name"]
        return write_video(http_host.input / name, frames_of(source, frames), FPS, sound=sound)

    return make


def node_of(prompt: Mapping[str, Any], class_type: str) -> str:
    """Id of the only node of a type."""
    (number,) = [number for number, each in prompt.items() if each["class_type"] == class_type]
    return number


def result_file(host: HttpHost, prompt: Prompt, result: RunResult) -> Path:
    return shown_file(
        host, result, {number: each["class_type"] for number, each in prompt.items()}, "SaveVideo"
    )


def test_the_files_are_what_the_plan_describes(http_host: HttpHost) -> None:
    """After a change of a node or of the plan: python tools/workflows.py"""
    if http_host.version != DEFAULT_VERSION:
        pytest.skip("the files are written with the schemas of one version")
    for path, text in workflows.files_of(http_host.get("/object_info")).items():
        assert path.read_text("utf-8") == text, f"{path.name} is out of date: run python tools/workflows.py"


@pytest.mark.parametrize("plan", [plan for plan in ALL_PLANS if plan.models], ids=lambda plan: plan.name)
def test_an_engines_workflow_lacks_nothing_but_its_files(http_host: HttpHost, plan: Plan) -> None:
    prompt = json.loads((workflows.PROMPTS / f"{plan.name}.json").read_text("utf-8"))
    result = http_host.queue(prompt)
    errors = [error for node in result.node_errors.values() for error in node["errors"]]
    assert {error["type"] for error in errors} == {"value_not_in_list"}
    assert {error["extra_info"]["received_value"] for error in errors} == {each.name for each in plan.models}


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_keeps_frames_rate_and_sound_of_its_video(
    http_host: HttpHost, make_prompt: MakePrompt, driver: Callable[..., Path], name: str
) -> None:
    prompt = make_prompt(name, driver(name, f"{name}.mp4"))
    result = http_host.queue(prompt)
    assert result.success, result.error
    facts = facts_of(result_file(http_host, prompt, result))
    assert (facts.frames, facts.fps) == (FRAMES, FPS)
    assert facts.sound == pytest.approx(FRAMES / FPS, abs=0.1)
    assert result.previews > 0  # the sampler shows the animation while it works

    again = http_host.queue(prompt)
    assert again.success and again.cached == frozenset(prompt)


def test_a_silent_video_gives_a_silent_result(
    http_host: HttpHost, make_prompt: MakePrompt, driver: Callable[..., Path]
) -> None:
    prompt = make_prompt(NAMES[0], driver(NAMES[0], "silent.mp4", sound=False))
    result = http_host.queue(prompt)
    assert result.success, result.error
    facts = facts_of(result_file(http_host, prompt, result))
    assert facts.frames == FRAMES and facts.sound is None


def test_the_length_is_kept_to_the_frame_when_only_a_part_is_asked_for(
    http_host: HttpHost, make_prompt: MakePrompt, driver: Callable[..., Path]
) -> None:
    prompt = make_prompt(NAMES[0], driver(NAMES[0], "part.mp4"))
    entry(prompt, "KMC_AnimateConditioning")["inputs"] |= {"start_frame": 2, "length": 3}
    result = http_host.queue(prompt)
    assert result.success, result.error
    assert facts_of(result_file(http_host, prompt, result)).frames == 3


@pytest.mark.parametrize("stage", ["KMC_EncodeBodyMotion", "KMC_EncodeFaceMotion", "KMC_EncodeHandMotion"])
def test_a_cancelled_extraction_stops_within_a_batch(
    http_host: HttpHost, make_prompt: MakePrompt, driver: Callable[..., Path], stage: str
) -> None:
    name = NAMES[0]
    prompt = make_prompt(name, driver(name, f"{stage}.mp4", frames=LONG_FRAMES))
    assert_cancels(http_host, prompt, stage)
    after = make_prompt(name, driver(name, f"after_{stage}.mp4"))
    assert http_host.queue(after).success


def test_cancelled_sampling_stops_within_a_step(
    http_host: HttpHost, make_prompt: MakePrompt, driver: Callable[..., Path]
) -> None:
    name = NAMES[0]
    prompt = make_prompt(name, driver(name, "cancelled.mp4"))
    entry(prompt, "KMC_DistilledSampler")["inputs"]["steps"] = 60
    assert_cancels(http_host, prompt, "KMC_DistilledSampler")
    entry(prompt, "KMC_DistilledSampler")["inputs"]["steps"] = 2
    assert http_host.queue(prompt).success


def assert_cancels(host: HttpHost, prompt: Prompt, stage: str) -> None:
    """Interrupt at the stage's first progress; at most the batch or step under way may still end."""
    number, seen = node_of(prompt, stage), []

    def on_event(event: str, data: Any) -> None:
        if event == "progress" and data["node"] == number:
            seen.append(data["value"])
            if len(seen) == 1:
                host.interrupt()

    result = host.queue(prompt, on_event)
    assert result.interrupted and not result.success
    assert len(seen) <= 2, f"{stage} went on for {len(seen) - 1} more batches after it was cancelled"
    assert host.is_idle()


WRONG_INPUTS = [
    ("KMC_EncodeBodyMotion", "video", "animator", "return_type_mismatch"),
    ("KMC_RetargetMotion", "subject", "body", "return_type_mismatch"),
    ("KMC_AnimateConditioning", "identity", "subject", "return_type_mismatch"),
    ("KMC_RetargetMotion", "placement", "on the moon", "value_not_in_list"),
    ("KMC_DistilledSampler", "steps", -1, "value_smaller_than_min"),
    ("KMC_DistilledSampler", "cfg", "much", "invalid_input_type"),
    ("KMC_AnimateConditioning", "body_strength", 1.5, "value_bigger_than_max"),
    ("KMC_LoadAnimator", "checkpoint", "absent.safetensors", "value_not_in_list"),
    ("KMC_InjectIdentity", "subject", None, "required_input_missing"),
]
SOURCES = {"animator": "KMC_LoadAnimator", "body": "KMC_EncodeBodyMotion", "subject": "KMC_CreateSubject"}


@pytest.mark.parametrize(("class_type", "name", "value", "kind"), WRONG_INPUTS)
def test_a_wrong_input_is_refused_by_its_name(
    http_host: HttpHost, make_prompt: MakePrompt, class_type: str, name: str, value: Any, kind: str
) -> None:
    prompt = json.loads((workflows.PROMPTS / f"{NAMES[0]}.json").read_text("utf-8"))
    inputs = entry(prompt, class_type)["inputs"]
    inputs[name] = [node_of(prompt, SOURCES[value]), 0] if value in SOURCES else value
    if value is None:
        del inputs[name]
    result = http_host.queue(prompt)
    assert not result.success
    (error,) = result.node_errors[node_of(prompt, class_type)]["errors"]
    assert error["type"] == kind and error["extra_info"]["input_name"] == name


@pytest.fixture(scope="module")
def bad_video(http_host: HttpHost, driver: Callable[..., Path]) -> Callable[[str], Path]:
    """`bad_video(kind)`: a file in the input folder with which no motion can be made."""

    def make(kind: str) -> Path:
        path = http_host.input / f"{kind}.mp4"
        if kind == "noise":
            path.write_bytes(np.random.default_rng(0).bytes(5000))
        elif kind == "empty":
            path.write_bytes(b"")
        elif kind == "truncated":
            whole = driver(NAMES[0], "whole.mp4", frames=30).read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
        elif kind == "nobody":
            write_video(path, [np.full((96, 128, 3), 90, np.uint8)] * FRAMES, FPS)
        return path

    return make


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("noise", "The video 'noise.mp4' cannot be read (Invalid data found when processing input); "
                  "it is damaged or no video, so export it again."),
        ("empty", "The video 'empty.mp4' cannot be read (Invalid data found when processing input); "
                  "it is damaged or no video, so export it again."),
        ("truncated", "The video 'truncated.mp4' cannot be read (Invalid data found when processing input); "
                      "it is damaged or no video, so export it again."),
        ("nobody", "No person was found in any frame; use a clip that shows one person at least from the "
                   "chest up, upright and well lit."),
    ],
)  # fmt: skip
def test_a_bad_video_is_explained_in_the_history(
    http_host: HttpHost, make_prompt: MakePrompt, bad_video: Callable[[str], Path], kind: str, message: str
) -> None:
    prompt = make_prompt(NAMES[0], bad_video(kind))
    result = http_host.queue(prompt)
    readers = ("KMC_VideoInfo", "KMC_EncodeBodyMotion")  # whichever the host runs first
    assert result.error_node in [node_of(prompt, reader) for reader in readers]
    assert (result.error or "").strip() == message
    assert last_error(http_host).strip() == message
    assert http_host.is_idle()


def last_error(host: HttpHost) -> str:
    """Text of the error in the newest entry of the history."""
    (newest,) = host.get("/history?max_items=1").values()
    return dict(newest["status"]["messages"])["execution_error"]["exception_message"]


def test_damaged_weights_are_explained(
    http_host: HttpHost, make_prompt: MakePrompt, driver: Callable[..., Path]
) -> None:
    folder = http_host.base / "models" / "kmc"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "damaged.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not what it says")
    prompt = make_prompt(NAMES[0], driver(NAMES[0], "weights.mp4"))
    entry(prompt, "KMC_LoadAnimator")["inputs"]["checkpoint"] = "damaged.safetensors"
    result = http_host.queue(prompt)
    assert result.error_node == node_of(prompt, "KMC_LoadAnimator")
    assert (result.error or "").startswith("damaged.safetensors is damaged (")
    assert (result.error or "").strip().endswith(". Download or copy it again.")
