"""Rendered people: exact, repeatable, whole files only."""

from dataclasses import replace

import pytest
import torch

pytest.importorskip("anny", reason="needs the train extra")
pytest.importorskip("moderngl", reason="needs the train extra")

from kmc_core.errors import KMCError
from kmc_core.motion.skeleton import EXPRESSIONS, JOINT
from kmc_core.perception.head_pose import head_rotation
from kmc_core.training.gestures import GESTURES, HELD_OUT, neutral, pose_act
from kmc_core.training.mocap import DEFAULT_FOLDER
from kmc_core.training.posing import FRAMES
from kmc_core.training.shards import read_shard, write_shard
from kmc_core.training.studio import Studio
from kmc_core.training.truth import REFERENCE, VIEWS, render_clip, render_split, to_shard

if not (DEFAULT_FOLDER / "01_01.bvh").is_file():
    pytest.skip("needs Debian's assimp-testmodels", allow_module_level=True)

np = pytest.importorskip("numpy")
SIZE = 64


@pytest.fixture(scope="module")
def studio():
    torch.set_num_threads(1)
    return Studio()


@pytest.fixture(scope="module")
def shard(studio):
    return to_shard([render_clip(studio, "train", 3, index, SIZE) for index in range(2)], "train")


def test_the_same_seed_renders_the_same_clip(studio, shard):
    again = to_shard([render_clip(studio, "train", 3, 0, SIZE)], "train")
    assert torch.equal(again.frames.images[0], shard.frames.images[0])
    assert torch.equal(again.references.body[0], shard.references.body[0])
    assert again.words[0] == shard.words[0]


def test_splits_and_indices_are_different_people(studio, shard):
    other = render_clip(studio, "val", 3, 0, SIZE)
    assert other.words.subject not in {words.subject for words in shard.words}
    assert not torch.equal(shard.frames.images[0], shard.frames.images[1])


def test_every_frame_shows_a_person_and_joints_lie_on_it(shard):
    assert shard.frames.images.shape == (2, FRAMES, 3, SIZE, SIZE)
    assert shard.references.images.shape == (2, VIEWS, 3, SIZE * REFERENCE, SIZE * REFERENCE)
    on, total = 0, 0
    for clip in range(2):
        for frame in range(FRAMES):
            mask = shard.frames.masks[clip, frame, 0]
            assert (mask > 128).float().mean() > 0.02
            seen = [x for x in shard.frames.body[clip, frame] if x[3] > 0]
            on += sum(bool(mask[int(y), int(x)] > 60) for x, y, *_ in seen)
            total += len(seen)
    assert on / total > 0.85


def test_points_outside_of_the_picture_have_no_confidence(shard):
    for points, side in ((shard.frames.body, SIZE), (shard.references.hands, SIZE * REFERENCE)):
        outside = ((points[..., :2] < 0) | (points[..., :2] >= side)).any(-1)
        assert outside.any()
        assert (points[..., 3] == (~outside).float()).all()


def test_the_camera_and_background_of_the_first_view_are_those_of_the_frames(shard):
    mask, picture = (
        torch.nn.functional.avg_pool2d(x[:, 0].float(), REFERENCE)
        for x in (shard.references.masks, shard.references.images)
    )
    away = (shard.frames.masks[:, 0] == 0) & (mask == 0)
    assert away.any()
    assert ((shard.frames.images[:, 0] - picture).abs() * away).max() <= 1  # rounded in another place


def test_left_is_the_persons_own_left(shard):
    body, hands = shard.references.body[:, 0], shard.references.hands[:, 0]  # first view: towards the camera
    assert (body[:, JOINT["l_shoulder"], 0] > body[:, JOINT["r_shoulder"], 0]).all()
    wrists = body[:, [JOINT["l_wrist"], JOINT["r_wrist"]], :2]
    height = SIZE * REFERENCE / 4
    assert (wrists - hands[:, :, 0, :2]).norm(dim=-1).max() < 0.25 * height


def test_head_rotation_agrees_with_the_landmarks(shard):
    truth = shard.references.rotation.flatten(0, 1)
    seen = head_rotation(shard.references.landmarks.flatten(0, 1))
    cosine = ((truth.transpose(1, 2) @ seen).diagonal(dim1=1, dim2=2).sum(1) - 1) / 2
    assert torch.rad2deg(torch.arccos(cosine.clamp(-1, 1))).median() < 10


def test_expressions_are_shares_and_neutral_is_unused(shard):
    values = shard.frames.expression
    assert values.shape[-1] == len(EXPRESSIONS)
    assert values.min() >= 0 and values.max() <= 1
    assert values[..., 0].max() == 0 and values.max() > 0.05


@pytest.mark.parametrize("name", GESTURES)
def test_every_gesture_gives_rotations(studio, name):
    rest = studio.body.rest_heads({}, {})
    act = neutral(rest, 4, np.random.default_rng(0))
    GESTURES[name][1](act, rest, np.linspace(0, 1, 4), np.random.default_rng(1))
    for turns in pose_act(act, rest, np.zeros(4)).values():
        assert np.allclose(turns @ turns.transpose(0, 2, 1), np.eye(3), atol=1e-6)
        assert np.allclose(np.linalg.det(turns), 1)


def test_training_never_sees_the_held_out_gestures(studio):
    from kmc_core.training.posing import choose_gesture

    rng = np.random.default_rng(0)
    drawn = {choose_gesture("train", shot, rng) for shot in ("full", "half", "face") for _ in range(200)}
    assert not drawn & set(HELD_OUT)


def test_a_shard_reads_back_as_it_was(shard, tmp_path):
    path = tmp_path / "shard_00000.safetensors"
    write_shard(shard, path)
    back = read_shard(path)
    assert back.words == shard.words and back.fps == shard.fps and back.split == "train"
    assert torch.equal(back.frames.landmarks, shard.frames.landmarks)
    assert torch.equal(back.references.masks, shard.references.masks)
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_shards_are_refused(shard, tmp_path):
    path = tmp_path / "shard_00000.safetensors"
    with pytest.raises(KMCError, match="found no file"):
        read_shard(path)
    write_shard(shard, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(KMCError, match="damaged"):
        read_shard(path)
    write_shard(replace(shard, words=shard.words[:1]), path)
    with pytest.raises(KMCError, match=r"frames\.images .* expected"):
        read_shard(path)


def test_a_second_run_renders_only_what_is_missing(studio, tmp_path):
    assert render_split(studio, tmp_path, "val", 2, 1, 3, SIZE) == 2
    first, second = sorted((tmp_path / "val").iterdir())
    before = first.stat().st_mtime_ns
    second.write_bytes(second.read_bytes()[:1000])
    assert render_split(studio, tmp_path, "val", 2, 1, 3, SIZE) == 1
    assert first.stat().st_mtime_ns == before
    assert len(read_shard(second).words) == 1


def test_clips_must_fill_their_shards(studio, tmp_path):
    with pytest.raises(KMCError, match="fill shards of 64, got 65"):
        render_split(studio, tmp_path, "val", 65, 64, 3, SIZE)


def test_a_cartoon_has_a_big_head_flat_colours_and_exact_joints(studio):
    made = render_clip(studio, "train", 3, 0, 96, cartoons=1.0)
    again = render_clip(studio, "train", 3, 0, 96, cartoons=1.0)
    same = render_clip(studio, "train", 3, 0, 96)
    assert (made.frames.images == again.frames.images).all() and made.words == again.words
    assert made.words.family == "cartoon" and same.words.family == "person"
    assert made.words.caption.startswith("a cartoon of ")
    shard = to_shard([made, made], "train")
    for picture, mask in zip(shard.frames.body[0], shard.frames.masks[0], strict=True):
        seen = picture[picture[:, 3] > 0]
        assert (mask[0][seen[:, 1].long(), seen[:, 0].long()] > 60).float().mean() > 0.7

    def share_of_head(clip):
        """Between the ears, against the length of the trunk."""
        body = clip.references.truth[0].world
        ears = np.linalg.norm(body[JOINT["l_ear"]] - body[JOINT["r_ear"]])
        return ears / np.linalg.norm(body[JOINT["neck"]] - body[JOINT["pelvis"]])

    assert share_of_head(made) > 1.3 * share_of_head(same)
    turns = shard.frames.rotation[0]
    torch.testing.assert_close(
        turns @ turns.transpose(1, 2), torch.eye(3).expand(FRAMES, 3, 3), atol=1e-5, rtol=0
    )


def test_a_driver_is_somebody_else_who_does_the_same_elsewhere(studio, shard):
    driver = render_clip(studio, "train", 3, 0, SIZE, driver=True)
    own = shard.words[0]
    assert driver.words.motion == own.motion and driver.words.shot == own.shot
    assert driver.words.subject == own.subject + "_drivers" and driver.words.caption != own.caption
    pose = torch.from_numpy(driver.frames.truth[0].rotation).float()
    assert torch.allclose(pose, shard.frames.rotation[0, 0], atol=0.35)
    assert not (driver.frames.images[0] == shard.frames.images[0, 0].numpy()).mean() > 0.5
