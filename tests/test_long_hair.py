"""Long hair of the prior: it hangs on the head, lies on the chest and is one cloth between."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kmc_core.model import proxy_shell
from kmc_core.model.limbs import Pose
from kmc_core.model.prior import move_person
from kmc_core.model.proxy_body import HEAD, PARTS, proxy_body
from kmc_core.model.proxy_pose import posed_vertices, take_posture
from kmc_core.model.proxy_views import Picture
from kmc_core.model.raster import fragments, nearest
from kmc_core.motion.skeleton import HEAD_JOINTS, JOINT
from test_prior import SCALE, turned

SIDE, LARGER = 192, 6.0  # pixels of head and shoulders; times as large as the whole body's
LONG, SHORT = 20, -24  # pixels that hair ends below what is the head's
HAIR, SKIN, SHIRT, WALL = (0.9, -0.9, -0.9), (0.5, 0.3, 0.1), (-0.9, -0.2, 0.6), (0.0, 0.0, 0.0)


def half_length() -> Pose:
    """Head and shoulders of somebody who faces the camera."""
    pose = turned(0.0)
    middle = pose.body[0, JOINT["neck"], :3] - torch.tensor((0.0, 4.0, 0.0))

    def enlarged(points: Tensor) -> Tensor:
        moved = points.clone()
        moved[..., :3] = (moved[..., :3] - middle) * LARGER + torch.tensor((SIDE / 2, SIDE / 2, 0.0))
        return moved

    hands = pose.hands.clone()
    hands[..., 3] = 0
    return replace(pose, body=enlarged(pose.body), hands=hands, landmarks=enlarged(pose.landmarks))


def tilted(pose: Pose, angle: float) -> Pose:
    """The head laid to one side, about the neck."""
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    neck = pose.body[0, JOINT["neck"], :2]
    body, landmarks = pose.body.clone(), pose.landmarks.clone()
    body[0, HEAD_JOINTS, :2] = (body[0, HEAD_JOINTS, :2] - neck) @ turn.T + neck
    landmarks[0, :, :2] = (landmarks[0, :, :2] - neck) @ turn.T + neck
    return replace(pose, body=body, landmarks=landmarks)


def haired(pose: Pose, length: int) -> Picture:
    """A strand on either side, from the ears down to so many pixels below the chin."""
    body = proxy_body()
    posture = take_posture(body, pose, torch.tensor([SCALE * LARGER]), torch.ones(len(PARTS)))
    shown = fragments(posed_vertices(body, posture, 0), body.triangles, (SIDE, SIDE))
    top = nearest(shown, SIDE * SIDE).view(SIDE, SIDE)
    owner = torch.where(top < 0, -1, body.part[shown.triangle[top]])
    head = (owner == HEAD).nonzero()
    (upper, left), (lower, right) = head.amin(0).tolist(), head.amax(0).tolist()
    middle = (left + right) // 2
    strands = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    strands[(upper + lower) // 2 :, middle - 26 : middle - 10] = True
    strands[(upper + lower) // 2 :, middle + 10 : middle + 26] = True
    strands &= (owner < 0) & (torch.arange(SIDE)[:, None] < lower + length)
    image = torch.tensor(WALL)[:, None, None].expand(3, SIDE, SIDE)
    for part, colour in ((owner >= 0, SHIRT), (owner == HEAD, SKIN), (strands, HAIR)):
        image = torch.where(part, torch.tensor(colour)[:, None, None], image)
    return Picture(image, ((owner >= 0) | strands)[None].float(), pose)


def reddish(colour: Tensor) -> Tensor:
    return (colour[0] > 0.5) & (colour[1] < -0.5)


def test_a_head_that_tilts_does_not_tear_its_hair(monkeypatch: pytest.MonkeyPatch):
    pose = half_length()
    picture = haired(pose, LONG)

    def kept(angle: float) -> float:
        shown = move_person([picture], tilted(pose, angle)).colour[0]
        return float(reddish(shown).sum() / reddish(picture.image).sum())

    assert kept(0.0) > 0.95
    angles = (0.5, -0.4)
    whole = [kept(angle) for angle in angles]
    monkeypatch.setattr(proxy_shell, "hang_hair", lambda sheet, known: sheet)
    assert all(a > 0.05 + kept(angle) for a, angle in zip(whole, angles, strict=True))


def test_its_ends_stay_on_the_shoulders_and_short_hair_follows_the_head():
    pose = half_length()

    def ends_moved(length: int) -> Tensor:
        """How far [2] (down, right) the lowest eight rows of the left strand move when the head tilts."""
        picture, middles = haired(pose, length), []
        for shown in (picture.image, move_person([picture], tilted(pose, 0.4)).colour[0]):
            strand = reddish(shown)[:, : SIDE // 2].nonzero()
            middles.append(strand[strand[:, 0] > strand[:, 0].max() - 8].float().mean(0))
        return middles[1] - middles[0]

    assert ends_moved(LONG).norm() < 5
    assert ends_moved(SHORT).norm() > 12
