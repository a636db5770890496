"""What no view tells and the prior knows all the same: mouths, hands, the skin around a face, forearms."""

from dataclasses import replace

import torch

from kmc_core.model.prior import move_person
from kmc_core.model.proxy_body import NAMES, PARTS, proxy_body
from kmc_core.model.proxy_guess import bare_skin, open_mouth, opening, skin_colour
from kmc_core.model.proxy_pose import posed_vertices, take_posture
from kmc_core.motion.face_mesh import INNER_LIPS, MOUTH_CORNERS, MOUTH_MIDDLE, OVAL
from kmc_core.motion.skeleton import JOINT
from test_prior import SCALE, photograph, turned

ONES = torch.ones(len(PARTS))


def test_an_open_mouth_shows_teeth_above_and_darkness_below_them():
    upper, lower = MOUTH_MIDDLE
    shown = [[upper, upper, upper], [upper, lower, lower], [upper, lower, 0], [9999, lower, upper]]
    weights = torch.tensor([[0.4, 0.3, 0.3], [0.5, 0.3, 0.2], [0.4, 0.3, 0.3], [0.4, 0.3, 0.3]])
    between, colours = open_mouth(torch.tensor(shown), weights, torch.tensor(0.2))
    assert between.tolist() == [True, True, False, False]
    assert colours[0].mean() > 0.3 and colours[1].mean() < -0.5


def test_teeth_do_not_grow_with_a_mouth_that_opens():
    upper, lower = MOUTH_MIDDLE
    down = torch.linspace(0, 1, 200)
    corners = torch.tensor([[upper, lower, lower]]).expand(200, 3)
    weights = torch.stack((1 - down, down, 0 * down), 1)

    def teeth(apart: float) -> float:
        """Their height in mouth widths."""
        _, colours = open_mouth(corners, weights, torch.tensor(apart))
        return float((colours.mean(1) > 0).float().mean()) * apart

    assert teeth(0.8) < 1.1 * teeth(0.4)
    assert teeth(0.1) < teeth(0.2)


def test_lips_apart_are_told_in_mouth_widths():
    landmarks = proxy_body().vertices[proxy_body().skin :].clone()
    closed = opening(landmarks)
    right, left = MOUTH_CORNERS
    landmarks[MOUTH_MIDDLE[1], 1] += 0.5 * (landmarks[left] - landmarks[right]).norm()
    assert closed < 0.1 < 0.4 < opening(landmarks) < 0.6


def test_lips_that_open_show_what_the_picture_does_not():
    picture = photograph(turned(0.0))
    lower = [k for k in INNER_LIPS[:10] if k not in MOUTH_CORNERS]
    lips = picture.pose.landmarks.clone()
    lips[:, lower, 1] += 3.0  # pixels
    still, talking = (
        move_person([picture], replace(picture.pose, landmarks=points)).colour[0]
        for points in (picture.pose.landmarks, lips)
    )
    x, y = lips[0, list(MOUTH_MIDDLE), :2].mean(0).long().tolist()
    assert (still[:, y, x] - picture.image[:, y, x]).abs().max() < 0.1
    assert talking[1, y, x] < still[1, y, x] - 0.5  # from the colour of this skin to dark red


def test_a_hand_that_no_view_shows_has_the_colour_of_the_cheeks():
    picture = photograph(turned(0.0))
    hidden = picture.pose.body.clone()
    hidden[:, [JOINT["l_wrist"], JOINT["l_elbow"]], 3] = 0
    hands = picture.pose.hands * torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
    without = picture._replace(pose=replace(picture.pose, body=hidden, hands=hands))
    moved = move_person([without], picture.pose)
    x, y = picture.pose.hands[0, 0, 9, :2].long().tolist()
    skin = bare_skin(skin_colour(picture.image, picture.pose), torch.ones(1))[0]
    off = (moved.colour[0, :, y, x] - skin).abs().mean()
    assert off < 0.5 * (picture.image[:, y, x] - skin).abs().mean() and moved.unseen[0, 0, y, x] > 0.5


def test_the_skin_around_a_face_follows_its_outline():
    body, pose = proxy_body(), turned(0.0)
    wide = pose.landmarks.clone()
    middle = wide[:, OVAL].mean(1)
    wide[:, OVAL, 0] += 0.2 * (wide[:, OVAL, 0] - middle[:, :1])
    as_is, wider = (
        posed_vertices(
            body, take_posture(body, replace(pose, landmarks=points), torch.tensor([SCALE]), ONES), 0
        )
        for points in (pose.landmarks, wide)
    )
    moved = (wider - as_is)[: body.skin].norm(dim=-1)
    near = torch.cdist(body.vertices[: body.skin], body.vertices[body.skin :][list(OVAL)]).amin(1)
    assert moved[near < 0.01].mean() > 5 * moved[near > 0.15].mean()


def test_a_turned_hand_twists_half_of_its_forearm_half_as_far():
    body, pose = proxy_body(), turned(0.0)
    rest = take_posture(body, pose, torch.tensor([SCALE]), ONES)
    axis = pose.body[0, JOINT["l_wrist"], :3] - pose.body[0, JOINT["l_elbow"], :3]
    axis = axis / axis.norm()
    skew = torch.linalg.cross(axis.expand(3, 3), torch.eye(3)).T
    quarter = torch.eye(3) + skew + skew @ skew
    hand = pose.hands[0, 0, :, :3]
    hands = pose.hands.clone()
    hands[0, 0, :, :3] = (hand - hand[0]) @ quarter.T + hand[0]
    turned_hand = take_posture(body, replace(pose, hands=hands), torch.tensor([SCALE]), ONES)

    def angle(part: str) -> float:
        change = turned_hand.linear[0, NAMES[part]] @ torch.linalg.inv(rest.linear[0, NAMES[part]])
        return float(torch.rad2deg(torch.arccos(((change.trace() - 1) / 2).clamp(-1, 1))))

    assert angle("l_forearm") < 1
    assert 40 < angle("l_twisted_forearm") < 50
    assert 85 < angle("l_hand") < 95


def test_the_middle_of_the_mouth_lies_between_the_lips():
    triangles = proxy_body().triangles - proxy_body().skin
    inside = triangles[torch.isin(triangles, torch.tensor(INNER_LIPS)).all(1)].tolist()
    assert any(set(MOUTH_MIDDLE) <= set(corners) for corners in inside)
