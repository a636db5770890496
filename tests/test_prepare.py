"""Rendered clips become the animator's conditions: as the nodes make them, repeatable, told when outdated."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("anny", reason="needs the train extra")
pytest.importorskip("moderngl", reason="needs the train extra")

from benchmarks import prior
from benchmarks.few_steps import cases_of
from kmc_core.engines.kmc import canvas_pose, placement
from kmc_core.errors import KMCError
from kmc_core.model.text import TextEncoder
from kmc_core.model.transformer import build_animator
from kmc_core.training import data
from kmc_core.training.data import (
    Clips,
    clip_conditions,
    motion_in,
    motion_of,
    prepare_folder,
    subject_of,
    track_of,
)
from kmc_core.training.mocap import DEFAULT_FOLDER
from kmc_core.training.noise import disturbed, doubtful, measure
from kmc_core.training.posing import FRAMES
from kmc_core.training.shards import read_shard
from kmc_core.training.studio import Studio
from kmc_core.training.truth import REFERENCE, VIEWS, render_split
from media import perception
from tiny import PARAMS as TINY

if not (DEFAULT_FOLDER / "01_01.bvh").is_file():
    pytest.skip("needs Debian's assimp-testmodels", allow_module_level=True)

SIZE = 128
PARAMS = replace(TINY, size=SIZE)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one shard of two clips."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("truth")
    render_split(Studio(), folder, "train", 2, 2, 3, SIZE)
    return folder / "train"


def prepared(truth: Path, target: Path) -> Clips:
    prepare_folder(truth, target, PARAMS, perception(), lambda done, total: None)
    return Clips.load(target, PARAMS)


def test_prepared_clips_are_what_the_nodes_make_and_the_same_every_time(truth: Path, tmp_path: Path):
    first, second = (prepared(truth, tmp_path / name) for name in ("a", "b"))
    assert all(torch.equal(first.tensors[k], second.tensors[k]) for k in first.tensors)
    batch = first.draw(torch.Generator().manual_seed(0), batch=4, frames=2, views=VIEWS)
    assert batch.x0.shape == (4, 3, 2, SIZE, SIZE) and batch.x0.amin() >= -1 and batch.x0.amax() <= 1
    shard = read_shard(truth / "shard_00000.safetensors")
    exact = clip_conditions(shard, 0, PARAMS, perception(), None)
    assert exact.references.shape[1] == VIEWS
    difference = (data._from_bytes("background", first.tensors["background"][0]) - exact.background[0]).abs()
    assert difference.amax() <= 1 / 127  # bytes


def test_a_motion_in_the_pixels_of_a_larger_picture_is_the_same_on_the_canvas(truth: Path):
    shard = read_shard(truth / "shard_00000.safetensors")
    motion = motion_of(shard.frames, 0, shard.fps)
    view = subject_of(shard.references, 0, "somebody", perception()).views[0]
    larger = motion_in(motion, view)
    assert larger.size == (SIZE * REFERENCE, SIZE * REFERENCE)
    back = canvas_pose(larger.tracks[0], *placement(larger.size, (SIZE, SIZE)))
    own = canvas_pose(motion.tracks[0], torch.ones(2), torch.zeros(2))
    assert (own.body[..., 3] == 0).any(), "points beyond the picture count as well"
    for part in ("body", "hands", "landmarks"):
        torch.testing.assert_close(getattr(back, part), getattr(own, part))


def test_benchmarks_of_few_steps_read_rendered_clips(truth: Path):
    shard = read_shard(truth / "shard_00000.safetensors")
    animator, text = build_animator(PARAMS), TextEncoder(PARAMS.text)
    cases = {case.name: case.told for case in cases_of(shard, 0, animator, text, perception())}
    assert cases["as given"].moved.shape[-1] == SIZE and "no moved pixels" in cases


def test_the_benchmark_of_the_prior_compares_pictures_of_one_size(truth: Path):
    drawn = prior.draw(prior.case_of(read_shard(truth / "shard_00000.safetensors"), 0))
    frames = {name: colour.shape for name, (colour, _) in drawn.items()}
    assert set(frames) == {"copy", "puppet", "proxy_1_view", "proxy_3_views", "truth"}
    assert set(frames.values()) == {(FRAMES, 3, prior.SIZE, prior.SIZE)}


def test_clips_prepared_for_another_animator_are_refused(truth: Path, tmp_path: Path):
    prepared(truth, tmp_path)
    with pytest.raises(KMCError, match="was prepared for another animator"):
        Clips.load(tmp_path, replace(PARAMS, size=64))


def test_clips_of_another_size_are_refused(truth: Path, tmp_path: Path):
    with pytest.raises(KMCError, match="holds pictures of 128 pixels, the animator takes 32"):
        prepare_folder(truth, tmp_path, TINY, perception(), lambda done, total: None)
    with pytest.raises(KMCError, match="holds pictures of 128 pixels, and 64 are asked for"):
        render_split(Studio(), truth.parent, "train", 2, 2, 3, 64)


def test_a_motion_keeps_its_points_and_loses_depth_and_hands(truth: Path):
    shard = read_shard(truth / "shard_00000.safetensors")
    track = track_of(shard.frames, 0, slice(None))
    assert track.hands is not None
    track = replace(track, hands=torch.cat((track.hands[..., :3], torch.ones_like(track.hands[..., :1])), -1))
    unsure = [doubtful(track, SIZE, torch.Generator().manual_seed(seed)) for seed in range(20)]
    lost = 0
    for other in unsure:
        assert other.body is not None and other.hands is not None and track.body is not None
        assert torch.equal(other.body[..., [0, 1, 3]], track.body[..., [0, 1, 3]])
        assert track.hands is not None and torch.equal(other.hands[..., :3], track.hands[..., :3])
        assert not torch.equal(other.body[..., 2], track.body[..., 2])
        lost += int((other.hands[0, :, 0, 3] == 0).sum())
    assert 5 <= lost <= 20  # of 40


def test_a_pose_is_disturbed_as_an_extractor_disturbs_it(truth: Path):
    shard = read_shard(truth / "shard_00000.safetensors")
    track = track_of(shard.frames, 0, slice(None))
    noisy = disturbed(track, SIZE, torch.Generator().manual_seed(0))
    assert track.body is not None and noisy.body is not None
    step = noisy.body - track.body
    assert 0.005 < step[..., :2].std() / SIZE < 0.015
    assert torch.allclose(step[0, :, 2], step[-1, :, 2], atol=1e-4) and step[..., 2].std() > 0.01 * SIZE
    assert torch.equal(noisy.body[..., 3], track.body[..., 3])


def test_the_extractors_errors_are_measured(truth: Path):
    shard = read_shard(truth / "shard_00000.safetensors")
    clips = [(shard, clip, motion_of(shard.frames, clip, shard.fps).tracks[0]) for clip in range(2)]
    found = measure(clips, perception())
    assert found["nobody"] == 0 and 0 < found["joint"] < 0.06 and 0 < found["depth"] < 0.08
    moved = [(shard, clip, replace(t, body=t.body * 1.5)) for shard, clip, t in clips if t.body is not None]
    assert measure(moved, perception())["joint"] > 3 * found["joint"]
