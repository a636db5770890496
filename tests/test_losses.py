"""Each part of the loss says what it promises and reaches who it is meant for."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from checkpoints import write_tiny_animator
from kmc_core.errors import KMCError
from kmc_core.motion.skeleton import EXPRESSIONS
from kmc_core.motion.types import FaceMotion, Track
from kmc_core.perception.crops import crop
from kmc_core.training.cli import build_model
from kmc_core.training.config import TrainConfig
from kmc_core.training.critic import PatchCritic, critic_losses
from kmc_core.training.data import Clips
from kmc_core.training.features import Judges
from kmc_core.training.loss_config import LossConfig
from kmc_core.training.objectives import flow_matching_loss, varied
from kmc_core.training.regions import CHIP, FACE, LEFT_HAND, RIGHT_HAND, cut, regions
from kmc_core.training.strangers import LEAST, Strangers, as_stranger
from tiny import PARAMS, tiny_conditions
from train_tiny import draw, networks

WEIGHTS = Path(__file__).resolve().parents[1] / "weights/perception"


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_region_is_cut_as_the_nets_are_shown_it_in_use():
    picture = (torch.rand(1, 3, 90, 120, generator=rng()) * 255).byte()
    rois = torch.tensor([[60.0, 40.0, 30.0, 0.7], [10.0, 80.0, 25.0, -2.0]])
    wanted = crop(picture.expand(2, -1, -1, -1), rois, 64)
    got = cut(picture.float().expand(2, -1, -1, -1) / 255, rois, (64, 64))
    assert torch.allclose(got, wanted, atol=1e-4)


def track(face_side: float, hand_side: float) -> Track:
    """One frame with a face and a left hand of a size in pixels; the right hand is not seen."""
    points = torch.rand(1, 478, 3, generator=rng()) * face_side + 50
    for eye, place in zip((263, 362, 33, 133), (0.9, 0.6, 0.1, 0.4), strict=True):
        points[0, eye, :2] = torch.tensor([place, 0.3]) * face_side + 50
    points[0, 2, :2] = torch.tensor([0.5, 0.7]) * face_side + 50
    hands = torch.rand(1, 2, 21, 4, generator=rng()) * hand_side + 20
    hands[..., 3] = torch.tensor([1.0, 0.0])[:, None]
    face = FaceMotion(
        points, torch.zeros(1, len(EXPRESSIONS)), torch.eye(3)[None], torch.zeros(1, 3), torch.ones(1)
    )
    return Track(hands=hands, face=face)


def test_only_what_is_large_enough_to_be_read_is_a_region():
    found = regions(track(40, 30))[0]
    assert found.shape == (4, 4)
    assert (found[[FACE, LEFT_HAND, CHIP], 2] > 20).all() and found[RIGHT_HAND, 2] == 0
    assert found[FACE, 2] >= 40 and (found[FACE, :2] - 70).abs().max() < 5  # around the face, with room
    assert (regions(track(8, 4))[..., 2] == 0).all()


def test_judges_tell_a_blurred_face_from_a_sharp_one_and_reach_the_picture():
    judges = Judges.load(WEIGHTS)
    true = torch.rand(1, 3, 96, 96, generator=rng())
    soft = torch.nn.functional.avg_pool2d(true, 5, 1, 2).requires_grad_()
    at = regions(track(40, 30))
    far = judges.regions(soft, true, at, 4, rng())
    assert judges.regions(true, true, at, 4, rng()) == 0 and judges.frames(true, true) == 0
    assert far > 0.05 and judges.frames(soft, true) > 0.05
    far.backward()
    assert soft.grad is not None and soft.grad[..., 50:90, 50:90].abs().sum() > 0
    assert soft.grad[..., :5].abs().sum() == 0  # nothing looks there
    assert judges.regions(soft, true, torch.zeros(1, 4, 4), 4, rng()) == 0  # a clip without hands and face


def test_a_stranger_has_other_hands_and_another_face_but_the_same_points():
    told = tiny_conditions(2, seed=3)
    told = replace(told, face=told.face.clamp(0, 1))
    same = as_stranger(told, 0.0, rng())
    assert torch.equal(same.hands, told.hands) and torch.equal(same.face, told.face)
    other = as_stranger(told, 1.0, rng())
    assert torch.equal(other.maps, told.maps) and torch.equal(other.hand_positions, told.hand_positions)
    shape = (other.hands / told.hands)[..., :63].unflatten(-1, (21, 3))
    assert torch.allclose(shape, shape[:, :1, :1, :1].expand_as(shape), rtol=1e-4)  # one person all along
    assert (shape - 1).abs().max() > 0.01
    assert torch.equal(other.hands[..., 63:], told.hands[..., 63:])
    count = len(EXPRESSIONS)
    assert torch.equal(other.face[..., count:], told.face[..., count:])
    assert (other.face[..., :count] - told.face[..., :count]).abs().mean() > 0.01
    assert other.face[..., :count].min() >= 0 and other.face[..., :count].max() <= 1


def test_strangers_are_as_strange_as_the_gap_is_wide():
    strangers = Strangers()
    assert strangers.strength == 1
    strengths = []
    for gap in (-0.1, 0.005, 0.01, 3.0):
        strangers.follow(gap)
        strengths.append(float(strangers.strength))
    assert strengths == pytest.approx([LEAST, 0.25, 0.5, 1])
    with pytest.raises(KMCError, match="The gap of strangers became nan"):
        strangers.follow(float("nan"))


def test_the_critic_and_the_animator_learn_from_their_own_part_only():
    critic = PatchCritic(3)
    made = torch.rand(2, 3, 32, 32, generator=rng(), requires_grad=True)
    opinion, own = critic_losses(critic, made, torch.rand(2, 3, 32, 32, generator=rng()))
    opinion.backward(retain_graph=True)
    assert made.grad is not None and made.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in critic.parameters())
    made.grad = None
    own.backward()
    assert made.grad is None
    assert all(weight.grad is not None for weight in critic.parameters())


def test_every_part_of_the_loss_counts():
    batch = replace(draw(rng()), regions=regions(track(40, 30))[None].expand(2, 3, 4, 4) * 0.3)
    whole = LossConfig(frames=1, regions=1, steady=1, critic=1)
    _, logs = flow_matching_loss(
        networks(), batch, rng(), drop=0.1, config=whole, judges=Judges.load(WEIGHTS)
    )
    parts = ("pixels", "edges", "steady", "features", "regions", "critic", "critic_own")
    assert logs["loss"] == pytest.approx(sum(logs[part] for part in parts), rel=1e-5)
    assert all(logs[part] != 0 for part in parts)


def test_a_carried_frame_is_given_as_it_is():
    batch = draw(rng())
    told = varied(networks(), batch, rng(), drop=0, config=LossConfig(carried=1.0))
    assert told.carried is not None and torch.equal(told.carried, batch.x0[:, :, :1])
    assert varied(networks(), batch, rng(), drop=0, config=LossConfig()).carried is None


def test_only_the_named_weights_are_trained():
    run = TrainConfig("x", "", "", 1, 1, trains=("embed_face", ".query"), animator=PARAMS)
    trained = {name for name, weight in build_model(PARAMS, run).named_parameters() if weight.requires_grad}
    assert trained and all("embed_face" in name or ".query" in name for name in trained)
    assert any("blocks.1.query" in name for name in trained)


@pytest.mark.parametrize("trains", [("embd_face",), ("embed_face", "no_such")])
def test_a_name_that_no_weight_has_is_told(trains: tuple[str, ...]):
    run = TrainConfig("x", "", "", 1, 1, trains=trains, animator=PARAMS)
    with pytest.raises(KMCError, match="No weight's name has"):
        build_model(PARAMS, run)


def test_a_start_of_another_animator_is_told(tmp_path: Path):
    run = TrainConfig("x", "", "", 1, 1, start=str(write_tiny_animator(tmp_path)))
    with pytest.raises(KMCError, match="does not fit"):
        build_model(replace(PARAMS, dim=64, rope_axes=(8, 12, 12)), run)


def test_close_ups_are_the_clips_with_a_large_face_or_hand():
    sides = torch.zeros(3, 2, 4, 4)
    sides[0, 1, LEFT_HAND, 2], sides[2, 0, FACE, 2] = 9.0, 4.0
    frames = torch.arange(3.0)[:, None, None, None, None].expand(3, 3, 2, 32, 32)
    large = Clips({"x0": frames, "regions": sides}).closeups()
    assert large.tensors["x0"][:, 0, 0, 0, 0].tolist() == [0.0]
    with pytest.raises(KMCError, match="No clip shows a face or a hand large"):
        Clips({"x0": frames, "regions": sides * 0}).closeups()
