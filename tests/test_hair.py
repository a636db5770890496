"""Hair that the mask net leaves out is found by its colour; nothing else is."""

import torch
from torch import Tensor

from kmc_core.perception.hair import with_hair

SIDE = 200
LANDMARKS = torch.tensor([[80.0, 60.0, 0.0], [120.0, 110.0, 0.0]])  # the corners of a face
HAIR, SKIN, SHIRT = (0.3, 0.15, 0.1), (0.8, 0.6, 0.5), (0.1, 0.5, 0.5)


def head(scene: tuple[float, float, float]) -> tuple[Tensor, Tensor, Tensor]:
    """A picture of a head with a strand of hair on one side, its mask without the strand, and the strand."""
    image = torch.tensor(scene)[:, None, None].expand(3, SIDE, SIDE).clone()
    mask = torch.zeros(1, SIDE, SIDE)
    for colour, rows, columns in (
        (HAIR, slice(40, 60), slice(76, 124)),
        (SKIN, slice(60, 130), slice(80, 120)),
        (SHIRT, slice(130, 200), slice(50, 150)),
    ):
        image[:, rows, columns] = torch.tensor(colour)[:, None, None]
        mask[:, rows, columns] = 1
    strand = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    strand[60:130, 120:134] = True
    image[:, strand] = torch.tensor(HAIR)[:, None]
    return image, mask, strand


def test_a_strand_that_the_mask_leaves_out_is_added():
    image, mask, strand = head((0.6, 0.65, 0.7))
    found = with_hair(mask, image, LANDMARKS)
    assert (found[0] > 0.5)[strand].float().mean() > 0.9
    assert (found[0] > 0.5)[~strand & (mask[0] == 0)].float().mean() < 0.01
    assert (found >= mask).all()


def test_a_scene_of_the_hairs_colour_is_not_hair():
    image, mask, _ = head(HAIR)
    assert torch.equal(with_hair(mask, image, LANDMARKS), mask)


def test_a_face_outside_of_the_picture_changes_nothing():
    image, mask, _ = head((0.6, 0.65, 0.7))
    assert torch.equal(with_hair(mask, image, LANDMARKS + 10 * SIDE), mask)
    assert torch.equal(with_hair(torch.zeros_like(mask), image, LANDMARKS), torch.zeros_like(mask))
