"""The nodes that mend and check motions, on the real host."""

from typing import Any

import pytest
import torch

from harness.inprocess import InProcessHost
from kmc_core.motion.check import check_motion
from kmc_core.motion.combine import combine
from kmc_core.motion.edit import Adjustment, adjust
from kmc_core.motion.mirror import mirror
from kmc_core.motion.retarget import retarget
from kmc_core.motion.smooth import smooth
from kmc_core.motion.timing import hold, loop, retime, trim
from kmc_core.motion.types import Motion
from moving_person import Build, Shot, character, person

BUST = Shot(600.0, (320.0, 800.0), {"nose", "neck", "r_eye", "l_eye", "r_shoulder", "l_shoulder"})
EDITS: dict[str, tuple[dict[str, Any], Any]] = {
    "KMC_SmoothMotion": (
        {"strength": 1.0, "method": "zero lag", "fill_gaps": 0.25, "remove_spikes": True},
        smooth,
    ),
    "KMC_TrimMotion": ({"start": 0.2, "duration": 0.4}, lambda m: trim(m, 0.2, 0.4)),
    "KMC_RetimeMotion": (
        {"speed": 2.0, "fps": 16.0, "loops": 2, "blend": 0.1, "hold_start": 0.25, "hold_end": 0.5},
        lambda m: hold(loop(retime(m, 2.0, 16.0), 2, 0.1), 0.25, 0.5),
    ),
    "KMC_MirrorMotion": ({}, mirror),
    "KMC_AdjustMotion": (
        {"right": 0.1, "down": 0.0, "scale": 0.5, "body_gain": 1.2, "hand_gain": 1.0, "face_gain": 0.5},
        lambda m: adjust(m, Adjustment(0.1, 0.0, 0.5, 1.2, 1.0, 0.5)),
    ),
}


def shown(node: str) -> dict[str, Any]:
    return {"class_type": "PreviewAny", "inputs": {"source": [node, 0]}}


def same(a: Motion, b: Motion) -> bool:
    body, other = a.tracks[0].body, b.tracks[0].body
    assert body is not None and other is not None
    return a.fps == b.fps and torch.equal(body, other)


@pytest.mark.parametrize("node_id", EDITS)
def test_each_node_does_what_its_function_does(host: InProcessHost, node_id: str) -> None:
    inputs, expected = EDITS[node_id]
    motion = person(20)
    node = {"class_type": node_id, "inputs": {"motion": ["1", 0], **inputs}}
    result = host.run({"1": host.value(motion), "2": node, "3": shown("2")})
    assert result.success, result.error
    assert same(result.output("2"), expected(motion))


def test_combine_takes_from_the_other(host: InProcessHost) -> None:
    motion, other = person(10), person(12, Build(face_seed=2), amount=-1.0)
    inputs = {"motion": ["1", 0], "other": ["2", 0], "take": "face", "share": 1.0}
    node = {"class_type": "KMC_CombineMotion", "inputs": inputs}
    result = host.run({"1": host.value(motion), "2": host.value(other), "3": node, "4": shown("3")})
    assert result.success, result.error
    face, expected = (m.tracks[0].face for m in (result.output("3"), combine(motion, other, "face")))
    assert torch.equal(face.expression, expected.expression)
    short = host.run({"1": host.value(motion), "2": host.value(person(5)), "3": node, "4": shown("3")})
    assert "loop, hold or slow it with Retime Motion" in (short.error or "")


def checking(host: InProcessHost, motion: Motion, subject: Any, **more: Any) -> dict[str, Any]:
    inputs = {"motion": ["1", 0], "subject": ["2", 0], "stop_on_red": False} | more
    return {
        "1": host.value(motion),
        "2": host.value(subject),
        "check": {"class_type": "KMC_CheckMotion", "inputs": inputs},
    }


def test_check_tells_light_report_picture_and_crop(host: InProcessHost) -> None:
    motion, subject = adjust(person(20), Adjustment(scale=0.5)), character()
    result = host.run(checking(host, motion, subject))
    assert result.success, result.error
    report = check_motion(motion, subject)
    assert same(result.output("check"), motion)
    assert result.output("check", 1) == report.light == "amber"
    assert "| amber | size |" in result.output("check", 2)
    picture = result.output("check", 3)
    assert picture.shape[-2:] == (1024, 3) and float(picture.max()) <= 1
    assert tuple(result.output("check", k) for k in range(4, 8)) == report.crop
    assert result.ui["check"]["images"], "the table is shown on the node"


def test_the_crop_fits_the_hosts_own_node(host: InProcessHost) -> None:
    prompt = checking(host, adjust(person(4), Adjustment(scale=0.5)), character())
    frames = host.value(torch.rand(4, 720, 640, 3))
    crop = {name: ["check", index] for name, index in (("x", 4), ("y", 5), ("width", 6), ("height", 7))}
    prompt |= {
        "frames": frames,
        "crop": {"class_type": "ImageCrop", "inputs": {"image": ["frames", 0], **crop}},
        "show": shown("crop"),
    }
    result = host.run(prompt)
    assert result.success, result.error
    assert tuple(result.output("crop").shape) == (4, 360, 320, 3)


def test_red_stops_the_run_when_asked(host: InProcessHost) -> None:
    prompt = checking(host, person(20), character(shot=BUST), stop_on_red=True)
    result = host.run(prompt)
    assert result.error_node == "check"
    assert "the picture shows a bust, the driver a full body" in (result.error or "")
    assert host.run(checking(host, person(20), character(), stop_on_red=True)).success


def test_a_video_lets_the_check_see_cuts_and_a_fitted_motion_goes_on(host: InProcessHost) -> None:
    motion, subject = person(20), character()
    scenes = torch.rand(2, 90, 80, 3, generator=torch.Generator().manual_seed(0))
    frames = torch.nn.functional.interpolate(scenes.movedim(-1, 1), size=(720, 640)).movedim(1, -1)
    fitted = retarget(motion, subject)
    prompt = checking(host, motion, subject, video=["3", 0], fitted=["4", 0])
    prompt |= {"3": host.value(frames.repeat_interleave(10, dim=0)), "4": host.value(fitted)}
    result = host.run(prompt)
    assert result.success, result.error
    assert "| red | cut | a new scene at 0.40 s" in result.output("check", 2)
    assert "fitted motion" in result.output("check", 2)
    assert same(result.output("check"), fitted)
