"""Eyes of the prior: lids close over an eyeball that stays as large, and the iris goes where it looks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from kmc_core.model.limbs import Pose
from kmc_core.model.prior import move_person
from kmc_core.model.proxy_body import HEAD, PARTS, proxy_body
from kmc_core.model.proxy_eyes import LASHES, Eye, eyes, lid_weights, lids_and_eyes, where_in_view
from kmc_core.model.proxy_pose import take_posture
from kmc_core.model.proxy_views import Picture
from kmc_core.motion.face_mesh import LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS
from test_prior import SCALE, turned

SIDE, LARGER = 192, 20.0  # pixels of a close-up; times as large as the whole body's
IRISES = [*RIGHT_IRIS, RIGHT_IRIS[0] - 1, *LEFT_IRIS, LEFT_IRIS[0] - 1]
SKIN, WHITE, IRIS = (0.4, 0.1, -0.2), (0.9, 0.9, 0.9), (-0.8, 0.6, -0.8)


def close_up() -> Pose:
    """A face that looks into the camera and fills most of the picture."""
    pose = turned(0.0)
    middle = pose.landmarks[0, list(RIGHT_EYE + LEFT_EYE)].mean(0)

    def enlarged(points: Tensor) -> Tensor:
        moved = points.clone()
        moved[..., :3] = (moved[..., :3] - middle) * LARGER + torch.tensor((SIDE / 2, SIDE / 2, 0.0))
        return moved

    return replace(
        pose, body=enlarged(pose.body), hands=pose.hands * LARGER, landmarks=enlarged(pose.landmarks)
    )


def eyes_of(pose: Pose) -> tuple[Eye, Eye]:
    posture = take_posture(proxy_body(), pose, torch.tensor([SCALE * LARGER]), torch.ones(len(PARTS)))
    return eyes(posture.landmarks[0], posture.linear[0, HEAD])


def painted(pose: Pose) -> Picture:
    """Skin, and where the lids are open a white eyeball with a green iris."""
    image = torch.tensor(SKIN)[:, None, None].expand(3, SIDE, SIDE).clone()
    rows, columns = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")
    pixels = torch.stack((columns, rows), -1).flatten(0, 1)
    for eye in eyes_of(pose):
        at = eye.place.on_face(pixels)
        line = [
            torch.from_numpy(np.interp(at[:, 0], lid[:, 0], lid[:, 1])).float()
            for lid in (eye.upper, eye.lower)
        ]
        shows = (at[:, 1] > line[0]) & (at[:, 1] < line[1])
        image.flatten(1)[:, shows] = torch.tensor(WHITE)[:, None]
        image.flatten(1)[:, shows & ((at - eye.iris).norm(dim=1) < 0.005)] = torch.tensor(IRIS)[:, None]
    return Picture(image, torch.ones(1, SIDE, SIDE), pose)


def closed(pose: Pose, share: float) -> Pose:
    """The upper lids lowered by a share of the way to the lower ones."""
    landmarks = pose.landmarks.clone()
    for contour in (RIGHT_EYE, LEFT_EYE):
        for k in range(1, 8):
            upper, lower = contour[16 - k], contour[k]
            landmarks[0, upper] += share * (landmarks[0, lower] - landmarks[0, upper])
    return replace(pose, landmarks=landmarks)


def looking(pose: Pose, pixels: float) -> Pose:
    landmarks = pose.landmarks.clone()
    landmarks[0, IRISES, 0] += pixels
    return replace(pose, landmarks=landmarks)


def green(colour: Tensor) -> Tensor:
    """[H, W] which pixels are about the iris' colour."""
    return (colour - torch.tensor(IRIS)[:, None, None]).abs().amax(0) < 0.5


def test_the_same_eye_shows_the_same_pixels():
    pose = close_up()
    right, _ = eyes_of(pose)
    share_across = torch.linspace(0.15, 0.85, 8)
    at = torch.stack(
        [upper.lerp(lower, t) for t in share_across for upper, lower in zip(*lids(right), strict=True)]
    )
    pixels = right.place.in_picture(at)
    ball, lid, share = where_in_view(pixels, right, right)
    shown = ball.lerp(lid, share[:, None])
    assert (shown - pixels).norm(dim=1).max() < 0.5 * LASHES * float(right.place.scale)
    middle = right.place.in_picture(right.iris[None])
    ball, _, share = where_in_view(middle, right, right)
    torch.testing.assert_close(ball, middle, atol=1e-3, rtol=0)
    assert share.max() == 0


def lids(eye: Eye) -> tuple[Tensor, Tensor]:
    """Both lids' points between the corners."""
    return eye.upper[2:-2], eye.lower[2:-2]


def test_a_closing_eye_covers_its_iris_instead_of_squeezing_it():
    pose = close_up()
    picture = painted(pose)
    still, half, shut = (move_person([picture], closed(pose, share)).colour[0] for share in (0.0, 0.5, 1.0))
    assert green(still).sum() > 0.8 * green(picture.image).sum()
    assert 0.2 < green(half).sum() / green(still).sum() < 0.8
    wide = [green(x).any(0).sum() for x in (still, half)]
    assert abs(int(wide[0]) - int(wide[1])) <= 4  # columns: as wide as before
    assert green(shut).sum() == 0


@pytest.mark.parametrize("pixels", [-4.0, 4.0])
def test_the_iris_goes_where_it_looks(pixels: float):
    pose = close_up()
    still, aside = (move_person([painted(pose)], looking(pose, by)).colour[0] for by in (0.0, pixels))
    where = [green(x).nonzero()[:, 1].float().mean() for x in (still, aside)]
    assert abs(float(where[1] - where[0]) - pixels) < 1
    assert abs(int(green(still).sum()) - int(green(aside).sum())) < 0.25 * green(still).sum()


def test_lashes_move_with_their_lid_and_stay_as_thin():
    pose = close_up()
    picture, thin = painted(pose), 2.5
    edge = torch.cat(
        [
            eye.place.in_picture(eye.upper[:-1].lerp(eye.upper[1:], t))
            for eye in eyes_of(pose)
            for t in torch.linspace(0, 1, 6)
        ]
    )
    pixels = torch.nonzero(torch.ones(SIDE, SIDE)).flip(1) + 0.5
    lashes = (torch.cdist(pixels, edge).amin(1) < thin).view(SIDE, SIDE)
    drawn = picture._replace(image=torch.where(lashes, -1.0, picture.image))
    still, half, shut = (
        move_person([drawn], closed(pose, share)).colour[0].amax(0) < -0.5 for share in (0.0, 0.5, 1.0)
    )
    lowered = eyes_of(closed(pose, 0.5))[0]
    x, y = lowered.place.in_picture(lowered.upper[[4]])[0].tolist()
    assert half[int(y) - 1 : int(y) + 2, int(x)].any()
    # Shut, the half of them that lay over the eyeball is gone; the other half is no wider than it was.
    assert 0.4 < shut.sum() / still.sum() < 0.6


def test_what_a_lid_covers_is_taken_from_the_iris_other_side():
    pose = close_up()
    wide, _ = eyes_of(pose)
    narrow, _ = eyes_of(closed(pose, 0.6))
    above = wide.place.in_picture(wide.iris + torch.tensor([[0.0, -0.002]]))
    ball, _, _ = where_in_view(above, wide, narrow)
    found = narrow.place.on_face(ball)[0]
    assert found[1] > narrow.iris[1] and abs(float(found[0] - narrow.iris[0])) < 1e-4


def test_a_stretched_lid_keeps_its_lashes_as_thin_as_they_are():
    corners = torch.tensor([[RIGHT_EYE[12], 27, 28]])  # one corner on the edge, two on the skin
    lids, eye = lids_and_eyes(corners)
    assert lids.tolist() == [True] and eye.tolist() == [-1]
    there = torch.tensor([[[0.0, 0.0], [-1.0, -2.0], [1.0, -2.0]]])
    here = there * torch.tensor([1.0, 3.0])
    near_edge = torch.tensor([[0.95, 0.025, 0.025]])
    weights = lid_weights(corners, near_edge, here, there)
    places = [float((w[..., None] * x).sum(1)[0, 1]) for w, x in ((near_edge, here), (weights, there))]
    assert abs(places[0] - places[1]) < 0.1 * abs(places[0])  # 3 times as wide, and as far from the edge
    torch.testing.assert_close(lid_weights(corners, near_edge, there, here), near_edge)  # never squeezed


def test_a_face_seen_from_its_side_gives_finite_places():
    pose = close_up()
    flat = torch.diag(torch.tensor([0.0, SCALE, SCALE]))
    for eye in eyes(pose.landmarks[0], flat):
        ball, lid, share = where_in_view(torch.rand(5, 2) * SIDE, eye, eyes_of(pose)[0])
        assert all(x.isfinite().all() for x in (ball, lid, share))


def test_triangles_between_the_lids_know_no_iris():
    triangles = proxy_body().triangles - proxy_body().skin
    assert not torch.isin(triangles, torch.tensor(IRISES)).any()
    _, eye = lids_and_eyes(triangles)
    assert [(eye == k).sum() for k in (0, 1)] == [14, 14]
