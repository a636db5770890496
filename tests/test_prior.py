"""The prior in three dimensions, on pictures of a painted proxy body: what is moved is what would be seen."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kmc_core.model import proxy_shell
from kmc_core.model.limbs import Pose
from kmc_core.model.prior import move_person, resized
from kmc_core.model.proxy_body import CHEST, NAMES, PARTS, proxy_body
from kmc_core.model.proxy_pose import posed_vertices, take_posture
from kmc_core.model.proxy_shell import with_shells
from kmc_core.model.proxy_views import Picture, as_paint
from kmc_core.model.raster import fragments, nearest
from kmc_core.motion.skeleton import JOINT

SIDE, SCALE = 96, 45.0  # pixels; pixels per metre
SAMPLES = 4  # of the camera along each side of a pixel
FLOOR = 0.25  # the background's colour


def turned(angle: float, *, raised: bool = False) -> Pose:
    """The body's own joints, turned about the vertical (radians), the left forearm raised on request."""
    body = proxy_body()
    joints, landmarks = body.joints.clone(), body.vertices[body.skin :].clone()
    if raised:
        elbow, forearm = joints[JOINT["l_elbow"]], [JOINT["l_wrist"], *range(25, 46)]
        lift = torch.tensor([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])  # half a turn about the axis across
        joints[forearm] = (joints[forearm] - elbow) @ lift.T + elbow
    turn = torch.tensor(
        [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]]
    )
    pelvis, middle = joints[JOINT["pelvis"]], torch.tensor([SIDE / 2, SIDE / 2, 0.0])
    joints, landmarks = (((x - pelvis) @ turn.T) * SCALE + middle for x in (joints, landmarks))
    hands = joints[25:].view(2, 21, 3)
    hands = torch.cat(
        (hands[..., :2], hands[..., 2:] - joints[[JOINT["l_wrist"], JOINT["r_wrist"]], None, 2:]), -1
    )
    landmarks[:, 2] -= landmarks[:, 2].mean()
    seen = float(math.cos(angle) > 0.3)

    def known(points: Tensor) -> Tensor:
        return torch.cat((points, torch.ones_like(points[..., :1])), -1)[None]

    return Pose(known(joints[:25]), known(hands), landmarks[None], torch.tensor([seen]))


def photograph(pose: Pose) -> Picture:
    """The body in a pose, coloured by the place on its surface, as smooth as a camera shows it."""
    body, fine = proxy_body(), SIDE * SAMPLES
    posture = take_posture(body, pose, torch.tensor([SCALE]), torch.ones(len(PARTS)))
    vertices = posed_vertices(body, posture, 0) * torch.tensor((SAMPLES, SAMPLES, 1.0))
    shown = fragments(vertices, body.triangles, (fine, fine))
    top = nearest(shown, fine * fine)
    place = (body.vertices[body.triangles[shown.triangle]] * shown.weights[..., None]).sum(1)
    colours = (
        torch.stack(((place[:, 0] * 14).sin(), (place[:, 1] * 9).sin(), (place[:, 2] * 12).sin()), 1) * 0.8
    )
    covered = (top >= 0)[:, None]
    image = torch.where(covered, colours[top], torch.full((fine * fine, 3), FLOOR))
    image, mask = (
        torch.nn.functional.avg_pool2d(x.mT.reshape(-1, fine, fine), SAMPLES)
        for x in (image, covered.float())
    )
    return Picture(image, mask, pose)


def repeated(pose: Pose, frames: int) -> Pose:
    return Pose(*(torch.cat([x] * frames) for x in (pose.body, pose.hands, pose.landmarks, pose.face_seen)))


def error(colour: Tensor, picture: Picture) -> float:
    """Mean difference on the person of a picture."""
    return float(((colour - picture.image).abs() * picture.mask).sum() / picture.mask.sum() / 3)


def inside(picture: Picture) -> Picture:
    """The picture without the person's outline, where a pixel is a mixture."""
    around = torch.nn.functional.max_pool2d(1 - picture.mask[None], 3, 1, 1)[0]
    return picture._replace(mask=(around == 0).float())


def test_the_own_pose_returns_the_own_picture():
    picture = photograph(turned(0.2, raised=True))
    moved = move_person([picture], repeated(picture.pose, 2))
    assert error(moved.colour[0], inside(picture)) < 0.01
    assert (moved.coverage[0] - picture.mask).abs().mean() < 0.003
    assert torch.equal(moved.colour[0], moved.colour[1])


def with_hair(picture: Picture) -> tuple[Picture, Tensor]:
    """The picture with red hair behind the head, and how many pixels of it show."""
    hair = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    hair[:, 6:30, 38:58] = True
    hair &= picture.mask < 0.5
    red = torch.tensor([0.9, -0.9, -0.9])[:, None, None]
    worn = torch.where(hair, red, picture.image), torch.maximum(picture.mask, hair.float())
    return Picture(*worn, picture.pose), hair.sum()


def reddish(colour: Tensor) -> Tensor:
    """How many pixels of it [3, H, W] shows."""
    return ((colour[0] > 0.6) & (colour[1] < -0.6)).sum()


def test_hair_beyond_the_body_stays_on_the_head_and_turns_with_it():
    worn, hair = with_hair(photograph(turned(0.0)))
    still = move_person([worn], worn.pose)
    head = inside(worn).mask * (torch.arange(SIDE) < 17)[:, None]  # below, the sheet is cut at the neck
    assert error(still.colour[0], worn._replace(mask=head)) < 0.01
    aside = move_person([worn], turned(0.5))
    assert 0.7 * hair < reddish(aside.colour[0]) < 1.3 * hair


def test_every_side_has_the_outline_of_its_own_view():
    front, (side, hair) = photograph(turned(0.0)), with_hair(photograph(turned(1.5)))
    own, almost = (move_person([front, side], turned(angle)).colour[0] for angle in (1.5, 1.2))
    assert reddish(own) > 0.9 * hair and reddish(almost) > 0.6 * hair
    assert reddish(move_person([front, side], front.pose).colour[0]) < 0.3 * hair  # edge on


def test_a_view_whose_pose_was_misread_lends_no_outline():
    front, side = photograph(turned(0.0)), photograph(turned(1.5))
    middle = torch.tensor([SIDE / 2, SIDE / 2, 0, 0])
    small = replace(side.pose, body=(side.pose.body - middle) * torch.tensor([0.2, 0.2, 0.2, 1.0]) + middle)
    moved = move_person([front, side._replace(pose=small)], side.pose)
    alone = move_person([front], side.pose)
    assert moved.coverage.sum() < 1.2 * alone.coverage.sum()


def test_a_turned_person_looks_as_a_turned_person_does():
    picture, truth = photograph(turned(0.0)), photograph(turned(0.6, raised=True))
    moved = move_person([picture], truth.pose)
    assert error(moved.colour[0], truth) < 0.5 * error(picture.image, truth)
    shared = moved.coverage[0].minimum(truth.mask).sum() / moved.coverage[0].maximum(truth.mask).sum()
    assert shared > 0.9


def test_more_views_paint_more_and_never_cover_less():
    front, side, back = (photograph(turned(angle)) for angle in (0.0, 1.2, math.pi))
    truth = photograph(turned(2.2))
    one, two, three = (
        move_person(views, truth.pose) for views in ([front], [front, side], [front, side, back])
    )
    assert one.unseen.sum() > two.unseen.sum() >= three.unseen.sum()
    shown = [moved.coverage - moved.unseen for moved in (one, two, three)]
    assert (shown[0] - shown[1]).amax() < 0.3 and shown[0].sum() < shown[1].sum() < shown[2].sum()
    assert error(three.colour[0], truth) < 0.5 * error(one.colour[0], truth)


def test_a_limb_that_is_not_seen_hangs_on_its_parent_and_nobody_seen_is_nobody_shown():
    picture = photograph(turned(0.0))
    body = repeated(picture.pose, 2).body
    body[0, [JOINT["l_knee"], JOINT["l_ankle"]], 3] = 0
    body[1] = 0
    target = replace(repeated(picture.pose, 2), body=body, face_seen=torch.tensor([1.0, 0.0]))
    target = replace(target, hands=target.hands * torch.tensor([1.0, 0.0]).view(2, 1, 1, 1))
    moved = move_person([picture], target)
    leg = picture.mask[0, 70:80, 50:58]
    assert moved.coverage[0, 0, 70:80, 50:58].minimum(leg).sum() > 0.9 * leg.sum()
    assert moved.coverage[1].max() == 0


def test_a_picture_at_twice_the_size_gives_the_same_person_with_more_detail():
    picture, target = photograph(turned(0.0)), turned(0.4)
    image, mask = (
        torch.nn.functional.interpolate(x[None], scale_factor=2, mode="nearest")[0] for x in picture[:2]
    )

    def doubled(pose: Pose) -> Pose:
        double = torch.tensor([2.0, 2.0, 2.0, 1.0])
        return Pose(pose.body * double, pose.hands * double, pose.landmarks * 2, pose.face_seen)

    small = move_person([picture], target)
    large = move_person([Picture(image, mask, doubled(picture.pose))], doubled(target))
    reduced = torch.nn.functional.avg_pool2d(large.colour, 2)
    assert ((reduced - small.colour).abs() * small.coverage).sum() / small.coverage.sum() / 3 < 0.06


def test_a_picture_larger_than_the_canvas_paints_it_more_sharply():
    picture, target = photograph(turned(0.0)), turned(0.4)
    half = Pose(*(x * torch.tensor([0.5, 0.5, 0.5, 1.0])[: x.shape[-1]] for x in (target.body, target.hands)),
                target.landmarks / 2, target.face_seen)  # fmt: skip
    small = resized(picture, (SIDE // 2, SIDE // 2))
    scene = torch.full((3, SIDE // 2, SIDE // 2), FLOOR)
    from_large, from_small = (move_person([p], half, background=scene).colour[0] for p in (picture, small))
    truth = torch.nn.functional.avg_pool2d(photograph(target).image, 2)
    wanted = resized(photograph(target), (SIDE // 2, SIDE // 2))._replace(image=truth)
    assert error(from_large, wanted) < 0.9 * error(from_small, wanted)


def test_a_camera_that_zooms_in_enlarges_the_whole_person():
    picture, frames = photograph(turned(0.0)), 40
    zoom = torch.linspace(0.6, 1.1, frames)

    def zoomed(points: Tensor) -> Tensor:
        middle = torch.tensor([SIDE / 2, SIDE / 2, 0.0])
        factor = zoom.view(-1, *[1] * (points.ndim - 1))
        return torch.cat(((points[..., :3] - middle) * factor + middle, points[..., 3:]), -1)

    pose = repeated(picture.pose, frames)
    target = Pose(zoomed(pose.body), pose.hands, zoomed(pose.landmarks), pose.face_seen)
    target.hands[..., :2] = zoomed(torch.cat((pose.hands[..., :2], pose.hands[..., 2:] * 0), -1))[..., :2]
    areas = move_person([picture], target).coverage.sum((1, 2, 3)) / zoom**2
    assert ((areas / areas.mean() - 1).abs() < 0.06).all()  # by how long alone it would be a quarter


def test_joints_that_fall_together_break_nothing():
    picture = photograph(turned(0.0))
    body = picture.pose.body.clone()
    body[:, 2:, :3] = body[:, :1, :3] + 5
    for together in (replace(picture.pose, body=body), replace(picture.pose, body=body * 0 + 1.0)):
        assert move_person([picture._replace(pose=together)], picture.pose).colour.isfinite().all()
        assert move_person([picture], together).colour.isfinite().all()


def test_a_face_without_a_body_moves():
    pose = turned(0.0)
    alone = replace(pose, body=torch.zeros_like(pose.body), hands=torch.zeros_like(pose.hands))
    moved = move_person([photograph(pose)._replace(pose=alone)], alone)
    assert moved.coverage.sum() > 40  # a face at this size


def test_nothing_is_left_to_chance():
    views = [photograph(turned(angle)) for angle in (0.0, 1.2)]
    first, second = (move_person(views, turned(0.5, raised=True)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_view_from_the_same_side_paints_what_another_faces_better():
    front, side = photograph(turned(0.0)), photograph(turned(1.2))
    truth = photograph(turned(0.1))
    wrong = side._replace(image=-side.image)  # so that its share is seen at once
    alone, beside = (move_person(views, truth.pose) for views in ([front], [front, wrong]))
    assert error(beside.colour[0], truth) < 1.5 * error(alone.colour[0], truth)


def test_a_view_that_shows_no_face_paints_none_where_another_shows_it():
    front, side = photograph(turned(0.0)), photograph(turned(1.2))
    truth = photograph(turned(0.7))
    red = side._replace(image=torch.tensor([0.9, -0.9, -0.9])[:, None, None].expand_as(side.image))
    x, y = truth.pose.landmarks[0, :, :2].long().unbind(1)

    def red_share(seen: float) -> float:
        view = red._replace(pose=replace(side.pose, face_seen=torch.tensor([seen])))
        colour = move_person([front, view], truth.pose).colour[0]
        return float((colour[0, y, x] > 0.6).float().mean())

    assert red_share(0.0) < 0.5 * red_share(1.0)


def test_cloth_between_arm_and_trunk_stays_with_what_has_its_colour(monkeypatch: pytest.MonkeyPatch):
    body, bare = proxy_body(), photograph(turned(0.0))
    posture = take_posture(body, bare.pose, torch.tensor([SCALE]), torch.ones(len(PARTS)))
    owner = as_paint(body, bare, posture).owner
    arms = torch.tensor([NAMES[f"{side}_{name}"] for side in "lr" for name in ("upper_arm", "forearm")])
    arm = torch.isin(owner, arms)

    def around(which: Tensor, reach: int) -> Tensor:
        return torch.nn.functional.max_pool2d(which[None].float(), 2 * reach + 1, 1, reach)[0] > 0

    cloth = (owner < 0) & around(arm, 3) & around(owner == CHEST, 5)
    red, green = (torch.tensor(c)[:, None, None] for c in ((0.9, -0.9, -0.9), (-0.9, 0.9, -0.9)))
    image = torch.where(arm, red, torch.where(bare.mask[0] > 0.5, green, bare.image))
    worn = Picture(torch.where(cloth, green, image), bare.mask.maximum(cloth[None].float()), bare.pose)

    def held_by_arms() -> float:
        dressed = with_shells(body, [worn], [posture])
        return float(torch.isin(dressed.part[body.solid :], arms).float().mean())

    by_colour = held_by_arms()
    monkeypatch.setattr(proxy_shell, "TONE", 1e6)
    assert by_colour < held_by_arms() - 0.3, by_colour  # a third of the sheet is the trunk's


def checked(picture: Picture) -> Picture:
    """The picture in small checks of light and dark."""
    rows, columns = torch.meshgrid(torch.arange(SIDE) // 4, torch.arange(SIDE) // 4, indexing="ij")
    light = ((rows + columns) % 2 == 0) & (picture.mask[0] > 0.5)
    return picture._replace(
        image=torch.where(light, 0.9, torch.where(picture.mask[0] > 0.5, -0.9, picture.image))
    )


def test_maps_lie_on_sheets_that_know_no_colours():
    worn, _ = with_hair(photograph(turned(0.0)))
    plain, coloured = (
        move_person([picture], turned(0.5), guess=False).coverage for picture in (worn, checked(worn))
    )
    assert torch.equal(plain, coloured)
