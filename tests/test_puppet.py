"""The cut-out puppet, for poses without depth: nothing moves without motion, everything moves with it."""

from dataclasses import replace

import torch

from kmc_core.model.background import fill_background
from kmc_core.model.limbs import Pose
from kmc_core.model.prior import Moved
from kmc_core.model.prior import move_person as move_views
from kmc_core.model.proxy_views import Picture
from kmc_core.motion.skeleton import BODY_BONES, JOINT

SIDE = 96
STANDING = {
    "nose": (48, 16), "r_eye": (46, 14), "l_eye": (50, 14), "r_ear": (43, 15), "l_ear": (53, 15),
    "neck": (48, 26), "r_shoulder": (40, 27), "l_shoulder": (56, 27),
    "r_elbow": (34, 40), "l_elbow": (62, 40), "r_wrist": (30, 52), "l_wrist": (66, 52),
    "pelvis": (48, 52), "r_hip": (43, 52), "l_hip": (53, 52),
    "r_knee": (42, 68), "l_knee": (54, 68), "r_ankle": (41, 84), "l_ankle": (55, 84), "r_big_toe": (39, 88),
    "l_big_toe": (57, 88),
}  # fmt: skip


def standing(frames: int = 1) -> Pose:
    body = torch.zeros(frames, 25, 4)
    for name, xy in STANDING.items():
        body[:, JOINT[name]] = torch.tensor((*map(float, xy), 0.0, 1.0))
    return Pose(body, torch.zeros(frames, 2, 21, 4), torch.zeros(frames, 478, 3), torch.zeros(frames))


def picture() -> tuple[torch.Tensor, torch.Tensor]:
    """A person-shaped texture on a flat background."""
    yy, xx = torch.meshgrid(torch.arange(SIDE).float(), torch.arange(SIDE).float(), indexing="ij")
    body = standing().body[0, :, :2]
    points = torch.cat(
        [torch.lerp(body[a], body[b], t)[None] for a, b in BODY_BONES[:16] for t in (0.0, 0.3, 0.7, 1.0)]
    )
    distance = torch.cdist(torch.stack((xx, yy), -1).view(-1, 2), points).amin(1).view(SIDE, SIDE)
    mask = (distance < 9).float()[None]
    texture = torch.stack(((xx / 7).sin(), (yy / 5).sin(), (xx / 9 + yy / 9).cos()))
    return texture * mask + 0.25 * (1 - mask), mask


def move_person(image: torch.Tensor, mask: torch.Tensor, source: Pose, target: Pose) -> Moved:
    """Poses without depth: the prior falls back to the puppet."""
    return move_views([Picture(image, mask, source)], target)


def test_the_same_pose_returns_the_same_person():
    image, mask = picture()
    moved = move_person(image, mask, standing(), standing(2))
    inside = mask.expand(3, -1, -1) > 0
    assert (moved.colour[0] - image)[inside].abs().mean() < 0.02
    assert torch.equal(moved.colour[0], moved.colour[1])
    assert (moved.coverage[0] - mask).abs().mean() < 0.02


def test_a_shifted_pose_shifts_the_person():
    image, mask = picture()
    target = standing()
    target.body[..., 0] += 8
    moved = move_person(image, mask, standing(), target)
    expected = image.roll(8, -1)
    inside = mask.roll(8, -1).expand(3, -1, -1) > 0
    assert (moved.colour[0] - expected)[inside].abs().mean() < 0.03


def test_a_raised_forearm_moves_and_the_legs_stay():
    image, mask = picture()
    target = standing()
    target.body[0, JOINT["l_wrist"], :2] = torch.tensor((70.0, 30.0))
    moved = move_person(image, mask, standing(), target)
    assert moved.coverage[0, 0, 31, 69] > 0.5 > mask[0, 31, 74]
    assert moved.coverage[0, 0, 54, 67] < 0.5
    assert (moved.colour[0, :, 70:] - image[:, 70:]).abs().mean() < 0.02


def test_nearer_limbs_cover_further_ones():
    image, mask = picture()
    target = standing(2)
    target.body[:, JOINT["l_wrist"], :2] = torch.tensor((44.0, 44.0))
    target.body[0, JOINT["l_wrist"], 2] = target.body[0, JOINT["l_elbow"], 2] = -40
    target.body[1, JOINT["l_wrist"], 2] = target.body[1, JOINT["l_elbow"], 2] = 40
    moved = move_person(image, mask, standing(), target)
    behind = (moved.colour[1, :, 40:46, 46:52] - image[:, 40:46, 46:52]).abs().mean()
    before = (moved.colour[0, :, 40:46, 46:52] - image[:, 40:46, 46:52]).abs().mean()
    assert behind < 0.05 < before


def test_unseen_joints_leave_their_limb_out():
    image, mask = picture()
    target = standing()
    target.body[0, [JOINT["l_knee"], JOINT["l_ankle"]], 3] = 0
    moved = move_person(image, mask, standing(), target)
    assert moved.coverage[0, 0, 80, 55] < 0.1 < moved.coverage[0, 0, 80, 41]


def test_background_is_filled_from_its_surroundings():
    image, mask = picture()
    filled = fill_background(image, mask)
    assert (filled - 0.25).abs().max() < 1e-3


def test_everything_is_finite_when_nothing_is_seen():
    image, mask = picture()
    empty = replace(standing(), body=torch.zeros(1, 25, 4))
    for source, target in ((standing(), empty), (empty, standing())):
        moved = move_person(image, mask, source, target)
        assert moved.colour.isfinite().all()
        assert moved.coverage.max() == 0
