"""What the scene behind a person is filled with."""

import pytest
import torch
from torch import Tensor

from kmc_core.model.background import fill_background, fill_from

SIDE = 96


def person() -> Tensor:
    """A mask [1, H, W] of somebody in the middle who stands on the picture's lower edge."""
    mask = torch.zeros(1, SIDE, SIDE)
    mask[:, 20:, 36:60] = 1
    return mask


def striped(across: bool) -> Tensor:
    """Stripes of 30 pixels, [3, H, W]."""
    wave = (torch.arange(SIDE) // 30 % 2).float() * 1.2 - 0.6
    return (wave if across else wave[:, None]).expand(3, SIDE, SIDE).clone()


def filled(scene: Tensor) -> Tensor:
    mask = person()
    return fill_background(scene * (1 - mask) + mask, mask)


def test_stripes_go_on_behind_a_person():
    scene = striped(across=False)
    behind = person() * (torch.arange(SIDE) < 70)[:, None]  # at the lower edge lines have one end
    soft = fill_from(scene * (1 - person()), 1 - person())
    off, before = (((made - scene).abs() * behind).sum() / behind.sum() / 3 for made in (filled(scene), soft))
    assert off < 0.1 and off < 0.25 * before


@pytest.mark.parametrize("axis", (1, 2))
def test_a_gradient_goes_on_as_it_is(axis: int):
    ramp = torch.linspace(-0.8, 0.8, SIDE)
    scene = (ramp[:, None] if axis == 1 else ramp).expand(3, SIDE, SIDE)
    assert ((filled(scene) - scene).abs() * person()).max() < 0.2


def test_what_is_seen_stays_and_nothing_is_made_up_where_no_line_has_two_ends():
    scene = striped(across=True)
    made = filled(scene)
    far = torch.nn.functional.max_pool2d(person()[None], 9, 1, 4)[0] == 0
    assert torch.equal(made * far, scene * far)
    assert made.abs().max() <= 0.6 + 1e-5


def test_a_picture_that_the_person_fills_takes_its_mean():
    picture = torch.rand(3, SIDE, SIDE)
    mean = picture.mean((1, 2), keepdim=True).expand_as(picture)
    torch.testing.assert_close(fill_background(picture, torch.ones(1, SIDE, SIDE)), mean)
