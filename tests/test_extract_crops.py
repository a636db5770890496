"""Crops show what lies under them without aliasing, points find back, and boxes lie where things are."""

import math

import pytest
import torch
from torch import Tensor

from kmc_core.perception.crops import crop, from_crop, normalised_angle, square, to_crop
from kmc_core.perception.detect import BODY_GRID, FACE_GRID, PALM_GRID, anchor_centres, detect


def roi(*values: float) -> Tensor:
    return torch.tensor([values])


def ramp(width: int, height: int) -> Tensor:
    """A frame whose red is its x and green its y in pixels: [1, 3, H, W]."""
    x, y = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy")
    return torch.stack([x, y, torch.zeros_like(x)])[None].to(torch.uint8)


def test_points_go_into_a_crop_and_back() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(4, 7, 3, generator=generator) * 300
    rois = torch.tensor([[50.0, 60, 30, 0], [10, 20, 200, 0.7], [90, 5, 64, -2], [0, 0, 10, 3]])
    assert torch.allclose(from_crop(to_crop(points, rois, 256), rois, 256), points, atol=1e-2)


def test_the_corners_of_a_turned_crop_lie_where_its_angle_says() -> None:
    corners = torch.tensor([[0.0, 0, 0], [256, 0, 128]])
    found = from_crop(corners, torch.tensor([100.0, 50, 20, math.pi / 2]), 256)
    assert torch.allclose(found, torch.tensor([[110.0, 40, 0], [110, 60, 10]]), atol=1e-4)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
@pytest.mark.parametrize("side", [24.0, 90.0])
def test_a_crop_shows_the_pixels_under_it(side: float, angle: float) -> None:
    place = roi(100, 80, side, angle)
    pixels = crop(ramp(200, 160), place, 32)[0, :2].permute(1, 2, 0) * 255  # 32 32 (x, y)
    steps = torch.arange(32) + 0.5
    centres = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)
    wanted = from_crop(centres, place[0], 32) - 0.5  # pixel centres lie at +0.5
    assert (pixels - wanted).abs().max() < 0.75


def test_fine_stripes_average_out_in_a_small_crop() -> None:
    stripes = torch.zeros(1, 3, 512, 512, dtype=torch.uint8)
    stripes[..., ::2] = 255
    small = crop(stripes, roi(256, 256, 512, 0.3), 64)[0, 0, 16:48, 16:48]
    assert (small - 0.5).abs().max() < 0.02


def test_frames_have_their_own_rois_and_outside_is_black() -> None:
    frames = torch.full((3, 3, 40, 60), 255, dtype=torch.uint8)
    crops = crop(frames, torch.tensor([[30.0, 20, 20, 0], [0, 20, 40, 0], [500, 500, 30, 1]]), 16)
    assert crops.shape == (3, 3, 16, 16)
    assert torch.allclose(crops[0], torch.ones(3, 16, 16))
    assert (crops[1, :, :, :7] == 0).all()
    assert torch.allclose(crops[1, :, :, 9:], torch.ones(3, 16, 7))
    assert (crops[2] == 0).all()


def test_no_frames_give_no_crops() -> None:
    assert crop(torch.zeros(0, 3, 9, 9, dtype=torch.uint8), torch.zeros(0, 4), 8).shape == (0, 3, 8, 8)


def test_angles_are_normalised() -> None:
    angles = normalised_angle(torch.tensor([3.5, -3.5, 7.0]))
    assert torch.allclose(angles, torch.tensor([3.5 - 2 * math.pi, 2 * math.pi - 3.5, 7 - 2 * math.pi]))


def test_anchors_are_those_that_the_nets_were_trained_with() -> None:
    counts = {grid.size: len(anchor_centres(grid)) for grid in (BODY_GRID, PALM_GRID, FACE_GRID)}
    assert counts == {224: 2254, 192: 2016, 128: 896}
    anchors = anchor_centres(FACE_GRID)
    assert torch.allclose(anchors[:3], torch.tensor([[0.5, 0.5], [0.5, 0.5], [1.5, 0.5]]) / 16)
    assert torch.allclose(anchors[512:519, 0] * 8, torch.tensor([0.5] * 6 + [1.5]))


class OneFace:
    """A stand-in for the face detector: two anchors see the same face, one a weak ghost."""

    def __call__(self, images: Tensor, outputs: tuple[int, ...] | None = None) -> tuple[Tensor, ...]:
        boxes = torch.zeros(len(images), 896, 16)
        logits = torch.full((len(images), 896, 1), -50.0)
        for anchor, logit in ((136, 3.0), (137, 3.0), (400, -1.0)):
            boxes[:, anchor, 2:4] = torch.tensor([32.0, 16.0])
            boxes[:, anchor, 4:6] = torch.tensor([-4.0, 2.0])
            logits[:, anchor] = logit
        boxes[:, 137, 0] = 8.0
        return boxes, logits


def test_overlapping_answers_are_merged_and_placed_in_the_source() -> None:
    frames = torch.zeros(1, 3, 100, 200, dtype=torch.uint8)
    (found,) = detect(OneFace(), FACE_GRID, frames, square(200, 100)[None])  # pyright: ignore
    assert len(found) == 1
    scale = 200 / 128
    anchor = anchor_centres(FACE_GRID)[136] * 128
    shift = torch.tensor([0.0, -50.0])  # the letterbox
    assert torch.allclose(found[0].centre, (anchor + torch.tensor([4.0, 0])) * scale + shift, atol=1e-3)
    assert torch.allclose(found[0].extent, torch.tensor([32.0, 16.0]) * scale)
    assert torch.allclose(found[0].points[0], (anchor + torch.tensor([-4.0, 2])) * scale + shift, atol=1e-3)
    assert found[0].score == pytest.approx(torch.sigmoid(torch.tensor(3.0)).item())
