"""Following costs one look a frame while all goes well, finds what it lost, and invents nothing."""

import torch
from torch import Tensor

from kmc_core.motion.face_mesh import RIGID
from kmc_core.perception.face import face_motion
from kmc_core.perception.follow import LOOSE, Look, at_rest, follow, from_anchor, to_frame
from kmc_core.perception.head_pose import NEUTRAL_HEAD, head_rotation, head_yaw

UNKNOWN = torch.full((4,), torch.nan)
SIDE = 100.0


class Ball:
    """A ball of known path, seen when the roi holds it; counts what it costs."""

    tolerance = LOOSE

    def __init__(self, path: Tensor, there: Tensor, turn: Tensor | None = None) -> None:
        self.path, self.there = path, there
        self.turn = torch.zeros(len(path)) if turn is None else turn
        self.looks: list[int] = []
        self.searches: list[int] = []

    def blank(self, n: int) -> Look:
        return Look(torch.zeros(n, 1, 2), torch.zeros(n), torch.full((n, 4), torch.nan), torch.zeros(n, 0))

    def look_at(self, index: Tensor, rois: Tensor) -> Look:
        assert len(index)
        self.looks += index.tolist()
        near = (self.path[index] - rois[:, :2]).norm(dim=-1) < SIDE / 2
        return Look(
            points=self.path[index][:, None],
            score=(near & self.there[index]).float(),
            roi=self.rois(index),
            extra=torch.zeros(len(index), 0),
        )

    def search(self, index: Tensor, near: Tensor) -> Tensor:
        assert len(index)
        self.searches += index.tolist()
        return torch.where(self.there[index][:, None], self.rois(index), torch.nan)

    def rois(self, index: Tensor) -> Tensor:
        side = torch.full((len(index), 1), SIDE)
        return torch.cat([self.path[index], side, self.turn[index][:, None]], dim=1)


def line(count: int, speed: float) -> Tensor:
    return torch.stack([torch.arange(count) * speed, torch.zeros(count)], dim=1)


def test_slow_motion_costs_one_look_a_frame_and_no_search() -> None:
    ball = Ball(line(25, 0.3), torch.ones(25, dtype=torch.bool))
    seen = follow(ball, ball.rois(torch.tensor([0]))[0], at_rest(25))
    assert sorted(ball.looks) == list(range(25)) and not ball.searches
    assert torch.equal(seen.points[:, 0], ball.path) and (seen.score == 1).all()


def test_a_fast_thing_is_searched_on_key_frames_alone() -> None:
    ball = Ball(line(25, 12.0), torch.ones(25, dtype=torch.bool))
    seen = follow(ball, UNKNOWN, at_rest(25))
    assert ball.searches == [0, 6, 12, 18, 24]
    missed = [6, 12, 18, 24]  # first looked at where it was in frame 0
    assert sorted(ball.looks) == sorted([*range(25), *missed]) and (seen.score == 1).all()


def test_a_new_thing_that_moves_little_is_searched_once() -> None:
    ball = Ball(line(25, 0.3), torch.ones(25, dtype=torch.bool))
    seen = follow(ball, UNKNOWN, at_rest(25))
    assert ball.searches == [0]
    assert sorted(ball.looks) == list(range(25)) and (seen.score == 1).all()


def test_a_thing_that_hangs_on_a_moving_point_needs_no_search() -> None:
    path = line(25, 40.0)
    ball = Ball(path, torch.ones(25, dtype=torch.bool))
    anchors = torch.cat([path, torch.zeros(25, 1)], dim=1)
    seen = follow(ball, torch.tensor([0.0, 0.0, SIDE, 0.0]), anchors)
    assert not ball.searches and sorted(ball.looks) == list(range(25)) and (seen.score == 1).all()


def test_a_thing_that_swings_with_its_anchor_needs_no_search() -> None:
    angle = torch.arange(25) * 0.2
    path = 300 * torch.stack([angle.cos(), angle.sin()], dim=1)  # at the end of a turning arm
    ball = Ball(path, torch.ones(25, dtype=torch.bool), turn=angle)
    anchors = torch.cat([torch.zeros(25, 2), angle[:, None]], dim=1)
    seen = follow(ball, torch.tensor([300.0, 0.0, SIDE, 0.0]), anchors)
    assert not ball.searches and sorted(ball.looks) == list(range(25)) and (seen.score == 1).all()


def test_rois_survive_the_way_through_their_anchors() -> None:
    generator = torch.Generator().manual_seed(1)
    rois, anchors = torch.randn(9, 4, generator=generator), torch.randn(9, 3, generator=generator)
    assert torch.allclose(to_frame(from_anchor(rois, anchors), anchors), rois, atol=1e-5)


def test_what_leaves_has_score_zero_and_what_returns_is_found() -> None:
    there = torch.ones(40, dtype=torch.bool)
    there[10:27] = False
    ball = Ball(line(40, 1.0), there)
    seen = follow(ball, UNKNOWN, at_rest(40))
    assert torch.equal(seen.score > 0, there)
    assert (seen.points[~there] == 0).all()


def test_what_is_never_there_is_never_looked_at() -> None:
    ball = Ball(line(9, 1.0), torch.zeros(9, dtype=torch.bool))
    seen = follow(ball, UNKNOWN, at_rest(9))
    assert not ball.looks and not seen.score.any()


def test_one_frame_can_be_followed() -> None:
    ball = Ball(line(1, 1.0), torch.ones(1, dtype=torch.bool))
    assert follow(ball, UNKNOWN, at_rest(1)).score.tolist() == [1.0]


def test_a_steady_crop_holds_the_face_in_every_frame_without_lag() -> None:
    generator = torch.Generator().manual_seed(0)
    count = 90
    jitter = torch.randn(count, 1, 2, generator=generator) * 3
    sway = torch.sin(torch.arange(count) / 8)[:, None, None] * torch.tensor([60.0, 10.0])
    shape = torch.rand(1, 478, 2, generator=generator) * 80
    landmarks = torch.cat([shape + sway + jitter + 300, torch.zeros(count, 478, 1)], dim=-1)
    seen = torch.ones(count, dtype=torch.bool)
    seen[50:55] = False
    crops = face_motion(landmarks, torch.zeros(count, 52), seen.float(), 30.0).crop
    low = crops[seen, None, :2] - crops[seen, None, 2:] / 2
    high = crops[seen, None, :2] + crops[seen, None, 2:] / 2
    inside = (landmarks[seen][..., :2] >= low) & (landmarks[seen][..., :2] <= high)
    assert inside.all() and (crops[~seen] == 0).all()
    steps = crops[1:45, :2].diff(dim=0).diff(dim=0).norm(dim=1)
    raw = landmarks[1:45].mean(1)[:, :2].diff(dim=0).diff(dim=0).norm(dim=1)
    assert steps.mean() < raw.mean() / 10
    assert crops[:45, 2].diff().abs().max() < 4
    middle = (shape.amax(1) + shape.amin(1)) / 2 + sway[:, 0] + 300
    assert (crops[15:35, :2] - middle[15:35]).abs().mean() < 8


def turn(yaw: float, pitch: float, roll: float) -> Tensor:
    """Head to camera: rolled, then pitched up, then turned to the right of the picture."""
    y, p, r = torch.tensor(yaw), torch.tensor(pitch), torch.tensor(roll)
    around_y = torch.tensor([[y.cos(), 0, -y.sin()], [0, 1, 0], [y.sin(), 0, y.cos()]])
    around_x = torch.tensor([[1, 0, 0], [0, p.cos(), -p.sin()], [0, p.sin(), p.cos()]])
    around_z = torch.tensor([[r.cos(), -r.sin(), 0], [r.sin(), r.cos(), 0], [0, 0, 1]])
    return around_y @ around_x @ around_z


def test_head_rotation_is_that_of_the_landmarks() -> None:
    rotations = torch.stack([turn(0, 0, 0), turn(0.5, 0, 0), turn(-0.3, 0.2, 0.4)])
    landmarks = torch.zeros(3, 478, 3)
    landmarks[:, list(RIGID)] = torch.tensor(NEUTRAL_HEAD) @ rotations.transpose(1, 2) * 80 + 200
    found = head_rotation(landmarks)
    assert torch.allclose(found, rotations, atol=1e-3)
    assert torch.allclose(head_yaw(found)[:2], torch.tensor([0.0, 0.5]), atol=1e-3)
    nose = found @ torch.tensor([0.0, 0, -1])  # where the face looks, in the picture's axes
    assert nose[1, 0] > 0 and nose[1, 2] < 0
