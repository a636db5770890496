"""What a motion does not show is held as in the picture; what a picture hides or tears stays away."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from kmc_core.model import proxy_shell
from kmc_core.model.limbs import Pose
from kmc_core.model.prior import certain, move_person
from kmc_core.model.proxy_body import CHEST, HEAD, HIPS, NAMES, PARTS, ProxyBody, proxy_body
from kmc_core.model.proxy_paint import nearest_shell
from kmc_core.model.proxy_pose import UPPER, Posture, in_view, part_sizes, posed_vertices, take_posture
from kmc_core.model.proxy_shell import unfolded, with_shells
from kmc_core.model.proxy_views import Picture
from kmc_core.motion.skeleton import BODY_JOINTS, JOINT
from test_prior import SCALE, SIDE, error, photograph, turned, with_hair

LEG = ("knee", "ankle", "big_toe", "small_toe", "heel")
ARM = [JOINT["l_elbow"], JOINT["l_wrist"]]


def without(pose: Pose, joints: list[str]) -> Pose:
    return replace(pose, body=pose.body.index_fill(1, torch.tensor([JOINT[name] for name in joints]), 0.0))


def without_left_arm(pose: Pose) -> Pose:
    hands = pose.hands.clone()
    hands[:, 0] = 0
    return replace(without(pose, ["l_elbow", "l_wrist"]), hands=hands)


def shifted(pose: Pose, pixels: float) -> Pose:
    step = torch.tensor((pixels, 0.0, 0.0, 0.0))
    return replace(pose, body=pose.body + step, landmarks=pose.landmarks + step[:3], hands=pose.hands + step)


def raised_forearm() -> tuple[Picture, Tensor]:
    """A picture of somebody with a raised forearm, and the pixels [1, H, W] of it."""
    picture = photograph(turned(0.0, raised=True))
    return picture, (picture.mask > 0.5) & (photograph(turned(0.0)).mask < 0.5)


def test_an_arm_that_a_motion_does_not_show_is_held_as_in_the_picture():
    picture, forearm = raised_forearm()
    moved = move_person([picture], without_left_arm(picture.pose))
    assert error(moved.colour[0], picture) < 0.08
    assert moved.coverage[0][forearm].mean() > 0.8


def test_it_moves_with_the_chest():
    picture, forearm = raised_forearm()
    moved = move_person([picture], without_left_arm(shifted(picture.pose, 7.0)))
    there = picture._replace(image=picture.image.roll(7, -1), mask=picture.mask.roll(7, -1))
    assert error(moved.colour[0], there) < 0.08
    assert moved.coverage[0][forearm.roll(7, -1)].mean() > 0.8


def test_an_arm_that_neither_shows_hangs():
    picture = photograph(turned(0.0))
    unseen = without_left_arm(picture.pose)
    moved = move_person([picture._replace(pose=unseen)], unseen)
    assert moved.colour.isfinite().all()
    assert (moved.coverage[0] * picture.mask).sum() > 0.9 * picture.mask.sum()


@pytest.mark.parametrize(
    ("elbow", "wrist", "kept"),
    [(0.9, 0.9, (1, 1)), (0.9, 0.4, (1, 0)), (0.4, 0.9, (0, 0)), (0.9, 0.0, (1, 0)), (0.0, 0.9, (0, 1))],
)
def test_arms_that_were_only_guessed_at_are_not_painted_from(
    elbow: float, wrist: float, kept: tuple[int, int]
):
    picture = photograph(turned(0.0))
    picture.pose.body[0, ARM, 3] = torch.tensor((elbow, wrist))
    proved = certain(picture).pose  # by a hand that is found
    assert (proved.body[0, ARM, 3] > 0).tolist() == [elbow > 0, wrist > 0]
    picture.pose.hands[0, 0, :, 3] = 0.4
    pose = certain(picture).pose
    assert (pose.body[0, ARM, 3] > 0).tolist() == [bool(k) for k in kept]
    assert bool(pose.hands[0, 0, :, 3].any()) == (wrist != 0.4 and elbow != 0.4)
    assert pose.hands[0, 1, :, 3].all()


def test_legs_that_a_motion_does_not_show_hang_on_its_hips():
    body, pose = proxy_body(), turned(0.0)
    ones, scale = torch.ones(len(PARTS)), torch.tensor([SCALE])
    view = in_view(body, pose, take_posture(body, pose, scale, ones))
    unseen = without(pose, [f"{side}_{name}" for side in "lr" for name in LEG])
    twisted = unseen.body.clone()
    twisted[0, JOINT["l_shoulder"], 2] += 8
    twisted[0, JOINT["r_shoulder"], 2] -= 8
    thighs = [NAMES["l_thigh"], NAMES["r_shin"]]
    for told in (unseen, replace(unseen, body=twisted)):
        posture = take_posture(body, told, scale, ones, view)
        assert (posture.place[0, thighs] - view.posture.place[0, thighs]).norm(dim=-1).max() < 0.5
        assert posture.known[0, thighs].all()


def test_hips_and_legs_that_a_motion_does_not_show_are_as_far_down_as_in_the_picture():
    body, pose = proxy_body(), turned(0.0)
    ones, scale = torch.ones(len(PARTS)), torch.tensor([SCALE])
    low = [k for k, name in enumerate(BODY_JOINTS) if name == "pelvis" or name[2:] in ("hip", *LEG)]
    pose.body[0, low, 1] += 4  # pixels of a long trunk
    view = in_view(body, pose, take_posture(body, pose, scale, ones))
    unseen = replace(pose, body=pose.body.index_fill(1, torch.tensor(low), 0.0))
    held, hung = (take_posture(body, unseen, scale, ones, told) for told in (view, None))
    parts = [HIPS, NAMES["l_thigh"], NAMES["r_foot"]]
    assert (held.place[0, parts] - view.posture.place[0, parts]).norm(dim=-1).max() < 0.5
    assert (hung.place[0, parts] - view.posture.place[0, parts]).norm(dim=-1).min() > 2


def test_a_view_without_a_chest_holds_nothing():
    picture = photograph(turned(0.0))
    upper = [name for name in BODY_JOINTS if name.endswith(UPPER)]
    below = replace(
        without(picture.pose, upper),
        hands=picture.pose.hands * 0,
        face_seen=torch.zeros(1),
    )
    legs = without(picture.pose, [f"l_{name}" for name in LEG])
    moved = move_person([picture._replace(pose=below)], legs)
    low = picture.mask[0, SIDE // 2 + 10 :] > 0.5
    assert moved.coverage[0, 0, SIDE // 2 + 10 :][low].mean() > 0.7


def dressed() -> tuple[ProxyBody, Posture, Tensor]:
    worn, _ = with_hair(photograph(turned(0.0)))
    body = proxy_body()
    posture = take_posture(body, worn.pose, torch.tensor([SCALE]), torch.ones(len(PARTS)))
    body = with_shells(body, [worn], [posture])
    return body, posture, posed_vertices(body, posture, 0)


def sheet_left(body: ProxyBody, vertices: Tensor, sizes: Tensor) -> int:
    return len(nearest_shell(body, vertices, sizes)[0].triangles) - body.solid


def test_a_sheet_tears_where_it_is_stretched_and_not_where_the_person_grows():
    body, posture, vertices = dressed()
    sizes, wide = part_sizes(posture, 0), torch.tensor((3.0, 1.0, 1.0))
    whole = sheet_left(body, vertices, sizes)
    assert whole > 20 and sheet_left(body, vertices * wide, sizes) == 0
    assert sheet_left(body, vertices * 3, sizes * 3) == whole


def in_a_coat(picture: Picture) -> Picture:
    """The picture of somebody in a coat that is wider than the body."""
    coat = torch.nn.functional.max_pool2d(picture.mask[None], 5, 1, 2)[0]
    return Picture(torch.where(picture.mask > 0.5, picture.image, -0.5), coat, picture.pose)


def test_what_only_lies_beside_each_other_comes_apart_when_a_limb_moves():
    body, ones, scale = proxy_body(), torch.ones(len(PARTS)), torch.tensor([SCALE])
    picture = in_a_coat(photograph(turned(0.0)))
    postures = [take_posture(body, pose, scale, ones) for pose in (picture.pose, turned(0.0, raised=True))]
    coat = with_shells(body, [picture], postures[:1])

    def kept(posture: Posture) -> tuple[int, int]:
        """Triangles that tear at once, and others."""
        shown, _ = nearest_shell(coat, posed_vertices(coat, posture, 0), part_sizes(posture, 0))
        beside = shown.long[body.solid :, 0] > 0
        return int(beside.sum()), int((~beside).sum())

    (still, whole), (moved, others) = map(kept, postures)
    assert still > 0 and moved / still < others / whole - 0.1


def test_cloth_at_a_folded_elbow_is_held_by_one_part_alone():
    body, wrist = proxy_body(), ARM[1]
    between = torch.tensor([[NAMES["l_upper_arm"], NAMES["l_forearm"], CHEST, HEAD]])
    half = torch.tensor([[0.6, 0.4, 0.0, 0.0]])

    def held(folded: float) -> list[list[float]]:
        """By the two, with the wrist some way back from where it is to the shoulder."""
        pose = turned(0.0)
        pose.body[:, wrist, :3] = pose.body[:, wrist, :3].lerp(pose.body[:, JOINT["l_shoulder"], :3], folded)
        posture = take_posture(body, pose, torch.tensor([SCALE]), torch.ones(len(PARTS)))
        return unfolded(body, posture, between, half).tolist()

    assert held(0.0) == half.tolist()
    assert held(0.8) == [[1.0, 0.0, 0.0, 0.0]]


def test_a_coat_that_the_picture_cuts_off_goes_on_below(monkeypatch: pytest.MonkeyPatch):
    bare, height, up = photograph(turned(0.0)), 48, 5
    image, coat, _ = in_a_coat(bare)
    cut = Picture(image[:, :height], coat[:, :height], bare.pose)
    higher = replace(
        bare.pose,
        body=bare.pose.body - torch.tensor((0.0, up, 0.0, 0.0)),
        landmarks=bare.pose.landmarks - torch.tensor((0.0, up, 0.0)),
        hands=bare.pose.hands - torch.tensor((0.0, up, 0.0, 0.0)),
    )

    def there() -> float:
        """How much of the coat is there in the lowest rows, which the picture does not show."""
        moved = move_person([cut], higher, background=torch.zeros(3, height, SIDE))
        wanted = coat[:, up:][:, height - up : height] > 0.5
        return float(moved.coverage[0][:, -up:][wanted].mean())

    goes_on = there()
    monkeypatch.setattr(proxy_shell, "BELOW", 0.0)
    assert goes_on > 0.9 > there() + 0.1
