"""The motion nodes on the real host: encode, draw, keep, load, fit."""

from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.inprocess import InProcessHost
from kmc_core.motion.files import load_tensors, save_motion
from kmc_core.motion.fit_report import report_fit
from kmc_core.motion.openpose import to_pose_keypoint
from kmc_core.motion.retarget import retarget
from kmc_core.motion.viewer_data import VIEW_FILE
from media import astronaut
from moving_person import character, person

FRAMES, FPS = 8, 10.0
ENCODERS = ("KMC_EncodeBodyMotion", "KMC_EncodeFaceMotion", "KMC_EncodeHandMotion")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pictures(count: int = FRAMES) -> torch.Tensor:
    """The astronaut drifting to the right, IMAGE [F, 256, 256, 3]."""
    small = torch.nn.functional.avg_pool2d(astronaut(), 2).permute(1, 2, 0)
    return torch.stack([small.roll(2 * frame, 1) for frame in range(count)])


@pytest.fixture(scope="module")
def clip(host: InProcessHost, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same frames as an mp4 with a tone that starts after half of its 0.8 seconds."""
    from comfy_api.latest import InputImpl, Types

    rate = 16000
    sound = torch.sin(torch.arange(int(rate * FRAMES / FPS)) * 2 * torch.pi * 440 / rate)[None, None]
    sound[..., : sound.shape[-1] // 2] = 0
    parts = Types.VideoComponents(
        images=pictures(), audio={"waveform": sound, "sample_rate": rate}, frame_rate=Fraction(FPS)
    )
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    InputImpl.VideoFromComponents(parts).save_to(str(path))
    return path


def video(path: Path, **window: float) -> Any:
    from comfy_api.latest import InputImpl

    return InputImpl.VideoFromFile(str(path), **window)


def shown(node: str) -> dict[str, Any]:
    return {"class_type": "PreviewAny", "inputs": {"source": [node, 0]}}


def loading(name: str) -> dict[str, Any]:
    """A prompt of its own for each run: the host writes into prompts."""
    return {"1": {"class_type": "KMC_LoadMotion", "inputs": {"file": name}}, "2": shown("1")}


def encoding(host: InProcessHost, source: Any, node_id: str = ENCODERS[0], **more: Any) -> dict[str, Any]:
    inputs = {"video": ["source", 0], "fps": FPS, "backend": "torch"} | more
    return {
        "source": host.value(source),
        "encode": {"class_type": node_id, "inputs": inputs},
        "show": shown("encode"),
    }


def test_the_three_encoders_add_their_parts_to_one_motion(host: InProcessHost) -> None:
    prompt = encoding(host, pictures())
    for previous, node in (("encode", 1), ("1", 2)):
        inputs = prompt["encode"]["inputs"] | {"motion": [previous, 0]}
        prompt[str(node)] = {"class_type": ENCODERS[node], "inputs": inputs}
    result = host.run(prompt | {"show": shown("2")})
    assert result.success, result.error
    motion = result.output("2")
    (track,) = motion.tracks
    assert (motion.fps, motion.size, motion.frames) == (FPS, (256, 256), FRAMES)
    assert track.body is not None and track.hands is not None and track.face is not None
    assert float(track.face.confidence.min()) > 0.5
    drift = track.face.landmarks[-1, 1, 0] - track.face.landmarks[0, 1, 0]
    assert abs(float(drift) - 2 * (FRAMES - 1)) < 2
    assert result.output("encode").tracks[0].face is None, "an input motion was changed"


def test_a_video_file_is_streamed_and_gives_the_motion_of_its_frames(
    host: InProcessHost, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from comfy_api.latest import InputImpl

    def refuse(*_: Any) -> None:
        raise AssertionError("the whole video was decoded at once")

    monkeypatch.setattr(InputImpl.VideoFromFile, "get_components", refuse)
    of_file = host.run(encoding(host, video(clip), ENCODERS[1], fps=99.0))
    assert of_file.success, of_file.error
    of_images = host.run(encoding(host, pictures(), ENCODERS[1]))
    motion, expected = of_file.output("encode"), of_images.output("encode")
    assert (motion.fps, motion.frames, motion.size) == (FPS, FRAMES, (256, 256))
    nose = motion.tracks[0].face.landmarks[:, 1] - expected.tracks[0].face.landmarks[:, 1]
    assert float(nose.abs().max()) < 3


def test_a_trimmed_video_gives_only_its_part(host: InProcessHost, clip: Path) -> None:
    trimmed = video(clip, start_time=0.2, duration=0.4)
    result = host.run(encoding(host, trimmed, ENCODERS[1]))
    assert result.success, result.error
    whole = host.run(encoding(host, video(clip), ENCODERS[1])).output("encode")
    motion = result.output("encode")
    assert motion.frames == 4
    nose = motion.tracks[0].face.landmarks[0, 1] - whole.tracks[0].face.landmarks[2, 1]
    assert float(nose.abs().max()) < 3


def test_a_start_counted_from_the_end_is_honoured(host: InProcessHost, clip: Path) -> None:
    result = host.run(encoding(host, video(clip, start_time=-0.3), ENCODERS[1]))
    assert result.success, result.error
    assert result.output("encode").frames == 3


def test_a_video_made_in_the_graph_brings_its_own_frame_rate(host: InProcessHost) -> None:
    prompt = encoding(host, pictures(2), ENCODERS[1], video=["made", 0], fps=99.0)
    prompt["made"] = {"class_type": "CreateVideo", "inputs": {"images": ["source", 0], "fps": 12.0}}
    result = host.run(prompt)
    assert result.success, result.error
    assert result.output("encode").fps == 12.0


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (torch.full((2, 64, 64, 3), 0.5), "No person was found in any frame"),
        (torch.zeros(0, 64, 64, 3), "The clip has no frames"),
        (
            torch.zeros(2, 64, 64, 2),
            r"Expected pictures [frames, height, width, 1, 3 or 4], got [2, 64, 64, 2]",
        ),
        (torch.zeros(64, 64, 3), "got [64, 64, 3]; connect an IMAGE."),
    ],
)
def test_unusable_pictures_tell_what_to_do(host: InProcessHost, frames: torch.Tensor, message: str) -> None:
    result = host.run(encoding(host, frames))
    assert message in (result.error or "") and result.error_node == "encode"


def test_a_broken_video_tells_so(host: InProcessHost, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all" * 100)
    result = host.run(encoding(host, video(broken)))
    assert "The video 'broken.mp4' cannot be read" in (result.error or "")


@pytest.mark.parametrize("node_id", ENCODERS)
def test_cancel_ends_encoding_within_a_batch_and_the_next_run_works(
    host: InProcessHost, node_id: str
) -> None:
    frames = pictures(1).expand(200, -1, -1, -1)
    seen: list[int] = []

    def cancel(event: str, data: Any) -> None:
        if event == "progress" and data["node"] == "encode":
            seen.append(data["value"])
            host.interrupt()

    result = host.run(encoding(host, frames, node_id), on_event=cancel)
    assert result.interrupted and seen[0] < 200 and len(seen) <= 2
    assert host.run({"1": host.value(0), "2": shown("1")}).success


def test_a_saved_motion_loads_bit_for_bit_and_is_cached_until_the_file_changes(host: InProcessHost) -> None:
    motion = person(5)
    save = {"class_type": "KMC_SaveMotion", "inputs": {"motion": ["1", 0], "filename_prefix": "motions/wave"}}
    result = host.run({"1": host.value(motion), "2": save})
    assert result.success, result.error
    (file,) = (host.output / "motions").glob("wave_*.safetensors")
    name = f"motions/{file.name} [output]"
    loaded = host.run(loading(name)).output("1")
    assert torch.equal(loaded.tracks[0].body, motion.tracks[0].body) and loaded.fps == motion.fps
    assert "1" in host.run(loading(name)).cached
    save_motion(person(7), file)
    assert host.run(loading(name)).output("1").frames == 7
    file.unlink()


def test_motions_of_the_input_folder_are_offered_too(host: InProcessHost) -> None:
    save_motion(person(3), host.input / "given.safetensors")
    assert host.run(loading("given.safetensors")).output("1").frames == 3
    (host.input / "given.safetensors").write_bytes(b"x" * 64)
    assert "given.safetensors' is damaged" in (host.run(loading("given.safetensors")).error or "")
    (host.input / "given.safetensors").unlink()


@pytest.mark.parametrize("prefix", ["../stolen", "/tmp/stolen", "motions/../../stolen", "", "  ", "motions/"])
def test_motions_are_never_written_outside_the_output_folder(host: InProcessHost, prefix: str) -> None:
    before = set(host.base.rglob("*.safetensors"))
    save = {"class_type": "KMC_SaveMotion", "inputs": {"motion": ["1", 0], "filename_prefix": prefix}}
    result = host.run({"1": host.value(person(2)), "2": save})
    assert f"The name '{prefix}' is empty or leaves the output folder" in (result.error or "")
    assert set(host.base.rglob("*.safetensors")) == before


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "../x.safetensors [output]"])
def test_files_that_are_not_on_the_list_are_refused(host: InProcessHost, name: str) -> None:
    assert "Value not in list" in (host.run(loading(name)).error or "")
    with pytest.raises(ValueError, match="lies outside the host's folders"):
        host.call("KMC_LoadMotion", file=name)


def test_keypoints_of_other_extractors_become_a_motion(host: InProcessHost) -> None:
    motion = person(4)
    inputs = {"keypoints": ["1", 0], "fps": 12.0}
    node = {"class_type": "KMC_MotionFromPoseKeypoints", "inputs": inputs}
    result = host.run({"1": host.value(to_pose_keypoint(motion)), "2": node, "3": shown("2")})
    assert result.success, result.error
    taken = result.output("2")
    assert taken.fps == 12.0
    torch.testing.assert_close(taken.tracks[0].body[:, :18, :2], motion.tracks[0].body[:, :18, :2])
    refused = host.run({"1": host.value([]), "2": node, "3": shown("2")})
    assert "The pose keypoints hold no frames" in (refused.error or "")


@pytest.mark.parametrize("normalised", [False, True])
def test_a_motion_becomes_keypoints_and_comes_back(host: InProcessHost, normalised: bool) -> None:
    motion = person(4)
    give = {"motion": ["1", 0], "normalised": normalised}
    take = {"keypoints": ["2", 0], "fps": ["2", 1]}
    prompt = {
        "1": host.value(motion), "2": {"class_type": "KMC_MotionToPoseKeypoints", "inputs": give},
        "3": {"class_type": "KMC_MotionFromPoseKeypoints", "inputs": take}, "4": shown("3"),
    }  # fmt: skip
    result = host.run(prompt)
    assert result.success, result.error
    assert host.nodes.NODE_CLASS_MAPPINGS["KMC_MotionToPoseKeypoints"].RETURN_TYPES[0] == "POSE_KEYPOINT"
    (frame, *_), back = result.output("2"), result.output("3")
    assert (frame["canvas_width"], frame["canvas_height"], len(frame["people"])) == (*motion.size, 1)
    assert (max(frame["people"][0]["pose_keypoints_2d"]) <= 1.5) == normalised
    assert back.fps == motion.fps
    torch.testing.assert_close(back.tracks[0].body[:, :18, :2], motion.tracks[0].body[:, :18, :2])


def test_retarget_fits_the_motion_to_the_subject(host: InProcessHost) -> None:
    motion, subject = person(5), character()
    inputs = {
        "motion": ["1", 0], "subject": ["2", 0], "placement": "match picture", "body_strength": 1.0,
        "face_strength": 0.5, "hand_strength": 1.0, "person": 0,
    }  # fmt: skip
    prompt = {
        "1": host.value(motion), "2": host.value(subject),
        "3": {"class_type": "KMC_RetargetMotion", "inputs": inputs}, "4": shown("3"),
    }  # fmt: skip
    result = host.run(prompt)
    assert result.success, result.error
    expected = retarget(motion, subject, face_strength=0.5)
    assert torch.equal(result.output("3").tracks[0].body, expected.tracks[0].body)
    assert torch.equal(result.output("3").tracks[0].face.expression, expected.tracks[0].face.expression)
    assert asdict(result.output("3").tracks[0].intent) == asdict(expected.tracks[0].intent)
    assert result.output("3", 1) == report_fit(motion, expected, subject)


def test_preview_draws_every_frame_and_shows_a_video(host: InProcessHost) -> None:
    motion = person(5)
    preview = {"class_type": "KMC_PreviewMotion", "inputs": {"motion": ["1", 0], "longest_side": 101}}
    result = host.run({"1": host.value(motion), "2": preview})
    assert result.success, result.error
    images = result.output("2")
    assert (
        tuple(images.shape) == (5, 100, 90, 3) and images.dtype == torch.float32
    )  # 640x720, even, up to 101
    assert float(images.max()) > 0.5 and float(images.amin()) == 0
    (file,) = result.ui["2"]["images"]
    path = host.temp / file["filename"]
    assert video(path).get_frame_count() == 5 and float(video(path).get_frame_rate()) == motion.fps


def test_preview_lies_over_the_motions_own_clip(host: InProcessHost) -> None:
    motion = person(3)
    background = torch.zeros(3, 72, 64, 3)
    background[..., 2] = 1
    inputs = {"motion": ["1", 0], "video": ["2", 0], "longest_side": 72}
    preview = {"class_type": "KMC_PreviewMotion", "inputs": inputs}
    result = host.run({"1": host.value(motion), "2": host.value(background), "3": preview})
    assert result.success, result.error
    corner = result.output("3")[:, 0, 0]
    assert float(corner[:, 2].min()) > 0.4 and float(corner[:, :2].max()) == 0
    shorter = host.run({"1": host.value(motion), "2": host.value(background[:2]), "3": preview})
    assert "The background has 2 frames, the motion 3; use the motion's own clip." in (shorter.error or "")


def test_preview_gives_the_viewer_the_motions_and_the_untouched_clip(host: InProcessHost) -> None:
    background = torch.rand(20, 72, 64, 3, generator=torch.Generator().manual_seed(0)) * 0.1
    background[7] = 1
    inputs = {"motion": ["1", 0], "video": ["2", 0], "compare": ["3", 0], "longest_side": 72}
    prompt = {"1": host.value(person(20)), "2": host.value(background), "3": host.value(person(4))}
    result = host.run(prompt | {"4": {"class_type": "KMC_PreviewMotion", "inputs": inputs}})
    assert result.success, result.error
    shown = {
        name: host.temp / files[0]["filename"] for name, files in result.ui["4"].items() if name != "animated"
    }
    for name, frames in (("kmc_motion", 20), ("kmc_compare", 4)):
        assert load_tensors(shown[name], VIEW_FILE)[1]["frames"] == frames
    clip = video(shown["kmc_clip"]).get_components()
    brightness = clip.images.mean((1, 2, 3))
    assert clip.images.shape == (20, 72, 64, 3) and float(clip.frame_rate) == 25
    assert float(brightness[7]) > 0.9 and float(brightness.sum() - brightness[7]) < 19 * 0.15
    alone = host.run({"1": host.value(person(2)), "2": {"class_type": "KMC_PreviewMotion", "inputs": {
        "motion": ["1", 0], "longest_side": 72}}})  # fmt: skip
    assert {"kmc_clip", "kmc_compare"}.isdisjoint(alone.ui["2"])


def test_video_info_reads_sound_and_rate_without_pictures(
    host: InProcessHost, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from comfy_api.latest import InputImpl

    whole = host.call("KMC_VideoInfo", video=InputImpl.VideoFromFile(str(clip)))
    expected = video(clip).get_components().audio
    sound, fps, width, height = whole
    assert (fps, width, height) == (FPS, 256, 256)
    assert sound["sample_rate"] == expected["sample_rate"]
    assert sound["waveform"].ndim == 3
    assert abs(sound["waveform"].shape[-1] / sound["sample_rate"] - FRAMES / FPS) < 0.15
    monkeypatch.setattr(InputImpl.VideoFromFile, "get_components", None)
    quiet, loud = (
        host.call("KMC_VideoInfo", video=video(clip, start_time=start, duration=0.25))[0]["waveform"]
        for start in (0.05, 0.5)
    )
    assert abs(loud.shape[-1] / 16000 - 0.25) < 0.07
    assert float(quiet.abs().mean()) < 0.02 and float(loud.abs().mean()) > 0.3


def test_a_silent_video_has_no_sound_and_still_makes_a_video(host: InProcessHost) -> None:
    prompt = {
        "1": host.value(pictures(2)),
        "2": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 8.0}},
        "3": {"class_type": "KMC_VideoInfo", "inputs": {"video": ["2", 0]}},
        "4": {
            "class_type": "CreateVideo",
            "inputs": {"images": ["1", 0], "fps": ["3", 1], "audio": ["3", 0]},
        },
        "5": {
            "class_type": "SaveVideo",
            "inputs": {
                "video": ["4", 0],
                "filename_prefix": "video/silent",
                "format": "mp4",
                "codec": "h264",
            },
        },
    }
    result = host.run(prompt)
    assert result.success, result.error
    assert result.output("3") is None and result.output("3", 1) == 8.0


def test_cancel_ends_drawing_and_the_next_run_works(host: InProcessHost) -> None:
    seen: list[int] = []

    def cancel(event: str, data: Any) -> None:
        if event == "progress" and data["node"] == "2":
            seen.append(data["value"])
            host.interrupt()

    preview = {"class_type": "KMC_PreviewMotion", "inputs": {"motion": ["1", 0], "longest_side": 64}}
    assert host.run({"1": host.value(person(200)), "2": preview}, on_event=cancel).interrupted
    assert len(seen) <= 2 and seen[0] < 200
    assert host.run({"1": host.value(person(2)), "2": preview}).success
