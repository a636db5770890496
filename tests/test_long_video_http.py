"""A long video outlives its host: killed in the third window, it goes on and comes out the same."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
import pytest

import host as host_tool
from checkpoints import TINY, write_tiny_animator
from harness.over_http import HttpHost
from kmc_core.motion.files import save_motion
from kmc_core.motion.retarget import retarget
from kmc_core.subject.library import save_subject
from moving_person import person
from test_nodes_long_video import SHARED, SUBJECT, WINDOW

WINDOWS = 5
FRAMES = WINDOWS * (WINDOW - SHARED) + SHARED


@pytest.fixture()
def base(tmp_path: Path) -> Path:
    """Folders of a host with a motion, a subject and a tiny animator."""
    host_tool.prepare_base(tmp_path)
    write_tiny_animator(tmp_path)
    (tmp_path / "models" / "kmc_subjects").mkdir(parents=True)
    save_motion(retarget(person(FRAMES), SUBJECT), tmp_path / "input" / "dance.safetensors")
    save_subject(SUBJECT, tmp_path / "models" / "kmc_subjects" / "small.safetensors")
    return tmp_path


def prompt() -> dict[str, Any]:
    words = {"class_type": "CLIPTextEncode", "inputs": {"text": "a woman, dancing", "clip": ["load", 1]}}
    return {
        "load": {"class_type": "KMC_LoadAnimator", "inputs": {"checkpoint": TINY}},
        "motion": {"class_type": "KMC_LoadMotion", "inputs": {"file": "dance.safetensors"}},
        "subject": {"class_type": "KMC_LoadSubject", "inputs": {"name": "small"}},
        "identity": {
            "class_type": "KMC_InjectIdentity",
            "inputs": {"subject": ["subject", 0], "strength": 1.0, "views": "all"},
        },
        "words": words,
        "long": {
            "class_type": "KMC_AnimateLongVideo",
            "inputs": {
                "model": ["load", 0], "vae": ["load", 2], "positive": ["words", 0], "negative": ["words", 0],
                "motion": ["motion", 0], "identity": ["identity", 0], "width": 32, "height": 40,
                "start_frame": 0, "length": 0, "body_strength": 1.0, "hand_strength": 1.0,
                "face_strength": 1.0, "person": 0, "seed": 7, "steps": 2, "cfg": 1.0,
                "anchor_colors": True,
            },
        },
        "save": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["long", 0], "filename_prefix": "long", "format": "auto", "codec": "auto"},
        },
    }  # fmt: skip


def windows(base: Path) -> dict[str, int]:
    """Finished windows and when they were written."""
    return {path.name: path.stat().st_mtime_ns for path in (base / "output" / "kmc_windows").glob("*.mkv")}


def newest(base: Path) -> np.ndarray:
    """All frames of the newest result."""
    path = max((base / "output").glob("long_*.mp4"), key=lambda each: each.stat().st_mtime_ns)
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


def test_a_killed_host_goes_on_and_the_result_is_the_same(base: Path) -> None:
    with host_tool.running_host(base, device="cpu") as running:

        def kill(event: str, data: Any) -> None:
            if event == "progress" and data["node"] == "long" and data["value"] == 5:
                os.kill(running.pid, signal.SIGKILL)

        with contextlib.suppress(aiohttp.ClientError, OSError, TypeError):
            refused = HttpHost(running).queue(prompt(), kill)
            raise AssertionError(refused.error)
    before = windows(base)
    assert len(before) == 2
    with host_tool.running_host(base, device="cpu") as running:
        result = HttpHost(running).queue(prompt())
        assert result.success, result.error
    after = windows(base)
    assert len(after) == WINDOWS and before.items() <= after.items()
    resumed = newest(base)
    assert len(resumed) == FRAMES
    for path in (base / "output" / "kmc_windows").glob("*"):
        path.unlink()
    with host_tool.running_host(base, device="cpu") as running:
        assert HttpHost(running).queue(prompt()).success
    assert np.array_equal(newest(base), resumed)
    assert not set(windows(base).values()) & set(after.values())
