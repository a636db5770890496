"""What every node of the pack owes to the person at the graph: names, tooltips, sensible defaults and a help
page.
"""

from pathlib import Path
from typing import Any

import pytest

from harness.inprocess import InProcessHost

DOCS = Path(__file__).resolve().parents[1] / "js" / "docs"
IDS = [
    f"KMC_{name}"
    for name in (
        "AddProvenance", "AdjustMotion", "AnchorColor", "AnimateConditioning", "AnimateLive",
        "AnimateLongVideo", "ApplyCamera", "BlindCompare", "CheckMotion", "CombineMotion",
        "ComposePeople", "CreateSubject", "DistilledSampler", "DistilledSigmas", "DualBranchGuider",
        "EncodeBodyMotion", "EncodeFaceMotion", "EncodeHandMotion", "EncodeOnnxMotion",
        "EnhancePrompt", "EvaluateAnimation", "ExampleImage", "ExampleVideo", "InjectIdentity",
        "LoadAnimator", "LoadMotion", "LoadSubject", "MergeSubjects", "MirrorMotion",
        "MotionFromFaceLandmarks", "MotionFromPoseKeypoints", "MotionToPoseKeypoints", "PlanWindows",
        "PreviewMotion", "ReadProvenance", "RefineParts", "RestoreDetail", "RetargetMotion",
        "RetimeMotion", "SaveMotion", "SaveSubject", "SelectPerson", "SelectView", "SmoothMotion",
        "TrimMotion", "VideoInfo",
    )
]  # fmt: skip


def schema(host: InProcessHost, node_id: str) -> Any:
    return host.nodes.NODE_CLASS_MAPPINGS[node_id].define_schema()


def label(input_or_output: Any) -> str:
    return input_or_output.display_name or input_or_output.id


def test_exactly_these_nodes_are_registered(host: InProcessHost) -> None:
    assert [node_id for node_id in host.ids() if not node_id.startswith("KMCTest")] == IDS


@pytest.mark.parametrize("node_id", IDS)
def test_every_node_has_a_name_a_place_and_a_description(host: InProcessHost, node_id: str) -> None:
    shown = schema(host, node_id)
    spaced = "".join(f" {letter}" if letter.isupper() else letter for letter in node_id.removeprefix("KMC_"))
    assert shown.display_name == spaced.strip()
    assert shown.category.startswith("KMC/") and shown.description.endswith(".")


@pytest.mark.parametrize("node_id", IDS)
def test_every_input_and_output_has_a_tooltip(host: InProcessHost, node_id: str) -> None:
    shown = schema(host, node_id)
    bare = [each.id for each in (*shown.inputs, *shown.outputs) if not (each.tooltip or "").endswith(".")]
    assert bare == []


@pytest.mark.parametrize("node_id", IDS)
def test_every_default_is_a_value_that_the_host_accepts(host: InProcessHost, node_id: str) -> None:
    for entry in schema(host, node_id).inputs:
        default = getattr(entry, "default", None)
        if default is None:
            continue
        if getattr(entry, "options", None):
            assert default in entry.options
        if isinstance(default, (int, float)) and not isinstance(default, bool):
            assert entry.min <= default <= entry.max


@pytest.mark.parametrize("node_id", IDS)
def test_every_node_has_a_help_page_that_names_its_inputs_and_outputs(
    host: InProcessHost, node_id: str
) -> None:
    page = (DOCS / f"{node_id}.md").read_text(encoding="utf-8")
    shown = schema(host, node_id)
    for heading in ("## Outputs", "## Tips") + (("## Inputs",) if shown.inputs else ()):
        assert heading in page, heading
    missing = [label(each) for each in (*shown.inputs, *shown.outputs) if f"**{label(each)}**" not in page]
    assert missing == []


def test_no_help_page_is_left_of_a_node_that_is_gone() -> None:
    assert sorted(path.stem for path in DOCS.glob("*.md")) == IDS


@pytest.mark.parametrize(
    ("node_id", "inputs"),
    [
        ("KMC_EncodeBodyMotion", {"video": "text", "fps": 24.0, "backend": "torch"}),
        ("KMC_RetargetMotion", {"motion": "text", "subject": "text"}),
        ("KMC_CreateSubject", {"images": "text", "name": "x", "description": "", "backend": "torch"}),
        ("KMC_InjectIdentity", {"subject": "text", "strength": 1.0, "views": "all"}),
        ("KMC_PreviewMotion", {"motion": "text", "longest_side": 512}),
        ("KMC_SaveMotion", {"motion": "text", "filename_prefix": "motions/x"}),
    ],
)
def test_a_wrong_socket_type_is_refused_before_anything_runs(
    host: InProcessHost, node_id: str, inputs: dict[str, Any]
) -> None:
    linked = {name: ["text", 0] if value == "text" else value for name, value in inputs.items()}
    prompt = {
        "text": {
            "class_type": "StringConcatenate",
            "inputs": {"string_a": "a", "string_b": "b", "delimiter": ""},
        },
        "node": {"class_type": node_id, "inputs": linked},
        "show": {"class_type": "PreviewAny", "inputs": {"source": ["node", 0]}},
    }
    result = host.run(prompt)
    assert not result.success
    assert "Return type mismatch between linked nodes" in (result.error or "")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"strength": 1.5, "views": "all"}, "Value 1.5 bigger than max of 1.0: strength"),
        ({"strength": 1.0, "views": "none"}, "Value not in list: views: 'none'"),
        ({"strength": 1.0}, "Required input is missing: views"),
    ],
)
def test_values_out_of_range_are_refused(host: InProcessHost, inputs: dict[str, Any], message: str) -> None:
    prompt = {
        "1": host.value(None),
        "2": {"class_type": "KMC_InjectIdentity", "inputs": {"subject": ["1", 0], **inputs}},
        "3": {"class_type": "PreviewAny", "inputs": {"source": ["2", 0]}},
    }
    assert message in (host.run(prompt).error or "")
