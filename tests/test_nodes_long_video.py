"""Long videos on the real host: every frame once, windows that survive, the host's own samplers."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from checkpoints import TINY, write_tiny_animator
from harness.inprocess import InProcessHost
from harness.results import RunResult
from kmc_core.errors import KMCError
from kmc_core.motion.part import part_of
from kmc_core.motion.retarget import retarget
from kmc_core.motion.types import Motion
from kmc_core.perception.sound import read_sound
from kmc_core.subject.identity import Identity
from kmc_core.subject.types import Subject
from moving_person import Build, character, person
from tiny import PARAMS
from tiny_wan import load_tiny, load_tiny_vae, tiny_clip_vision, tiny_text

WINDOW, SHARED = 48, 8  # of the KMC animator
TEXT = [[torch.zeros(1, PARAMS.text.length, PARAMS.text.dim), {}]]
OTHER_TEXT = [[torch.ones(1, PARAMS.text.length, PARAMS.text.dim), {}]]
RATE = 48000  # samples a second


def small(subject: Subject) -> Subject:
    """A subject whose picture is so small that a test of hundreds of frames is quick."""
    view = subject.views[0]
    body = view.pose.body
    assert body is not None
    body = body * torch.tensor([0.1, 0.1, 0.1, 1.0])
    image = torch.nn.functional.interpolate(view.image[None], size=(72, 64))[0]
    pose = replace(view.pose, body=body, hands=None, face=None)
    return Subject("small", (replace(view, image=image, mask=torch.ones(1, 72, 64), pose=pose),))


SUBJECT = small(character())
IDENTITY = Identity(SUBJECT, 1.0)


def counted(frames: int, fps: float = 25.0) -> Motion:
    """A fitted motion whose face tells the number of each frame, in three digits to the base 16."""
    driver = person(frames)
    motion = retarget(driver, SUBJECT)
    track = motion.tracks[0]
    assert track.face is not None
    number = torch.arange(frames)
    expression = torch.zeros(frames, 52)
    for digit in range(3):
        expression[:, digit] = ((number // 16**digit) % 16) / 16 + 1 / 32
    face = replace(track.face, expression=expression, confidence=torch.ones(frames))
    return replace(motion, fps=fps, tracks=(replace(track, face=face, hands=None),))


def numbers(path: Path) -> list[int]:
    """The numbers that the frames of a video tell."""
    with av.open(str(path)) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    digits = [(picture.reshape(-1, 3).mean(0) / 16).astype(int) for picture in pictures]
    return [int(one + 16 * two + 256 * three) for one, two, three in digits]


class Engine:
    """The real animator whose network tells the frame's number instead: sampling, windows and files stay."""

    def __init__(self, host: InProcessHost) -> None:
        self.model, _, self.vae = host.call("KMC_LoadAnimator", checkpoint=TINY)
        self.runs: list[int] = []  # first number of each run that was sampled
        self.counting = self.model.clone()
        self.counting.set_model_unet_function_wrapper(self.count)

    def count(self, network: Any, given: dict[str, Any]) -> torch.Tensor:
        digits = given["c"]["face"][:, :, :3].transpose(1, 2)  # B 3 F
        first = [int(digits[0, k, 0] * 16) * 16**k for k in range(3)]
        self.runs.append(sum(first))
        return (digits * 2 - 1)[..., None, None].expand_as(given["input"]).to(given["input"])


@pytest.fixture()
def engine(host: InProcessHost) -> Any:
    path = write_tiny_animator(host.base)
    for old in (host.output / "kmc_windows").glob("*"):
        old.unlink()
    yield Engine(host)
    path.unlink()


def prompt(host: InProcessHost, engine: Any, motion: Motion, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "positive": TEXT, "negative": TEXT, "motion": motion, "identity": IDENTITY,
    }  # fmt: skip
    if engine is not None:
        given |= {"model": engine.counting, "vae": engine.vae}
    plain = {
        "width": 32, "height": 40, "start_frame": 0, "length": 0, "body_strength": 1.0,
        "hand_strength": 1.0, "face_strength": 1.0, "person": 0, "seed": 7, "steps": 1, "cfg": 1.0,
        "anchor_colors": True,
    }  # fmt: skip
    links, nodes = {}, {}
    for name, value in {**given, **plain, **changes}.items():
        if isinstance(value, (int, float, bool)):
            links[name] = value
        else:
            nodes[name] = fixed(host, name, value)
            links[name] = [name, 0]
    nodes["long"] = {"class_type": "KMC_AnimateLongVideo", "inputs": links}
    nodes["show"] = {"class_type": "PreviewAny", "inputs": {"source": ["long", 1]}}
    return nodes


KEYS: dict[tuple[str, int], dict[str, Any]] = {}


def fixed(host: InProcessHost, name: str, value: Any) -> dict[str, Any]:
    """The same entry for the same object each time, as a node of a saved graph is."""
    return KEYS.setdefault((name, id(value)), host.value(value))


def made(result: RunResult) -> Path:
    assert result.success, result.error
    return Path(result.output("long").get_stream_source())


@pytest.mark.parametrize(
    ("frames", "fps"),
    [(1, 24.0), (5, 30000 / 1001), (47, 25.0), (48, 25.0), (49, 24.0), (88, 30.0), (89, 25.0), (160, 25.0)],
)
def test_every_frame_comes_once_with_rate_and_sound(
    host: InProcessHost, engine: Engine, frames: int, fps: float
) -> None:
    motion = counted(frames, fps)
    wave = torch.sin(torch.arange(int(RATE * frames / fps)) / 5)[None, None]
    result = host.run(prompt(host, engine, motion, audio={"waveform": wave, "sample_rate": RATE}))
    path = made(result)
    assert numbers(path) == list(range(frames))
    assert result.output("long", 1) == frames
    with av.open(str(path)) as file:
        rate = file.streams.video[0].average_rate
        assert rate == Fraction(fps).limit_denominator(1001) or frames == 1
    sound = read_sound(path)
    assert sound is not None
    assert sound.waveform.shape[1] / RATE == pytest.approx(frames / fps, abs=1 / fps + 0.001)


def test_a_part_is_cut_with_its_sound(host: InProcessHost, engine: Engine) -> None:
    beep = torch.zeros(1, 1, RATE * 4)
    beep[..., RATE * 2 : RATE * 2 + 2400] = 1  # at two seconds: frame 50
    audio = {"waveform": beep, "sample_rate": RATE}
    result = host.run(prompt(host, engine, counted(100), start_frame=40, length=51, audio=audio))
    path = made(result)
    assert numbers(path) == list(range(40, 91))
    sound = read_sound(path)
    assert sound is not None
    heard = int((sound.waveform[0].abs() > 0.3).nonzero()[0, 0])
    assert heard / RATE == pytest.approx(10 / 25, abs=1 / 25)


def test_a_cancelled_video_goes_on_where_it_was_and_comes_out_the_same(
    host: InProcessHost, engine: Engine
) -> None:
    motion = counted(5 * (WINDOW - SHARED) + SHARED)
    asked = prompt(host, engine, motion, steps=2)
    host.forget()
    done: list[float] = []

    def cancel(event: str, data: Any) -> None:
        if event == "progress" and data["node"] == "long":
            done.append(data["value"])
            if data["value"] == 5:  # the first step of the third window
                host.interrupt()

    assert host.run(asked, on_event=cancel).interrupted
    assert len(list((host.output / "kmc_windows").glob("*.mkv"))) == 2
    assert set(engine.runs) == {0, 40, 80}
    engine.runs.clear()
    host.forget()
    path = made(host.run(asked))
    assert engine.runs == [80, 80, 120, 120, 160, 160]
    assert numbers(path) == list(range(motion.frames))
    kept = path.read_bytes()
    for old in (host.output / "kmc_windows").glob("*"):
        old.unlink()
    host.forget()
    assert made(host.run(asked)).read_bytes() == kept


def test_progress_counts_all_windows_and_tells_the_time_left(host: InProcessHost, engine: Engine) -> None:
    host.forget()
    result = host.run(prompt(host, engine, counted(100), steps=2))
    shown = [
        (data["value"], data["max"])
        for event, data in result.events
        if event == "progress" and data["node"] == "long"
    ]
    assert shown == [*((step, 6) for step in range(1, 7)), (6, 6)]
    assert result.previews == 6
    said = [data for event, data in result.events if isinstance(data, bytes)]
    assert any(b"Part 1 of 3" in text for text in said)
    assert any(b"Part 3 of 3, less than a minute left" in text for text in said)


def test_a_change_makes_only_those_windows_again_that_it_touches(host: InProcessHost, engine: Engine) -> None:
    motion = counted(120)
    made(host.run(prompt(host, engine, motion)))
    engine.runs.clear()
    track = motion.tracks[0]
    assert track.body is not None
    body = track.body.clone()
    body[100:] += 1
    changed = replace(motion, tracks=(replace(track, body=body),))
    made(host.run(prompt(host, engine, changed)))
    assert engine.runs == [80]
    engine.runs.clear()
    made(host.run(prompt(host, engine, part_of(motion, 0, 100))))  # its first windows are known
    assert engine.runs == [80]
    engine.runs.clear()
    made(host.run(prompt(host, engine, motion, seed=8)))
    assert engine.runs == [0, 40, 80]


def test_one_window_sampled_alone_is_the_one_in_the_video(host: InProcessHost, engine: Engine) -> None:
    motion = counted(100)
    names = [path.stem for path in (host.output / "kmc_windows").glob("*.mkv")]
    made(host.run(prompt(host, engine, motion, model=engine.model, steps=2)))
    paths = sorted(
        (p for p in (host.output / "kmc_windows").glob("*.mkv") if p.stem not in names),
        key=lambda p: p.stat().st_mtime_ns,
    )
    inputs = prompt(host, engine, motion)["long"]["inputs"]
    plain = {name: value for name, value in inputs.items() if not isinstance(value, list)}
    alone = {name: plain[name] for name in plain if name not in ("seed", "steps", "cfg", "anchor_colors")}
    positive, negative, latent, *_ = host.call(
        "KMC_AnimateConditioning", model=engine.model, positive=TEXT, negative=TEXT, motion=motion,
        identity=IDENTITY, **alone | {"start_frame": 40, "length": 48},
    )  # fmt: skip
    (sampled,) = host.call(
        "KSampler", model=engine.model, seed=8, steps=2, cfg=1.0, sampler_name="euler", scheduler="simple",
        positive=positive, negative=negative, latent_image=latent, denoise=1.0,
    )  # fmt: skip
    expected = (engine.vae.decode(sampled["samples"])[0] * 255).round().clamp(0, 255).to(torch.uint8)
    with av.open(str(paths[1])) as file:
        kept = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    assert np.array_equal(kept, expected.numpy())


def test_the_hosts_samplers_sigmas_and_guiders_take_part(host: InProcessHost, engine: Engine) -> None:
    motion = counted(60)
    plain = made(host.run(prompt(host, engine, motion, model=engine.model, steps=2))).read_bytes()
    (sampler,) = host.call("KSamplerSelect", sampler_name="euler")
    (sigmas,) = host.call("BasicScheduler", model=engine.model, scheduler="simple", steps=2, denoise=1.0)
    (guider,) = host.call("BasicGuider", model=engine.model, conditioning=OTHER_TEXT)
    parts = {"sampler": sampler, "sigmas": sigmas, "guider": guider}
    same = host.run(prompt(host, engine, motion, model=engine.model, steps=9, **parts))
    assert made(same).read_bytes() == plain
    (other,) = host.call("KSamplerSelect", sampler_name="heun")
    changed = host.run(prompt(host, engine, motion, model=engine.model, **parts | {"sampler": other}))
    assert made(changed).read_bytes() != plain
    again, _, _ = host.call("KMC_LoadAnimator", checkpoint=TINY)  # of the same kind, but not the same
    for foreign in (load_tiny(host.base, "scail2"), again):
        (guider,) = host.call("BasicGuider", model=foreign, conditioning=TEXT)
        result = host.run(prompt(host, engine, motion, guider=guider))
        assert "The guider has another model than this node" in (result.error or "")


def test_a_short_or_damaged_run_is_made_again_and_a_failed_write_is_told(
    host: InProcessHost, tmp_path: Path
) -> None:
    from kmc_core.host.video_writer import write_video
    from kmc_core.host.window_store import WindowStore

    store = WindowStore()
    frames = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8)
    store.write("whole", frames)
    assert store.has("whole", 6) and not store.has("whole", 7) and not store.has("other", 6)
    assert torch.equal(store.last("whole", 6), frames)
    path = store.folder / "whole.mkv"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert not store.has("whole", 6)
    path.unlink()
    store.folder = tmp_path / "gone"
    with pytest.raises(KMCError, match="cannot be written .*make room on its disk"):
        store.write("whole", frames)
    full = tmp_path / "full.mp4"
    full.symlink_to("/dev/full")
    with pytest.raises(KMCError, match="full.mp4 cannot be written"):
        write_video(full, iter(frames), 25.0, None, 0)


class Graph(dict[str, Any]):
    """A graph as the host hands it to a node, counting how often it is asked."""

    asked = 0

    def get_node(self, node_id: str) -> Any:
        self.asked += 1
        return self[node_id]


def test_the_name_of_a_graph_reads_each_node_once_and_tells_changed_files(host: InProcessHost) -> None:
    from kmc_core.host.fingerprint import graph_name

    lora = host.base / "models" / "loras" / "named.safetensors"
    lora.parent.mkdir(parents=True, exist_ok=True)
    lora.write_bytes(b"1")
    graph = Graph({"0": {"class_type": "Load", "inputs": {"words": ["two", "words"]}}})
    for k in range(1, 40):
        links = {"model": [str(k - 1), 0], "clip": [str(k - 1), 1], "lora_name": "named.safetensors"}
        graph[str(k)] = {"class_type": "LoraLoader", "inputs": links}
    name = graph_name(graph, "39", ["model", "clip"])
    assert graph.asked == 40
    assert graph_name(graph, "39", ["model", "clip"]) == name
    lora.write_bytes(b"22")
    assert graph_name(graph, "39", ["model", "clip"]) != name
    lora.unlink()


def test_a_missing_vae_and_a_full_disk_are_told_before_anything_is_sampled(
    host: InProcessHost, engine: Engine
) -> None:
    from kmc_core.host.window_store import WindowStore

    asked = prompt(host, engine, counted(5))
    del asked["long"]["inputs"]["vae"]
    assert "The VAE is needed to decode each part; connect vae" in (host.run(asked).error or "")
    assert engine.runs == []
    with pytest.raises(KMCError, match="need up to 2000000.0 GB .* GB are free; make room"):
        WindowStore().require_room(10**15)


@pytest.mark.parametrize(("kind", "frames", "runs"), [("animate", 79, 2), ("scail2", 5, 1), ("scail", 5, 1)])
def test_the_wan_engines_make_exactly_the_frames(
    host: InProcessHost, engine: Engine, kind: str, frames: int, runs: int
) -> None:
    """Without faces, which take seconds a frame on a CPU."""
    subject = character(Build(arm=1.2))
    motion = retarget(person(frames), subject)
    parts = {
        "model": load_tiny(host.base, kind), "positive": tiny_text(0), "negative": tiny_text(1),
        "motion": motion, "identity": Identity(subject, 1.0), "vae": load_tiny_vae(host.base),
        "clip_vision": tiny_clip_vision(), "width": 32, "height": 32,
        "face_strength": 0.0 if kind == "animate" else 1.0,
    }  # fmt: skip
    host.forget()
    result = host.run(prompt(host, engine, **parts))
    with av.open(str(made(result))) as file:
        assert sum(1 for _ in file.decode(video=0)) == frames
    assert len(list((host.output / "kmc_windows").glob("*.mkv"))) == runs


def test_colors_are_not_anchored_where_the_scene_is_the_videos(host: InProcessHost, engine: Engine) -> None:
    subject = character(Build(arm=1.2))
    motion = person(5)
    changes = {
        "model": load_tiny(host.base, "scail2"), "anchor_colors": True,
        "identity": Identity(subject), "vae": load_tiny_vae(host.base), "replace_person": True,
        "video": torch.zeros(5, motion.size[1], motion.size[0], 3), "width": 32, "height": 32,
    }  # fmt: skip
    error = host.run(prompt(host, engine, retarget(motion, subject), **changes)).error or ""
    assert "switch anchor_colors off" in error


def test_windows_are_planned_for_own_loops(host: InProcessHost, engine: Engine) -> None:
    starts, lengths, count = host.call(
        "KMC_PlanWindows",
        model=load_tiny(host.base, "animate"),
        motion=counted(160),
        start_frame=3,
        length=80,
    )
    assert (starts, lengths, count) == ([3, 80], [77, 3], 2)


def test_the_same_pictures_always_make_the_same_file(host: InProcessHost, tmp_path: Path) -> None:
    from kmc_core.host.video_writer import write_video

    pattern = (torch.arange(32 * 32 * 3) * 7).view(32, 32, 3).permute(2, 0, 1)
    pictures = [((pattern + 13 * index) % 256).to(torch.uint8) for index in range(60)]
    files = set()
    for _ in range(40):
        write_video(tmp_path / "same.mp4", pictures, 24.0, None, 0)
        files.add((tmp_path / "same.mp4").read_bytes())
    assert len(files) == 1
