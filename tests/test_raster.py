"""The rasteriser against a loop over pixels and triangles."""

import torch

from kmc_core.model.raster import fragments, nearest

SIZE = (13, 17)


def shown(points: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
    """[H * W] the triangle that every pixel shows, -1 where there is none."""
    found = fragments(points, triangles, SIZE)
    top = nearest(found, SIZE[0] * SIZE[1])
    return torch.where(top >= 0, found.triangle[top], -1)


def by_hand(points: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
    """The same, solving for barycentric weights pixel by pixel."""
    best, depth = torch.full((SIZE[0] * SIZE[1],), -1), torch.full((SIZE[0] * SIZE[1],), torch.inf)
    for number, corners in enumerate(points[triangles].double()):
        (a, b, c) = corners[:, :2]
        if (b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0] >= 0:
            continue
        matrix = torch.cat((corners[:, :2].mT, torch.ones(1, 3).double()))
        for pixel in range(SIZE[0] * SIZE[1]):
            centre = torch.tensor((pixel % SIZE[1] + 0.5, pixel // SIZE[1] + 0.5, 1.0)).double()
            weights = torch.linalg.solve(matrix, centre)
            if (weights > 0).all() and weights @ corners[:, 2] < depth[pixel]:
                best[pixel], depth[pixel] = number, weights @ corners[:, 2]
    return best


def test_every_pixel_shows_the_triangle_that_a_loop_finds():
    rng = torch.Generator().manual_seed(0)
    points = torch.rand(24, 3, generator=rng) * torch.tensor([SIZE[1] + 4.0, SIZE[0] + 4.0, 5.0]) - 2
    triangles = torch.stack([torch.randperm(24, generator=rng)[:3] for _ in range(30)])
    expected = by_hand(points, triangles)
    assert len(expected.unique()) > 8
    assert torch.equal(shown(points, triangles), expected)


def test_the_nearer_triangle_wins_in_any_order():
    square = torch.tensor([(1.0, 1.0), (1.0, 12.0), (16.0, 12.0)])
    points = torch.cat([torch.cat((square, torch.full((3, 1), z)), 1) for z in (3.0, 1.0, 2.0)])
    triangles = torch.arange(9).view(3, 3)
    assert set(shown(points, triangles).unique().tolist()) == {-1, 1}
    assert set(shown(points, triangles.flip(0)).unique().tolist()) == {-1, 1}


def test_triangles_that_meet_leave_no_gap_and_backs_are_not_drawn():
    corners = torch.tensor([(0.0, 0.0), (17.0, 0.0), (17.0, 13.0), (0.0, 13.0)])
    points = torch.cat((corners, torch.zeros(4, 1)), 1)
    front = torch.tensor([(0, 2, 1), (0, 3, 2)])  # counter-clockwise in the picture
    assert (shown(points, front) >= 0).all()
    assert len(fragments(points, front.flip(1), SIZE).pixel) == 0


def test_weights_give_the_place_back():
    points = torch.tensor([(1.0, 1.0, 0.0), (2.0, 12.0, 5.0), (16.0, 8.0, 9.0)])
    found = fragments(points, torch.tensor([(0, 1, 2)]), SIZE)
    place = found.weights @ points
    assert torch.allclose(place[:, 0], found.pixel % SIZE[1] + 0.5, atol=1e-4)
    assert torch.allclose(place[:, 1], found.pixel // SIZE[1] + 0.5, atol=1e-4)
    assert torch.allclose(place[:, 2], found.depth, atol=1e-4)


def test_what_lies_outside_or_is_not_a_number_is_left_out():
    points = torch.tensor([(-9.0, -9.0, 0.0), (-9.0, -2.0, 0.0), (-2.0, -2.0, 0.0), (float("nan"), 3.0, 0.0)])
    assert len(fragments(points, torch.tensor([(0, 1, 2), (0, 1, 3)]), SIZE).pixel) == 0
    assert (nearest(fragments(points, torch.tensor([(0, 1, 2)]), SIZE), 221) == -1).all()
