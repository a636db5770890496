"""What made a video goes into its file and comes back from it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoints import TINY, write_tiny_animator
from harness.inprocess import InProcessHost
from kmc_core.engines.watermark import mark_frames, read_mark
from kmc_core.errors import KMCError
from kmc_core.motion.retarget import retarget
from kmc_core.subject.identity import choose_identity
from kmc_core.subject.library import load_subject, save_subject
from moving_person import character, person
from subject_graph import portrait, shown

CONSENT = "Ada agreed on 1 May 2026."
NAME = b"\x01\x92\xfe\x33\x10"
marked = pytest.mark.skipif(not find_spec("imwatermark"), reason="invisible-watermark is not installed")


@pytest.fixture(scope="module")
def checkpoint(host: InProcessHost) -> Iterator[Path]:
    path = write_tiny_animator(host.base)
    yield path
    path.unlink()


def textured(side: int) -> torch.Tensor:
    """Three equal pictures [3, side, side, 3] with something to see in them."""
    picture = torch.nn.functional.interpolate(portrait().movedim(-1, 1), size=(side, side), mode="area")
    return picture.movedim(1, -1).repeat(3, 1, 1, 1)


def made(host: InProcessHost, **changes: Any) -> dict[str, Any]:
    """An animation of the tiny animator with its provenance, saved."""
    subject = replace(character(), name="Ada", consent=CONSENT)
    told = {
        "model": ["load", 0], "positive": ["text", 0], "negative": ["text", 0], "motion": ["motion", 0],
        "identity": ["identity", 0], "width": 0, "height": 0, "start_frame": 0, "length": 3,
        "body_strength": 1.0, "hand_strength": 1.0, "face_strength": 1.0, "person": 0,
    }  # fmt: skip
    sample = {
        "model": ["load", 0], "positive": ["tell", 0], "negative": ["tell", 1], "latent": ["tell", 2],
        "seed": ["seed", 0], "preset": "plain", "steps": 1, "cfg": 1.0, "denoise": 1.0,
    }  # fmt: skip
    add = {
        "video": ["video", 0], "metadata": True, "watermark": False, "model": ["load", 0],
        "motion": ["motion", 0], "identity": ["identity", 0],
    }  # fmt: skip
    return {
        "load": {"class_type": "KMC_LoadAnimator", "inputs": {"checkpoint": TINY}},
        "text": {"class_type": "CLIPTextEncode", "inputs": {"text": "a person", "clip": ["load", 1]}},
        "motion": host.value(retarget(person(3), subject)),
        "identity": host.value(choose_identity(subject)),
        "tell": {"class_type": "KMC_AnimateConditioning", "inputs": told},
        "seed": {"class_type": "PrimitiveInt", "inputs": {"value": 41}},
        "sample": {"class_type": "KMC_DistilledSampler", "inputs": sample},
        "decode": {"class_type": "VAEDecode", "inputs": {"samples": ["sample", 0], "vae": ["load", 2]}},
        "video": {"class_type": "CreateVideo", "inputs": {"images": ["decode", 0], "fps": 24.0}},
        "add": {"class_type": "KMC_AddProvenance", "inputs": add | changes},
        "save": saving("add"),
        "show": shown("add", 1),
    }


def saving(node: str) -> dict[str, Any]:
    inputs = {"video": [node, 0], "filename_prefix": "traced", "format": "mp4", "codec": "h264"}
    return {"class_type": "SaveVideo", "inputs": inputs}


def newest(host: InProcessHost) -> Any:
    """The file that was saved last, as the host loads it."""
    from comfy_api.latest import InputImpl

    return InputImpl.VideoFromFile(str(max(host.output.glob("traced_*.mp4"))))


def reading(host: InProcessHost, video: Any, watermark: bool = False) -> dict[str, Any]:
    inputs = {"video": ["file", 0], "watermark": watermark}
    read = {"class_type": "KMC_ReadProvenance", "inputs": inputs}
    return {"file": host.value(video), "read": read, "show": shown("read"), "mark": shown("read", 1)}


def test_what_made_a_video_is_read_back_from_its_file(host: InProcessHost, checkpoint: Path) -> None:
    result = host.run(made(host))
    assert result.success, result.error
    read = host.run(reading(host, newest(host)))
    assert read.success, read.error
    record = json.loads(read.output("read"))
    assert record == json.loads(result.output("add", 1))
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert record["weights"] == [{"file": TINY, "sha256": digest}]
    assert record["seeds"] == [{"node": "KMC_DistilledSampler", "seed": 41}]
    assert record["engine"].startswith("KMC") and record["motion"]["frames"] == 3
    assert record["subject"]["name"] == "Ada" and record["subject"]["consent"] == CONSENT
    assert "prompt" in newest(host).get_components().metadata  # the host's own stays beside it


def test_a_record_stays_when_the_file_is_saved_again(host: InProcessHost, checkpoint: Path) -> None:
    result = host.run(made(host))
    assert result.success, result.error
    again = host.run({"file": host.value(newest(host)), "save": saving("file")})
    assert again.success, again.error
    read = host.run(reading(host, newest(host)))
    assert json.loads(read.output("read")) == json.loads(result.output("add", 1))


def test_the_switch_leaves_the_file_without_a_record(host: InProcessHost, checkpoint: Path) -> None:
    result = host.run(made(host, metadata=False))
    assert result.success, result.error
    read = host.run(reading(host, newest(host)))
    assert read.output("read") == "" and read.output("read", 1) == ""


def test_another_seed_is_another_video(host: InProcessHost, checkpoint: Path) -> None:
    prompt = made(host)
    first = json.loads(host.run(prompt).output("add", 1))
    other = prompt | {"seed": {"class_type": "PrimitiveInt", "inputs": {"value": 42}}}
    second = json.loads(host.run(other).output("add", 1))
    assert first["id"] != second["id"] and second["seeds"][0]["seed"] == 42


def test_consent_is_kept_with_the_character(tmp_path: Path) -> None:
    save_subject(replace(character(), consent=CONSENT), tmp_path / "ada.safetensors")
    assert load_subject(tmp_path / "ada.safetensors").consent == CONSENT


@pytest.mark.skipif(bool(find_spec("imwatermark")), reason="invisible-watermark is installed")
def test_a_watermark_without_its_package_tells_what_to_install() -> None:
    for use in (
        lambda: mark_frames(textured(384).movedim(-1, 1), NAME),
        lambda: read_mark(torch.zeros(1, 3, 8, 8)),
    ):
        with pytest.raises(KMCError, match="pip install invisible-watermark"):
            use()


@marked
def test_a_watermark_outlives_the_compression_of_save_video(host: InProcessHost, checkpoint: Path) -> None:
    prompt = made(host, watermark=True) | {"decode": host.value(textured(384))}
    result = host.run(prompt)
    assert result.success, result.error
    read = host.run(reading(host, newest(host), watermark=True))
    assert read.output("read", 1) == json.loads(result.output("add", 1))["id"]


@marked
def test_a_watermark_is_not_seen_and_not_found_where_there_is_none() -> None:
    frames = textured(384).movedim(-1, 1)
    result = mark_frames(frames, NAME)
    assert read_mark(result) == NAME
    assert read_mark(frames) is None and read_mark(frames[..., :256]) is None
    assert float((result - frames).square().mean()) < 5e-4  # 33 dB
    with pytest.raises(KMCError, match="too small for a watermark"):
        mark_frames(frames[..., :256], NAME)
